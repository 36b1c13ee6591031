# tries: to overflow the stack of the interpreter
# expect: runtime_error/signalled | resource_limit_exceeded | program_error
# within: 5s
import sys


def deeper(n):
    return deeper(n + 1) + 1


def main(**_):
    sys.setrecursionlimit(10**9)
    return repr(deeper(0)) + str([[]])
