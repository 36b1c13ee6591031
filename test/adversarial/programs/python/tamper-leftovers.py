# tries: to leave daemons behind that hold the pipes, write to them and never end
# expect: success "done"
# within: 5s
import os
import time


def main(**_):
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(0.2)
                while True:
                    try:
                        os.write(1, b"x" * 100)
                        os.write(199, b"\x01\x00\x00\x00\x031")
                    except OSError:
                        pass
            os._exit(0)
    return "done"
