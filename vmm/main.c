/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"

/*
 * Standard input, output and error that are closed are opened as nothing: a file of posthorn's
 * would take their numbers else, and get what is written for a person.
 */
static void standard_files_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	struct command_line line;
	char why[512];
	int code;

	standard_files_open();
	code = command_line_parse(&line, commands, argc, argv, why, sizeof(why));
	if (code) {
		log_error("%s", why);
		return code;
	}
	log_level_set((enum log_level)min(LOG_LEVEL_NOTICE + line.verbose, LOG_LEVEL_DEBUG));
	if (line.help)
		command_help_print(line.command);
	else
		code = line.command->run(line.options);
	free(line.options);
	/* What is lost on a full disk must not look like success to a script. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	log_error("cannot write to standard output");
	return code == EXIT_OK ? EXIT_INTERNAL : code;
}
