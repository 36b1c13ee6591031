# tries: to leave zombies and orphans to pid 1 without end
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory
# within: 5s
import os


def main(**_):
    while True:
        try:
            if os.fork() == 0:
                try:
                    os.fork()
                finally:
                    os._exit(0)
        except OSError:
            pass
