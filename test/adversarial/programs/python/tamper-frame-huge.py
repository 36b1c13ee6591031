# tries: to announce a frame of 4 GiB
# expect: resource_limit_exceeded/output
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(3, length=2**32 - 1))
    return 1
