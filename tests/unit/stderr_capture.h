/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test makes the code write to standard error, and how many lines of it. */
#ifndef POSTHORN_TESTS_UNIT_STDERR_CAPTURE_H
#define POSTHORN_TESTS_UNIT_STDERR_CAPTURE_H

#include <stddef.h>
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

/*
 * Undo capture_start(). Returns how many lines came since then, and copies what of them fits into
 * the @size bytes of @text, NUL-terminated.
 */
static inline unsigned int capture_text(struct capture capture, char *text, size_t size)
{
	unsigned int lines = 0;
	size_t length = 0;
	char byte;

	dup2(capture.saved, STDERR_FILENO);
	close(capture.saved);
	lseek(capture.file, 0, SEEK_SET);
	while (read(capture.file, &byte, 1) == 1) {
		lines += byte == '\n';
		if (length + 1 < size)
			text[length++] = byte;
	}
	text[length] = '\0';
	close(capture.file);
	return lines;
}

/* The same, for who does not look at the text. */
static inline unsigned int capture_lines(struct capture capture)
{
	char text[1];

	return capture_text(capture, text, sizeof(text));
}

#endif
