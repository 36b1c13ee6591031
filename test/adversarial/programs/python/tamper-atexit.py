# tries: to hang in what is run at the end: exit handlers, threads, finalizers
# expect: success 1
# within: 5s
import atexit
import threading
import time


class Late:
    def __del__(self):
        time.sleep(600)


def main(**_):
    atexit.register(time.sleep, 600)
    threading.Thread(target=time.sleep, args=(600,)).start()
    globals()["late"] = Late()
    return 1
