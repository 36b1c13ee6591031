# tries: to enter or make a namespace of any kind
# expect: success []
# within: 5s
import ctypes
import os
import signal

libc = ctypes.CDLL(None, use_errno=True)
KINDS = {
    "user": 0x10000000,
    "mount": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "cgroup": 0x2000000,
    "time": 0x80,
}
SYS_CLONE, SYS_CLONE3, SYS_EXIT = 56, 435, 60


def main(**_):
    entered = []
    for name, flag in KINDS.items():
        if libc.unshare(flag) == 0:
            entered.append(f"unshare {name}")
        for flags in [flag, flag | KINDS["user"]]:
            pid = libc.syscall(SYS_CLONE, flags | signal.SIGCHLD, 0, 0, 0, 0)
            if pid == 0:
                libc.syscall(SYS_EXIT, 0)
            if pid > 0:
                entered.append(f"clone {name}")
        arguments = (ctypes.c_uint64 * 8)(flag | KINDS["user"], 0, 0, 0, signal.SIGCHLD)
        pid = libc.syscall(SYS_CLONE3, ctypes.byref(arguments), 64)
        if pid == 0:
            libc.syscall(SYS_EXIT, 0)
        if pid > 0:
            entered.append(f"clone3 {name}")
        for owner in ["1", "self"]:
            try:
                fd = os.open(f"/proc/{owner}/ns/{name[:3]}", os.O_RDONLY)
                if libc.setns(fd, 0) == 0:
                    entered.append(f"setns {name}")
            except OSError:
                pass
    for name in ["uid_map", "gid_map", "setgroups"]:
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write("0 0 1")
            entered.append(name)
        except OSError:
            pass
    return entered
