# tries: to start programs without end, faster than they can be reaped
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory
# within: 5s
import os


def main(**_):
    while True:
        try:
            os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
        except OSError:
            pass
