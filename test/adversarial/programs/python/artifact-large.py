# tries: to hand over as much as is allowed, ten times 10 MiB
# expect: success 1 | resource_limit_exceeded
# within: 8s


def main(**_):
    for number in range(10):
        with open(f"artifacts/{number}.csv", "wb") as file:
            file.truncate(10 << 20)
    return 1
