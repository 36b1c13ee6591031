# tries: to flood the manager with empty frames
# expect: program_error | resource_limit_exceeded
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    while True:
        os.write(199, frame(3) * 10_000)
