/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

#define KEY_ESCAPE 0x01 /* Ctrl-A */

/* What atexit(3) needs to find; set once, before there are threads. */
static struct {
	struct termios termios;
	pid_t owner; /* the process that put the terminal into raw mode; 0: nobody did */
	int guard_fd;
} saved = { .guard_fd = -1 };

static void terminal_restore(void)
{
	char done = 0;

	if (saved.owner != getpid())
		return;
	saved.owner = 0;
	/* Not TCSADRAIN: of a terminal whose other end is stuck that would wait for ever. */
	tcsetattr(STDIN_FILENO, TCSANOW, &saved.termios);
	/* Tell the guard that there is nothing left to do. */
	if (write(saved.guard_fd, &done, 1) < 0)
		log_debug("the terminal's guard is gone");
	fd_close(&saved.guard_fd);
}

/* The guard: end of file without a byte before it means that the parent died in raw mode. */
static _Noreturn void guard_run(int fd)
{
	ssize_t got;
	char byte;

	/* A session of its own: no signal of the terminal comes here, none for touching it either.
	 */
	setsid();
	do {
		got = read(fd, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved.termios);
	_exit(0);
}

static void guard_start(void)
{
	sigset_t all, former;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	/* What ends posthorn, and maybe its whole group, must not end the guard. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &former);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		guard_run(ends[0]);
	}
	sigprocmask(SIG_SETMASK, &former, NULL);
	close(ends[0]);
	if (child < 0)
		close(ends[1]);
	else
		saved.guard_fd = ends[1];
}

/* Is standard input a terminal? Then it is in raw mode now. */
static bool terminal_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved.termios) < 0)
		return false;
	guard_start();
	saved.owner = getpid();
	atexit(terminal_restore);
	raw = saved.termios;
	cfmakeraw(&raw);
	/* The guest ends its lines with CR LF itself, but posthorn's own messages do not. */
	raw.c_oflag |= OPOST | ONLCR;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	return true;
}

void console_init(struct console *console, const char *where)
{
	*console = (struct console){ .input_fd = -1, .output_fd = -1, .where = where };
	if (strcmp(where, "none") == 0)
		return;
	if (strcmp(where, "-") == 0) {
		console->input_fd = STDIN_FILENO;
		console->output_fd = STDOUT_FILENO;
		console->is_terminal = terminal_raw();
		return;
	}
	console->output_fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (console->output_fd < 0)
		die(EXIT_USAGE, "--console %s: %s", where, strerror(errno));
	console->is_owned = true;
}

void console_cleanup(struct console *console)
{
	terminal_restore();
	if (console->is_owned)
		fd_close(&console->output_fd);
}

static void output_failed(struct console *console, const char *why)
{
	if (!console->failed)
		log_warn("--console %s: the guest's console output is lost: %s", console->where,
			 why);
	console->failed = true;
}

/* Somebody else made the output non-blocking: wait for room as write(2) would. */
static void output_wait(const struct console *console)
{
	struct pollfd output = { .fd = console->output_fd, .events = POLLOUT };
	const struct timespec patience = { .tv_sec = 1 };

	ppoll(&output, 1, &patience, NULL);
}

void console_write(struct console *console, const uint8_t *data, size_t size)
{
	if (console->output_fd < 0)
		return;
	while (size) {
		ssize_t written;

		if (atomic_load(&console->abandoned)) {
			output_failed(console, "nobody reads it");
			return;
		}
		written = write(console->output_fd, data, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN) {
			output_wait(console);
			continue;
		}
		if (written < 0) {
			output_failed(console, strerror(errno));
			return;
		}
		data += written;
		size -= (size_t)written;
	}
}

bool console_ready(const struct console *console, unsigned int patience_s)
{
	const struct timespec patience = { .tv_sec = patience_s };
	struct pollfd output = { .fd = console->output_fd, .events = POLLOUT };

	if (console->output_fd < 0 || atomic_load(&console->abandoned))
		return true;
	return ppoll(&output, 1, &patience, NULL) != 0;
}

void console_abandon(struct console *console)
{
	atomic_store(&console->abandoned, true);
}

static void key_put(struct console *console, uint8_t key, uint8_t *data, size_t size, size_t *count)
{
	if (*count < size) {
		data[(*count)++] = key;
		return;
	}
	if (!console->dropped)
		log_warn("the guest takes no keys, and more of them are dropped: Ctrl-A x ends the "
			 "VM");
	console->dropped = true;
}

enum console_event console_read(struct console *console, uint8_t *data, size_t size, size_t *count)
{
	uint8_t typed[64];
	ssize_t got;

	*count = 0;
	/* Without room it is the escape that is looked for. */
	got = read(console->input_fd, typed, size ? min(size, sizeof(typed)) : sizeof(typed));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return CONSOLE_EVENT_NONE;
	if (got <= 0)
		return CONSOLE_EVENT_CLOSED;
	for (ssize_t i = 0; i < got; i++) {
		if (!console->escape && typed[i] == KEY_ESCAPE && console->is_terminal) {
			console->escape = true;
			continue;
		}
		if (console->escape && (typed[i] == 'x' || typed[i] == 'X'))
			return CONSOLE_EVENT_QUIT;
		/* Ctrl-A and another key: only Ctrl-A itself means something, the rest is dropped.
		 */
		if (!console->escape || typed[i] == KEY_ESCAPE)
			key_put(console, typed[i], data, size, count);
		console->escape = false;
	}
	return CONSOLE_EVENT_NONE;
}
