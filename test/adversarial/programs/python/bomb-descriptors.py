# tries: to open descriptors without end in many processes
# expect: success true
# within: 5s
import os


def main(**_):
    readers = []
    for _ in range(3):
        reader, writer = os.pipe()
        readers.append(reader)
        if os.fork() == 0:
            count = 0
            try:
                while True:
                    os.open("/dev/null", os.O_RDONLY)
                    count += 1
            except OSError:
                os.write(writer, str(count).encode())
            os._exit(0)
        os.close(writer)
    counts = [int(os.read(reader, 100)) for reader in readers]
    return all(900 < count < 1024 for count in counts)
