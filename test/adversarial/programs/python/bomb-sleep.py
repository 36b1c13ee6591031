# tries: to sleep for ever, with every signal ignored and blocked
# expect: resource_limit_exceeded/time
# within: 5s
import signal
import time


def main(**_):
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
