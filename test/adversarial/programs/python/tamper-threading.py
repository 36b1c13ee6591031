# tries: to replace what the runner waits for at the end
# expect: any
# within: 5s
import os
import threading


def main(**_):
    threading._shutdown = lambda: os.kill(os.getpid(), 11)
    return 1
