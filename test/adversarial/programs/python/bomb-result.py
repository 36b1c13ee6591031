# tries: to return more than may be returned
# expect: resource_limit_exceeded/output
# within: 6s


def main(**_):
    return ["x" * 1024] * (11 << 10)
