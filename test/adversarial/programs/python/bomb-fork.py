# tries: to fork without end, every child forking on
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory
# within: 5s
import os


def main(**_):
    while True:
        try:
            os.fork()
        except OSError:
            pass
