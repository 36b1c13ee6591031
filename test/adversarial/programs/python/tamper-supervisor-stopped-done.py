# tries: to be done while pid 1 is stopped
# expect: resource_limit_exceeded/time | success 1
# within: 6s
import os
import signal


def main(**_):
    os.kill(1, signal.SIGSTOP)
    return 1
