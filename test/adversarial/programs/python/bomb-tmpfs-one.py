# tries: to fill /tmp alone, which is smaller than the memory
# expect: success "No space left on device"
# within: 5s


def main(**_):
    try:
        with open("/tmp/adversary", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * (1 << 20))
    except OSError as error:
        return error.strerror
