/* SPDX-License-Identifier: BSD-2-Clause */
/* How many lines a test makes the code write to standard error. */
#ifndef POSTHORN_TESTS_UNIT_STDERR_CAPTURE_H
#define POSTHORN_TESTS_UNIT_STDERR_CAPTURE_H

#include <sys/mman.h>
#include <unistd.h>

struct capture {
	int saved, file;
};

/* From now on standard error goes to a file in memory. */
static inline struct capture capture_start(void)
{
	struct capture capture = { dup(STDERR_FILENO), memfd_create("stderr", 0) };

	dup2(capture.file, STDERR_FILENO);
	return capture;
}

/* Undo capture_start(). Returns how many lines came since then. */
static inline unsigned int capture_lines(struct capture capture)
{
	unsigned int lines = 0;
	char byte;

	dup2(capture.saved, STDERR_FILENO);
	close(capture.saved);
	lseek(capture.file, 0, SEEK_SET);
	while (read(capture.file, &byte, 1) == 1)
		lines += byte == '\n';
	close(capture.file);
	return lines;
}

#endif
