/*
 * The supervisor of a session: pid 1 of a sandbox that a caller keeps.
 *
 *   session HOME
 *
 * It makes the folder HOME. It starts processes, carries what they read and write, and connects to ports inside, as many at once as
 * the manager asks for. Each of these is a channel with a number that the manager chooses. What a channel
 * is for (a context that runs code, a command, a terminal, a file, a port) only the manager knows.
 *
 * Frames (both ways, on stdin and stdout): u32 payload length, u8 type, payload; little-endian. Each payload
 * but those of PAUSE, RESUME and PAUSED begins with the channel's u32 number.
 * The other side of this protocol is src/supervisor/channels.ts; change both together.
 *
 *   to the supervisor     START    struct start, then strings that each end with NUL: the working directory,
 *                                  the arguments, the variables (NAME=value)
 *                         CONNECT  u16 port of 127.0.0.1, or of ::1 where nobody listens there
 *                         WRITE    u8 stream, bytes for it
 *                         CLOSE    u8 stream: an input gets no more bytes, an output is read no more
 *                         SIGNAL   u8 signal, for the process and its group
 *                         RESIZE   u16 columns, u16 rows of its terminal
 *                         CREDIT   u8 stream, u32 bytes that the manager takes beyond those before
 *                         RELEASE  end what the channel has: its group is killed, its streams are closed
 *                         PAUSE    say nothing more, after PAUSED, until RESUME
 *   from the supervisor   STARTED  u32 pid; 0 for a connection
 *                         FAILED   u32 errno: the channel does not exist
 *                         OUTPUT   u8 stream, bytes
 *                         ENDED    u8 stream: it gives no more bytes
 *                         TAKEN    u8 stream, u32 bytes that it has written on: as many more may be sent
 *                         EXITED   u8 exit code, u8 signal that ended the process, or 0; after what it wrote
 *                         PAUSED
 *
 * Streams: 0 standard input, 1 standard output, 2 standard error, 3 control (a pipe each way, descriptors
 * INPUT_FD and CONTROL_FD of the process). A terminal and a connection have 0 and 1 alone.
 *
 * Each stream has a window: what was sent and is not yet taken is at most WINDOW_BYTES. A process that does not
 * read, or a manager that does not, holds up its own channel and no other.
 *
 * What a process printed before it said something by its control pipe is told before that.
 *
 * A process whose first argument is BUILTIN is not executed: a fork of this program does a file's work
 * (session-files.h) as the user of the channel.
 *
 * User code may do to this process whatever the same uid may do. The manager takes every frame as hostile.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "session-files.h"

enum { INPUT_FD = 198, CONTROL_FD = 199 };

enum frame_type {
    START = 1,
    CONNECT = 2,
    WRITE = 3,
    CLOSE = 4,
    SIGNAL = 5,
    RESIZE = 6,
    CREDIT = 7,
    RELEASE = 8,
    PAUSE = 9,
    RESUME = 10,
    STARTED = 32,
    FAILED = 33,
    OUTPUT = 34,
    ENDED = 35,
    TAKEN = 36,
    EXITED = 37,
    PAUSED = 38,
};

enum start_flag { TERMINAL = 1, HAS_CONTROL = 2 };

struct __attribute__((packed)) start {
    uint8_t flags;
    uint16_t columns, rows;
    uint32_t uid, gid;
    uint16_t argument_count, variable_count;
};

enum { STDIN, STDOUT, STDERR, CONTROL, STREAMS };
enum { MAX_CHANNELS = 256, WINDOW_BYTES = 256 * 1024, CHUNK_BYTES = 32 * 1024 };
/* What a process can have written and nobody read when it ends (pipe(7)). */
enum { PIPE_BYTES = 64 * 1024 };
enum { MAX_FRAME_BYTES = 1024 * 1024 + 64 };
static const char BUILTIN[] = "\001file";

/* What goes to a descriptor, and waits for it. */
struct sink {
    int fd; /* -1: closed */
    int closes; /* after what waits */
    uint8_t *bytes;
    size_t start, length;
};

/* What comes from a descriptor. */
struct source {
    int fd; /* -1: closed */
    uint32_t credit;
    size_t owed; /* once the process has ended: what it may have written and is not sent */
    size_t ahead; /* of an output: what goes before that which waits in the control pipe; of control: that */
};

struct channel {
    uint32_t number; /* 0: free */
    pid_t pid;       /* 0: none, or it has ended */
    pid_t group;     /* kept after the end of the process: others may be in it */
    int is_terminal, is_connecting; /* is_connecting: the family of addresses */
    uint16_t port;
    int control_waits; /* for what is ahead of it */
    int has_ended; /* EXITED is not said yet */
    uint8_t end[2];
    struct sink sinks[STREAMS];
    struct source sources[STREAMS];
};

static struct channel channels[MAX_CHANNELS];
static size_t channel_count; /* one above the last that is in use */
static volatile sig_atomic_t child_changed;
static int is_paused;
static sigset_t open_mask;

static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("session: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(70);
}

/* ---- what is said to the manager ---- */

static uint8_t outbox[4 * CHUNK_BYTES];
static size_t outbox_length;

static void flush_output(void) {
    size_t done = 0;
    while (done < outbox_length) {
        ssize_t n = write(STDOUT_FILENO, outbox + done, outbox_length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0); // The manager is gone: nobody wants this sandbox.
        done += (size_t)n;
    }
    outbox_length = 0;
}

static void say(enum frame_type type, uint32_t number, const void *head, size_t head_length, const void *body,
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

static void say_failed(uint32_t number, int error) {
    const uint32_t code = (uint32_t)error;
    say(FAILED, number, &code, 4, NULL, 0);
}

static void say_ended(uint32_t number, int stream) {
    const uint8_t which = (uint8_t)stream;
    say(ENDED, number, &which, 1, NULL, 0);
}

static void say_taken(uint32_t number, int stream, size_t bytes) {
    uint8_t head[5] = {(uint8_t)stream};
    const uint32_t count = (uint32_t)bytes;
    memcpy(head + 1, &count, 4);
    say(TAKEN, number, head, sizeof head, NULL, 0);
}

/* ---- channels ---- */

static struct channel *channel_of(uint32_t number) {
    for (size_t i = 0; i < channel_count; i++)
        if (channels[i].number == number) return &channels[i];
    return NULL;
}

/* Returns a channel without anything; NULL when all are in use. */
static struct channel *new_channel(uint32_t number) {
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

static void close_source(struct channel *channel, int stream) {
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
static void forget_if_over(struct channel *channel) {
    if (channel->pid) return;
    for (int s = 0; s < STREAMS; s++)
        if (channel->sources[s].fd >= 0) return;
    for (int s = 0; s < STREAMS; s++) close_sink(channel, s);
    channel->number = 0;
    while (channel_count && !channels[channel_count - 1].number) channel_count--;
}

/* Writes what waits, as much as the descriptor takes now. */
static void drain(struct channel *channel, int stream) {
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

static void take_write(struct channel *channel, int stream, const uint8_t *bytes, size_t length) {
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

/* Passes on what can be read, a chunk at most: others have their turn then. */
static void relay(struct channel *channel, int stream) {
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

/* Passes on what came by the control pipe, once what was printed before it is passed on. */
static void relay_control(struct channel *channel) {
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

static void release(struct channel *channel) {
    if (channel->group) kill(-channel->group, SIGKILL);
    for (int s = 0; s < STREAMS; s++) {
        close_sink(channel, s);
        close_source(channel, s);
    }
    channel->group = 0;
}

/* ---- processes ---- */

/* Strings of a START frame, read in order. */
struct strings {
    char *next, *end;
};

/* The next string; NULL when the frame has no more. */
static char *next_string(struct strings *from) {
    char *string = from->next;
    char *nul = memchr(string, 0, (size_t)(from->end - string));
    if (!nul) return NULL;
    from->next = nul + 1;
    return string;
}

/* In the child: becomes the program. Returns the error that kept it from that. */
static int become(const struct start *start, const char *folder, char **arguments, char **variables) {
    if (geteuid() != 0 && geteuid() != start->uid) return EPERM;
    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(start->gid) || setuid(start->uid))) return errno;
    if (chdir(folder)) return errno;
    if (strcmp(arguments[0], BUILTIN) == 0) return 0;
    environ = variables;
    execvp(arguments[0], arguments);
    return errno;
}

/* In the child: gives the process its streams. */
static int set_streams(const struct start *start, int terminal, int pipes[STREAMS][2], int control[2]) {
    if (setsid() < 0) return errno;
    if (start->flags & TERMINAL) {
        if (ioctl(terminal, TIOCSCTTY, 0)) return errno;
        for (int fd = 0; fd < 3; fd++)
            if (dup2(terminal, fd) < 0) return errno;
    } else {
        if (dup2(pipes[STDIN][0], 0) < 0 || dup2(pipes[STDOUT][1], 1) < 0 || dup2(pipes[STDERR][1], 2) < 0)
            return errno;
    }
    if (start->flags & HAS_CONTROL)
        if (dup2(control[0], INPUT_FD) < 0 || dup2(control[1], CONTROL_FD) < 0) return errno;
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &open_mask, NULL);
    return 0;
}

/* Closes all descriptors above one. Some kernels of sandboxes have no close_range(2). */
static void close_above(int last) {
    if (close_range((unsigned)last + 1, ~0U, 0) == 0) return;
    const int most = (int)sysconf(_SC_OPEN_MAX);
    for (int fd = last + 1; fd < most; fd++) close(fd);
}

static void close_pair(int pair[2]) {
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0) close(pair[i]);
}

static void unblock(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static int open_terminal(const struct start *start, int *master, int *slave) {
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || grantpt(*master) || unlockpt(*master)) return -1;
    char name[64];
    if (ptsname_r(*master, name, sizeof name)) return -1;
    *slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave < 0) return -1;
    const struct winsize size = {.ws_col = start->columns, .ws_row = start->rows};
    ioctl(*master, TIOCSWINSZ, &size);
    // The user's own terminal (tty(4)); it may not be had where all is one user's.
    if (fchown(*slave, start->uid, start->gid)) return errno == EPERM ? 0 : -1;
    return 0;
}

static void resize(const struct channel *channel, uint16_t columns, uint16_t rows) {
    const int terminal = channel->sources[STDOUT].fd;
    struct winsize size = {0};
    if (terminal < 0 || ioctl(terminal, TIOCGWINSZ, &size)) return;
    if (size.ws_col == columns && size.ws_row == rows) return;
    size.ws_col = columns;
    size.ws_row = rows;
    ioctl(terminal, TIOCSWINSZ, &size);
    // gVisor does not tell those at the terminal (ioctl_tty(2)); twice is harmless where the kernel does.
    const pid_t foreground = tcgetpgrp(terminal);
    if (foreground > 1) kill(-foreground, SIGWINCH);
    else if (channel->group) kill(-channel->group, SIGWINCH);
}

/* Starts the process of a new channel. Returns 0 or an errno. */
static int start_process(struct channel *channel, const struct start *start, const char *folder,
                         char **arguments, char **variables) {
    int pipes[STREAMS][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}, control[2] = {-1, -1};
    int master = -1, slave = -1, word[2] = {-1, -1}, error = 0;
    const int has_terminal = start->flags & TERMINAL, has_control = start->flags & HAS_CONTROL;
    if (pipe2(word, O_CLOEXEC)) error = errno;
    if (!error && has_terminal && open_terminal(start, &master, &slave)) error = errno;
    for (int s = STDIN; !error && !has_terminal && s <= STDERR; s++)
        if (pipe2(pipes[s], O_CLOEXEC)) error = errno;
    if (!error && has_control && (pipe2(pipes[CONTROL], O_CLOEXEC) || pipe2(control, O_CLOEXEC)))
        error = errno;
    // To the process by pipes[CONTROL], from it by control.
    int theirs[2] = {pipes[CONTROL][0], control[1]};
    const pid_t pid = error ? -1 : fork();
    if (!error && pid < 0) error = errno;
    if (pid == 0) {
        int failure = set_streams(start, slave, pipes, theirs);
        if (!failure) failure = become(start, folder, arguments, variables);
        if (!failure) {
            // No program is executed, which would close what belongs to other channels.
            close_above(STDERR_FILENO);
            _exit(file_work(arguments + 1));
        }
        if (write(word[1], &failure, sizeof failure) < 0) _exit(71);
        _exit(72);
    }
    if (word[1] >= 0) close(word[1]);
    word[1] = -1;
    int failure = 0;
    if (!error && read(word[0], &failure, sizeof failure) == sizeof failure) error = failure;
    if (word[0] >= 0) close(word[0]);
    if (error) {
        for (int s = 0; s < STREAMS; s++) close_pair(pipes[s]);
        close_pair(control);
        if (master >= 0) close(master);
        if (slave >= 0) close(slave);
        return error; // A child that failed is reaped like any other.
    }
    channel->pid = channel->group = pid;
    if (has_terminal) {
        close(slave);
        channel->is_terminal = 1;
        channel->sinks[STDIN].fd = channel->sources[STDOUT].fd = master;
        unblock(master);
    } else {
        close(pipes[STDIN][0]);
        close(pipes[STDOUT][1]);
        close(pipes[STDERR][1]);
        channel->sinks[STDIN].fd = pipes[STDIN][1];
        channel->sources[STDOUT].fd = pipes[STDOUT][0];
        channel->sources[STDERR].fd = pipes[STDERR][0];
        unblock(pipes[STDIN][1]);
        unblock(pipes[STDOUT][0]);
        unblock(pipes[STDERR][0]);
    }
    if (has_control) {
        close(pipes[CONTROL][0]);
        close(control[1]);
        channel->sinks[CONTROL].fd = pipes[CONTROL][1];
        channel->sources[CONTROL].fd = control[0];
        unblock(pipes[CONTROL][1]);
        unblock(control[0]);
    }
    return 0;
}

static void take_start(uint32_t number, uint8_t *bytes, size_t length) {
    struct start start;
    if (length < sizeof start) die("START too short");
    memcpy(&start, bytes, sizeof start);
    struct strings strings = {(char *)bytes + sizeof start, (char *)bytes + length};
    const size_t count = (size_t)start.argument_count + start.variable_count;
    char **all = calloc(count + 2, sizeof *all);
    const char *folder = next_string(&strings);
    int is_whole = all && folder && start.argument_count > 0;
    char **variables = all ? all + start.argument_count + 1 : NULL;
    for (size_t i = 0; is_whole && i < count; i++) {
        char **place = i < start.argument_count ? all + i : variables + (i - start.argument_count);
        *place = next_string(&strings);
        if (!*place) is_whole = 0;
    }
    if (!is_whole) die("START is not whole");
    struct channel *channel = channel_of(number) ? NULL : new_channel(number);
    int error = channel ? start_process(channel, &start, folder, all, variables) : EMFILE;
    free(all);
    if (error) {
        if (channel) channel->number = 0;
        say_failed(number, error);
        return;
    }
    const uint32_t pid = (uint32_t)channel->pid;
    say(STARTED, number, &pid, 4, NULL, 0);
}

/* ---- connections ---- */

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

static void take_connect(uint32_t number, uint16_t port) {
    struct channel *channel = channel_of(number) ? NULL : new_channel(number);
    if (channel) channel->port = port;
    int error = channel ? begin_connect(channel, AF_INET) : EMFILE;
    if (error == ECONNREFUSED) error = begin_connect(channel, AF_INET6);
    if (!error) return;
    if (channel) channel->number = 0;
    say_failed(number, error);
}

static void finish_connect(struct channel *channel) {
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

/* ---- what the manager says ---- */

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
