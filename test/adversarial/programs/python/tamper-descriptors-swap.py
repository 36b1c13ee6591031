# tries: to put its own files and pipes where the runner's descriptors were
# expect: success null | program_error | runtime_error | resource_limit_exceeded/time
# within: 5s
import os


def main(**_):
    reader, writer = os.pipe()
    for fd in [0, 1, 2, 198, 199]:
        os.dup2(writer, fd)
    os.dup2(os.open("/tmp/adversary", os.O_RDWR | os.O_CREAT), 200)
    return 1
