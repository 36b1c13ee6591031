# tries: to find secrets of a run beside it: files, abstract sockets, System V objects, locks
# expect: success []
# within: 5s
import ctypes
import os
import socket

libc = ctypes.CDLL(None)


def main(**_):
    found = []
    for folder in ["/tmp", "/dev/shm", "/workspace", "/var/tmp", "/run"]:
        for top, _, files in os.walk(folder):
            found += [f"{top}/{name}" for name in files if "honest" in name]
    for number in range(1, 400):
        try:
            socket.socket(socket.AF_UNIX).connect(f"\0honest-{number}")
            found.append(f"socket {number}")
        except OSError:
            pass
    for key in range(1, 200):
        found += [f"ipc {key}" for call in [libc.shmget, libc.msgget] if call(key, 0, 0) >= 0]
    return found
