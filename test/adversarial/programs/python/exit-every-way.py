# tries: to end in every way there is, in a child each
# expect: success "still here"
# within: 5s
import ctypes
import os
import signal
import sys

WAYS = [
    lambda: os._exit(255),
    lambda: os.abort(),
    lambda: os.kill(os.getpid(), signal.SIGKILL),
    lambda: os.kill(os.getpid(), signal.SIGRTMAX),
    lambda: ctypes.string_at(0),
    lambda: ctypes.CDLL(None).pthread_exit(0),
    lambda: ctypes.CDLL(None).syscall(60, 300),
    lambda: ctypes.CDLL(None).syscall(231, -1),
    lambda: os.execv("/bin/false", ["false"]),
    lambda: sys.exit(10**100),
    lambda: sys.exit(object()),
]


def main(**_):
    sys.stderr = None
    for way in WAYS:
        pid = os.fork()
        if pid == 0:
            try:
                way()
            finally:
                os._exit(1)
        os.waitpid(pid, 0)
    return "still here"
