# tries: to take memory as System V segments and as memfds
# expect: resource_limit_exceeded/memory | success
# within: 5s
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def main(**_):
    got = []
    for key in range(1, 40):
        segment = libc.shmget(key, 8 << 20, 0o1777)
        if segment >= 0:
            address = libc.shmat(segment, None, 0)
            if address not in (None, 2**64 - 1):
                ctypes.memset(address, 1, 8 << 20)
                got.append(key)
        memory = os.memfd_create("adversary")
        os.write(memory, b"x" * (8 << 20))
    return got
