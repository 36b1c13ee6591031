# tries: to have another folder taken for its artifacts
# expect: success 1
# within: 5s
# artifacts: none
import os


def main(**_):
    os.rmdir("artifacts")
    os.mkdir("/tmp/adversary")
    for name in ["passwd.csv", "environ.csv"]:
        os.symlink("/etc/passwd", f"/tmp/adversary/{name}")
    open("/tmp/adversary/x.csv", "w").write("x")
    os.symlink("/tmp/adversary", "artifacts")
    return 1
