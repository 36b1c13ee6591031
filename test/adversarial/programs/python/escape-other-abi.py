# tries: to call the kernel by its 32-bit and x32 entrances, where a filter may not look
# expect: success []
# within: 5s
import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000


def main(**_):
    done = []
    # mov eax, 310 (unshare); mov ebx, CLONE_NEWUSER; int 0x80; ret
    code = b"\xb8\x36\x01\x00\x00\x53\xbb\x00\x00\x00\x10\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() == 0 else 1)
    if os.waitpid(pid, 0)[1] == 0:
        done.append("int 0x80")
    for number in [272, 165, 101]:
        if libc.syscall(0x40000000 | number, CLONE_NEWUSER, 0, 0, 0, 0) >= 0:
            done.append(f"x32 {number}")
    return done
