# tries: to write whole frames of the outer protocol on its output streams
# expect: success | program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    for fd in [1, 2]:
        os.write(fd, frame(20, bytes(8)) + frame(19, b"\x05\x00a.csvx") + frame(18, frame(3, b"1")))
    return None
