/*
 * Watches a folder of a session by inotify(7), and writes an event for each change until it is ended.
 *
 * An event: s begun, c made or moved to, w written, a attributes changed, r removed, m moved away, o some changes
 * are not told of, y told of all until now; NUL; path from PATH, for s, o and y none; NUL. There is one y for each
 * read of standard input that brings something.
 */
#define _GNU_SOURCE
#include "session-files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { MAX_WATCHES = 1024 };

struct place {
    int watch;    /* 0: free */
    char *folder; /* from the root; ends with a slash or is empty */
};

static struct {
    int fd;
    struct place places[MAX_WATCHES];
} watches;

static const uint32_t WATCHED = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_ONLYDIR;

static struct place *place_of(int watch) {
    for (size_t i = 0; i < MAX_WATCHES; i++)
        if (watches.places[i].watch == watch) return &watches.places[i];
    return NULL;
}

/* Notes which folder a watch is of. Returns 0, or ENOSPC when there are too many. */
static int keep_place(int watch, const char *folder) {
    struct place *place = place_of(watch);
    if (!place) place = place_of(0);
    if (!place) return ENOSPC;
    free(place->folder);
    *place = (struct place){watch, strdup(folder)};
    return place->folder ? 0 : ENOMEM;
}

static void say_event(char kind, const char *folder, const char *name) {
    printf("%c%c%s%s%c", kind, 0, folder, name, 0);
}

/*
 * Watches a folder and those below it. Folders beyond the most that are watched are left out.
 * @param is_new it was made while its parent was watched: what is in it has no event of its own
 */
static int add_folder(const char *root, const char *folder, int depth, int is_new) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", root, folder) >= (int)sizeof path) return ENAMETOOLONG;
    const int watch = inotify_add_watch(watches.fd, path, *folder ? WATCHED | IN_DONT_FOLLOW : WATCHED);
    if (watch < 0 && (errno == ENOENT || errno == ENOTDIR) && *folder) return 0; // It has gone meanwhile.
    const int error = watch < 0 ? errno : keep_place(watch, folder);
    if (error) {
        if (watch >= 0) inotify_rm_watch(watches.fd, watch);
        // One below is left out; changes in it are not told of.
        if (*folder) say_event('o', "", "");
        return error;
    }
    DIR *dir = depth > 1 || is_new ? opendir(path) : NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (is_new) say_event('c', folder, entry->d_name);
        char below[PATH_MAX];
        if (entry->d_type == DT_DIR && depth > 1 &&
            snprintf(below, sizeof below, "%s%s/", folder, entry->d_name) < (int)sizeof below)
            add_folder(root, below, depth - 1, is_new);
    }
    if (dir) closedir(dir);
    return 0;
}

static char kind_of(uint32_t mask) {
    if (mask & (IN_CREATE | IN_MOVED_TO)) return 'c';
    if (mask & IN_MODIFY) return 'w';
    if (mask & IN_MOVED_FROM) return 'm';
    return mask & IN_DELETE ? 'r' : 'a';
}

static int depth_of(const char *folder) {
    int depth = 0;
    for (const char *c = folder; *c; c++) depth += *c == '/';
    return depth;
}

static void take_event(const struct inotify_event *event, const char *path, int depth) {
    if (event->mask & IN_Q_OVERFLOW) say_event('o', "", "");
    struct place *place = event->wd > 0 ? place_of(event->wd) : NULL;
    if (!place) return;
    if (event->mask & IN_IGNORED) {
        free(place->folder);
        *place = (struct place){0};
        return;
    }
    if (!event->len) return;
    // A copy: folders that are added move none, but may take the place.
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", place->folder);
    say_event(kind_of(event->mask), folder, event->name);
    const int left = depth - depth_of(folder) - 1;
    char below[PATH_MAX];
    if (event->mask & IN_ISDIR && event->mask & (IN_CREATE | IN_MOVED_TO) && left > 0 &&
        snprintf(below, sizeof below, "%s%s/", folder, event->name) < (int)sizeof below)
        add_folder(path, below, left, 1);
}

/* Tells of what has happened. Returns 0 or an errno. */
static int take_events(const char *path, int depth) {
    static char events[64 * 1024] __attribute__((aligned(8)));
    for (;;) {
        const ssize_t n = read(watches.fd, events, sizeof events);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return 0;
        if (n <= 0) return errno ? errno : EIO;
        for (char *next = events; next < events + n;) {
            const struct inotify_event *event = (const struct inotify_event *)next;
            next += sizeof *event + event->len;
            take_event(event, path, depth);
        }
    }
}

int watch_folder(const char *path, int depth) {
    watches.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watches.fd < 0) return errno;
    const int error = add_folder(path, "", depth, 0);
    if (error) return error;
    // The watcher knows by this that no change is missed from now on.
    say_event('s', "", "");
    struct pollfd polled[] = {{.fd = watches.fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (fflush(stdout)) return errno;
        if (poll(polled, 2, -1) < 0 && errno != EINTR) return errno;
        char words[256];
        const ssize_t asked = polled[1].revents ? read(STDIN_FILENO, words, sizeof words) : -1;
        // Nobody asks any more.
        if (asked == 0) polled[1].fd = -1;
        const int failure = take_events(path, depth);
        if (failure) return failure;
        if (asked > 0) say_event('y', "", "");
    }
}
