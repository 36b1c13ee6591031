"""What a program is told of processors, and what its child processes take.

The number of processors is what the run may use, which its affinity tells; the machine may have more.
"""

import os

READ_WRITE_EXECUTE = 7


def show_processors():
    """Makes os.cpu_count() what the process may use, as os.sched_getaffinity() tells it."""
    affinity = os.sched_getaffinity

    def cpu_count():
        """Return the number of logical CPUs usable by this process."""
        return len(affinity(0))

    os.cpu_count = cpu_count


def share_memory_with_children(ctypes):
    """Has children that are forked copy the pages that they write, not 2 MiB around each.

    gVisor copies up to 2 MiB on the first write to a page that is shared with another process, but only the
    page itself where the mapping is executable (pkg/sentry/mm/pma.go, getPMAsInternalLocked). A child of a
    process with pandas then takes 4 MB instead of 50 MB.
    """
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    is_done = False

    def before_fork():
        nonlocal is_done
        if is_done:
            return
        is_done = True
        with open("/proc/self/maps") as maps:
            ranges = [line.split(None, 2)[:2] for line in maps]
        for addresses, permissions in ranges:
            if permissions == "rw-p":
                start, end = (int(part, 16) for part in addresses.split("-"))
                protect(start, end - start, READ_WRITE_EXECUTE)

    os.register_at_fork(before=before_fork)
