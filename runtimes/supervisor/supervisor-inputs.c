/* What is there before a run: the working directory, the files and the standard input that the manager puts in. */
#include "supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the working directory was like before the program ran. */
static struct {
    struct stat folder, artifacts;
    ino_t files[16]; /* the program's own source and input */
    size_t file_count;
} before;

void note_workspace(void) {
    before.file_count = 0;
    if (lstat(WORKSPACE, &before.folder) || lstat(ARTIFACT_DIR, &before.artifacts)) return;
    DIR *dir = opendir(WORKSPACE);
    struct dirent *entry;
    while (dir && before.file_count < sizeof before.files / sizeof *before.files &&
           (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') before.files[before.file_count++] = entry->d_ino;
    if (dir) closedir(dir);
}

int is_own_input(ino_t inode) {
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

int is_workspace_unchanged(void) {
    return is_unchanged(WORKSPACE, &before.folder) && is_unchanged(ARTIFACT_DIR, &before.artifacts);
}

/* The working directory is a mount of its own: whatever a link led to, it is not elsewhere. */
int is_in_workspace(int fd, struct stat *info) {
    return !fstat(fd, info) && info->st_dev == before.folder.st_dev;
}

/* Files that were put into the working directory, as they were. */
static struct input_file {
    ino_t inode;
    struct timespec changed;
} *inputs;
static size_t input_count;

int is_unchanged_input(const struct stat *info) {
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

void take_file(size_t length) {
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

void take_stdin(size_t length) {
    take_into(stdin_file, length);
    // The next read of whoever has this file begins at its start.
    lseek(stdin_file, 0, SEEK_SET);
}

void forget_inputs(void) {
    input_count = 0;
    if (ftruncate(stdin_file, 0) || lseek(stdin_file, 0, SEEK_SET)) die("stdin: %s", strerror(errno));
}
