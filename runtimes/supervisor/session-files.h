/* Work on files of a session, as its user and inside its sandbox: see session-files.c. */
#ifndef SESSION_FILES_H
#define SESSION_FILES_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Does what the arguments say (ended by NULL) with standard input and output.
 * Returns 0, or the errno of what failed; then a line about it is on standard error.
 */
int file_work(char **arguments);

/* Watches a folder, so many folders deep: see session-watch.c. Returns an errno. */
int watch_folder(const char *path, int depth);

/* ---- session-files.c ---- */

/* Whose becomes what is made; -1: of the user of this process. */
extern uid_t owner;
extern gid_t owner_group;

/* Copies at most `length` bytes from one descriptor to the other. Returns 0 or an errno, as all below. */
int copy(int from, int to, uint64_t length);
/* Makes the folders above a path. */
int make_above(const char *path);

/* ---- session-put.c ---- */

/* Writes standard input to a file, whose user attributes become these. */
int put_file(const char *path, char **attributes);
/* Writes the contents of files (ended by NULL) to one, and removes them. */
int join_files(const char *path, char **sources);

/* ---- session-attributes.c ---- */

/* Sets the user attributes of a file to these (name, value, ..., NULL) and no others. */
int set_attributes(int fd, char **pairs);

/* Writes the number of a file's user attributes, NUL, and name, NUL, value, NUL of each. */
void write_attributes(const char *path);

#endif
