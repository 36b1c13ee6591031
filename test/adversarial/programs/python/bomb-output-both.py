# tries: to flood both output streams from two threads
# expect: resource_limit_exceeded/output
# within: 5s
import os
import threading


def flood(fd):
    while True:
        os.write(fd, b"x" * 65536)


def main(**_):
    threading.Thread(target=flood, args=(2,), daemon=True).start()
    flood(1)
