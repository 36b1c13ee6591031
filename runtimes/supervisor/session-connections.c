/* Connections to ports inside the sandbox. */
#define _GNU_SOURCE
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Begins to connect a channel. Returns 0 or an errno. */
static int begin_connect(struct channel *channel, int family) {
    const struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons(channel->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(channel->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    const int failed = family == AF_INET ? connect(fd, (const struct sockaddr *)&v4, sizeof v4)
                                         : connect(fd, (const struct sockaddr *)&v6, sizeof v6);
    if (failed && errno != EINPROGRESS) {
        const int error = errno;
        close(fd);
        return error;
    }
    channel->is_connecting = family;
    channel->sinks[STDIN].fd = channel->sources[STDOUT].fd = fd;
    return 0;
}

void take_connect(uint32_t number, uint16_t port) {
    struct channel *channel = channel_of(number) ? NULL : new_channel(number);
    if (channel) channel->port = port;
    int error = channel ? begin_connect(channel, AF_INET) : EMFILE;
    if (error == ECONNREFUSED) error = begin_connect(channel, AF_INET6);
    if (!error) return;
    if (channel) channel->number = 0;
    say_failed(number, error);
}

void finish_connect(struct channel *channel) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(channel->sinks[STDIN].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    const int family = channel->is_connecting;
    channel->is_connecting = 0;
    if (error) {
        close(channel->sinks[STDIN].fd);
        channel->sinks[STDIN].fd = channel->sources[STDOUT].fd = -1;
        // Some servers listen on ::1 alone.
        if (error == ECONNREFUSED && family == AF_INET && !begin_connect(channel, AF_INET6)) return;
        say_failed(channel->number, error);
        channel->number = 0;
        return;
    }
    const uint32_t no_pid = 0;
    say(STARTED, channel->number, &no_pid, 4, NULL, 0);
}
