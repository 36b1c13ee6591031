/*
 * The supervisor's protocol, and what its files use of each other.
 *
 * Frames (both ways, on stdin and stdout): u32 payload length, u8 type, payload; little-endian.
 * The other side of this protocol is src/supervisor/protocol.ts; change both together.
 *
 *   to the supervisor     INPUT    bytes for the runner's input pipe
 *                         FILE     u16 path length, path (from the working directory), content: a file
 *                                  that is put there before the run
 *                         STDIN    what the program reads on its standard input
 *                         COLLECT  globs, each ended by NUL: other files are not artifacts
 *                         RUN      struct run_limits, then bytes for the runner's input pipe
 *                         END      ends the run; only where end_may_come was set
 *                         RUN_KEPT as RUN, for one of several runs: runner and files live on
 *                         INTERRUPT  in such a run: sends SIGINT to the runner
 *   from the supervisor   STDOUT, STDERR, CONTROL   bytes as the runner wrote them
 *                         ARTIFACT u16 path length, path (from the working directory), content
 *                         LEFT_OUT u8 reason, u64 size, path; for the first MAX_LEFT_OUT of them
 *                         NEXT     before EXIT of a kept run: the runner waits for the next run
 *                         EXIT     struct run_report; the last frame of a run
 *
 * The runner's file descriptors: 0 is a file in memory. It is empty unless STDIN came, so a read ends at once.
 * 1 and 2 are pipes, and so are the RUNNER_*_FDs below. A runner that is done may write its exit code as one
 * byte to RUNNER_STATUS_FD instead of exiting: taking down a process with large libraries costs 10 ms, and the
 * manager destroys the sandbox anyway. Bytes behind that one, in the same write and at most PIPE_BUF in all,
 * are taken as its last on the control pipe. Before that it may write struct returned_word: the program has its
 * result, and what it left running (threads, timers) gets LEFTOVER_MS to end. Then the run is over with the
 * exit code of the word.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

enum { RUNNER_INPUT_FD = 198, RUNNER_CONTROL_FD = 199, RUNNER_STATUS_FD = 200 };

enum frame_type {
    FRAME_INPUT = 1,
    FRAME_RUN = 2,
    FRAME_FILE = 3,
    FRAME_STDIN = 4,
    FRAME_COLLECT = 5,
    FRAME_END = 6,
    FRAME_RUN_KEPT = 7,
    FRAME_INTERRUPT = 8,
    FRAME_STDOUT = 16,
    FRAME_STDERR = 17,
    FRAME_CONTROL = 18,
    FRAME_ARTIFACT = 19,
    FRAME_EXIT = 20,
    FRAME_LEFT_OUT = 21,
    FRAME_NEXT = 22,
};

/* Why a file was not sent. */
enum left_out_reason { TOO_MANY = 1, TOO_LARGE = 2, TOO_LATE = 3, UNREADABLE = 4, ODD_NAME = 5 };

/* What ended the run first. */
enum cause { CAUSE_ENDED = 0, CAUSE_WALL_TIME = 1, CAUSE_OUTPUT = 2, CAUSE_TOLD = 3 };

struct __attribute__((packed)) run_limits {
    uint32_t wall_time_ms;
    uint32_t max_stdout_bytes;
    uint32_t max_stderr_bytes;
    uint32_t max_control_bytes;
    uint32_t max_artifacts;
    uint32_t max_artifact_bytes;
    uint32_t end_may_come;
    uint32_t processes; /* and threads, of this user */
};

struct __attribute__((packed)) run_report {
    uint8_t cause;
    uint8_t output_stream; /* which stream passed its limit: a frame type, or 0 */
    uint8_t exit_code;     /* of the runner, when signal is 0 */
    uint8_t signal;        /* that ended the runner, or 0 */
    uint32_t artifacts_left_out;
};

static const char WORKSPACE[] = "/workspace", ARTIFACT_DIR[] = "/workspace/artifacts";
enum { CHUNK_BYTES = 64 * 1024, MAX_PATH_BYTES = 1024 };

/* ---- supervisor-frames.c ---- */

/* How long this process has waited for the manager to read. The program is held up meanwhile, so this time
 * is not counted against its limit. */
extern uint64_t waited_us;

/* Prints a line to stderr and ends the process, and with it the sandbox. */
_Noreturn void die(const char *format, ...);
/* Returns the monotonic time. */
uint64_t now_us(void);
/* Tells whether bytes of the manager are read and not yet taken. */
int has_mail(void);
/* Returns the next bytes that the manager sent; they are good until the next call. */
const uint8_t *take(size_t length);
/* Copies the next bytes that the manager sent to a file, however many: they are not held in memory. */
void take_into(int fd, size_t length);
/* Waits until the manager is gone, then ends the process. */
_Noreturn void wait_for_end(void);
/* Sends a frame. It goes out with the next flush_output(), if not before. */
void send_frame(enum frame_type type, const void *head, size_t head_length, const void *body,
                size_t body_length);
/* Writes out the frames that wait. */
void flush_output(void);

/* ---- supervisor-runner.c ---- */

struct stream {
    int fd; /* -1: closed */
    enum frame_type type;
    uint64_t bytes;
    uint64_t max_bytes;
};

extern struct stream streams[3]; /* stdout, stderr, control */
extern pid_t runner_pid;
extern int status_fd, stdin_file;
extern volatile sig_atomic_t child_changed; /* a child has ended and is not reaped */

/* Starts the runner and its pipes. */
void start_runner(char **argv, const sigset_t *runner_mask);
/* Has child_changed set from now on. */
void watch_children(void);
/* Writes to the runner's input pipe. */
void feed_runner(const uint8_t *bytes, size_t length);
/* Sends on what the stream carried. Returns 0 when it passed its limit. */
int pass_on(struct stream *stream, const uint8_t *bytes, size_t length);
/* Relays what can be read now. Returns 0 when the stream passed its limit. */
int relay(struct stream *stream);
/* Fills in three entries for poll(2), one for each stream. */
void watch_streams(struct pollfd *fds);
/* Reaps the children that have ended. Returns 1 when the runner is among them. */
int reap(int *status);
/* Kills every process but this one and reaps them. */
void end_everyone(int *status);

/* ---- supervisor-inputs.c ---- */

/* Notes what is in the working directory: the program did not make it. */
void note_workspace(void);
/* Tells whether an open file is in the working directory, and fills in its state. */
int is_in_workspace(int fd, struct stat *info);
/* Tells whether nothing was made in the working directory, or taken away, since it was noted. */
int is_workspace_unchanged(void);
/* Tells whether a file was there when the working directory was noted: the program's source and input. */
int is_own_input(ino_t inode);
/* Read a FILE frame and a STDIN frame of this length. */
void take_file(size_t length);
void take_stdin(size_t length);
/* Tells whether the program has left a file as it was put there. */
int is_unchanged_input(const struct stat *info);
/* Forgets the files and the standard input of the run that has ended. */
void forget_inputs(void);

/* ---- supervisor-artifacts.c ---- */

/* Reads a COLLECT frame of this length. */
void take_globs(size_t length);
/* Sends what the program made in its working directory. Returns how many files were left out. */
uint32_t collect_artifacts(const struct run_limits *limits, uint64_t started);
/* Forgets the globs and the files of the run that has ended. */
void forget_artifacts(void);

/* ---- supervisor-run.c ---- */

/* Whether the run is one of several, and when it began by the clock of the files. */
extern int is_kept;
extern struct timespec kept_since;

/* Begins a run after which others may come. */
void begin_kept_run(void);
/* Forgets what belongs to the run that has ended. */
void end_kept_run(void);
/* Does one run, from its RUN frame to its EXIT frame. Returns 1 when the runner waits for another. */
int supervise(const struct run_limits *limits, const uint8_t *task, size_t task_length,
              const sigset_t *open_mask);

#endif
