/*
 * The supervisor of a session: pid 1 of a sandbox that a caller keeps.
 *
 *   session HOME
 *
 * It makes the folder HOME. It starts processes, carries what they read and write, and connects to ports inside,
 * as many at once as the manager asks for. Each of these is a channel with a number that the manager chooses.
 * What a channel is for (a context that runs code, a command, a terminal, a file, a port) only the manager knows.
 *
 *   session.c              start, the loop that waits for all descriptors, and what the manager says
 *   session.h              the protocol, and what the files use of each other
 *   session-frames.c       frames to the manager
 *   session-channels.c     channels, and the bytes that go through them
 *   session-processes.c    how a process is started
 *   session-connections.c  connections to ports inside
 *   session-files.c        work on files, in a process of its own; so are session-watch.c and session-archive.c
 *
 * A process whose first argument is BUILTIN is not executed: a fork of this program does a file's work
 * (session-files.h) as the user of the channel.
 *
 * User code may do to this process whatever the same uid may do. The manager takes every frame as hostile.
 */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a process can have written and nobody read when it ends (pipe(7)). */
enum { PIPE_BYTES = 64 * 1024 };
enum { MAX_FRAME_BYTES = 1024 * 1024 + 64 };

static volatile sig_atomic_t child_changed;
sigset_t open_mask;

/* Whether the manager has said PAUSE, and not yet RESUME. */
static int is_paused;

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

static void read_frames(void) {
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

static void reap(void) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < channel_count; i++) {
            struct channel *channel = &channels[i];
            if (!channel->number || channel->pid != pid) continue;
            channel->end[0] = WIFEXITED(status) ? (uint8_t)WEXITSTATUS(status) : 0;
            channel->end[1] = WIFSIGNALED(status) ? (uint8_t)WTERMSIG(status) : 0;
            channel->has_ended = 1;
            for (int s = 0; s < STREAMS; s++)
                if (channel->sources[s].fd >= 0) channel->sources[s].owed = PIPE_BYTES;
        }
    }
}

/*
 * Says that processes have ended, of which all that they wrote is sent. Others may hold their outputs and go on
 * writing, so it is not waited for the end of these.
 */
static void say_exits(void) {
    for (size_t i = 0; i < channel_count; i++) {
        struct channel *channel = &channels[i];
        if (!channel->number || !channel->has_ended) continue;
        int is_owed = 0;
        for (int s = 0; s < STREAMS; s++) {
            struct source *source = &channel->sources[s];
            while (source->fd >= 0 && source->owed && source->credit) relay(channel, s);
            if (source->fd >= 0 && source->owed) is_owed = 1;
        }
        if (is_owed) continue;
        say(EXITED, channel->number, channel->end, sizeof channel->end, NULL, 0);
        channel->has_ended = 0;
        channel->pid = 0;
        forget_if_over(channel);
    }
}

static void on_child(int signal_number) {
    (void)signal_number;
    child_changed = 1;
}

/* Which descriptor of which channel a place in the list of polled ones is. */
struct place {
    struct channel *channel;
    uint32_t number;
    int stream, is_sink;
};

static void serve(void) {
    static struct pollfd fds[1 + 2 * MAX_CHANNELS * STREAMS];
    static struct place places[1 + 2 * MAX_CHANNELS * STREAMS];
    for (;;) {
        nfds_t count = 0;
        fds[count++] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
        for (size_t i = 0; i < channel_count && !is_paused; i++) {
            struct channel *channel = &channels[i];
            if (!channel->number) continue;
            for (int s = 0; s < STREAMS; s++) {
                const struct sink *sink = &channel->sinks[s];
                const struct source *source = &channel->sources[s];
                if (sink->fd >= 0 && (sink->length || channel->is_connecting)) {
                    places[count] = (struct place){channel, channel->number, s, 1};
                    fds[count++] = (struct pollfd){sink->fd, POLLOUT, 0};
                }
                const int waits = channel->is_connecting || (s == CONTROL && channel->control_waits);
                if (source->fd >= 0 && source->credit && !waits) {
                    places[count] = (struct place){channel, channel->number, s, 0};
                    fds[count++] = (struct pollfd){source->fd, POLLIN, 0};
                }
            }
        }
        const int reaps = child_changed && !is_paused;
        const struct timespec at_once = {0, 0};
        if (ppoll(fds, count, reaps ? &at_once : NULL, &open_mask) < 0) {
            if (errno != EINTR) die("poll: %s", strerror(errno));
            continue;
        }
        for (nfds_t i = 1; i < count; i++) {
            const struct place *place = &places[i];
            struct channel *channel = place->channel;
            if (!fds[i].revents || channel->number != place->number) continue;
            if (channel->is_connecting) {
                finish_connect(channel);
                continue;
            }
            if (place->is_sink) drain(channel, place->stream);
            else if (place->stream == CONTROL) relay_control(channel);
            else if (channel->sources[place->stream].fd >= 0) relay(channel, place->stream);
            forget_if_over(channel);
        }
        if (reaps) {
            child_changed = 0;
            reap();
        }
        if (fds[0].revents) read_frames();
        for (size_t i = 0; i < channel_count && !is_paused; i++) {
            if (!channels[i].number || !channels[i].control_waits) continue;
            relay_control(&channels[i]);
            forget_if_over(&channels[i]);
        }
        if (!is_paused) say_exits();
        flush_if_awaited();
    }
}

int main(int argc, char **argv) {
    if (argc != 2) die("usage: session HOME");
    if (mkdir(argv[1], 0755) && errno != EEXIST) die("%s: %s", argv[1], strerror(errno));
    prctl(PR_SET_DUMPABLE, 0);
    signal(SIGPIPE, SIG_IGN);
    const struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    serve();
}
