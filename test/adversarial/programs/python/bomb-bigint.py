# tries: to stall in one arithmetic operation that no signal interrupts
# expect: resource_limit_exceeded/time | resource_limit_exceeded/memory
# within: 5s


def main(**_):
    return len(str(9 ** (9**9)))
