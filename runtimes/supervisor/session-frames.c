/* The talk of a session's supervisor with the manager: frames in on stdin, frames out on stdout. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FRAME_BYTES = 1024 * 1024 + 64 };

int is_paused;

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

void flush_output(void) {
    size_t done = 0;
    while (done < outbox_length) {
        ssize_t n = write(STDOUT_FILENO, outbox + done, outbox_length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0); // The manager is gone: nobody wants this sandbox.
        done += (size_t)n;
    }
    outbox_length = 0;
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
}

static uint8_t inbox[MAX_FRAME_BYTES + 5];
static size_t inbox_length;

static void take_frame(uint8_t type, uint8_t *payload, size_t length) {
    if (type == PAUSE) {
        say(PAUSED, 0, NULL, 0, NULL, 0);
        flush_output();
        is_paused = 1;
        return;
    }
    if (type == RESUME) {
        is_paused = 0;
        return;
    }
    uint32_t number;
    if (length < 4) die("frame of type %u too short", type);
    memcpy(&number, payload, 4);
    uint8_t *rest = payload + 4;
    const size_t left = length - 4;
    if (number == 0) die("channel 0");
    if (type == START) return take_start(number, rest, left);
    if (type == CONNECT && left == 2) {
        uint16_t port;
        memcpy(&port, rest, 2);
        return take_connect(number, port);
    }
    struct channel *channel = channel_of(number);
    if (!channel) return; // It has ended meanwhile.
    const int stream = left ? rest[0] : 0;
    if (type == WRITE && left > 1 && stream < STREAMS) {
        take_write(channel, stream, rest + 1, left - 1);
    } else if (type == CLOSE && left == 1 && stream < STREAMS) {
        if (stream == STDOUT || stream == STDERR) {
            close_source(channel, stream);
        } else {
            channel->sinks[stream].closes = 1;
            drain(channel, stream);
        }
    } else if (type == SIGNAL && left == 1) {
        if (channel->group) kill(-channel->group, rest[0]);
    } else if (type == RESIZE && left == 4 && channel->is_terminal) {
        uint16_t size[2];
        memcpy(size, rest, sizeof size);
        resize(channel, size[0], size[1]);
    } else if (type == CREDIT && left == 5 && stream < STREAMS) {
        uint32_t more;
        memcpy(&more, rest + 1, 4);
        channel->sources[stream].credit += more;
    } else if (type == RELEASE) {
        release(channel);
    } else {
        die("unexpected frame of type %u with %zu bytes", type, length);
    }
    forget_if_over(channel);
}

void read_frames(void) {
    ssize_t n = read(STDIN_FILENO, inbox + inbox_length, sizeof inbox - inbox_length);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) _exit(0); // The manager is gone.
    inbox_length += (size_t)n;
    size_t done = 0;
    while (inbox_length - done >= 5) {
        uint32_t length;
        memcpy(&length, inbox + done, 4);
        if (length > MAX_FRAME_BYTES) die("frame of %u bytes", length);
        if (inbox_length - done < 5 + (size_t)length) break;
        take_frame(inbox[done + 4], inbox + done + 5, length);
        done += 5 + (size_t)length;
    }
    if (!done) return;
    memmove(inbox, inbox + done, inbox_length - done);
    inbox_length -= done;
}
