/*
 * The supervisor: pid 1 of every sandbox, the same for all languages.
 *
 *   supervisor PROCESSORS RUNNER [ARG ...]
 *
 * It starts the runner at once (interpreter up, libraries loaded), waits for one RUN frame, and then
 * relays what the runner writes, ends it when a limit is passed, collects the artifacts and reports
 * how the run ended. With RUN_KEPT in place of RUN it then waits for the next one. It knows nothing of languages: what the manager sends for the runner, and what
 * the runner answers on its control pipe, passes through it unread.
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
 * The runner's file descriptors: 0 a file in memory, which is empty unless STDIN came, so that reads end at
 * once; 1 and 2 pipes, and the RUNNER_*_FDs below. A runner
 * that is done may write its exit code as one byte to RUNNER_STATUS_FD instead of exiting: taking
 * down a process with large libraries costs 10 ms, and the sandbox is thrown away anyway. Bytes behind
 * that one, in the same write and at most PIPE_BUF in all, are taken as its last on the control pipe.
 * Before that it may write struct returned_word: the program has its result, and what it left running
 * (threads, timers) gets LEFTOVER_MS to end; then the run is over with the exit code of the word.
 *
 * A runner that holds back output writes it when it gets SIGURG, which others ignore: the supervisor
 * sends that now and then, and before it ends a run at its time limit.
 *
 * A kept run that passes its time or the limit of stdout or stderr is interrupted by SIGINT. A runner that
 * tells its exit code within INTERRUPT_MS lives on; else everything ends, as after any other run. A file is an
 * artifact of a kept run if it has changed since that began. What is written between two runs waits in the
 * pipes for the next.
 *
 * A system call costs 60 to 100 us here, a first touch of a page as much. So what arrived together is
 * read together, what is said together is written together, and an INPUT frame, by which the manager
 * warms a restored sandbox up, walks this side's part of a run too.
 *
 * Once user code runs it may do to this process whatever the same uid may do. The supervisor is not
 * dumpable, so it cannot be traced or read through /proc, but nothing depends on that: the manager
 * takes every frame as hostile and keeps its own deadline.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* Bytes for the control pipe follow, in the same write. */
struct __attribute__((packed)) returned_word {
    uint8_t exit_code;
    char mark[4]; /* RETURNED_MARK, which no frame begins with: as a length it is too large */
    uint16_t control_length;
};
static const char RETURNED_MARK[4] = {'R', 'T', 'R', 'N'};

struct stream {
    int fd; /* -1: closed */
    enum frame_type type;
    uint64_t bytes;
    uint64_t max_bytes;
};

static const char WORKSPACE[] = "/workspace", ARTIFACT_DIR[] = "/workspace/artifacts";
static const uint64_t BOOT_STREAM_BYTES = 1 << 20;
enum { CHUNK_BYTES = 64 * 1024, REAP_PATIENCE_MS = 1000 };
/* Of the working directory: names looked at, folders below each other, bytes of a path. */
enum { MAX_NAMES = 4096, MAX_DEPTH = 16, MAX_PATH_BYTES = 1024, MAX_LEFT_OUT = 50 };
/* How long beyond the time limit files may be collected; the manager's own deadline is behind that. */
enum { COLLECT_MS = 1000 };
/* How long a program that has its result may take to end. The runners give up a little earlier. */
enum { LEFTOVER_MS = 1000 };
/* The first SIGURG of a run, then each time twice as late, up to the second number. */
enum { FIRST_FLUSH_MS = 25, SLOWEST_FLUSH_MS = 1000 };
/* How long the runner's answer to the last SIGURG is waited for. */
enum { LAST_FLUSH_MS = 50 };
/* How long a runner that is interrupted may take to end its program: on a busy machine that takes a while, and
 * variables are at stake. The manager waits longer for such a run. */
enum { INTERRUPT_MS = 3000 };
/* A write to the manager that takes longer waits for it to read. */
enum { SLOW_WRITE_US = 5000 };
enum { STATUS, FIRST_STREAM, MANAGER = FIRST_STREAM + 3, POLLED };

static volatile sig_atomic_t child_changed;
static pid_t runner_pid;
static int status_fd, stdin_file;
/* Whether the run is one of several, and when it began by the clock of the files. */
static int is_kept;
static struct timespec kept_since;
static struct stream streams[3];

static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("supervisor: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(70);
}

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Read from the manager and not yet used. */
static uint8_t inbox[CHUNK_BYTES];
static size_t inbox_start, inbox_end;

/* The manager is gone when stdin or stdout fails: then nobody wants this sandbox. */
static size_t read_some(void *buffer, size_t length) {
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, length);
        if (n > 0) return (size_t)n;
        if (n == 0 || errno != EINTR) _exit(0);
    }
}

/* More than the buffer holds. */
static const uint8_t *take_long(size_t length) {
    static uint8_t *bytes;
    size_t got = inbox_end - inbox_start;
    free(bytes);
    bytes = malloc(length);
    if (!bytes) die("no memory for a frame of %zu bytes", length);
    memcpy(bytes, inbox + inbox_start, got);
    while (got < length) got += read_some(bytes + got, length - got);
    inbox_start = inbox_end = 0;
    return bytes;
}

/* The next bytes that the manager sent, good until the next call. */
static const uint8_t *take(size_t length) {
    if (length > sizeof inbox) return take_long(length);
    size_t got = inbox_end - inbox_start;
    if (got < length) {
        memmove(inbox, inbox + inbox_start, got);
        while (got < length) got += read_some(inbox + got, sizeof inbox - got);
        inbox_start = 0;
        inbox_end = got;
    }
    const uint8_t *bytes = inbox + inbox_start;
    inbox_start += length;
    return bytes;
}

/* Copies the next bytes that the manager sent to a file, however many: nothing is held for them. */
static void take_into(int fd, size_t length) {
    while (length > 0) {
        if (inbox_start == inbox_end) {
            inbox_start = 0;
            inbox_end = read_some(inbox, sizeof inbox);
        }
        const size_t there = inbox_end - inbox_start;
        ssize_t n = write(fd, inbox + inbox_start, there < length ? there : length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("an input cannot be written: %s", strerror(errno));
        inbox_start += (size_t)n;
        length -= (size_t)n;
    }
}

/* Said and not yet written. */
static uint8_t outbox[2 * CHUNK_BYTES];
static size_t outbox_length;

/* How long this process has waited for the manager to read. The program is held up meanwhile, so that
 * time is not on its account. */
static uint64_t waited_us;

static void write_all(const uint8_t *bytes, size_t length) {
    const uint64_t started = now_us();
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, length);
        if (n < 0) {
            if (errno == EINTR) continue;
            _exit(0);
        }
        bytes += n;
        length -= (size_t)n;
    }
    const uint64_t took = now_us() - started;
    if (took > SLOW_WRITE_US) waited_us += took;
}

static void flush_output(void) {
    write_all(outbox, outbox_length);
    outbox_length = 0;
}

static void say(const void *bytes, size_t length) {
    if (length > sizeof outbox - outbox_length) flush_output();
    if (length > sizeof outbox) {
        write_all(bytes, length);
        return;
    }
    if (length > 0) memcpy(outbox + outbox_length, bytes, length);
    outbox_length += length;
}

/* Goes out with the next flush_output(), if not before. */
static void send_frame(enum frame_type type, const void *head, size_t head_length, const void *body,
                       size_t body_length) {
    uint8_t prefix[5];
    uint32_t length = (uint32_t)(head_length + body_length);
    memcpy(prefix, &length, 4);
    prefix[4] = (uint8_t)type;
    say(prefix, sizeof prefix);
    say(head, head_length);
    say(body, body_length);
}

static void on_child(int signal_number) {
    (void)signal_number;
    child_changed = 1;
}

static void start_runner(char **argv, const sigset_t *runner_mask) {
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

/* A runner that is dead or closed its input gets nothing: how it ended tells the rest. */
static void feed_runner(const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(RUNNER_INPUT_FD, bytes, length);
        if (n < 0) {
            if (errno == EINTR) continue;
            return;
        }
        bytes += n;
        length -= (size_t)n;
    }
}

/* Sends on what the stream carried. Returns 0 when it passed its limit. */
static int pass_on(struct stream *stream, const uint8_t *bytes, size_t length) {
    uint64_t room = stream->max_bytes - stream->bytes;
    size_t keep = (uint64_t)length > room ? (size_t)room : length;
    if (keep > 0) send_frame(stream->type, bytes, keep, NULL, 0);
    stream->bytes += keep;
    return keep == length;
}

/* Relays what can be read now. Returns 0 when the stream passed its limit. */
static int relay(struct stream *stream) {
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
static void end_everyone(int *status) {
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

/* What the working directory was like before the program ran. */
static struct {
    struct stat folder, artifacts;
    ino_t files[16]; /* the program's own source and input */
    size_t file_count;
} before;

/* Notes what is there: none of it was made by the program. */
static void note_workspace(void) {
    before.file_count = 0;
    if (lstat(WORKSPACE, &before.folder) || lstat(ARTIFACT_DIR, &before.artifacts)) return;
    DIR *dir = opendir(WORKSPACE);
    struct dirent *entry;
    while (dir && before.file_count < sizeof before.files / sizeof *before.files &&
           (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') before.files[before.file_count++] = entry->d_ino;
    if (dir) closedir(dir);
}

static int is_own_input(ino_t inode) {
    for (size_t i = 0; i < before.file_count; i++)
        if (before.files[i] == inode) return 1;
    return 0;
}

static int is_unchanged(const char *path, const struct stat *then) {
    struct stat now;
    return !lstat(path, &now) && now.st_ino == then->st_ino &&
           now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

/* The working directory is a mount of its own: whatever a link led to, it is not elsewhere. */
static int is_in_workspace(int fd, struct stat *info) {
    return !fstat(fd, info) && info->st_dev == before.folder.st_dev;
}

/* Files that were put into the working directory, as they were. */
static struct input_file {
    ino_t inode;
    struct timespec changed;
} *inputs;
static size_t input_count;

/* Whether the program has left a file as it was put there. */
static int is_unchanged_input(const struct stat *info) {
    for (size_t i = 0; i < input_count; i++)
        if (inputs[i].inode == info->st_ino && inputs[i].changed.tv_sec == info->st_ctim.tv_sec &&
            inputs[i].changed.tv_nsec == info->st_ctim.tv_nsec)
            return 1;
    return 0;
}

/* Makes a new file in the working directory, and the folders on its way; nothing outside of it. */
static int create_input(char *path) {
    struct stat info;
    int folder = open(WORKSPACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *name = path;;) {
        char *slash = strchr(name, '/');
        if (slash) *slash = 0;
        if (!*name || !strcmp(name, ".") || !strcmp(name, "..")) die("an input with an odd path");
        if (!slash) {
            // An earlier run may have had a file of this name.
            if (is_kept) unlinkat(folder, name, 0);
            int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
            if (file < 0 || !is_in_workspace(file, &info)) die("%s: %s", name, strerror(errno));
            close(folder);
            return file;
        }
        if (mkdirat(folder, name, 0755) && errno != EEXIST) die("%s: %s", name, strerror(errno));
        int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0 || !is_in_workspace(below, &info)) die("%s: not a folder", name);
        close(folder);
        folder = below;
        name = slash + 1;
    }
}

/* Reads a FILE frame. */
static void take_file(size_t length) {
    uint16_t path_length;
    if (length < sizeof path_length) die("malformed FILE frame");
    memcpy(&path_length, take(sizeof path_length), sizeof path_length);
    char path[MAX_PATH_BYTES + 1];
    if (path_length > MAX_PATH_BYTES || path_length > length - sizeof path_length)
        die("malformed FILE frame");
    memcpy(path, take(path_length), path_length);
    path[path_length] = 0;
    int file = create_input(path);
    take_into(file, length - sizeof path_length - path_length);
    struct stat info;
    inputs = realloc(inputs, (input_count + 1) * sizeof *inputs);
    if (!inputs || fstat(file, &info)) die("an input cannot be noted");
    inputs[input_count++] = (struct input_file){info.st_ino, info.st_ctim};
    close(file);
}

/* Reads a STDIN frame: the next read of whoever has this file begins at its start. */
static void take_stdin(size_t length) {
    take_into(stdin_file, length);
    lseek(stdin_file, 0, SEEK_SET);
}

/* What is collected, each ended by NUL; null: everything. */
static char *globs;
static size_t globs_length;

static void take_globs(size_t length) {
    globs = malloc(length + 1);
    if (!globs) die("no memory for globs");
    memcpy(globs, take(length), length);
    globs[length] = 0;
    globs_length = length;
}

/* Paths below the working directory. */
static char *found[MAX_NAMES];
static size_t found_count, names_seen;
/* Until when names are looked at: 32 long globs on thousands of long names take minutes. */
static uint64_t look_until_us;
/* The first name that was not looked at for want of time. */
static char *not_looked_at;

/* Whether there is no time left to look at this one. */
static int is_late(const char *path) {
    if (now_us() <= look_until_us + waited_us) return 0;
    if (!not_looked_at) not_looked_at = strdup(path);
    names_seen = MAX_NAMES;
    return 1;
}

/* A star stands for slashes too, and for nothing where it is a folder of its own at the start. */
static int is_wanted(const char *path) {
    if (!globs) return 1;
    for (const char *glob = globs; glob < globs + globs_length; glob += strlen(glob) + 1) {
        if (is_late(path)) return 0;
        if (!fnmatch(glob, path, 0) || (!strncmp(glob, "**/", 3) && !fnmatch(glob + 3, path, 0)))
            return 1;
    }
    return 0;
}

static int is_before(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Notes the regular files of a folder and of those below it. No link is followed. */
static void find_files(int folder, char *path, size_t length, int depth) {
    struct stat self;
    DIR *dir = is_in_workspace(folder, &self) ? fdopendir(folder) : NULL;
    if (!dir) {
        close(folder);
        return;
    }
    struct dirent *entry;
    while (names_seen < MAX_NAMES && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        const size_t end = length + strlen(name);
        names_seen++;
        if (name[0] == '.' || end + 1 >= MAX_PATH_BYTES) continue;
        struct stat info;
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW)) continue;
        memcpy(path + length, name, end - length + 1);
        if (is_late(path)) break;
        if (S_ISREG(info.st_mode) && !(depth == 0 && is_own_input(info.st_ino))) {
            if (is_kept && is_before(&info.st_ctim, &kept_since)) continue;
            if (is_unchanged_input(&info) || !is_wanted(path)) continue;
            if ((found[found_count] = strdup(path))) found_count++;
        } else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH && strcmp(name, "__pycache__") != 0) {
            // gVisor follows a link in spite of O_NOFOLLOW when O_DIRECTORY is there as well.
            int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            path[end] = '/';
            if (below >= 0) find_files(below, path, end + 1, depth + 1);
        }
    }
    closedir(dir);
}

static int is_artifact(const char *path) { return strncmp(path, "artifacts/", 10) == 0; }

/* What was put into artifacts/ was meant to be seen. */
static int by_rank(const void *a, const void *b) {
    const char *one = *(char *const *)a, *other = *(char *const *)b;
    const int rank = is_artifact(other) - is_artifact(one);
    return rank ? rank : strcmp(one, other);
}

/* Whether the manager takes it: it means nothing to whoever stores the file. */
static int is_plain_name(const char *path) {
    if (strstr(path, "..") || strchr(path, '\\')) return 0;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) return 0;
    return 1;
}

static void send_left_out(enum left_out_reason reason, uint64_t size, const char *path) {
    uint8_t head[9] = {(uint8_t)reason};
    memcpy(head + 1, &size, 8);
    send_frame(FRAME_LEFT_OUT, head, sizeof head, path, strlen(path));
}

/* Sends one file, or returns why not; 0 for one that is sent or gone. */
static int send_artifact(int folder, const char *path, uint32_t most_bytes, uint64_t *size) {
    *size = 0;
    int fd = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno == EACCES ? UNREADABLE : 0;
    struct stat info;
    if (!is_in_workspace(fd, &info) || !S_ISREG(info.st_mode)) {
        close(fd);
        return 0;
    }
    *size = (uint64_t)info.st_size;
    uint8_t *content = info.st_size > (off_t)most_bytes ? NULL : malloc((size_t)info.st_size + 1);
    if (!content) {
        close(fd);
        return TOO_LARGE;
    }
    size_t length = 0;
    while (length < (size_t)info.st_size) {
        ssize_t n = read(fd, content + length, (size_t)info.st_size - length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        length += (size_t)n;
    }
    close(fd);
    uint8_t head[2 + MAX_PATH_BYTES];
    const uint16_t path_length = (uint16_t)strlen(path);
    memcpy(head, &path_length, 2);
    memcpy(head + 2, path, path_length);
    send_frame(FRAME_ARTIFACT, head, 2 + (size_t)path_length, content, length);
    free(content);
    return 0;
}

/*
 * Sends what the program made in its working directory and in folders below: regular files, none that
 * begins with a dot, not its own source. Returns how many were left out.
 */
static uint32_t collect_artifacts(const struct run_limits *limits, uint64_t started) {
    // Most programs make no file.
    if (!is_kept && is_unchanged(WORKSPACE, &before.folder) &&
        is_unchanged(ARTIFACT_DIR, &before.artifacts))
        return 0;
    int folder = open(WORKSPACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return 0;
    static char path[MAX_PATH_BYTES];
    const uint64_t patience = ((uint64_t)limits->wall_time_ms + COLLECT_MS) * 1000;
    look_until_us = started + patience;
    find_files(dup(folder), path, 0, 0);
    qsort(found, found_count, sizeof *found, by_rank);
    uint32_t sent = 0, left_out = 0;
    for (size_t i = 0; i < found_count; i++) {
        uint64_t size = 0;
        int reason = TOO_MANY;
        if (!is_plain_name(found[i])) {
            reason = ODD_NAME;
        } else if (now_us() > started + patience + waited_us) {
            reason = TOO_LATE;
        } else if (sent < limits->max_artifacts) {
            reason = send_artifact(folder, found[i], limits->max_artifact_bytes, &size);
            if (reason == 0) sent++;
        }
        if (reason == 0) continue;
        if (left_out < MAX_LEFT_OUT) send_left_out((enum left_out_reason)reason, size, found[i]);
        left_out++;
    }
    if (not_looked_at) {
        if (left_out < MAX_LEFT_OUT) send_left_out(TOO_LATE, 0, not_looked_at);
        left_out++;
    }
    close(folder);
    return left_out;
}

static void watch_streams(struct pollfd *fds) {
    for (int i = 0; i < 3; i++) fds[i] = (struct pollfd){streams[i].fd, POLLIN, 0};
}

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
    if ((!is_kept && !limits->end_may_come) || (!events && inbox_start == inbox_end)) return 0;
    const uint8_t type = take(5)[4];
    if (type == FRAME_END && limits->end_may_come) return 1;
    if (type != FRAME_INTERRUPT || !is_kept) die("unexpected frame in the run");
    kill(runner_pid, SIGINT);
    return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Reaps who has ended. Returns 1 when the runner is among them. */
static int reap(int *status) {
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

/* Begins a run after which others may come. */
static void begin_kept_run(void) {
    struct stat info;
    is_kept = 1;
    // A change of this file tells the time that files are told.
    if (fchmod(stdin_file, 0600) || fstat(stdin_file, &info)) die("stdin: %s", strerror(errno));
    kept_since = info.st_ctim;
}

/* Forgets what belongs to the run that has ended. */
static void end_kept_run(void) {
    while (found_count > 0) free(found[--found_count]);
    names_seen = input_count = 0;
    free(globs);
    globs = NULL;
    if (ftruncate(stdin_file, 0) || lseek(stdin_file, 0, SEEK_SET)) die("stdin: %s", strerror(errno));
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

/* One run, from its RUN frame to its EXIT frame. Returns 1 when the runner waits for another. */
static int supervise(const struct run_limits *limits, const uint8_t *task, size_t task_length,
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

/* Waits between two kept runs. What programs have left running may end meanwhile, but not the runner. */
static void wait_for_mail(const sigset_t *open_mask) {
    struct pollfd mail = {STDIN_FILENO, POLLIN, 0};
    while (inbox_start == inbox_end && !mail.revents) {
        int status;
        if (child_changed && reap(&status)) die("the runner ended between two runs");
        if (!child_changed) ppoll(&mail, 1, NULL, open_mask);
    }
}

/* Before the first run: relays what the runner says at its start. Returns whether the manager speaks. */
static int relay_start(const sigset_t *open_mask) {
    struct pollfd fds[4] = {{STDIN_FILENO, POLLIN, 0}};
    watch_streams(fds + 1);
    const int has_mail = inbox_start < inbox_end;
    const struct timespec at_once = {0, 0};
    if (!child_changed && ppoll(fds, 4, has_mail ? &at_once : NULL, open_mask) < 0 && errno != EINTR)
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
    return fds[0].revents || has_mail;
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
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
    sigset_t blocked, open_mask;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    show_processors(argv[1]);
    start_runner(argv + 2, &open_mask);
    serve(&open_mask);
    // The end of this process is the end of the sandbox, whose memory takes long to give back: when is
    // for the manager to choose.
    for (;;) read_some(inbox, sizeof inbox);
}
