/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pty [STEP]... -- COMMAND [ARGUMENT]...: run COMMAND on a terminal of its own and do the steps one
 * by one. Each is two arguments:
 *
 *   expect TEXT    wait until TEXT came out, after what the expect before it found
 *   send TEXT      type TEXT, in which \r, \n, \\ and \xNN are what they are in C
 *   signal NUMBER  send the command a signal
 *   job NUMBER     send a signal to what has the terminal, which a shell calls its job
 *   raw yes|no     wait until the terminal is in raw mode, or is not
 *   wait MS        let so many milliseconds pass
 *   close now      take the terminal away
 *
 * Then it waits until nobody has the terminal open. All that came out goes to standard output, and
 * after it a line that says in which state the terminal was left: "terminal: restored",
 * "terminal: changed" or "terminal: gone". The exit code is the command's, or 128 and the number of
 * the signal that ended it, or 125 if a step failed or nothing happened for 30 seconds.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define TIMEOUT_MS  30000
#define POLL_MS	    20
#define OUTPUT_SIZE 0x100000
#define EXIT_STEP   125

struct session {
	int master;
	pid_t child;
	char *output; /* NUL-terminated; a NUL in it ends what expect sees */
	size_t size, seen;
};

__attribute__((format(printf, 2, 3), noreturn)) static void fail(const struct session *session,
								 const char *format, ...)
{
	va_list args;

	kill(session->child, SIGKILL);
	fwrite(session->output, 1, session->size, stdout);
	printf("\npty: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(EXIT_STEP);
}

/* Take what comes next. Returns false when the terminal is closed on the other side. */
static bool output_read(struct session *session)
{
	struct pollfd output = { .fd = session->master, .events = POLLIN };
	ssize_t got;

	if (session->master < 0)
		return false;
	if (session->size == OUTPUT_SIZE - 1)
		fail(session, "too much output");
	if (poll(&output, 1, TIMEOUT_MS) == 0)
		fail(session, "nothing happens");
	got = read(session->master, session->output + session->size,
		   OUTPUT_SIZE - 1 - session->size);
	if (got <= 0)
		return false;
	session->size += (size_t)got;
	session->output[session->size] = '\0';
	return true;
}

static void step_expect(struct session *session, const char *text)
{
	const char *found;

	while (!(found = strstr(session->output + session->seen, text)))
		if (!output_read(session))
			fail(session, "it ended without '%s'", text);
	session->seen = (size_t)(found - session->output) + strlen(text);
}

static size_t text_unescape(const char *from, char *to)
{
	char *start = to;

	while (*from) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		if (*from == 'x') {
			const char digits[] = { from[1], from[2], '\0' };

			*to++ = (char)strtoul(digits, NULL, 16);
			from += 3;
			continue;
		}
		*to++ = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from;
		from++;
	}
	return (size_t)(to - start);
}

static void step_send(struct session *session, const char *text)
{
	char *typed = malloc(strlen(text) + 1);
	size_t size = text_unescape(text, typed);

	if (write(session->master, typed, size) != (ssize_t)size)
		fail(session, "cannot type '%s': %s", text, strerror(errno));
	free(typed);
}

static void step_signal(struct session *session, const char *number)
{
	kill(session->child, atoi(number));
}

static void step_job(struct session *session, const char *number)
{
	/* On Linux this is the group of the other side. */
	kill(-tcgetpgrp(session->master), atoi(number));
}

static void step_raw(struct session *session, const char *expected)
{
	struct termios termios;
	bool raw = false;

	for (int waited_ms = 0; waited_ms < TIMEOUT_MS; waited_ms += POLL_MS) {
		/* The settings, too. */
		tcgetattr(session->master, &termios);
		raw = !(termios.c_lflag & (ICANON | ECHO | ISIG));
		if (raw == (strcmp(expected, "yes") == 0))
			return;
		usleep(1000 * POLL_MS);
	}
	fail(session, "the terminal is %s raw mode", raw ? "in" : "not in");
}

static void step_wait(struct session *session, const char *ms)
{
	(void)session;
	usleep((useconds_t)atoi(ms) * 1000);
}

static void step_close(struct session *session, const char *argument)
{
	(void)argument;
	close(session->master);
	session->master = -1;
}

static const struct {
	const char *name;
	void (*run)(struct session *session, const char *argument);
} steps[] = {
	{ "expect", step_expect }, { "send", step_send }, { "signal", step_signal },
	{ "job", step_job },	   { "raw", step_raw },	  { "wait", step_wait },
	{ "close", step_close },
};

static void step_run(struct session *session, const char *name, const char *argument)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].name, name) == 0) {
			steps[i].run(session, argument);
			return;
		}
	}
	fail(session, "there is no step '%s'", name);
}

/*
 * The terminal does not become the command's controlling one: it is the shell's in real life, and
 * goes away with the process that has it.
 */
static void command_start(struct session *session, char **command, struct termios *termios)
{
	int slave;

	if (openpty(&session->master, &slave, NULL, NULL, NULL) < 0) {
		perror("pty: openpty");
		exit(EXIT_STEP);
	}
	tcgetattr(slave, termios);
	session->child = fork();
	if (session->child == 0) {
		dup2(slave, STDIN_FILENO);
		dup2(slave, STDOUT_FILENO);
		close(slave);
		close(session->master);
		execvp(command[0], command);
		perror(command[0]);
		_exit(EXIT_STEP);
	}
	close(slave);
}

int main(int argc, char **argv)
{
	struct session session = { .output = calloc(1, OUTPUT_SIZE) };
	struct termios before, after;
	int command = 1, status;

	while (command < argc && strcmp(argv[command], "--") != 0)
		command += 2;
	if (command + 1 >= argc) {
		fprintf(stderr, "usage: pty [STEP ARGUMENT]... -- COMMAND [ARGUMENT]...\n");
		return EXIT_STEP;
	}
	setvbuf(stdout, NULL, _IOFBF, 0);
	/* They are compared byte by byte, also those between the fields. */
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	command_start(&session, argv + command + 1, &before);
	for (int i = 1; i < command; i += 2)
		step_run(&session, argv[i], argv[i + 1]);
	while (output_read(&session))
		;
	if (waitpid(session.child, &status, 0) < 0)
		fail(&session, "waitpid: %s", strerror(errno));
	tcgetattr(session.master, &after);
	fwrite(session.output, 1, session.size, stdout);
	printf("\nterminal: %s\n", session.master < 0				  ? "gone"
				   : memcmp(&before, &after, sizeof(before)) == 0 ? "restored"
										  : "changed");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
