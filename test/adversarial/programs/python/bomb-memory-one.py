# tries: to take all memory in one process
# expect: resource_limit_exceeded/memory
# within: 5s


def main(**_):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (1 << 20))
