/* The supervisor's talk with the manager: bytes of frames in on stdin, whole frames out on stdout. */
#include "supervisor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A write to the manager that takes longer waits for it to read. */
enum { SLOW_WRITE_US = 5000 };

uint64_t waited_us;

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("supervisor: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(70);
}

uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Read from the manager and not yet used. */
static uint8_t inbox[CHUNK_BYTES];
static size_t inbox_start, inbox_end;

/* The manager is gone when stdin or stdout fails: then nobody wants this sandbox. */
static size_t read_some(void *buffer, size_t length) {
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, length);
        if (n > 0) return (size_t)n;
        if (n == 0 || errno != EINTR) _exit(0);
    }
}

int has_mail(void) { return inbox_start < inbox_end; }

void wait_for_end(void) {
    for (;;) read_some(inbox, sizeof inbox);
}

/* More than the buffer holds. */
static const uint8_t *take_long(size_t length) {
    static uint8_t *bytes;
    size_t got = inbox_end - inbox_start;
    free(bytes);
    bytes = malloc(length);
    if (!bytes) die("no memory for a frame of %zu bytes", length);
    memcpy(bytes, inbox + inbox_start, got);
    while (got < length) got += read_some(bytes + got, length - got);
    inbox_start = inbox_end = 0;
    return bytes;
}

const uint8_t *take(size_t length) {
    if (length > sizeof inbox) return take_long(length);
    size_t got = inbox_end - inbox_start;
    if (got < length) {
        memmove(inbox, inbox + inbox_start, got);
        while (got < length) got += read_some(inbox + got, sizeof inbox - got);
        inbox_start = 0;
        inbox_end = got;
    }
    const uint8_t *bytes = inbox + inbox_start;
    inbox_start += length;
    return bytes;
}

void take_into(int fd, size_t length) {
    while (length > 0) {
        if (inbox_start == inbox_end) {
            inbox_start = 0;
            inbox_end = read_some(inbox, sizeof inbox);
        }
        const size_t there = inbox_end - inbox_start;
        ssize_t n = write(fd, inbox + inbox_start, there < length ? there : length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("an input cannot be written: %s", strerror(errno));
        inbox_start += (size_t)n;
        length -= (size_t)n;
    }
}

/* Said and not yet written. */
static uint8_t outbox[2 * CHUNK_BYTES];
static size_t outbox_length;

static void write_all(const uint8_t *bytes, size_t length) {
    const uint64_t started = now_us();
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, length);
        if (n < 0) {
            if (errno == EINTR) continue;
            _exit(0);
        }
        bytes += n;
        length -= (size_t)n;
    }
    const uint64_t took = now_us() - started;
    if (took > SLOW_WRITE_US) waited_us += took;
}

void flush_output(void) {
    write_all(outbox, outbox_length);
    outbox_length = 0;
}

static void say(const void *bytes, size_t length) {
    if (length > sizeof outbox - outbox_length) flush_output();
    if (length > sizeof outbox) {
        write_all(bytes, length);
        return;
    }
    if (length > 0) memcpy(outbox + outbox_length, bytes, length);
    outbox_length += length;
}

void send_frame(enum frame_type type, const void *head, size_t head_length, const void *body,
                size_t body_length) {
    uint8_t prefix[5];
    uint32_t length = (uint32_t)(head_length + body_length);
    memcpy(prefix, &length, 4);
    prefix[4] = (uint8_t)type;
    say(prefix, sizeof prefix);
    say(head, head_length);
    say(body, body_length);
}
