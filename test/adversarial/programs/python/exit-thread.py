# tries: to end the main thread alone
# expect: any
# within: 5s
import ctypes
import threading
import time


def main(**_):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    ctypes.CDLL(None).syscall(60, 0)
