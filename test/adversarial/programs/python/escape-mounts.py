# tries: to mount, unmount, move and change roots, with the old system calls and the new
# expect: success []
# within: 5s
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
NEW = {"open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432}
NEW |= {"fspick": 433, "mount_setattr": 442, "pivot_root": 155, "statmount": 457}


def main(**_):
    os.mkdir("/tmp/adversary")
    done = []
    for kind in [b"tmpfs", b"proc", b"sysfs", b"cgroup", b"cgroup2", b"devtmpfs", b"overlay"]:
        if libc.mount(b"x", b"/tmp/adversary", kind, 0, b"") == 0:
            done.append(kind.decode())
    for flags in [4096, 32, 8192, 1 << 18]:
        if libc.mount(b"/", b"/tmp/adversary", None, flags, None) == 0:
            done.append(f"flags {flags}")
    for target in [b"/proc", b"/tmp", b"/workspace", b"/dev/shm", b"/"]:
        if libc.umount2(target, 2) == 0:
            done.append(f"umount {target.decode()}")
    if libc.chroot(b"/tmp") == 0:
        done.append("chroot")
    for name, number in NEW.items():
        if libc.syscall(number, b"tmpfs", b"/tmp/adversary", 0, 0, 0) >= 0:
            done.append(name)
    return done
