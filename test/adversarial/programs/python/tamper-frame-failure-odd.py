# tries: to tell of a failure in words that are none
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(4, b"[" * 4000))
    os.write(199, frame(4, b"{\"name\": {\"toString\": 1}, \"errno\": 1e999, \"code\": null, \"memory\": []}"))
    os._exit(3)
