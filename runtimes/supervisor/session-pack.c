/* Writes archives of a session's folders. No link is followed, so that nothing outside of the folder is read. */
#define _GNU_SOURCE
#include "session-archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 128 };

static char chunk[CHUNK_BYTES];

static int put(const char *bytes, size_t length) { return write_all(STDOUT_FILENO, bytes, length); }

static int put_header(char type, const char *name, const char *link, const struct stat *info, uint64_t size) {
    struct header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    // A field that is full has no zero at its end.
    memcpy(header.name, name, strnlen(name, sizeof header.name));
    if (link) memcpy(header.link, link, strnlen(link, sizeof header.link));
    snprintf(header.mode, sizeof header.mode, "%07o", (unsigned)(info->st_mode & 07777));
    snprintf(header.uid, sizeof header.uid, "%07o", (unsigned)info->st_uid & 07777777);
    snprintf(header.gid, sizeof header.gid, "%07o", (unsigned)info->st_gid & 07777777);
    snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)size & 077777777777ULL);
    const long long mtime = info->st_mtim.tv_sec < 0 ? 0 : (long long)info->st_mtim.tv_sec;
    snprintf(header.mtime, sizeof header.mtime, "%011llo", (unsigned long long)mtime & 077777777777ULL);
    snprintf(header.checksum, sizeof header.checksum, "%06o", checksum_of(&header));
    return put((const char *)&header, sizeof header);
}

/* Appends a record of an extended header: its own length, a keyword and a value. */
static size_t add_record(char *to, const char *keyword, const char *value) {
    const size_t plain = strlen(keyword) + strlen(value) + 3;
    size_t length = plain + 1;
    for (size_t digits = 1; digits < 8; digits++) {
        length = plain + digits;
        if ((size_t)snprintf(NULL, 0, "%zu", length) == digits) break;
    }
    return (size_t)sprintf(to, "%zu %s=%s\n", length, keyword, value);
}

/* Writes the headers of an entry: an extended one too where the plain one cannot hold it. */
static int put_entry(char type, const char *name, const char *link, const struct stat *info, uint64_t size) {
    static char records[2 * PATH_MAX + 256], zeros[BLOCK];
    size_t length = 0;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)size);
    if (strlen(name) >= sizeof ((struct header *)0)->name) length += add_record(records, "path", name);
    if (link && strlen(link) >= sizeof ((struct header *)0)->link)
        length += add_record(records + length, "linkpath", link);
    if (size > 077777777777ULL) length += add_record(records + length, "size", text);
    int error = 0;
    if (length) {
        error = put_header('x', "pax", NULL, info, length);
        if (!error) error = put(records, length);
        if (!error) error = put(zeros, padding_of(length));
    }
    return error ? error : put_header(type, name, link, info, size);
}

/* Writes as much of a file as was promised; what was cut off meanwhile is zeros. */
static int put_content(int fd, uint64_t size) {
    uint64_t left = size;
    while (left) {
        const size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        const ssize_t n = read_all(fd, chunk, want);
        if (n < 0) return errno;
        memset(chunk + n, 0, want - (size_t)n);
        const int error = put(chunk, want);
        if (error) return error;
        left -= want;
    }
    static const char zeros[BLOCK];
    return put(zeros, padding_of(size));
}

static int pack_below(int folder, char *name, int depth);

static int pack_one(int folder, const char *entry, char *name, int depth) {
    struct stat info;
    if (fstatat(folder, entry, &info, AT_SYMLINK_NOFOLLOW)) return 0; // It has gone meanwhile.
    if (S_ISLNK(info.st_mode)) {
        char target[PATH_MAX];
        const ssize_t n = readlinkat(folder, entry, target, sizeof target - 1);
        if (n < 0) return 0;
        target[n] = 0;
        return put_entry('2', name, target, &info, 0);
    }
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return 0;
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const int fd = openat(folder, entry, flags | (S_ISDIR(info.st_mode) ? O_DIRECTORY : 0));
    // What the user may not read is left out, as what vanishes is.
    if (fd < 0) return 0;
    int error = 0;
    if (fstat(fd, &info) || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
        error = 0;
    } else if (S_ISREG(info.st_mode)) {
        error = put_entry('0', name, NULL, &info, (uint64_t)info.st_size);
        if (!error) error = put_content(fd, (uint64_t)info.st_size);
    } else {
        const size_t length = strlen(name);
        strcpy(name + length, "/");
        error = put_entry('5', name, NULL, &info, 0);
        if (!error) error = depth > 0 ? pack_below(fd, name, depth - 1) : ELOOP;
        name[length] = 0;
    }
    close(fd);
    return error;
}

/* @param name of the folder in the archive, with a slash at its end or empty, in a buffer of PATH_MAX */
static int pack_below(int folder, char *name, int depth) {
    const int copy = dup(folder);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) return errno;
    const size_t length = strlen(name);
    int error = 0;
    struct dirent *entry;
    while (!error && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (length + strlen(entry->d_name) + 2 > PATH_MAX) continue;
        strcpy(name + length, entry->d_name);
        error = pack_one(folder, entry->d_name, name, depth);
        name[length] = 0;
    }
    closedir(dir);
    return error;
}

int pack_folder(const char *path) {
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return errno;
    char name[PATH_MAX] = "";
    const int error = pack_below(folder, name, MAX_DEPTH);
    static const char end[2 * BLOCK];
    return error ? error : put(end, sizeof end);
}
