/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"

static const char *ending(const char *path)
{
	const char *at = strrchr(path, '.');

	return at ? at : "";
}

static bool is_plot(const char *path)
{
	return !strcmp(ending(path), ".svg") || !strcmp(ending(path), ".png") ||
	       !strcmp(ending(path), ".gp");
}

int option_plot(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!is_plot(value))
		return wrong(parser, "%s '%s': give a name that ends with .svg, .png or .gp",
			     rule->name, value);
	return option_text(parser, rule, value);
}

const char *gnuplot_terminal(const char *path)
{
	return strcmp(ending(path), ".png") ? "svg" : "png";
}

/* Run gnuplot with @input as its script, and @output for what it draws. 0, -ENOENT or -EIO. */
static int gnuplot_run(int input, int output)
{
	static char name[] = "gnuplot";
	char *const argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	int error, status;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		return -EIO;
	error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawnp(&pid, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return error == ENOENT ? -ENOENT : -EIO;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -EIO;
	}
	/* Where posix_spawnp() cannot tell that there is no such program, its child ends so. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Let gnuplot draw what @script says into @output. */
static int script_draw(const char *script, size_t size, int output)
{
	int input = memfd_create("gnuplot script", MFD_CLOEXEC), error;

	if (input < 0)
		return -errno;
	error = fd_write_all(input, script, size);
	if (!error && lseek(input, 0, SEEK_SET) < 0)
		error = -errno;
	if (!error)
		error = gnuplot_run(input, output);
	close(input);
	return error;
}

int gnuplot_draw(const char *path, const char *script, size_t length, char *why, size_t size)
{
	int output, error;

	if (!is_plot(path)) {
		snprintf(why, size, "%s: the name of a plot ends with .svg, .png or .gp", path);
		return -EINVAL;
	}
	output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (output < 0) {
		error = -errno;
		snprintf(why, size, "%s cannot be made: %s", path, strerror(-error));
		return error;
	}
	error = strcmp(ending(path), ".gp") ? script_draw(script, length, output)
					    : fd_write_all(output, script, length);
	if (close(output) < 0 && !error)
		error = -errno;
	if (error == -ENOENT)
		snprintf(why, size,
			 "gnuplot is not here to draw %s: install the package gnuplot-nox, or name"
			 " a file FILE.gp to get its script",
			 path);
	else if (error)
		snprintf(why, size, "gnuplot could not draw %s: %s; FILE.gp gets its script", path,
			 strerror(-error));
	if (error)
		unlink(path);
	return error;
}

char *gnuplot_text(const char *script, size_t length, char *why, size_t size)
{
	int output = memfd_create("plot", MFD_CLOEXEC);
	int error = output < 0 ? -errno : script_draw(script, length, output);
	struct stat status = { .st_size = 0 };
	char *text = NULL;

	if (!error && output >= 0 && fstat(output, &status) == 0)
		text = calloc(1, (size_t)status.st_size + 1);
	if (text)
		error = fd_pread_all(output, text, (size_t)status.st_size, 0);
	fd_close(&output);
	if (text && !error)
		return text;
	free(text);
	snprintf(why, size, "%s",
		 error == -ENOENT ? "gnuplot is not here: install the package gnuplot-nox"
				  : "gnuplot could not draw it");
	return NULL;
}
