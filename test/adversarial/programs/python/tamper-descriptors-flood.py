# tries: to flood every descriptor at once, from a thread each
# expect: program_error | resource_limit_exceeded | runtime_error
# within: 5s
import os
import threading
import time


def flood(fd):
    try:
        while True:
            os.write(fd, b"\x01\x00\x00\x00\x03" * 10_000)
    except OSError:
        pass


def main(**_):
    for fd in [1, 2, 199, 200]:
        threading.Thread(target=flood, args=(fd,), daemon=True).start()
    time.sleep(60)
