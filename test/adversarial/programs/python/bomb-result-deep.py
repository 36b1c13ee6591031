# tries: to make the manager stumble over a result of millions of nested brackets
# expect: program_error
# within: 6s
import os
import struct


def main(**_):
    half = 5 << 20
    frame = struct.pack("<IB", 2 * half, 3) + b"[" * half + b"]" * half
    while frame:
        frame = frame[os.write(199, frame) :]
    os._exit(0)
