# tries: to rewrite the runner's own globals, found through the stack
# expect: any
# within: 5s
import sys


def main(**_):
    frame = sys._getframe()
    while frame:
        for name in list(frame.f_globals):
            if name.isidentifier() and not name.startswith("__"):
                frame.f_globals[name] = lambda *_, **__: b""
        frame = frame.f_back
    return {"a": 1}
