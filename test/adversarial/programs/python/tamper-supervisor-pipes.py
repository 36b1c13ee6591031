# tries: to speak to the manager itself, through pid 1's own descriptors, with a forged end: it may, and the answer so forged is its own
# expect: any
# within: 5s
import os
import struct


def main(**_):
    forged = struct.pack("<IB", 8, 20) + bytes(8)
    opened = []
    for pid in ["1", "self", "thread-self"]:
        for fd in range(0, 64) if pid == "1" else []:
            for mode in [os.O_WRONLY, os.O_RDWR, os.O_RDONLY]:
                try:
                    opened.append([fd, os.write(os.open(f"/proc/{pid}/fd/{fd}", mode), forged)])
                except OSError:
                    pass
    return opened
