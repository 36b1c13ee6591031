/* The runner: its start, what is written to it and read from it, and the end of it and of all others. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t BOOT_STREAM_BYTES = 1 << 20;
enum { REAP_PATIENCE_MS = 1000 };

volatile sig_atomic_t child_changed;
pid_t runner_pid;
int status_fd, stdin_file;
struct stream streams[3];

static void on_child(int signal_number) {
    (void)signal_number;
    child_changed = 1;
}

void watch_children(void) {
    const struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
}

void start_runner(char **argv, const sigset_t *runner_mask) {
    int input[2], out[2], err[2], control[2], done[2];
    if (pipe2(input, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
        pipe2(control, O_CLOEXEC) || pipe2(done, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    stdin_file = memfd_create("stdin", MFD_CLOEXEC);
    if (stdin_file < 0) die("stdin: %s", strerror(errno));
    runner_pid = fork();
    if (runner_pid < 0) die("fork: %s", strerror(errno));
    if (runner_pid == 0) {
        if (dup2(stdin_file, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0 ||
            dup2(input[0], RUNNER_INPUT_FD) < 0 || dup2(control[1], RUNNER_CONTROL_FD) < 0 ||
            dup2(done[1], RUNNER_STATUS_FD) < 0)
            _exit(71);
        setsid();
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, runner_mask, NULL);
        execv(argv[0], argv);
        dprintf(2, "supervisor: cannot start %s: %s\n", argv[0], strerror(errno));
        _exit(72);
    }
    close(input[0]);
    close(out[1]);
    close(err[1]);
    close(control[1]);
    close(done[1]);
    status_fd = done[0];
    if (dup3(input[1], RUNNER_INPUT_FD, O_CLOEXEC) < 0) die("dup: %s", strerror(errno));
    close(input[1]);
    streams[0] = (struct stream){out[0], FRAME_STDOUT, 0, BOOT_STREAM_BYTES};
    streams[1] = (struct stream){err[0], FRAME_STDERR, 0, BOOT_STREAM_BYTES};
    streams[2] = (struct stream){control[0], FRAME_CONTROL, 0, BOOT_STREAM_BYTES};
    for (int i = 0; i < 3; i++) fcntl(streams[i].fd, F_SETFL, O_NONBLOCK);
    fcntl(status_fd, F_SETFL, O_NONBLOCK); // What it holds may be read by others meanwhile.
}

void feed_runner(const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(RUNNER_INPUT_FD, bytes, length);
        if (n < 0) {
            if (errno == EINTR) continue;
            return; // It is dead or closed its input: how it ended tells the rest.
        }
        bytes += n;
        length -= (size_t)n;
    }
}

int pass_on(struct stream *stream, const uint8_t *bytes, size_t length) {
    uint64_t room = stream->max_bytes - stream->bytes;
    size_t keep = (uint64_t)length > room ? (size_t)room : length;
    if (keep > 0) send_frame(stream->type, bytes, keep, NULL, 0);
    stream->bytes += keep;
    return keep == length;
}

int relay(struct stream *stream) {
    static uint8_t chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t n = read(stream->fd, chunk, sizeof chunk);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return 1;
            n = 0;
        }
        if (n == 0) {
            close(stream->fd);
            stream->fd = -1;
            return 1;
        }
        if (!pass_on(stream, chunk, (size_t)n)) return 0;
        if ((size_t)n < sizeof chunk) return 1;
    }
}

/*
 * Ends every process but this one and reaps them, in a second at most: the manager destroys the
 * sandbox anyway. kill(-1) spares pid 1 and nobody else; it is repeated because a process may fork
 * between two looks.
 */
void end_everyone(int *status) {
    uint64_t give_up = now_us() + REAP_PATIENCE_MS * 1000;
    for (;;) {
        int left = kill(-1, SIGKILL) == 0;
        int child_status;
        pid_t pid;
        while ((pid = waitpid(-1, &child_status, WNOHANG)) > 0)
            if (pid == runner_pid) *status = child_status;
        if (pid < 0 && errno == ECHILD && !left) return;
        if (now_us() > give_up) return;
        struct timespec pause = {0, 200 * 1000};
        nanosleep(&pause, NULL);
    }
}

void watch_streams(struct pollfd *fds) {
    for (int i = 0; i < 3; i++) fds[i] = (struct pollfd){streams[i].fd, POLLIN, 0};
}

int reap(int *status) {
    int child_status, runner_ended = 0;
    pid_t pid;
    child_changed = 0;
    while ((pid = waitpid(-1, &child_status, WNOHANG)) > 0) {
        if (pid != runner_pid) continue;
        *status = child_status;
        runner_ended = 1;
    }
    return runner_ended;
}
