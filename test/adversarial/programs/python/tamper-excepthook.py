# tries: to keep a failure from being told
# expect: any
# within: 5s
import sys


class Odd(Exception):
    @property
    def __traceback__(self):
        raise SystemExit(0)

    def __str__(self):
        raise SystemExit(0)


def main(**_):
    sys.excepthook = lambda *_: sys.exit(0)
    error = Odd()
    error.__cause__ = error
    error.__context__ = Odd()
    raise error
