# tries: every system call that opens a door of the kernel
# expect: success []
# within: 5s
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "ptrace": (101, 16, 1, 0, 0),
    "iopl": (172, 3),
    "ioperm": (173, 0, 100, 1),
    "init_module": (175, 0, 0, b""),
    "delete_module": (176, b"x", 0),
    "finit_module": (313, 0, b"", 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "kexec_file_load": (320, 0, 0, 0, b"", 0),
    "bpf": (321, 0, b"\0" * 128, 128),
    "perf_event_open": (298, b"\0" * 120, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "io_uring_setup": (425, 8, b"\0" * 120),
    "add_key": (248, b"user", b"x", b"x", 1, -3),
    "request_key": (249, b"user", b"x", 0, -3),
    "keyctl": (250, 0, -3, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "open_by_handle_at": (304, 3, b"\0" * 64, 0),
    "fanotify_init": (300, 0, 0),
    "pidfd_getfd": (438, 3, 0, 0),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "swapon": (167, b"/tmp", 0),
    "reboot": (169, 0xFEE1DEAD, 672274793, 0x1234567, 0),
    "sethostname": (170, b"adversary", 9),
    "settimeofday": (164, b"\0" * 16, 0),
    "clock_settime": (227, 0, b"\0" * 16),
    "acct": (163, b"/tmp/x"),
    "quotactl": (179, 0, 0, 0, 0),
    "vhangup": (153,),
    "modify_ldt": (154, 1, b"\0" * 16, 16),
    "uselib": (134, b"/bin/sh"),
    "memfd_secret": (447, 0),
}


def main(**_):
    done = []
    for name, (number, *arguments) in CALLS.items():
        if libc.syscall(number, *arguments, 0, 0, 0) >= 0:
            done.append(name)
    return done
