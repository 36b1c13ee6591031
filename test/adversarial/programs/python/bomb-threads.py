# tries: to start threads without end
# expect: resource_limit_exceeded/time | program_error
# within: 5s
import threading
import time


def main(**_):
    while True:
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError:
            pass
