# tries: to be called a success and to run on, flooding what it still holds
# expect: success null
# within: 5s
# artifacts: none
import os
import threading


def flood(fd):
    while True:
        os.write(fd, b"x" * 1000)


def main(**_):
    os.write(200, b"\0" * 64)
    while True:
        pass
