# tries: to pretend that the policy has refused it
# expect: program_error
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(5, b"[]"))
    return 1
