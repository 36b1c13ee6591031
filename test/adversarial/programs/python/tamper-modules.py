# tries: to empty the table of modules and the path to find new ones
# expect: any
# within: 5s
import sys


def main(**_):
    sys.meta_path.clear()
    sys.path.clear()
    sys.path_hooks.clear()
    for name in list(sys.modules):
        sys.modules[name] = None
    return 1
