# tries: to find descriptors that were left open to it, and to walk out through a folder
# expect: success []
# within: 5s
import os
import stat

OURS = {0, 1, 2, 198, 199, 200}
OWN_SOURCE = [201, "/workspace/main.py"]


def main(**_):
    found = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            info = os.fstat(fd)
        except OSError:
            continue
        if fd not in OURS:
            target = os.readlink(f"/proc/self/fd/{fd}")
            if not target.startswith("/proc/") and [fd, target] != OWN_SOURCE:
                found.append([fd, target])
        if stat.S_ISDIR(info.st_mode) and fd in OURS:
            found.append([fd, "a folder"])
    for path in ["../" * 40 + "root", "/proc/self/root/../../root", "/proc/self/cwd/../../work"]:
        try:
            os.listdir(path)
            found.append(path)
        except OSError:
            pass
    return found
