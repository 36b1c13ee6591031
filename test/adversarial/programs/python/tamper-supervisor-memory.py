# tries: to trace pid 1, and to read and write its memory, in each way there is
# expect: success []
# within: 5s
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_TRACEME = 16, 0x4206, 0


def main(**_):
    done = []
    for name in ["mem", "stack", "syscall", "exe", "cwd/x"]:
        for mode in [os.O_RDONLY, os.O_RDWR]:
            try:
                if os.read(os.open(f"/proc/1/{name}", mode), 1):
                    done.append(name)
            except OSError:
                pass
    for request in [PTRACE_ATTACH, PTRACE_SEIZE]:
        if libc.ptrace(request, 1, None, None) == 0:
            done.append(f"ptrace {request}")
    buffer = ctypes.create_string_buffer(64)

    class IoVec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    local = IoVec(ctypes.addressof(buffer), 64)
    for address in [0x400000, 0x555555554000]:
        remote = IoVec(address, 64)
        for call in [libc.process_vm_readv, libc.process_vm_writev]:
            if call(1, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) > 0:
                done.append("process_vm")
    for call in [438, 434]:
        if libc.syscall(call, 1, 1, 0) >= 0:
            done.append(f"pidfd {call}")
    return done
