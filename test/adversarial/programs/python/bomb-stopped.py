# tries: to stop itself, so that it neither runs nor ends
# expect: resource_limit_exceeded/time
# within: 5s
import os
import signal


def main(**_):
    os.kill(os.getpid(), signal.SIGSTOP)
