# tries: to stop pid 1, so that nobody keeps the time
# expect: resource_limit_exceeded/time
# within: 6s
import os
import signal


def main(**_):
    while True:
        os.kill(1, signal.SIGSTOP)
