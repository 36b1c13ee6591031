# tries: to hand over a result that is no JSON
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(3, b"{\"a\": 1}, \"status\": \"success\""))
    os._exit(0)
