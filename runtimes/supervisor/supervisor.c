/*
 * The supervisor: pid 1 of every sandbox that does one run, the same for all languages.
 *
 *   supervisor PROCESSORS RUNNER [ARG ...]
 *
 * It starts the runner at once (interpreter up, libraries loaded), waits for one RUN frame, and then
 * relays what the runner writes, ends it when a limit is passed, collects the artifacts and reports
 * how the run ended. With RUN_KEPT in place of RUN it then waits for the next one. It knows nothing of
 * languages: what the manager sends for the runner, and what the runner answers on its control pipe, passes
 * through it unread.
 *
 *   supervisor.c            start, and what the manager says between runs
 *   supervisor.h            the protocol, and what the files use of each other
 *   supervisor-frames.c     bytes from and to the manager
 *   supervisor-runner.c     the runner's process and its pipes
 *   supervisor-inputs.c     what is there before a run: files and standard input
 *   supervisor-run.c        one run and its limits
 *   supervisor-artifacts.c  the files that a program made
 *
 * A system call costs 60 to 100 us here, a first touch of a page as much. So it reads together what arrived
 * together and writes together what it says together. An INPUT frame, by which the manager warms a restored
 * sandbox up, walks this side's part of a run too.
 *
 * User code may do to this process whatever the same uid may do. The supervisor is not dumpable, so it cannot
 * be traced or read through /proc, but nothing depends on that: the manager takes every frame as hostile and
 * keeps its own deadline.
 */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits between two kept runs. What programs have left running may end meanwhile, but not the runner. */
static void wait_for_mail(const sigset_t *open_mask) {
    struct pollfd mail = {STDIN_FILENO, POLLIN, 0};
    while (!has_mail() && !mail.revents) {
        int status;
        if (child_changed && reap(&status)) die("the runner ended between two runs");
        if (!child_changed) ppoll(&mail, 1, NULL, open_mask);
    }
}

/* Before the first run: relays what the runner says at its start. Returns whether the manager speaks. */
static int relay_start(const sigset_t *open_mask) {
    struct pollfd fds[4] = {{STDIN_FILENO, POLLIN, 0}};
    watch_streams(fds + 1);
    const int was_mail = has_mail();
    const struct timespec at_once = {0, 0};
    if (!child_changed && ppoll(fds, 4, was_mail ? &at_once : NULL, open_mask) < 0 && errno != EINTR)
        die("poll: %s", strerror(errno));
    for (int i = 0; i < 3; i++)
        if (streams[i].fd >= 0 && fds[i + 1].revents && !relay(&streams[i]))
            die("the runner floods its output before it has a task");
    flush_output();
    if (child_changed) {
        int status = 0;
        waitpid(runner_pid, &status, WNOHANG);
        for (int i = 0; i < 3; i++)
            if (streams[i].fd >= 0) relay(&streams[i]);
        flush_output();
        die("the runner ended before it had a task (wait status %d)", status);
    }
    return fds[0].revents || was_mail;
}

/* Takes what the manager says, until a run has come after which there is none. */
static void serve(const sigset_t *open_mask) {
    for (;;) {
        if (is_kept) wait_for_mail(open_mask);
        else if (!relay_start(open_mask)) continue;

        uint32_t length;
        const uint8_t *prefix = take(5);
        const uint8_t type = prefix[4];
        memcpy(&length, prefix, 4);
        if (type == FRAME_FILE) {
            take_file(length);
            continue;
        }
        if (type == FRAME_STDIN) {
            take_stdin(length);
            continue;
        }
        if (type == FRAME_COLLECT) {
            take_globs(length);
            continue;
        }
        const uint8_t *payload = take(length);
        if (type == FRAME_INPUT) {
            const struct run_limits nothing = {0};
            note_workspace();
            collect_artifacts(&nothing, now_us());
            feed_runner(payload, length);
        } else if ((type == FRAME_RUN_KEPT || (type == FRAME_RUN && !is_kept)) &&
                   length >= sizeof(struct run_limits)) {
            struct run_limits limits;
            memcpy(&limits, payload, sizeof limits);
            if (type == FRAME_RUN_KEPT) begin_kept_run();
            if (!supervise(&limits, payload + sizeof limits, length - sizeof limits, open_mask)) return;
            end_kept_run();
        } else if (type != FRAME_INTERRUPT && type != FRAME_END) {
            die("unexpected frame of type %u", type);
        }
    }
}

/* The run's share of processors is not a matter of which ones it runs on. But whoever asks how many there are
 * (nproc, sched_getaffinity) is told as many as the share is good for, and starts as many workers. */
static void show_processors(const char *count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = atoi(count) - 1; i >= 0; i--)
        if (i < CPU_SETSIZE) CPU_SET(i, &set);
    sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv) {
    if (argc < 3) die("usage: supervisor PROCESSORS RUNNER [ARG ...]");
    prctl(PR_SET_DUMPABLE, 0);
    if (mkdir(ARTIFACT_DIR, 0755)) die("%s: %s", ARTIFACT_DIR, strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    watch_children();
    sigset_t blocked, open_mask;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    show_processors(argv[1]);
    start_runner(argv + 2, &open_mask);
    serve(&open_mask);
    // The end of this process is the end of the sandbox, whose memory takes long to give back. The manager
    // chooses the time of it.
    wait_for_end();
}
