/*
 * Reads archives into a session's folders. An archive is hostile: no link is followed, neither one of the archive nor
 * one of the folder, so that nothing outside of the folder is written. An archive is refused at the first entry
 * that is not a plain file, a folder or a link to something inside.
 */
#define _GNU_SOURCE
#include "session-archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ENTRIES = 200000, MAX_PAX_BYTES = 32 * 1024 };

static char chunk[CHUNK_BYTES];

/* What the extended headers say of the next entry; empty or negative: nothing. */
struct extended {
    char name[PATH_MAX], link[PATH_MAX];
    int64_t size;
};

static int refuse(const char **complaint, const char *why) {
    *complaint = why;
    return EINVAL;
}

/* A number of a header: octal, or base 256 for large ones. Returns -1 for what is none. */
static int64_t number_in(const char *field, size_t length) {
    if ((unsigned char)field[0] == 0x80) {
        uint64_t value = 0;
        for (size_t i = 1; i < length; i++) {
            if (value >> 54) return -1;
            value = value << 8 | (unsigned char)field[i];
        }
        return (int64_t)value;
    }
    int64_t value = 0;
    size_t i = 0;
    while (i < length && field[i] == ' ') i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) value = value * 8 + (field[i] - '0');
    return i < length && field[i] && field[i] != ' ' ? -1 : value;
}

/* Whether a path stays in the folder that it is from: neither absolute nor with a part "..". */
static int is_inside(const char *path) {
    if (!*path || *path == '/') return 0;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/')) return 0;
    }
    return 1;
}

/* Whether a link with this name leads to something inside, if all others do. */
static int leads_inside(const char *name, const char *target) {
    if (!*target || *target == '/') return 0;
    size_t end = strlen(name);
    while (end && name[end - 1] == '/') end--;
    int depth = 0;
    for (const char *part = name; (part = memchr(part, '/', (size_t)(name + end - part))); part++)
        if (part > name && part[-1] != '/' && !(part[-1] == '.' && (part - 1 == name || part[-2] == '/'))) depth++;
    // Upwards at its beginning alone: what is below may be a link, whose parent is not where it is.
    while (!strncmp(target, "../", 3) && depth-- > 0)
        for (target += 3; *target == '/';) target++;
    if (!strcmp(target, "..")) return depth > 0;
    return !*target || is_inside(target);
}

/*
 * Opens the folder that an entry is in, below the root; missing ones are made, no link is followed.
 * @param last set to the entry's own name; in `path`, which is changed
 */
static int open_above(int root, char *path, char **last) {
    int folder = dup(root);
    size_t end = strlen(path);
    while (end && path[end - 1] == '/') path[--end] = 0;
    char *part = path;
    for (char *slash = strchr(part, '/'); folder >= 0 && slash; slash = strchr(part, '/')) {
        *slash = 0;
        if (*part && strcmp(part, ".")) {
            const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
            int next = openat(folder, part, flags);
            if (next < 0 && errno == ENOENT && !mkdirat(folder, part, 0755)) next = openat(folder, part, flags);
            const int error = errno;
            close(folder);
            errno = error;
            folder = next;
        }
        part = slash + 1;
    }
    *last = part;
    return folder;
}

static int take_content(int fd, uint64_t size) {
    while (size) {
        const size_t want = size < CHUNK_BYTES ? (size_t)size : CHUNK_BYTES;
        const ssize_t n = read_all(STDIN_FILENO, chunk, want);
        if (n < 0) return errno;
        if ((size_t)n < want) return ENODATA;
        const int error = fd >= 0 ? write_all(fd, chunk, want) : 0;
        if (error) return error;
        size -= want;
    }
    return 0;
}

static int skip(uint64_t size) { return take_content(-1, size); }

static int make_file(int folder, const char *name, mode_t mode, uint64_t size, int64_t mtime) {
    if (unlinkat(folder, name, 0) && errno != ENOENT) return errno;
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int error = take_content(fd, size);
    if (!error && fchmod(fd, mode & 0777)) error = errno;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime}};
    if (!error) futimens(fd, times);
    if (close(fd) && !error) error = errno;
    if (error == ENODATA) unlinkat(folder, name, 0);
    return error;
}

static int make_hard_link(int root, const char *target, int folder, const char *name) {
    char path[PATH_MAX];
    strcpy(path, target);
    char *last;
    const int from = open_above(root, path, &last);
    if (from < 0) return errno;
    struct stat info;
    int error = fstatat(from, last, &info, AT_SYMLINK_NOFOLLOW) ? errno : S_ISREG(info.st_mode) ? 0 : EINVAL;
    if (!error && unlinkat(folder, name, 0) && errno != ENOENT) error = errno;
    if (!error && linkat(from, last, folder, name, 0)) error = errno;
    close(from);
    return error;
}

static int take_entry(int root, const struct header *header, const char *name, const char *link, uint64_t size,
                      const char **complaint) {
    const mode_t mode = (mode_t)number_in(header->mode, sizeof header->mode);
    const char type = header->type ? header->type : '0';
    const int is_file = type == '0' || type == '7';
    if (type != '5' && type != '2' && type != '1' && !is_file)
        return refuse(complaint, type == 'S' ? "The archive has a sparse file" : "The archive has a device or the like");
    if (!is_inside(name)) return refuse(complaint, "The archive has a path that leads out of the folder");
    if (type == '2' && !leads_inside(name, link))
        return refuse(complaint, "The archive has a link that leads out of the folder");
    if (type == '1' && !is_inside(link))
        return refuse(complaint, "The archive has a link that leads out of the folder");
    char path[PATH_MAX], *last;
    strcpy(path, name);
    const int folder = open_above(root, path, &last);
    if (folder < 0) {
        if (errno == ENOTDIR || errno == ELOOP)
            return refuse(complaint, "The archive has a path below a link or a file");
        return errno;
    }
    int error = 0;
    struct stat there;
    if (!*last || !strcmp(last, ".")) {
        error = skip(is_file ? size : 0); // The folder itself.
    } else if (is_file) {
        error = make_file(folder, last, mode, size, number_in(header->mtime, sizeof header->mtime));
    } else if (type == '5') {
        if (mkdirat(folder, last, (mode & 0777) | 0700)) error = errno;
        const int is_folder = error == EEXIST && !fstatat(folder, last, &there, AT_SYMLINK_NOFOLLOW) &&
                              S_ISDIR(there.st_mode);
        if (is_folder) error = 0;
    } else {
        if (type == '2' && unlinkat(folder, last, 0) && errno != ENOENT) error = errno;
        if (!error) error = type == '1' ? make_hard_link(root, link, folder, last) : symlinkat(link, folder, last) ? errno : 0;
    }
    close(folder);
    return error;
}

/* Reads the records of an extended header. */
static int take_records(uint64_t size, struct extended *next, const char **complaint) {
    static char records[MAX_PAX_BYTES + 1];
    if (size > MAX_PAX_BYTES) return refuse(complaint, "The archive has an extended header that is too long");
    if (read_all(STDIN_FILENO, records, (size_t)size) != (ssize_t)size) return ENODATA;
    records[size] = 0;
    for (char *at = records; at < records + size;) {
        char *rest;
        const unsigned long length = strtoul(at, &rest, 10);
        if (*rest != ' ' || length < 5 || length > (size_t)(records + size - at) || at[length - 1] != '\n')
            return refuse(complaint, "The archive has a malformed extended header");
        at[length - 1] = 0;
        char *value = memchr(rest, '=', (size_t)(at + length - rest));
        if (!value) return refuse(complaint, "The archive has a malformed extended header");
        *value++ = 0;
        const char *keyword = rest + 1;
        if (!strncmp(keyword, "GNU.sparse", 10)) return refuse(complaint, "The archive has a sparse file");
        if (strlen(value) >= PATH_MAX) return ENAMETOOLONG;
        if (!strcmp(keyword, "path")) strcpy(next->name, value);
        if (!strcmp(keyword, "linkpath")) strcpy(next->link, value);
        if (!strcmp(keyword, "size")) next->size = (int64_t)strtoull(value, NULL, 10);
        at += length;
    }
    return 0;
}

/* Reads a long name in the way of GNU tar. */
static int take_long_name(uint64_t size, char *name, const char **complaint) {
    if (size >= PATH_MAX) return refuse(complaint, "The archive has a name that is too long");
    if (read_all(STDIN_FILENO, name, (size_t)size) != (ssize_t)size) return ENODATA;
    name[size] = 0;
    return 0;
}

static int take_archive(int root, const char **complaint) {
    static struct extended next;
    next = (struct extended){.size = -1};
    for (int entries = 0;;) {
        struct header header;
        const ssize_t n = read_all(STDIN_FILENO, (char *)&header, sizeof header);
        if (n < 0) return errno;
        if (n == 0 && entries) return 0; // Without the blocks of zeros at its end.
        if (n < (ssize_t)sizeof header) return ENODATA;
        static const struct header zeros;
        if (!memcmp(&header, &zeros, sizeof header)) return 0;
        const int64_t sum = number_in(header.checksum, sizeof header.checksum);
        int64_t size = number_in(header.size, sizeof header.size);
        if (sum != (int64_t)checksum_of(&header) || size < 0) return refuse(complaint, "This is not a tar archive");
        if (++entries > MAX_ENTRIES) return refuse(complaint, "The archive has too many entries");
        int error;
        if (header.type == 'x') error = take_records((uint64_t)size, &next, complaint);
        else if (header.type == 'L') error = take_long_name((uint64_t)size, next.name, complaint);
        else if (header.type == 'K') error = take_long_name((uint64_t)size, next.link, complaint);
        else if (header.type == 'g') error = skip((uint64_t)size);
        else {
            char name[PATH_MAX], link[PATH_MAX];
            const int has_prefix = !memcmp(header.magic, "ustar\0", 6) && header.prefix[0];
            if (*next.name) strcpy(name, next.name);
            else
                snprintf(name, sizeof name, "%.*s%s%.*s", has_prefix ? 155 : 0, header.prefix, has_prefix ? "/" : "",
                         (int)sizeof header.name, header.name);
            snprintf(link, sizeof link, "%.*s", (int)sizeof header.link, header.link);
            if (*next.link) strcpy(link, next.link);
            if (next.size >= 0) size = next.size;
            // Entries of other types have no content, whatever their headers say.
            if (header.type && strchr("1256", header.type)) size = 0;
            next = (struct extended){.size = -1};
            error = take_entry(root, &header, name, link, (uint64_t)size, complaint);
        }
        if (!error) error = skip(padding_of((uint64_t)size));
        if (error) return error;
    }
}

int unpack_folder(const char *path, const char **complaint) {
    const int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return errno;
    const int error = take_archive(root, complaint);
    close(root);
    return error == ENODATA ? refuse(complaint, "The archive ends too early") : error;
}
