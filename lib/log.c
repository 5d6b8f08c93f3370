/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/util.h"

/* It changes only while the options are read. */
static enum log_level current_level = LOG_LEVEL_NOTICE;

void log_level_set(enum log_level level)
{
	current_level = level;
}

enum log_level log_level_get(void)
{
	return current_level;
}

/*
 * For whoever reads standard error. By ppoll(2), since SIGSTOP and SIGCONT make of poll(2) another
 * system call, restart_syscall(2), which the seccomp filters would have to let pass. In turns, of
 * which one that a signal cuts short counts like any other: the signals that call a vCPU's thread
 * to the end come faster than all of them pass.
 */
#define PATIENCE_TURNS 10
#define TURN_NS	       100000000
#define QUEUE_TURNS    1000
#define QUEUE_TURN_NS  1000000

/*
 * What is known of the reader: did it take nothing when it was last waited for? Then nobody waits
 * for it again before it takes something, or each of many lines would cost its time.
 */
static atomic_bool reader_is_stuck;

/* A thread is writing. */
static atomic_flag is_writing = ATOMIC_FLAG_INIT;

static bool is_writable(int fd)
{
	bool is_stuck = atomic_load(&reader_is_stuck);
	const struct timespec patience = { .tv_nsec = is_stuck ? 0 : TURN_NS };
	struct pollfd output = { .fd = fd, .events = POLLOUT };
	int ready = 0;

	for (int turn = 0; turn < (is_stuck ? 1 : PATIENCE_TURNS) && ready <= 0; turn++)
		ready = ppoll(&output, 1, &patience, NULL);
	atomic_store(&reader_is_stuck, ready <= 0);
	return ready > 0;
}

/*
 * Threads write one after the other: of two that find room for one piece, one would wait in
 * write(2). A thread that a signal interrupts here, whose handler writes too, must not wait for
 * itself: after a while it goes on.
 */
static void queue_enter(void)
{
	const struct timespec turn = { .tv_nsec = QUEUE_TURN_NS };

	for (int i = 0; i < QUEUE_TURNS && atomic_flag_test_and_set(&is_writing); i++)
		ppoll(NULL, 0, &turn, NULL);
}

static int text_write(const char *text, size_t size)
{
	while (size) {
		ssize_t written;

		if (!is_writable(STDERR_FILENO))
			return -ETIMEDOUT;
		/* What is writable has room for so much at once (pipe(7)). */
		written = write(STDERR_FILENO, text, size < PIPE_BUF ? size : PIPE_BUF);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		size -= (size_t)written;
	}
	return 0;
}

int log_text(const char *text, size_t size)
{
	int error;

	queue_enter();
	error = text_write(text, size);
	atomic_flag_clear(&is_writing);
	return error;
}

static void line_write(enum log_level level, const char *format, va_list args)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "", "debug: " };
	char line[1024];
	size_t length, room;
	int written;

	length = (size_t)snprintf(line, sizeof(line), "posthorn: %s", prefix[level]);
	room = sizeof(line) - length - 1;
	written = vsnprintf(line + length, room, format, args);
	if (written > 0)
		length += (size_t)written < room ? (size_t)written : room - 1;
	line[length++] = '\n';
	/* When it fails there is nobody to tell. */
	log_text(line, length);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > current_level)
		return;
	va_start(args, format);
	line_write(level, format, args);
	va_end(args);
}

int refuse(char why[WHY_SIZE], int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, WHY_SIZE, format, args);
	va_end(args);
	return error;
}

enum exit_code error_exit_code(int error)
{
	switch (error) {
	case -EINVAL:
		return EXIT_USAGE;
	case -EIO:
		return EXIT_DEVICE;
	default:
		return EXIT_HOST;
	}
}

const char *error_remedy(int error)
{
	static const struct {
		int error;
		const char *remedy;
	} remedies[] = {
		{ EAGAIN, "; raise the limit of processes (ulimit -u)" },
		{ EMFILE, "; raise the limit of open files (ulimit -n)" },
		{ ENFILE, "; raise the host's limit of open files (sysctl fs.file-max)" },
		{ ENOMEM, "; close other programs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].error == error)
			return remedies[i].remedy;
	return "";
}

void die(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_write(LOG_LEVEL_ERROR, format, args);
	va_end(args);
	exit(code);
}
