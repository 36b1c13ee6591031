# tries: to crash in machine code that it wrote itself
# expect: runtime_error/signalled
# within: 5s
import ctypes
import mmap


def main(**_):
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(b"\x0f\x0b" * 8 + b"\xf4\x0f\x01\xf8")
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(None)(address)()
