/* Channels, and what goes through them: bytes that wait for a descriptor, and bytes that come from one. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct channel channels[MAX_CHANNELS];
size_t channel_count;

struct channel *channel_of(uint32_t number) {
    for (size_t i = 0; i < channel_count; i++)
        if (channels[i].number == number) return &channels[i];
    return NULL;
}

struct channel *new_channel(uint32_t number) {
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        struct channel *channel = &channels[i];
        if (channel->number) continue;
        memset(channel, 0, sizeof *channel);
        channel->number = number;
        for (int s = 0; s < STREAMS; s++) {
            channel->sinks[s].fd = channel->sources[s].fd = -1;
            channel->sources[s].credit = WINDOW_BYTES;
        }
        if (i >= channel_count) channel_count = i + 1;
        return channel;
    }
    return NULL;
}

static void close_sink(struct channel *channel, int stream) {
    struct sink *sink = &channel->sinks[stream];
    if (sink->fd < 0) return;
    // Both ways of a terminal and of a connection are one descriptor, which is closed with the other way.
    if (channel->sources[STDOUT].fd == sink->fd) {
        if (!channel->is_terminal) shutdown(sink->fd, SHUT_WR);
    } else {
        close(sink->fd);
    }
    sink->fd = -1;
    free(sink->bytes);
    sink->bytes = NULL;
    sink->start = sink->length = 0;
}

void close_source(struct channel *channel, int stream) {
    struct source *source = &channel->sources[stream];
    if (source->fd < 0) return;
    if (channel->sinks[STDIN].fd == source->fd) {
        channel->sinks[STDIN].fd = -1;
        free(channel->sinks[STDIN].bytes);
        channel->sinks[STDIN].bytes = NULL;
    }
    close(source->fd);
    source->fd = -1;
    source->owed = 0;
    say_ended(channel->number, stream);
}

/* A channel is over when its process has ended and all its outputs are closed. */
void forget_if_over(struct channel *channel) {
    if (channel->pid) return;
    for (int s = 0; s < STREAMS; s++)
        if (channel->sources[s].fd >= 0) return;
    for (int s = 0; s < STREAMS; s++) close_sink(channel, s);
    channel->number = 0;
    while (channel_count && !channels[channel_count - 1].number) channel_count--;
}

void drain(struct channel *channel, int stream) {
    struct sink *sink = &channel->sinks[stream];
    while (sink->fd >= 0 && sink->length) {
        ssize_t n = write(sink->fd, sink->bytes + sink->start, sink->length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) {
            // Nobody reads it any more. What waits is as good as taken.
            say_taken(channel->number, stream, sink->length);
            close_sink(channel, stream);
            return;
        }
        sink->start += (size_t)n;
        sink->length -= (size_t)n;
        say_taken(channel->number, stream, (size_t)n);
    }
    if (sink->fd < 0) return;
    free(sink->bytes);
    sink->bytes = NULL;
    sink->start = 0;
    if (sink->closes) {
        // End of file is a character of a terminal, not a state of its descriptor (termios(3), VEOF).
        static const char END_OF_FILE = 4;
        if (channel->is_terminal && write(sink->fd, &END_OF_FILE, 1) < 0) return;
        close_sink(channel, stream);
    }
}

void take_write(struct channel *channel, int stream, const uint8_t *bytes, size_t length) {
    struct sink *sink = &channel->sinks[stream];
    if (sink->fd < 0 || sink->closes) {
        say_taken(channel->number, stream, length); // Its process does not read any more.
        return;
    }
    if (sink->length + length > WINDOW_BYTES) die("more than the window of channel %u", channel->number);
    uint8_t *joined = malloc(sink->length + length);
    if (!joined) die("no memory for %zu bytes", sink->length + length);
    if (sink->length) memcpy(joined, sink->bytes + sink->start, sink->length);
    memcpy(joined + sink->length, bytes, length);
    free(sink->bytes);
    sink->bytes = joined;
    sink->start = 0;
    sink->length += length;
    drain(channel, stream);
}

void relay(struct channel *channel, int stream) {
    struct source *source = &channel->sources[stream];
    static uint8_t chunk[1 + CHUNK_BYTES];
    size_t most = source->credit < CHUNK_BYTES ? source->credit : CHUNK_BYTES;
    if (stream == CONTROL && source->ahead && source->ahead < most) most = source->ahead;
    ssize_t n = read(source->fd, chunk + 1, most);
    if (n < 0 && errno == EAGAIN) source->owed = source->ahead = 0;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    // EIO: the last process has left the terminal.
    if (n <= 0) {
        close_source(channel, stream);
        return;
    }
    source->credit -= (uint32_t)n;
    source->owed -= (size_t)n < source->owed ? (size_t)n : source->owed;
    source->ahead -= (size_t)n < source->ahead ? (size_t)n : source->ahead;
    chunk[0] = (uint8_t)stream;
    say(OUTPUT, channel->number, chunk, 1 + (size_t)n, NULL, 0);
}

static size_t bytes_in(const struct source *source) {
    int bytes = 0;
    return source->fd >= 0 && ioctl(source->fd, FIONREAD, &bytes) == 0 ? (size_t)bytes : 0;
}

void relay_control(struct channel *channel) {
    struct source *control = &channel->sources[CONTROL];
    int is_behind = 0;
    if (!channel->control_waits) control->ahead = bytes_in(control);
    for (int s = STDOUT; s <= STDERR; s++) {
        struct source *source = &channel->sources[s];
        if (!channel->control_waits) source->ahead = bytes_in(source);
        while (source->fd >= 0 && source->ahead && source->credit) relay(channel, s);
        if (source->fd >= 0 && source->ahead) is_behind = 1;
    }
    channel->control_waits = is_behind && control->fd >= 0;
    if (!is_behind && control->fd >= 0 && control->credit) relay(channel, CONTROL);
}

void release(struct channel *channel) {
    if (channel->group) kill(-channel->group, SIGKILL);
    for (int s = 0; s < STREAMS; s++) {
        close_sink(channel, s);
        close_source(channel, s);
    }
    channel->group = 0;
}
