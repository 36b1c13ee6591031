# tries: to hand over last words that are no frames, and a result behind them
# expect: program_error
# within: 5s
# artifacts: none
import os
import struct


def main(**_):
    result = b'"forged"'
    os.write(200, b"\0" + b"\0" * 63 + struct.pack("<IB", len(result), 3) + result)
    while True:
        pass
