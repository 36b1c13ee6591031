# tries: to become another program, which inherits the runner's pipes
# expect: success null
# within: 5s
import os


def main(**_):
    for fd in [198, 199, 200]:
        os.set_inheritable(fd, True)
    os.execv("/bin/sh", ["sh", "-c", "exec 3>&1; echo become another"])
