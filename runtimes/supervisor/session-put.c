/* Writes files of a session in place: whoever has one open, watches it or has linked it has the new content. */
#define _GNU_SOURCE
#include "session-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a file to write it in place, empty. Returns an errno. */
static int open_in_place(const char *path, int *fd) {
    const int error = make_above(path);
    if (error) return error;
    umask(022);
    // A FIFO or a device would hold up the writer for ever.
    *fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*fd < 0) return errno;
    struct stat info;
    if (fstat(*fd, &info)) return errno;
    if (!S_ISREG(info.st_mode)) return EINVAL;
    if (owner != (uid_t)-1 && fchown(*fd, owner, owner_group)) return errno;
    return info.st_size && ftruncate(*fd, 0) ? errno : 0;
}

int put_file(const char *path, char **attributes) {
    int fd;
    int error = open_in_place(path, &fd);
    if (!error) error = set_attributes(fd, attributes);
    return error ? error : copy(STDIN_FILENO, fd, UINT64_MAX);
}

int join_files(const char *path, char **sources) {
    struct stat info, target;
    const int is_there = stat(path, &target) == 0;
    for (char **source = sources; *source; source++) {
        if (stat(*source, &info)) return errno;
        if (!S_ISREG(info.st_mode)) return S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
        if (is_there && info.st_dev == target.st_dev && info.st_ino == target.st_ino) return EINVAL;
    }
    int to;
    int error = open_in_place(path, &to);
    for (char **source = sources; !error && *source; source++) {
        const int from = open(*source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (from < 0) return errno;
        error = copy(from, to, UINT64_MAX);
        close(from);
    }
    for (char **source = sources; !error && *source; source++)
        if (unlink(*source) && errno != ENOENT) error = errno;
    return error;
}
