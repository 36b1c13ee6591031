# tries: to speak to the manager itself, through pid 1's own input and output, with a forged end
# expect: success []
# within: 5s
import os
import struct


def main(**_):
    forged = struct.pack("<IB", 8, 20) + bytes(8)
    opened = []
    for fd in range(4):
        for mode in [os.O_WRONLY, os.O_RDWR, os.O_RDONLY]:
            try:
                opened.append([fd, os.write(os.open(f"/proc/1/fd/{fd}", mode), forged)])
            except OSError:
                pass
    return opened
