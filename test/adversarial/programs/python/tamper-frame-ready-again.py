# tries: to be ready a second time, in the middle of its run
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(1) + frame(2))
    return 1
