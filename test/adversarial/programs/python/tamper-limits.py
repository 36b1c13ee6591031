# tries: to lift its own limits, and to kill with them what is beside it
# expect: success []
# within: 5s
import os
import resource


def main(**_):
    lifted = []
    for name in ["RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CORE"]:
        for pid in [0, 1]:
            try:
                resource.prlimit(pid, getattr(resource, name), (1 << 20, 1 << 20))
                lifted.append([name, pid])
            except (OSError, ValueError):
                pass
    return lifted
