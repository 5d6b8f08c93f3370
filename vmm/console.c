/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

#define KEY_ESCAPE 0x01 /* Ctrl-A */

/* What atexit(3) needs to find; changed by the main thread alone. */
static struct {
	struct termios modes; /* the terminal's own; all zeros until posthorn had it */
	pid_t owner;	      /* the process whose terminal it is; 0: there is none */
	pid_t group;	      /* and its process group */
	int guard_fd;
} saved = { .guard_fd = -1 };

/* Raw mode, made of the terminal's own modes. */
static struct termios modes_raw(void)
{
	struct termios raw = saved.modes;

	cfmakeraw(&raw);
	/* The guest ends its lines with CR LF itself, but posthorn's own messages do not. */
	raw.c_oflag |= OPOST | ONLCR;
	return raw;
}

/* Is the terminal as posthorn made it? Not so when nobody did, nor when a shell took it back. */
static bool modes_are_raw(const struct termios *modes)
{
	const struct termios raw = modes_raw();

	return saved.modes.c_cflag && modes->c_iflag == raw.c_iflag &&
	       modes->c_oflag == raw.c_oflag && modes->c_lflag == raw.c_lflag;
}

static void terminal_put_back(void)
{
	struct termios now;

	/* Not TCSADRAIN: of a terminal whose other end is stuck that would wait for ever. */
	if (tcgetattr(STDIN_FILENO, &now) == 0 && modes_are_raw(&now))
		tcsetattr(STDIN_FILENO, TCSANOW, &saved.modes);
}

/* Has another process group the terminal? Touching it would stop this one (SIGTTOU, SIGTTIN). */
static bool in_background(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	/* Where nobody controls jobs there is no such group. */
	return group > 0 && group != saved.group;
}

static void terminal_restore(void)
{
	char done = 0;

	if (saved.owner != getpid())
		return;
	saved.owner = 0;
	if (!in_background())
		terminal_put_back();
	/* Tell the guard that there is nothing left to do. */
	if (write(saved.guard_fd, &done, sizeof(done)) < 0)
		log_debug("the terminal's guard is gone");
	fd_close(&saved.guard_fd);
}

/*
 * The guard is told the terminal's modes, by messages that pipe(7) keeps whole. A single byte says
 * that there is nothing left to do; end of file without it, that the parent died in raw mode.
 */
static _Noreturn void guard_run(int fd)
{
	struct termios modes;
	ssize_t got;

	/* A session of its own: no signal of the terminal comes here, none for touching it either.
	 */
	setsid();
	/* Nothing else stays open: a device that was handed over is free when posthorn ends. */
	if (dup2(fd, STDOUT_FILENO) < 0)
		_exit(1);
	close_range(STDERR_FILENO, UINT_MAX, 0);
	while ((got = read(STDOUT_FILENO, &modes, sizeof(modes))) != 0) {
		if (got == sizeof(modes))
			saved.modes = modes;
		else if (got > 0)
			_exit(0);
	}
	terminal_put_back();
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

bool console_attend(struct console *console)
{
	struct termios modes, raw;

	if (!console->is_terminal)
		return true;
	if (in_background())
		return false;
	if (tcgetattr(STDIN_FILENO, &modes) < 0 || modes_are_raw(&modes))
		return true;
	saved.modes = modes;
	if (write(saved.guard_fd, &saved.modes, sizeof(saved.modes)) < 0)
		log_debug("the terminal has no guard");
	raw = modes_raw();
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	return true;
}

static void terminal_init(struct console *console)
{
	console->is_terminal = isatty(STDIN_FILENO);
	if (!console->is_terminal)
		return;
	saved.owner = getpid();
	saved.group = getpgrp();
	guard_start();
	atexit(terminal_restore);
	console_attend(console);
}

/*
 * Standard output, so that a write to it never waits. Others may have the open file too, and would
 * not like it to become non-blocking; so it is opened once more, where that is possible. Else no
 * more is written at once than the kernel has room for when it says that it is writable: of a
 * terminal a byte, of a pipe as much as PIPE_BUF.
 */
static void output_open(struct console *console)
{
	struct stat status;

	console->output_fd = STDOUT_FILENO;
	if (fstat(STDOUT_FILENO, &status) < 0 || S_ISREG(status.st_mode))
		return;
	if (!S_ISSOCK(status.st_mode)) {
		int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		console->is_owned = fd >= 0;
		if (fd >= 0) {
			console->output_fd = fd;
			return;
		}
	}
	console->output_piece = S_ISCHR(status.st_mode) ? 1 : PIPE_BUF;
}

void console_init(struct console *console, const char *where)
{
	*console = (struct console){ .input_fd = -1, .output_fd = -1, .where = where };
	if (strcmp(where, "none") == 0)
		return;
	if (strcmp(where, "-") == 0) {
		console->input_fd = STDIN_FILENO;
		output_open(console);
		terminal_init(console);
		return;
	}
	console->output_fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (console->output_fd < 0)
		die(EXIT_USAGE, "--console %s: %s", where, strerror(errno));
	/* It is nobody else's. */
	fcntl(console->output_fd, F_SETFL, O_NONBLOCK);
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

static bool output_is_ready(const struct console *console, time_t patience_s)
{
	struct pollfd output = { .fd = console->output_fd, .events = POLLOUT };
	const struct timespec patience = { .tv_sec = patience_s };

	return ppoll(&output, 1, &patience, NULL) != 0;
}

size_t console_write(struct console *console, const uint8_t *data, size_t size)
{
	ssize_t written;

	if (console->output_fd < 0)
		return size;
	if (console->abandoned) {
		output_failed(console, "nobody reads it");
		return size;
	}
	if (console->output_piece && !output_is_ready(console, 0))
		return 0;
	if (console->output_piece)
		size = min(size, console->output_piece);
	written = write(console->output_fd, data, size);
	if (written >= 0)
		return (size_t)written;
	if (errno == EINTR || errno == EAGAIN)
		return 0;
	output_failed(console, strerror(errno));
	return size;
}

bool console_ready(const struct console *console, unsigned int patience_s)
{
	return console->output_fd < 0 || console->abandoned ||
	       output_is_ready(console, (time_t)patience_s);
}

void console_abandon(struct console *console)
{
	console->abandoned = true;
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
