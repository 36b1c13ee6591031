# tries: to fill pipes of the largest size
# expect: resource_limit_exceeded/memory | success
# within: 5s
import fcntl
import os


def main(**_):
    kept = []
    try:
        while True:
            _, end = os.pipe()
            kept.append(end)
            try:
                fcntl.fcntl(end, 1031, 1 << 20)
            except OSError:
                pass
            os.set_blocking(end, False)
            try:
                while True:
                    os.write(end, b"x" * 65536)
            except BlockingIOError:
                pass
    except OSError:
        pass
    return len(kept)
