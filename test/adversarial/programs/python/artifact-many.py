# tries: to bury the supervisor under thousands of files
# expect: success 1
# within: 6s
# artifacts: 000000.csv 000001.csv 000002.csv 000003.csv 000004.csv 000005.csv 000006.csv 000007.csv 000008.csv 000009.csv
import os


def main(**_):
    folder = os.open("artifacts", os.O_RDONLY)
    for number in reversed(range(4000)):
        fd = os.open(f"{number:06}.csv", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
        os.write(fd, b"x")
        os.close(fd)
    return 1
