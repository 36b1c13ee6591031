# tries: to take every builtin from under the runner
# expect: any
# within: 5s
import builtins


def main(**_):
    for name in dir(builtins):
        if not name.startswith("__"):
            setattr(builtins, name, None)
    builtins.__import__ = None
    builtins.__build_class__ = None
