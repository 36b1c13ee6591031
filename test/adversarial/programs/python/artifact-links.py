# tries: to have the supervisor hand out what links point at
# expect: success
# within: 5s
# artifacts: own.csv
import os

TARGETS = ["/etc/passwd", "/proc/1/environ", "/proc/1/maps", "/proc/self/status", "/.executor/runner.py"]


def main(**_):
    for number, target in enumerate(TARGETS):
        os.symlink(target, f"artifacts/{number}.csv")
        try:
            os.link(target, f"artifacts/hard{number}.csv")
        except OSError:
            pass
    os.symlink("/", "artifacts/root.csv")
    os.symlink("loop.csv", "artifacts/loop.csv")
    os.symlink("own.csv", "artifacts/to-own.csv")
    open("artifacts/own.csv", "w").write("x")
