# tries: to hang the runner where it flushes standard output and error
# expect: resource_limit_exceeded/time | success
# within: 5s
import sys
import time


class Trap:
    def write(self, text):
        time.sleep(600)

    def flush(self):
        time.sleep(600)

    def __getattr__(self, name):
        raise KeyboardInterrupt


def main(**_):
    sys.stdout = sys.stderr = Trap()
    return 1
