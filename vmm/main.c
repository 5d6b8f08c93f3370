/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/options.h"

static int command_help(const struct options *options)
{
	options_help(options->topic);
	return EXIT_OK;
}

static int command_version(const struct options *options)
{
	(void)options;
	printf("posthorn " POSTHORN_VERSION "\n");
	return EXIT_OK;
}

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
	static int (*const commands[])(const struct options *options) = {
		[COMMAND_RUN] = command_run,
		[COMMAND_DEVICES] = command_devices,
		[COMMAND_CHECK] = command_check,
		[COMMAND_INFO] = command_info,
		[COMMAND_BIND] = command_bind,
		[COMMAND_UNBIND] = command_unbind,
		[COMMAND_LATENCY] = command_latency,
		[COMMAND_LATENCY_COMPARE] = command_latency_compare,
		[COMMAND_LATENCY_READ] = command_latency_read,
		[COMMAND_HELP] = command_help,
		[COMMAND_VERSION] = command_version,
	};
	struct options options;
	char why[512];
	int code;

	standard_files_open();
	code = options_parse(&options, argc, argv, why, sizeof(why));
	if (code) {
		log_error("%s", why);
		return code;
	}
	log_level_set((enum log_level)min(LOG_LEVEL_WARN + options.verbose, LOG_LEVEL_DEBUG));
	code = commands[options.command](&options);
	/* What is lost on a full disk must not look like success to a script. */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	log_error("cannot write to standard output");
	return code == EXIT_OK ? EXIT_INTERNAL : code;
}
