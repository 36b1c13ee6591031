# tries: to forge a result, which is its own to forge
# expect: success {"forged": true}
# within: 5s
import os
import struct


def frame(kind, payload=b"", length=None):
    return struct.pack("<IB", len(payload) if length is None else length, kind) + payload


def main(**_):
    os.write(199, frame(3, b"{\"forged\": true}"))
    return {"forged": False}
