# tries: to take all memory as shared anonymous pages, which belong to no process
# expect: resource_limit_exceeded/memory
# within: 5s
import mmap


def main(**_):
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 8 << 20))
        kept[-1].write(b"x" * (8 << 20))
