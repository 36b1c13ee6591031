# tries: to have more tasks than allowed, processes and threads together
# expect: success true
# within: 5s
import os
import threading
import time


def main(**_):
    for _ in range(3):
        os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    threads = []
    try:
        while len(threads) <= 64:
            threads.append(threading.Thread(target=time.sleep, args=(60,), daemon=True))
            threads[-1].start()
    except RuntimeError:
        pass
    return 40 < len(threads) < 62
