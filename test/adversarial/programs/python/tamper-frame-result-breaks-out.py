# tries: to break out of the place that the result has in the answer
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(3, b"1},\"status\":\"forged\",\"x\":{\"y\":1"))
    os._exit(0)
