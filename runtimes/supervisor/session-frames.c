/* What a session's supervisor says to the manager: frames on stdout. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("session: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(70);
}

static uint8_t outbox[4 * CHUNK_BYTES];
static size_t outbox_length;
/* Whether a frame waits that somebody waits for, and how many bytes the frames TAKEN that wait tell of. */
static int is_awaited;
static size_t taken_untold;

void flush_if_awaited(void) {
    // A manager that has half of a window left to send does not wait.
    if (is_awaited || taken_untold >= WINDOW_BYTES / 2) flush_output();
}

void flush_output(void) {
    size_t done = 0;
    while (done < outbox_length) {
        ssize_t n = write(STDOUT_FILENO, outbox + done, outbox_length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0); // The manager is gone: nobody wants this sandbox.
        done += (size_t)n;
    }
    outbox_length = 0;
    is_awaited = 0;
    taken_untold = 0;
}

void say(enum frame_type type, uint32_t number, const void *head, size_t head_length, const void *body,
                size_t body_length) {
    const uint32_t length = (uint32_t)(4 + head_length + body_length);
    if (outbox_length + 5 + length > sizeof outbox) flush_output();
    uint8_t *to = outbox + outbox_length;
    memcpy(to, &length, 4);
    to[4] = (uint8_t)type;
    memcpy(to + 5, &number, 4);
    if (head_length) memcpy(to + 9, head, head_length);
    if (body_length) memcpy(to + 9 + head_length, body, body_length);
    outbox_length += 5 + length;
    if (type != TAKEN) is_awaited = 1;
}

void say_failed(uint32_t number, int error) {
    const uint32_t code = (uint32_t)error;
    say(FAILED, number, &code, 4, NULL, 0);
}

void say_ended(uint32_t number, int stream) {
    const uint8_t which = (uint8_t)stream;
    say(ENDED, number, &which, 1, NULL, 0);
}

void say_taken(uint32_t number, int stream, size_t bytes) {
    uint8_t head[5] = {(uint8_t)stream};
    const uint32_t count = (uint32_t)bytes;
    memcpy(head + 1, &count, 4);
    say(TAKEN, number, head, sizeof head, NULL, 0);
    taken_untold += bytes;
}
