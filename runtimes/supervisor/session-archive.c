/* What reading and writing archives have in common: see session-archive.h. */
#include "session-archive.h"

#include <errno.h>
#include <unistd.h>

ssize_t read_all(int fd, char *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        const ssize_t n = read(fd, bytes + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int write_all(int fd, const char *bytes, size_t length) {
    while (length) {
        const ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

unsigned checksum_of(const struct header *header) {
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        const int is_sum = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);
        sum += is_sum ? ' ' : bytes[i];
    }
    return sum;
}

size_t padding_of(uint64_t size) { return (size_t)((BLOCK - size % BLOCK) % BLOCK); }
