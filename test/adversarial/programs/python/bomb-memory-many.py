# tries: to take all memory in many processes, each of which takes little
# expect: resource_limit_exceeded/memory
# within: 5s
import os
import time


def main(**_):
    for _ in range(8):
        if os.fork() == 0:
            kept = b"x" * (24 << 20)
            time.sleep(60)
            os._exit(len(kept))
    time.sleep(60)
