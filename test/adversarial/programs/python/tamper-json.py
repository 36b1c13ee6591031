# tries: to poison what the runner serialises with
# expect: any
# within: 5s
import json
import json.encoder
import struct


def main(**_):
    json.dumps = lambda *_, **__: "nonsense"
    json.loads = json.encoder.JSONEncoder.encode = json.encoder.JSONEncoder.iterencode = None
    json.encoder.c_make_encoder = None
    struct.pack = lambda *_: b"\xff\xff\xff\xff\x03"
    return {"a": 1}
