# tries: to drown the manager in frames: output one byte at a time, from many processes
# expect: resource_limit_exceeded/memory | resource_limit_exceeded/output | resource_limit_exceeded/time
# within: 5s
import os


def main(**_):
    os.fork()
    while True:
        os.write(1, b"x")
        os.write(2, b"x")
