/*
 * Work on the files of a session. Each runs in a process of its own, as the user of its channel, so that a
 * slow file holds up nobody and the kernel of the sandbox judges who may do what.
 *
 *   read PATH [OFFSET [LENGTH]]   writes the content to standard output
 *   write PATH [MODE]             takes the content from standard input; makes missing folders. Whoever reads
 *                                 the file meanwhile has the old content or the new one, never a part
 *   put PATH [NAME VALUE]..       takes the content from standard input and writes it in place; its user
 *                                 attributes (session-attributes.c) are these and no others; makes missing folders
 *   join PATH FROM..              writes the contents of these files, in order, in place, and removes them
 *   stat PATH [detail]            writes one record
 *   list PATH DEPTH [detail]      writes a record for each entry, DEPTH folders deep, in no order
 *   make PATH                     makes a folder and those above it
 *   move FROM TO                  renames; makes the folders above TO
 *   remove PATH                   removes a file, or a folder with all that is in it
 *   watch PATH DEPTH              writes an event for each change until it is ended (session-watch.c)
 *   pack PATH                     writes an archive of a folder (session-archive.h)
 *   unpack PATH                   takes an archive from standard input into a folder, which it makes
 *
 * With "for UID GID" before the verb what it makes belongs to them, as root may do it.
 *
 * A record: type (f, d, l or o for others), octal mode, size, nanoseconds since 1970, uid, gid, with spaces
 * between them; NUL; path (from PATH for list, else as given); NUL; where a link leads, else nothing; NUL.
 * With detail more follows: of a link that leads somewhere, type, space and octal mode of that; NUL; its path
 * without links; NUL; the number of user attributes; NUL; name, NUL, value and NUL of each.
 */
#define _GNU_SOURCE
#include "session-files.h"

#include "session-archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 64 };

uid_t owner = (uid_t)-1;
gid_t owner_group = (gid_t)-1;

/* Returns 0 or an errno. */
static int give(const char *path) {
    return owner != (uid_t)-1 && lchown(path, owner, owner_group) ? errno : 0;
}

int copy(int from, int to, uint64_t length) {
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

int make_above(const char *path) {
    char above[PATH_MAX];
    if (strlen(path) >= sizeof above) return ENAMETOOLONG;
    strcpy(above, path);
    for (char *slash = strchr(above + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        const int error = mkdir(above, 0755) ? errno : give(above);
        if (error && error != EEXIST) return error;
        *slash = '/';
    }
    return 0;
}

static int make_folder(const char *path) {
    int error = make_above(path);
    if (error) return error;
    if (mkdir(path, 0755) == 0) return give(path);
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

/* Whether records have details. */
static int is_detailed;

static void write_details(const char *path, int is_link) {
    struct stat info;
    char end[PATH_MAX];
    if (is_link && !stat(path, &info) && realpath(path, end))
        printf("%c %o%c%s%c", type_of(info.st_mode), (unsigned)(info.st_mode & 07777), 0, end, 0);
    else
        printf("%c%c", 0, 0);
    write_attributes(path);
}

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
    if (is_detailed) write_details(path, S_ISLNK(info.st_mode));
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
    if (rename(from, to) == 0) return 0;
    if (errno != EXDEV) return errno;
    // It has to be copied, with all that is below it.
    execlp("mv", "mv", "-fT", "--", from, to, (char *)NULL);
    return EXDEV;
}

static int bounded_depth(const char *text) {
    const long depth = strtol(text, NULL, 10);
    return depth < 1 ? 1 : depth > MAX_DEPTH ? MAX_DEPTH : (int)depth;
}

/* What is wrong with what was sent, where an errno says too little. */
static const char *complaint;

static int work(char **arguments) {
    const char *verb = arguments[0], *path = verb ? arguments[1] : NULL;
    if (!path) return EINVAL;
    const char *third = arguments[2], *fourth = third ? arguments[3] : NULL;
    if (!strcmp(verb, "read"))
        return read_file(path, third ? strtoull(third, NULL, 10) : 0,
                         fourth ? strtoull(fourth, NULL, 10) : UINT64_MAX);
    if (!strcmp(verb, "write")) return write_file(path, third ? (int)strtol(third, NULL, 8) : -1);
    if (!strcmp(verb, "put")) return put_file(path, arguments + 2);
    if (!strcmp(verb, "join")) return join_files(path, arguments + 2);
    is_detailed = !strcmp(verb, "stat") ? third != NULL : fourth != NULL;
    if (!strcmp(verb, "stat")) return write_record(path, path);
    if (!strcmp(verb, "make")) return make_folder(path);
    if (!strcmp(verb, "remove")) return remove_path(path);
    if (!strcmp(verb, "pack")) return pack_folder(path);
    if (!strcmp(verb, "unpack")) {
        const int error = make_folder(path);
        return error ? error : unpack_folder(path, &complaint);
    }
    if (!third) return EINVAL;
    if (!strcmp(verb, "list")) return list(path, bounded_depth(third));
    if (!strcmp(verb, "move")) return move_path(path, third);
    if (!strcmp(verb, "watch")) return watch_folder(path, bounded_depth(third));
    return EINVAL;
}

int file_work(char **arguments) {
    if (arguments[0] && !strcmp(arguments[0], "for") && arguments[1] && arguments[2]) {
        owner = (uid_t)strtoul(arguments[1], NULL, 10);
        owner_group = (gid_t)strtoul(arguments[2], NULL, 10);
        arguments += 3;
    }
    int error = work(arguments);
    if (fflush(stdout) && !error) error = errno;
    if (error) dprintf(STDERR_FILENO, "%s\n", complaint ? complaint : strerror(error));
    return error > 255 ? EIO : error;
}
