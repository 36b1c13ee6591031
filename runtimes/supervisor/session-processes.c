/* Processes of a session: how each is started, with its streams and its user. */
#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "session-files.h"

enum { INPUT_FD = 198, CONTROL_FD = 199 };
static const char BUILTIN[] = "\001file";

enum start_flag { TERMINAL = 1, HAS_CONTROL = 2 };

struct __attribute__((packed)) start {
    uint8_t flags;
    uint16_t columns, rows;
    uint32_t uid, gid;
    uint16_t argument_count, variable_count;
};

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

void resize(const struct channel *channel, uint16_t columns, uint16_t rows) {
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

void take_start(uint32_t number, uint8_t *bytes, size_t length) {
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
