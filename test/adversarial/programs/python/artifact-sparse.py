# tries: to hand over files that are huge and hold nothing
# expect: success 1
# within: 6s
# artifacts: small.csv
import os


def main(**_):
    for number in range(30):
        fd = os.open(f"artifacts/{number}.csv", os.O_CREAT | os.O_WRONLY)
        try:
            os.truncate(fd, 1 << (20 + number))
        except OSError:
            pass
        if 20 + number <= 23:
            os.unlink(f"artifacts/{number}.csv")
    open("artifacts/small.csv", "w").write("x")
    return 1
