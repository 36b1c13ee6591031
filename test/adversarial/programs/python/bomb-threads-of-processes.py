# tries: to reach the host's limit of tasks: processes of many threads each, all in system calls
# expect: any
# within: 5s
import os
import threading
import time


def main(**_):
    for _ in range(30):
        try:
            if os.fork() == 0:
                while True:
                    try:
                        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                    except RuntimeError:
                        time.sleep(0.01)
        except OSError:
            pass
    time.sleep(1)
    return None
