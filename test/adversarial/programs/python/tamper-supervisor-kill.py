# tries: to kill pid 1, and everybody with it
# expect: runtime_error/signalled | resource_limit_exceeded/time
# within: 5s
import os
import signal
import time


def main(**_):
    for number in signal.valid_signals():
        if number not in (signal.SIGSTOP, signal.SIGTSTP):
            try:
                os.kill(1, number)
            except OSError:
                pass
    os.kill(-1, signal.SIGKILL)
    time.sleep(60)
