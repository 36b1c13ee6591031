/* One run: it relays, keeps to the limits, and reports how the run ended. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A runner that holds back output writes it when it gets SIGURG, which others ignore: the supervisor
 * sends that now and then, and before it ends a run at its time limit.
 *
 * A kept run that passes its time or the limit of stdout or stderr is interrupted by SIGINT. A runner that
 * tells its exit code within INTERRUPT_MS lives on; else everything ends, as after any other run. A file is an
 * artifact of a kept run if it has changed since that began. What is written between two runs waits in the
 * pipes for the next.
 */

/* How long a program that has its result may take to end. The runners give up a little earlier. */
enum { LEFTOVER_MS = 1000 };
/* The first SIGURG of a run, then each time twice as late, up to the second number. */
enum { FIRST_FLUSH_MS = 25, SLOWEST_FLUSH_MS = 1000 };
/* How long the runner's answer to the last SIGURG is waited for. */
enum { LAST_FLUSH_MS = 50 };
/* How long a runner that is interrupted may take to end its program: on a busy machine that takes a while, and
 * variables are at stake. The manager waits longer for such a run. */
enum { INTERRUPT_MS = 3000 };
enum { STATUS, FIRST_STREAM, MANAGER = FIRST_STREAM + 3, POLLED };

/* Bytes for the control pipe follow, in the same write. */
struct __attribute__((packed)) returned_word {
    uint8_t exit_code;
    char mark[4]; /* RETURNED_MARK, which no frame begins with: as a length it is too large */
    uint16_t control_length;
};
static const char RETURNED_MARK[4] = {'R', 'T', 'R', 'N'};

int is_kept;
struct timespec kept_since;

/* Notes the stream that passed its limit, unless the run has ended for another cause. */
static void note_flood(struct run_report *report, const struct stream *stream) {
    if (report->cause != CAUSE_ENDED) return;
    report->cause = CAUSE_OUTPUT;
    report->output_stream = (uint8_t)stream->type;
}

static void relay_streams(const struct pollfd *fds, struct run_report *report) {
    for (int i = 0; i < 3; i++) {
        if (streams[i].fd < 0 || !fds[i].revents || relay(&streams[i])) continue;
        note_flood(report, &streams[i]);
        if (report->cause == CAUSE_OUTPUT) return;
    }
}

/* What the runner said of itself on its status pipe. */
struct progress {
    int returned, done;
    uint8_t exit_code;
    uint64_t returned_us;
};

static void pass_on_control(const uint8_t *bytes, size_t length, struct run_report *report) {
    if (!pass_on(&streams[2], bytes, length)) note_flood(report, &streams[2]);
}

static void read_status(struct progress *progress, struct run_report *report) {
    static uint8_t bytes[CHUNK_BYTES];
    ssize_t n = read(status_fd, bytes, sizeof bytes);
    if (n == 0) status_fd = -1;
    if (n < 1) return;
    const uint8_t *next = bytes;
    size_t left = (size_t)n;
    struct returned_word word;
    while (left >= sizeof word) {
        memcpy(&word, next, sizeof word);
        const size_t length = sizeof word + word.control_length;
        if (memcmp(word.mark, RETURNED_MARK, sizeof word.mark) != 0 || length > left) break;
        pass_on_control(next + sizeof word, word.control_length, report);
        if (!progress->returned) progress->returned_us = now_us();
        progress->returned = 1;
        progress->exit_code = word.exit_code;
        next += length;
        left -= length;
    }
    if (left == 0) return;
    progress->done = 1;
    progress->exit_code = next[0];
    pass_on_control(next + 1, left - 1, report);
}

/* Has the runner write what it holds back, and passes on what comes within LAST_FLUSH_MS. */
static void collect_last_output(struct run_report *report) {
    const uint64_t give_up = now_us() + LAST_FLUSH_MS * 1000;
    kill(runner_pid, SIGURG);
    for (uint64_t now = now_us(); now < give_up && report->cause != CAUSE_OUTPUT; now = now_us()) {
        struct pollfd fds[3];
        watch_streams(fds);
        if (poll(fds, 3, (int)((give_up - now) / 1000) + 1) <= 0) continue;
        for (int i = 0; i < 3; i++)
            if (streams[i].fd >= 0 && fds[i].revents && !relay(&streams[i])) return;
    }
}

/* Hears what the manager says in a run, which may have come together with RUN. Returns 1 when it is to end. */
static int is_told_to_end(const struct run_limits *limits, short events) {
    if ((!is_kept && !limits->end_may_come) || (!events && !has_mail())) return 0;
    const uint8_t type = take(5)[4];
    if (type == FRAME_END && limits->end_may_come) return 1;
    if (type != FRAME_INTERRUPT || !is_kept) die("unexpected frame in the run");
    kill(runner_pid, SIGINT);
    return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

void begin_kept_run(void) {
    struct stat info;
    is_kept = 1;
    // A change of this file tells the time that files are told.
    if (fchmod(stdin_file, 0600) || fstat(stdin_file, &info)) die("stdin: %s", strerror(errno));
    kept_since = info.st_ctim;
}

void end_kept_run(void) {
    forget_artifacts();
    forget_inputs();
}

/* Has the program end, and drops what it writes beyond its limits. Returns 1 when the runner has ended. */
static int interrupt_runner(struct progress *progress, struct run_report *report, int *status) {
    const uint64_t give_up = now_us() + INTERRUPT_MS * 1000;
    kill(runner_pid, SIGINT);
    for (uint64_t now = now_us(); now < give_up && !progress->done; now = now_us()) {
        struct pollfd fds[MANAGER] = {[STATUS] = {status_fd, POLLIN, 0}};
        watch_streams(fds + FIRST_STREAM);
        if (!child_changed && poll(fds, MANAGER, (int)((give_up - now) / 1000) + 1) < 0) continue;
        for (int i = 0; i < 3; i++)
            if (streams[i].fd >= 0 && fds[FIRST_STREAM + i].revents) relay(&streams[i]);
        if (fds[STATUS].revents & POLLIN) read_status(progress, report);
        else if (fds[STATUS].revents) return 0;
        if (!progress->done && child_changed && reap(status)) return 1;
    }
    return 0;
}

/* Binds the runner, and what it starts, to a number of processes that is at most the sandbox's. In a kept run it can
 * be raised again, as the next run may have another one. */
static void limit_processes(uint32_t processes) {
    struct rlimit limit;
    if (prlimit(runner_pid, RLIMIT_NPROC, NULL, &limit)) die("prlimit: %s", strerror(errno));
    if (limit.rlim_cur == processes) return;
    limit.rlim_cur = processes < limit.rlim_max ? processes : limit.rlim_max;
    if (!is_kept) limit.rlim_max = limit.rlim_cur;
    if (prlimit(runner_pid, RLIMIT_NPROC, &limit, NULL)) die("prlimit: %s", strerror(errno));
}

int supervise(const struct run_limits *limits, const uint8_t *task, size_t task_length,
              const sigset_t *open_mask) {
    const uint64_t started = now_us();
    waited_us = 0;
    streams[0].max_bytes = streams[0].bytes + limits->max_stdout_bytes;
    streams[1].max_bytes = streams[1].bytes + limits->max_stderr_bytes;
    streams[2].max_bytes = streams[2].bytes + limits->max_control_bytes;
    limit_processes(limits->processes);
    feed_runner(task, task_length);

    struct run_report report = {0};
    struct progress progress = {0};
    int status = 0, runner_ended = 0;
    uint64_t flush_after = FIRST_FLUSH_MS * 1000, next_flush = started + flush_after;
    while (!runner_ended && !progress.done && report.cause == CAUSE_ENDED) {
        // The status first: whatever the runner wrote before it is then seen in the same look.
        const int may_speak = is_kept || limits->end_may_come;
        struct pollfd fds[POLLED] = {[STATUS] = {status_fd, POLLIN, 0},
                                     [MANAGER] = {may_speak ? STDIN_FILENO : -1, POLLIN, 0}};
        watch_streams(fds + FIRST_STREAM);
        const uint64_t now = now_us();
        uint64_t deadline = started + (uint64_t)limits->wall_time_ms * 1000 + waited_us;
        if (progress.returned) deadline = earlier(deadline, progress.returned_us + LEFTOVER_MS * 1000);
        if (now >= deadline) {
            // What the program left running did not end: it has its result all the same.
            if (progress.returned) progress.done = 1;
            else report.cause = CAUSE_WALL_TIME;
            break;
        }
        if (now >= next_flush) {
            kill(runner_pid, SIGURG);
            flush_after = earlier(2 * flush_after, SLOWEST_FLUSH_MS * 1000);
            next_flush = now + flush_after;
        }
        const uint64_t wait_us = earlier(deadline, next_flush) - now;
        struct timespec left = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
        // A time-out leaves fds as they are, without events.
        if (!child_changed) ppoll(fds, POLLED, &left, open_mask);
        relay_streams(fds + FIRST_STREAM, &report);
        if (report.cause == CAUSE_ENDED && is_told_to_end(limits, fds[MANAGER].revents)) {
            report.cause = CAUSE_TOLD;
            break;
        }
        if (report.cause == CAUSE_ENDED && fds[STATUS].revents & POLLIN) {
            read_status(&progress, &report);
        } else if (fds[STATUS].revents) {
            status_fd = -1;
        }
        if (child_changed && !progress.done) runner_ended = reap(&status);
        if (!progress.done) flush_output();
    }
    // It may have said so and ended in one go.
    if (runner_ended && status_fd >= 0) read_status(&progress, &report);
    const int is_control_cut = report.output_stream == FRAME_CONTROL;
    if (is_kept && !progress.done && !runner_ended && !is_control_cut)
        runner_ended = interrupt_runner(&progress, &report, &status);
    // A runner that is done is left alone, with all that it may have started: taking it down would
    // hold up the report, and the manager ends the sandbox as soon as it has that.
    if (!progress.done) {
        if (report.cause == CAUSE_WALL_TIME || report.cause == CAUSE_TOLD) collect_last_output(&report);
        end_everyone(&status);
        struct pollfd last[3];
        watch_streams(last);
        if (report.cause != CAUSE_OUTPUT) {
            poll(last, 3, 0);
            relay_streams(last, &report);
        }
        report.exit_code = WIFEXITED(status) ? (uint8_t)WEXITSTATUS(status) : 0;
        report.signal = WIFSIGNALED(status) ? (uint8_t)WTERMSIG(status) : 0;
    } else {
        report.exit_code = progress.exit_code;
    }
    report.artifacts_left_out = collect_artifacts(limits, started);
    const int lives = is_kept && progress.done && !runner_ended && streams[2].bytes < streams[2].max_bytes;
    if (lives) send_frame(FRAME_NEXT, NULL, 0, NULL, 0);
    send_frame(FRAME_EXIT, &report, sizeof report, NULL, 0);
    flush_output();
    return lives;
}
