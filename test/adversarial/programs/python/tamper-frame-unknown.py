# tries: to send a frame of a type that there is none of
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(99, b"x"))
    return 1
