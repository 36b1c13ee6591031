/* Archives of a session's files, in the pax interchange format (POSIX.1-2017, pax). */
#ifndef SESSION_ARCHIVE_H
#define SESSION_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes an archive of a folder to standard output. Returns 0 or an errno. */
int pack_folder(const char *path);

/*
 * Reads an archive from standard input into a folder.
 * @param complaint set to what is wrong with the archive when it returns EINVAL
 * Returns 0 or an errno.
 */
int unpack_folder(const char *path, const char **complaint);

/* ---- what both need ---- */

enum { BLOCK = 512, CHUNK_BYTES = 128 * 1024 };

/* A header of an entry ("ustar Interchange Format"). */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
        version[2], owner[32], group[32], major[8], minor[8], prefix[155], pad[12];
};

/* Reads all of it unless the end comes before. Returns the bytes read; -1 on errors. */
ssize_t read_all(int fd, char *bytes, size_t length);

/* Returns 0 or an errno. */
int write_all(int fd, const char *bytes, size_t length);

unsigned checksum_of(const struct header *header);

/* Zeros after a content of this size. */
size_t padding_of(uint64_t size);

#endif
