# tries: to hang or fool the supervisor with files that are none
# expect: success
# within: 5s
# artifacts: own.csv
import os
import socket
import stat


def main(**_):
    os.mkfifo("artifacts/fifo.csv")
    os.mkdir("artifacts/folder.csv")
    socket.socket(socket.AF_UNIX).bind("artifacts/socket.csv")
    for name, kind in [("char.csv", stat.S_IFCHR), ("block.csv", stat.S_IFBLK)]:
        try:
            os.mknod(f"artifacts/{name}", 0o666 | kind, os.makedev(1, 5))
        except OSError:
            pass
    os.symlink("/dev/zero", "artifacts/zero.csv")
    os.symlink("/dev/stdin", "artifacts/stdin.csv")
    open("artifacts/own.csv", "w").write("x")
