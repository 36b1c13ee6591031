# tries: to leave with an exit code that is none
# expect: any
# within: 5s
import sys


class Code(int):
    def __and__(self, other):
        return "no number"

    def __str__(self):
        raise MemoryError


def main(**_):
    sys.exit(Code(7))
