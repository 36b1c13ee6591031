# tries: to send, as the runner, the frames that only the supervisor sends
# expect: program_error | resource_limit_exceeded/output
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(20, bytes(8)) + frame(19, b"\x05\x00a.csvx"))
    return 1
