# tries: to fill /tmp, /dev/shm and /workspace, which count as memory together
# expect: resource_limit_exceeded/memory
# within: 5s


def main(**_):
    block = b"x" * (1 << 20)
    for folder in ["/tmp", "/dev/shm", "/workspace"]:
        try:
            with open(folder + "/adversary", "wb", buffering=0) as file:
                while True:
                    file.write(block)
        except OSError:
            pass
    return "filled"
