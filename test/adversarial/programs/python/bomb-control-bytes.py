# tries: to drown the manager in frames: a result of 10 MiB, one byte at a time
# expect: resource_limit_exceeded/time | resource_limit_exceeded/output | program_error
# within: 5s
import os
import struct


def main(**_):
    os.write(199, struct.pack("<IB", 10 << 20, 3))
    for _ in range(2):
        os.fork()
    while True:
        os.write(199, b"1")
