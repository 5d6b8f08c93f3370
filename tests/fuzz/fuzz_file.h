/* SPDX-License-Identifier: BSD-2-Clause */
/* A file in memory, for code under test that wants a path: made once, filled for each input. */
#ifndef POSTHORN_TESTS_FUZZ_FILE_H
#define POSTHORN_TESTS_FUZZ_FILE_H

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_check.h"

struct fuzz_file {
	int fd;
	char path[32];
};

static inline void fuzz_file_init(struct fuzz_file *file)
{
	file->fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_check(file->fd >= 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

/* Let the file have these @size bytes and no others. */
static inline void fuzz_file_set(const struct fuzz_file *file, const uint8_t *data, size_t size)
{
	fuzz_check(ftruncate(file->fd, (off_t)size) == 0);
	fuzz_check(pwrite(file->fd, data, size, 0) == (ssize_t)size);
}

#endif
