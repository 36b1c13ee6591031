# tries: to make files without end, each empty
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory
# within: 5s
import os


def main(**_):
    number = 0
    while True:
        number += 1
        os.close(os.open(f"/tmp/adversary-{number}", os.O_CREAT | os.O_WRONLY))
