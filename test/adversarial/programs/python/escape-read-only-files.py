# tries: to change files it may only read: by mapping, by /proc/self/mem, by links, by truncating
# expect: success []
# within: 5s
import mmap
import os
import threading

TARGETS = ["/etc/passwd", "/usr/bin/python3.13", "/.executor/runner.py", "/bin/sh"]


def main(**_):
    changed = []
    for target in TARGETS:
        try:
            fd = os.open(target, os.O_RDONLY)
        except OSError:
            continue
        before = os.pread(fd, 64, 0)
        size = min(4096, os.fstat(fd).st_size)
        for flags in [mmap.MAP_SHARED, mmap.MAP_PRIVATE]:
            try:
                page = mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
                page[:9] = b"adversary"
            except (OSError, ValueError):
                pass
        page = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)

        def advise():
            for _ in range(500):
                page.madvise(mmap.MADV_DONTNEED)

        thread = threading.Thread(target=advise)
        thread.start()
        with open("/proc/self/maps") as maps:
            start = next((int(line.split("-")[0], 16) for line in maps if target in line), 0)
        for _ in range(200):
            try:
                memory = os.open("/proc/self/mem", os.O_RDWR)
                os.pwrite(memory, b"adversary", start)
                os.close(memory)
            except OSError:
                break
        thread.join()
        for call in [
            lambda: os.truncate(target, 0),
            lambda: os.chmod(target, 0o777),
            lambda: os.link(target, "/usr/adversary"),
            lambda: os.rename(target, "/tmp/adversary"),
            lambda: os.unlink(target),
            lambda: os.utime(target),
            lambda: os.setxattr(target, "user.x", b"x"),
        ]:
            try:
                call()
                changed.append(target)
            except OSError:
                pass
        if os.pread(os.open(target, os.O_RDONLY), 64, 0) != before:
            changed.append(target)
    return changed
