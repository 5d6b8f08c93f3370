/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The one mutable global of the program: it changes only while the options are read. */
static enum log_level current_level = LOG_LEVEL_WARN;

void log_level_set(enum log_level level)
{
	current_level = level;
}

enum log_level log_level_get(void)
{
	return current_level;
}

static void line_write(enum log_level level, const char *format, va_list args)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
	char line[1024];
	size_t length, room;
	int written;

	length = (size_t)snprintf(line, sizeof(line), "posthorn: %s", prefix[level]);
	room = sizeof(line) - length - 1;
	written = vsnprintf(line + length, room, format, args);
	if (written > 0)
		length += (size_t)written < room ? (size_t)written : room - 1;
	line[length++] = '\n';
	/* There is nobody to tell when standard error is gone. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
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

void die(enum exit_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_write(LOG_LEVEL_ERROR, format, args);
	va_end(args);
	exit(code);
}
