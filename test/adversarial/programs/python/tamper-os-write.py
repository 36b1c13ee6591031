# tries: to have the runner write nothing, or for ever
# expect: resource_limit_exceeded/time | program_error | runtime_error | success null
# within: 5s
import os


def main(**_):
    os.write = lambda *_: 0
    return 1
