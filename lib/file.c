/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void file_path_set(char path[PATH_MAX], const char *root, const char *format, ...)
{
	size_t length;
	va_list args;

	length = (size_t)snprintf(path, PATH_MAX, "%s", root);
	if (length >= PATH_MAX)
		return;
	va_start(args, format);
	vsnprintf(path + length, PATH_MAX - length, format, args);
	va_end(args);
}

int file_read_text(const char *path, char *text, size_t size)
{
	ssize_t length;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, size - 1);
	if (length < 0)
		length = -errno;
	close(fd);
	if (length < 0)
		return (int)length;
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return (int)length;
}

int file_write_text(const char *path, const char *text)
{
	ssize_t length;
	int fd, error = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = write(fd, text, strlen(text));
	if (length < 0)
		error = -errno;
	close(fd);
	return error;
}

int file_create(const char *path, const void *data, size_t size)
{
	int fd, error;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	error = fd_write_all(fd, data, size);
	/* Some file systems tell only now that the disk is full. */
	if (close(fd) < 0 && !error)
		error = -errno;
	return error;
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *from = data;

	while (size) {
		ssize_t written = write(fd, from, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		from += written;
		size -= (size_t)written;
	}
	return 0;
}

int fd_pread_all(int fd, void *data, size_t size, off_t offset)
{
	char *to = data;

	while (size) {
		ssize_t got = pread(fd, to, size, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENODATA;
		to += got;
		offset += got;
		size -= (size_t)got;
	}
	return 0;
}

/* What is behind a stream. */
struct position {
	int fd;
	off_t offset;
};

static ssize_t position_read(void *cookie, char *buffer, size_t size)
{
	struct position *position = cookie;
	ssize_t got = pread(position->fd, buffer, size, position->offset);

	if (got > 0)
		position->offset += got;
	return got;
}

static int position_close(void *cookie)
{
	free(cookie);
	return 0;
}

FILE *fd_stream(int fd)
{
	static const cookie_io_functions_t functions = { .read = position_read,
							 .close = position_close };
	struct position *position = malloc(sizeof(*position));
	FILE *stream;

	if (!position)
		return NULL;
	*position = (struct position){ .fd = fd };
	stream = fopencookie(position, "r", functions);
	if (!stream)
		free(position);
	return stream;
}

int eventfd_create(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void eventfd_signal(int fd)
{
	uint64_t one = 1;

	/* EAGAIN means that the count is at its maximum: it is pending already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

uint64_t eventfd_take(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

int eventfd_pending(int fd)
{
	const struct timespec at_once = { .tv_sec = 0 };
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return ppoll(&poll_fd, 1, &at_once, NULL) == 1 && (poll_fd.revents & POLLIN);
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
