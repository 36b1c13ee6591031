/*
 * Work on the files of a session. Each runs in a process of its own, as the user of its channel, so that a
 * slow file holds up nobody and the kernel of the sandbox judges who may do what.
 *
 *   read PATH [OFFSET [LENGTH]]   writes the content to standard output
 *   write PATH [MODE]             takes the content from standard input; makes missing folders. Whoever reads
 *                                 the file meanwhile has the old content or the new one, never a part
 *   stat PATH                     writes one record
 *   list PATH DEPTH               writes a record for each entry, DEPTH folders deep, in no order
 *   make PATH                     makes a folder and those above it
 *   move FROM TO                  renames; makes the folders above TO
 *   remove PATH                   removes a file, or a folder with all that is in it
 *   watch PATH DEPTH              writes an event for each change until it is ended
 *
 * A record: type (f, d, l or o for others), octal mode, size, nanoseconds since 1970, uid, gid, with spaces
 * between them; NUL; path (from PATH for list, else as given); NUL; where a link leads, else nothing; NUL.
 * An event: c made, w written, a attributes changed, r removed or moved away; NUL; path from PATH; NUL.
 */
#define _GNU_SOURCE
#include "session-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 128 * 1024, MAX_DEPTH = 64, MAX_WATCHES = 1024 };

static int write_all(int fd, const char *bytes, size_t length) {
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Copies at most `length` bytes from one descriptor to the other. */
static int copy(int from, int to, uint64_t length) {
    static char chunk[CHUNK_BYTES];
    while (length) {
        ssize_t n = read(from, chunk, length < sizeof chunk ? (size_t)length : sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return 0;
        const int error = write_all(to, chunk, (size_t)n);
        if (error) return error;
        length -= (uint64_t)n;
    }
    return 0;
}

static int read_file(const char *path, uint64_t offset, uint64_t length) {
    // A FIFO or a device would hold up the reader for ever.
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno;
    struct stat info;
    if (fstat(fd, &info)) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    if (!S_ISREG(info.st_mode)) return EINVAL;
    if (offset && lseek(fd, (off_t)offset, SEEK_SET) < 0) return errno;
    return copy(fd, STDOUT_FILENO, length);
}

/* Makes the folders above a path. */
static int make_above(const char *path) {
    char above[PATH_MAX];
    if (strlen(path) >= sizeof above) return ENAMETOOLONG;
    strcpy(above, path);
    for (char *slash = strchr(above + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(above, 0755) && errno != EEXIST) return errno;
        *slash = '/';
    }
    return 0;
}

static int make_folder(const char *path) {
    int error = make_above(path);
    if (error) return error;
    if (mkdir(path, 0755) == 0) return 0;
    error = errno;
    struct stat info;
    return error == EEXIST && !stat(path, &info) && S_ISDIR(info.st_mode) ? 0 : error;
}

static int write_file(const char *path, int mode) {
    const int error = make_above(path);
    if (error) return error;
    char target[PATH_MAX], fresh[PATH_MAX + 16];
    // Through a link the file that it leads to is written, as by open(2).
    if (!realpath(path, target)) {
        if (errno != ENOENT || strlen(path) >= sizeof target) return errno;
        strcpy(target, path);
    }
    struct stat old;
    const int is_there = stat(target, &old) == 0;
    if (is_there && S_ISDIR(old.st_mode)) return EISDIR;
    if (is_there && !S_ISREG(old.st_mode)) return EINVAL;
    if (is_there && access(target, W_OK)) return errno;
    const char *slash = strrchr(target, '/');
    const int folder_length = slash ? (int)(slash - target) + 1 : 0;
    snprintf(fresh, sizeof fresh, "%.*s.upload-XXXXXX", folder_length, target);
    const int fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0) return errno;
    int failure = copy(STDIN_FILENO, fd, UINT64_MAX);
    const mode_t wanted = mode >= 0 ? (mode_t)mode : is_there ? old.st_mode & 07777 : 0644;
    if (!failure && fchmod(fd, wanted)) failure = errno;
    if (!failure && is_there && fchown(fd, old.st_uid, old.st_gid) && errno != EPERM) failure = errno;
    if (close(fd) && !failure) failure = errno;
    if (!failure && rename(fresh, target)) failure = errno;
    if (failure) unlink(fresh);
    return failure;
}

static char type_of(mode_t mode) { return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o'; }

/* @param name under which the record tells of it */
static int write_record(const char *path, const char *name) {
    struct stat info;
    if (lstat(path, &info)) return errno;
    char target[PATH_MAX] = "";
    if (S_ISLNK(info.st_mode)) {
        const ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
    }
    printf("%c %o %lld %lld %u %u%c%s%c%s%c", type_of(info.st_mode), (unsigned)(info.st_mode & 07777),
           (long long)info.st_size, (long long)info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec,
           info.st_uid, info.st_gid, 0, name, 0, target, 0);
    return 0;
}

/* Writes records of a folder's entries. What vanishes meanwhile is left out. */
static int list_folder(char *path, size_t root_length, int depth) {
    DIR *dir = opendir(path);
    if (!dir) return errno;
    const size_t length = strlen(path);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..")) continue;
        if (length + strlen(name) + 2 > PATH_MAX) continue;
        path[length] = '/';
        strcpy(path + length + 1, name);
        struct stat info;
        if (write_record(path, path + root_length + 1) == 0 && depth > 1 && !lstat(path, &info) &&
            S_ISDIR(info.st_mode))
            list_folder(path, root_length, depth - 1);
        path[length] = 0;
    }
    closedir(dir);
    return 0;
}

/* A path without slashes at its end, in a buffer that can hold any. */
static char *plain_path(const char *path) {
    static char plain[PATH_MAX];
    if (strlen(path) >= sizeof plain) return NULL;
    strcpy(plain, path);
    for (size_t end = strlen(plain); end > 1 && plain[end - 1] == '/'; end--) plain[end - 1] = 0;
    return plain;
}

static int list(const char *path, int depth) {
    char *plain = plain_path(path);
    if (!plain) return ENAMETOOLONG;
    if (!strcmp(plain, "/")) strcpy(plain, "/."); // The slash behind it is then no part of the names.
    return list_folder(plain, strlen(plain), depth);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info;
    (void)type;
    (void)walk;
    return remove(path) ? errno : 0;
}

static int remove_path(const char *path) {
    struct stat info;
    if (lstat(path, &info)) return errno;
    if (!S_ISDIR(info.st_mode)) return unlink(path) ? errno : 0;
    const int failure = nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return failure < 0 ? errno : failure;
}

static int move_path(const char *from, const char *to) {
    struct stat info;
    if (lstat(from, &info)) return errno;
    const int error = make_above(to);
    if (error) return error;
    return rename(from, to) ? errno : 0;
}

/* ---- watch ---- */

static struct {
    int fd;
    char *folders[MAX_WATCHES + 1]; /* by watch descriptor: path from the root, ends with a slash or is empty */
} watches;

static const uint32_t WATCHED = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_ONLYDIR;

/*
 * Watches a folder and those below it. Folders beyond the most that are watched are left out.
 * @param is_new it was made while its parent was watched: what is in it has no event of its own
 */
static int watch_folder(const char *root, const char *folder, int depth, int is_new) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", root, folder) >= (int)sizeof path) return ENAMETOOLONG;
    const int watch = inotify_add_watch(watches.fd, path, WATCHED);
    if (watch < 0) return errno;
    if (watch > MAX_WATCHES) {
        inotify_rm_watch(watches.fd, watch);
        return ENOSPC;
    }
    free(watches.folders[watch]);
    watches.folders[watch] = strdup(folder);
    DIR *dir = depth > 1 || is_new ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (is_new) printf("c%c%s%s%c", 0, folder, entry->d_name, 0);
        char below[PATH_MAX];
        if (entry->d_type == DT_DIR && depth > 1 &&
            snprintf(below, sizeof below, "%s%s/", folder, entry->d_name) < (int)sizeof below)
            watch_folder(root, below, depth - 1, is_new);
    }
    if (dir) closedir(dir);
    return 0;
}

static char kind_of(uint32_t mask) {
    if (mask & (IN_CREATE | IN_MOVED_TO)) return 'c';
    if (mask & IN_MODIFY) return 'w';
    return mask & (IN_DELETE | IN_MOVED_FROM) ? 'r' : 'a';
}

static int depth_of(const char *folder) {
    int depth = 0;
    for (const char *c = folder; *c; c++) depth += *c == '/';
    return depth;
}

static int watch(const char *path, int depth) {
    watches.fd = inotify_init1(IN_CLOEXEC);
    if (watches.fd < 0) return errno;
    const int error = watch_folder(path, "", depth, 0);
    if (error) return error;
    // The watcher knows by this that no change is missed from now on.
    printf("s%c%c", 0, 0);
    fflush(stdout);
    static char events[64 * 1024] __attribute__((aligned(8)));
    for (;;) {
        const ssize_t n = read(watches.fd, events, sizeof events);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return errno;
        for (char *next = events; next < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)next;
            next += sizeof *event + event->len;
            if (event->mask & IN_Q_OVERFLOW) return EOVERFLOW;
            const char *folder = event->wd >= 0 && event->wd <= MAX_WATCHES ? watches.folders[event->wd] : NULL;
            if (!folder || event->mask & IN_IGNORED || !event->len) continue;
            printf("%c%c%s%s%c", kind_of(event->mask), 0, folder, event->name, 0);
            const int left = depth - depth_of(folder) - 1;
            char below[PATH_MAX];
            if (event->mask & IN_ISDIR && event->mask & (IN_CREATE | IN_MOVED_TO) && left > 0 &&
                snprintf(below, sizeof below, "%s%s/", folder, event->name) < (int)sizeof below)
                watch_folder(path, below, left, 1);
        }
        if (fflush(stdout)) return errno;
    }
}

static int bounded_depth(const char *text) {
    const long depth = strtol(text, NULL, 10);
    return depth < 1 ? 1 : depth > MAX_DEPTH ? MAX_DEPTH : (int)depth;
}

static int work(char **arguments) {
    const char *verb = arguments[0], *path = verb ? arguments[1] : NULL;
    if (!path) return EINVAL;
    const char *third = arguments[2], *fourth = third ? arguments[3] : NULL;
    if (!strcmp(verb, "read"))
        return read_file(path, third ? strtoull(third, NULL, 10) : 0,
                         fourth ? strtoull(fourth, NULL, 10) : UINT64_MAX);
    if (!strcmp(verb, "write")) return write_file(path, third ? (int)strtol(third, NULL, 8) : -1);
    if (!strcmp(verb, "stat")) return write_record(path, path);
    if (!strcmp(verb, "make")) return make_folder(path);
    if (!strcmp(verb, "remove")) return remove_path(path);
    if (!third) return EINVAL;
    if (!strcmp(verb, "list")) return list(path, bounded_depth(third));
    if (!strcmp(verb, "move")) return move_path(path, third);
    if (!strcmp(verb, "watch")) return watch(path, bounded_depth(third));
    return EINVAL;
}

int file_work(char **arguments) {
    int error = work(arguments);
    if (fflush(stdout) && !error) error = errno;
    if (error) dprintf(STDERR_FILENO, "%s\n", strerror(error));
    return error > 255 ? EIO : error;
}
