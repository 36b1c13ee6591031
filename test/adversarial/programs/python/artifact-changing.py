# tries: to change its files while they are read: size, content, kind
# expect: success
# within: 6s
import os
import time


def main(**_):
    for number in range(8):
        open(f"artifacts/{number}.csv", "wb").write(b"x" * 100_000)
    for number in range(2):
        if os.fork() == 0:
            end = time.monotonic() + 1
            while time.monotonic() < end:
                for file in range(8):
                    try:
                        path = f"artifacts/{file}.csv"
                        os.truncate(path, (number + 1) * 5_000_000 if file % 2 else 3)
                        if file > 5:
                            os.unlink(path)
                            os.symlink("/etc/passwd", path)
                    except OSError:
                        pass
            os._exit(0)
    time.sleep(0.05)
    return 1
