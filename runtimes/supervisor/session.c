/*
 * The supervisor of a session: pid 1 of a sandbox that a caller keeps.
 *
 *   session HOME
 *
 * It makes the folder HOME. It starts processes, carries what they read and write, and connects to ports inside,
 * as many at once as the manager asks for. Each of these is a channel with a number that the manager chooses.
 * What a channel is for (a context that runs code, a command, a terminal, a file, a port) only the manager knows.
 *
 *   session.c              start, and the loop that waits for all descriptors
 *   session.h              the protocol, and what the files use of each other
 *   session-frames.c       frames from and to the manager
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

static volatile sig_atomic_t child_changed;
sigset_t open_mask;

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
        flush_output();
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
