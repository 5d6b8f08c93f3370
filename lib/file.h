/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files, small and large, and file descriptors. */
#ifndef POSTHORN_LIB_FILE_H
#define POSTHORN_LIB_FILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* A path below @root. One that is too long is cut, and then names nothing. */
__attribute__((format(printf, 3, 4))) void file_path_set(char path[PATH_MAX], const char *root,
							 const char *format, ...);

/*
 * Read the small text file @path (a sysfs attribute, say) into @text, always NUL-terminated, one
 * trailing newline removed; what does not fit in @size bytes is cut. Returns the length or -errno.
 */
int file_read_text(const char *path, char *text, size_t size);

/* Write @text to the existing file @path in one write(2), as sysfs wants it. 0 or -errno. */
int file_write_text(const char *path, const char *text);

/* Make the file @path, or empty it, and write @size bytes into it. 0 or -errno. */
int file_create(const char *path, const void *data, size_t size);

/* Write all @size bytes, however many calls it takes. 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t size);

/* Read exactly @size bytes at @offset. 0, -errno, or -ENODATA when the file ends before. */
int fd_pread_all(int fd, void *data, size_t size, off_t offset);

/*
 * Read the file behind @fd from its start as a stream, for files that must stay open because they
 * cannot be opened later, and that say something else each time (/proc, debugfs). fclose(3) ends
 * the stream and leaves @fd as it is. No system call but pread(2). NULL: out of memory.
 */
FILE *fd_stream(int fd);

/* Make an eventfd (close-on-exec, non-blocking, count 0), or -errno. The caller closes it. */
int eventfd_create(void);

/* Add one to an eventfd's count. Never blocks; safe from any thread and from a signal handler. */
void eventfd_signal(int fd);

/* Take an eventfd's count, which becomes 0. Returns the count, 0 when there was none. */
uint64_t eventfd_take(int fd);

/* Is an eventfd's count above 0? The count stays as it is. */
int eventfd_pending(int fd);

/* Close *@fd when it is not negative, and set it to -1. */
void fd_close(int *fd);

#endif
