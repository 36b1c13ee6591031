# tries: to read what others have in their environment
# expect: success ["HOME", "LANG", "MPLBACKEND", "MPLCONFIGDIR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH"]
# within: 5s
import glob
import os


def main(**_):
    names = set(os.environ)
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/task/*/environ"):
        try:
            with open(path) as file:
                names |= {pair.split("=")[0] for pair in file.read().split("\0") if pair}
        except OSError:
            pass
    return sorted(names)
