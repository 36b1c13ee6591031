# tries: to make the manager stumble over a result of a million keys that hash alike
# expect: success | program_error
# within: 6s
import os
import struct


def main(**_):
    text = ",".join(f'"{i * 65536}":{{}}' for i in range(600_000))
    text = ("{" + text + "}").encode()[: 10 << 20]
    frame = struct.pack("<IB", len(text), 3) + text
    while frame:
        frame = frame[os.write(199, frame) :]
    os._exit(0)
