# tries: to busy the kernel: timers, eventfds, epoll sets within epoll sets, futex waiters
# expect: any
# within: 5s
import ctypes
import select
import signal

libc = ctypes.CDLL(None, use_errno=True)


def main(**_):
    sets = []
    try:
        for _ in range(400):
            sets.append(select.epoll())
            if len(sets) > 1:
                sets[-1].register(sets[-2].fileno())
    except OSError:
        pass
    timer = ctypes.c_void_p()
    for _ in range(10_000):
        libc.timer_create(1, None, ctypes.byref(timer))
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
    while True:
        pass
