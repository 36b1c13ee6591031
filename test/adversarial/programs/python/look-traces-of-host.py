# tries: to read names of the host out of /proc: mounts, cgroups, command lines, kernel
# expect: success []
# within: 5s
import glob
import os

WORDS = ["/work/", "executor-manager", "runsc", "/var/lib", "systemd", "docker", "npm", "bundle"]


def main(**_):
    found = []
    files = ["mounts", "mountinfo", "mountstats", "cgroup", "cmdline", "environ", "maps", "comm"]
    paths = [f"/proc/{pid}/{name}" for pid in ["1", "self"] for name in files]
    paths += ["/proc/cmdline", "/proc/version", "/proc/partitions", "/proc/modules", "/proc/swaps"]
    paths += glob.glob("/proc/net/*") + ["/proc/cgroups", "/proc/diskstats", "/proc/filesystems"]
    for path in paths:
        try:
            with open(path, errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        found += [[path, word] for word in WORDS if word in text]
    if os.uname().nodename != "sandbox":
        found.append("host name")
    return found
