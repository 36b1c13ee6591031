# tries: to put a link in the place of the artifacts folder while it is being read
# expect: success
# within: 6s
import os
import time


def main(**_):
    open("artifacts/a.csv", "w").write("x")
    os.symlink("/etc", "/tmp/adversary")
    if os.fork() == 0:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try:
                os.rename("/workspace/artifacts", "/workspace/other")
                os.symlink("/etc", "/workspace/artifacts")
                os.unlink("/workspace/artifacts")
                os.rename("/workspace/other", "/workspace/artifacts")
            except OSError:
                pass
        os._exit(0)
    time.sleep(0.05)
    return 1
