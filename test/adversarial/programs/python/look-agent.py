# tries: to change what the next run is made of: runner, policy, libraries, byte code
# expect: success []
# within: 5s
import glob
import os
import sys


def main(**_):
    changed = []
    targets = ["/", "/.executor", "/usr/lib/python3/dist-packages", "/usr/lib/python3.13", "/etc"]
    targets += glob.glob("/.executor/*") + sys.path + glob.glob("/opt/*") + ["/var", "/run", "/usr"]
    for target in targets:
        if target.startswith("/workspace") or not os.path.exists(target):
            continue
        path = f"{target}/adversary.py" if os.path.isdir(target) else target
        try:
            with open(path, "a") as file:
                file.write("import os")
            changed.append(path)
        except OSError:
            pass
    return changed
