# tries: to overwrite the program that runs the sandbox, through the links to what runs
# expect: success []
# within: 5s
import os


def main(**_):
    done = []
    for pid in [p for p in os.listdir("/proc") if p.isdigit()] + ["self", "thread-self"]:
        for mode in [os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_PATH | os.O_NOFOLLOW]:
            for name in ["exe", "root", "cwd"]:
                path = f"/proc/{pid}/{name}"
                try:
                    fd = os.open(path, mode)
                    os.write(fd, b"#!/tmp/adversary")
                    done.append(path)
                except OSError:
                    pass
        if "runsc" in (os.readlink(f"/proc/{pid}/exe") if pid != "1" else ""):
            done.append("runsc is in sight")
    return done
