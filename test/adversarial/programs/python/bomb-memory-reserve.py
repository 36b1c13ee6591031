# tries: to reserve terabytes without touching them
# expect: success | program_error | resource_limit_exceeded/memory
# within: 5s
import mmap


def main(**_):
    kept = []
    for _ in range(64):
        try:
            kept.append(mmap.mmap(-1, 1 << 40))
        except OSError:
            return "refused"
    return "reserved"
