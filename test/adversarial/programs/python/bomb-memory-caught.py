# tries: to live on after memory has run out, catching everything
# expect: resource_limit_exceeded/memory
# within: 5s


def main(**_):
    kept = []
    while True:
        try:
            while True:
                kept.append(bytearray(b"x") * (1 << 22))
        except BaseException:
            pass
