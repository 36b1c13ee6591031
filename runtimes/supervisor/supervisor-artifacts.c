/* The files that a program made in its working directory: which they are, and how they are sent. */
#define _GNU_SOURCE
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the working directory: names looked at, folders below each other; files that are told as left out. */
enum { MAX_NAMES = 4096, MAX_DEPTH = 16, MAX_LEFT_OUT = 50 };
/* How long beyond the time limit files may be collected; the manager's own deadline is behind that. */
enum { COLLECT_MS = 1000 };

/* What is collected, each ended by NUL; null: everything. */
static char *globs;
static size_t globs_length;

void take_globs(size_t length) {
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
uint32_t collect_artifacts(const struct run_limits *limits, uint64_t started) {
    // Most programs make no file.
    if (!is_kept && is_workspace_unchanged()) return 0;
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

void forget_artifacts(void) {
    while (found_count > 0) free(found[--found_count]);
    names_seen = 0;
    free(globs);
    globs = NULL;
}
