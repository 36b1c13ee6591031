# tries: to find, signal or trace processes that are not its own
# expect: success [1]
# within: 5s
import os


def main(**_):
    me = os.getpid()
    found = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    for pid in range(1, 5000):
        try:
            os.kill(pid, 0)
            found.add(pid)
        except ProcessLookupError:
            pass
        except PermissionError:
            found.add(pid)
    return sorted(found - {me})
