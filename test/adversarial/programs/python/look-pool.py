# tries: to learn from clocks and counters how long its sandbox waited and what the host does
# expect: success []
# within: 5s
import os
import time


def main(**_):
    told = []
    with open("/proc/loadavg") as file:
        if file.read().split()[:3] != ["0.00", "0.00", "0.00"]:
            told.append("load of the host")
    # Its own times may be there: no more of them than it has lived through.
    own = (time.clock_gettime(time.CLOCK_BOOTTIME) + 1) * os.sysconf("SC_CLK_TCK")
    with open("/proc/stat") as file:
        if sum(int(n) for n in file.readline().split()[1:]) > own * os.sysconf("SC_NPROCESSORS_ONLN"):
            told.append("processor times of the host")
    if os.path.exists("/proc/schedstat") or os.path.exists("/proc/pressure"):
        told.append("pressure")
    if os.path.exists("/proc/vmstat"):
        told.append("vmstat")
    if time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() > 3600:
        told.append("host's boot")
    return told
