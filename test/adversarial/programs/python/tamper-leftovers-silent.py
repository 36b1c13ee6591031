# tries: to die and leave a daemon that keeps every pipe open
# expect: program_error
# within: 5s
import os
import time


def main(**_):
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os._exit(9)
