/* Work on files of a session, as its user and inside its sandbox: see session-files.c. */
#ifndef SESSION_FILES_H
#define SESSION_FILES_H

/*
 * Does what the arguments say (ended by NULL) with standard input and output.
 * Returns 0, or the errno of what failed; then a line about it is on standard error.
 */
int file_work(char **arguments);

/* Watches a folder, so many folders deep: see session-watch.c. Returns an errno. */
int watch_folder(const char *path, int depth);

#endif
