# tries: to end in the middle of a frame
# expect: success null
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(3, b"[1", length=100))
    os._exit(0)
