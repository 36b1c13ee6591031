# tries: to write garbage to every descriptor there may be
# expect: program_error | resource_limit_exceeded/output
# within: 5s
import os


def main(**_):
    for fd in range(301):
        for garbage in [b"\xff" * 64, b"\0" * 4096, b"A" * 9]:
            try:
                os.write(fd, garbage)
            except OSError:
                pass
    return 1
