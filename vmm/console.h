/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the guest's serial port goes: this terminal, a file, or nowhere.
 *
 * A terminal is in raw mode while the guest runs: every key goes to the guest but Ctrl-A, which
 * starts an escape (Ctrl-A x ends the VM, Ctrl-A Ctrl-A sends a Ctrl-A). It is put back on every
 * way out. For those on which no code of this process runs any more (SIGKILL, a crash) a small
 * child process waits for its end and does it. While a shell has the terminal and posthorn is in
 * the background (SIGSTOP and bg, or `posthorn run &`), the terminal is the shell's: posthorn
 * neither reads it nor changes its modes, but for output, until it is in the foreground again.
 *
 * Nothing here waits for whoever reads or types: all of it is the main thread's.
 *
 * Input that the guest does not take waits: here up to a limit, the rest where it comes from, so
 * that a long text that is pasted, or comes through a pipe, is not lost. But who types Ctrl-A x
 * wants the VM to end, most of all when the guest hangs. So a terminal is read on when the guest
 * has taken nothing for a while (main_loop() in vmm/run.c), and keys beyond the limit are dropped.
 * Elsewhere no escape can come, and nothing is dropped.
 */
#ifndef POSTHORN_VMM_CONSOLE_H
#define POSTHORN_VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct console {
	int input_fd;	     /* -1: none */
	int output_fd;	     /* -1: none */
	bool is_owned;	     /* output_fd is to be closed */
	size_t output_piece; /* bytes at most that a write(2) of what is ready does not wait with;
				0: as many as there are */
	bool is_terminal;    /* input comes from a terminal: there are escapes */
	bool escape;	     /* the last key was the Ctrl-A of an escape */
	bool dropped;	     /* keys were dropped, and it was said */
	bool failed;	     /* writing failed, and was reported */
	bool abandoned;	     /* see console_abandon() */
	const char *where;   /* as console_init() was told */
};

enum console_event { CONSOLE_EVENT_NONE, CONSOLE_EVENT_QUIT, CONSOLE_EVENT_CLOSED };

/*
 * Open the console named @where: "-" for standard input and output, "none", or a file, which is
 * emptied. Start-up only, before any thread and before the guest has memory: the child process of
 * raw mode must not hold them. @where must stay. Dies with EXIT_USAGE when the file cannot be
 * opened.
 */
void console_init(struct console *console, const char *where);

/*
 * May input be read? If the terminal has come to the foreground meanwhile it goes into raw mode.
 * false: posthorn is in the background. To be asked whenever that may have changed: before input
 * is read, after SIGCONT, and from time to time in the background, since a shell that brings a
 * job to the foreground which runs already sends no signal. Main thread only.
 */
bool console_attend(struct console *console);

/* Put the terminal back and close. */
void console_cleanup(struct console *console);

/*
 * Write what the guest sent, as much as goes without waiting for whoever reads. Returns how many
 * bytes are done with; when that is less than @size, output_fd is worth a try when it is writable.
 * A failure is reported once, and its bytes are lost; what is written later is still tried, for a
 * full disk may get room again.
 */
size_t console_write(struct console *console, const uint8_t *data, size_t size);

/*
 * Will output be taken before @patience_s seconds are over? true where there is none to take, or no
 * more.
 */
bool console_ready(const struct console *console, unsigned int patience_s);

/* Drop all output from now on, as nobody reads it; when there is some, that is said. */
void console_abandon(struct console *console);

/*
 * Read what was typed into @data, which has room for @size bytes, escapes taken out; *@count says
 * how many bytes there are. To be called when input_fd is readable, and with @size 0 for a terminal
 * only: there what finds no room is dropped, and the first time that is said. CONSOLE_EVENT_CLOSED:
 * there will be no more input.
 */
enum console_event console_read(struct console *console, uint8_t *data, size_t size, size_t *count);

#endif
