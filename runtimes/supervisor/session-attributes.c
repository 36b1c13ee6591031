/* User attributes of a session's files: extended attributes (xattr(7)) below "user.e2b.", which E2B's clients set. */
#define _GNU_SOURCE
#include "session-files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

static const char PREFIX[] = "user.e2b.";
enum { PREFIX_LENGTH = sizeof PREFIX - 1, MAX_NAMES_BYTES = 64 * 1024, MAX_VALUE_BYTES = 4096, MAX_ATTRIBUTES = 64 };

static char names[MAX_NAMES_BYTES];

static int is_ours(const char *name) { return !strncmp(name, PREFIX, PREFIX_LENGTH) && name[PREFIX_LENGTH]; }

int set_attributes(int fd, char **pairs) {
    const ssize_t length = flistxattr(fd, names, sizeof names);
    for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1)
        if (is_ours(name) && fremovexattr(fd, name) && errno != ENODATA) return errno;
    for (; pairs[0] && pairs[1]; pairs += 2) {
        char name[256];
        if (snprintf(name, sizeof name, "%s%s", PREFIX, pairs[0]) >= (int)sizeof name) return E2BIG;
        if (fsetxattr(fd, name, pairs[1], strlen(pairs[1]), 0)) return errno;
    }
    return 0;
}

void write_attributes(const char *path) {
    static char values[MAX_ATTRIBUTES][MAX_VALUE_BYTES + 1];
    const char *found[MAX_ATTRIBUTES];
    size_t count = 0;
    const ssize_t length = llistxattr(path, names, sizeof names);
    for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        if (!is_ours(name) || count == MAX_ATTRIBUTES) continue;
        const ssize_t n = lgetxattr(path, name, values[count], MAX_VALUE_BYTES);
        // A value that is no text cannot be told.
        if (n < 0 || memchr(values[count], 0, (size_t)n)) continue;
        values[count][n] = 0;
        found[count++] = name + PREFIX_LENGTH;
    }
    printf("%zu%c", count, 0);
    for (size_t i = 0; i < count; i++) printf("%s%c%s%c", found[i], 0, values[i], 0);
}
