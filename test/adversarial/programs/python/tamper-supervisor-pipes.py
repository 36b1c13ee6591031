# tries: to write into the pipes between runner and pid 1 by the other end; the answer it spoils is its own
# expect: success [] | program_error | resource_limit_exceeded/output
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
