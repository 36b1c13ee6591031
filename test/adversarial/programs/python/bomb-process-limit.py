# tries: to have more processes than allowed, and tells how many it got
# expect: success true
# within: 5s
import os
import time


def main(**_):
    children = []
    try:
        for _ in range(500):
            children.append(os.posix_spawn("/bin/sleep", ["sleep", "60"], {}))
            if len(children) > 64:
                break
    except OSError:
        pass
    time.sleep(0.2)
    return 10 < len(children) <= 64
