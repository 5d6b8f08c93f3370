/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/commands.h"

#include <stdio.h>

#include "lib/log.h"

/* ---- help ---- */

struct help_options {
	const char *topic; /* the command that was asked about, NULL for all */
};

/* The names of some commands are two words. */
static int topic_operand(struct parser *parser, const char *text)
{
	struct help_options *options = parser->options;
	const struct command *command;
	char both[64];

	snprintf(both, sizeof(both), "%s%s%.32s", options->topic ? options->topic : "",
		 options->topic ? " " : "", text);
	command = command_find(commands, both);
	if (!command && options->topic)
		return wrong(parser,
			     "'%s' is one argument too many for `posthorn help`: see "
			     "`posthorn help help`",
			     text);
	if (!command)
		return wrong(parser, "'%s' is not a command: `posthorn help` lists them", text);
	options->topic = command->name;
	return 0;
}

static int help_run(const void *opaque)
{
	const struct help_options *options = opaque;

	if (options->topic) {
		command_help_print(command_find(commands, options->topic));
		return EXIT_OK;
	}
	printf("usage: posthorn COMMAND [ARGUMENT]...\n\nCommands:\n");
	for (const struct command *const *command = commands; *command; command++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", (*command)->name, (*command)->synopsis);
		printf("  %-29s %s\n", usage, (*command)->help);
	}
	printf("\n`posthorn help COMMAND` says what a command takes; posthorn(1) is the manual.\n");
	return EXIT_OK;
}

static const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.help = "say what there is, or what a command takes",
	.operand = topic_operand,
	.operands = 2,
	.options_size = sizeof(struct help_options),
	.run = help_run,
};

/* ---- version ---- */

static int version_run(const void *options)
{
	(void)options;
	printf("posthorn " POSTHORN_VERSION "\n");
	return EXIT_OK;
}

static const struct command command_version = {
	.name = "version",
	.synopsis = "",
	.help = "say which version this is",
	.run = version_run,
};

const struct command *const commands[] = {
	&command_run,
	&command_devices,
	&command_check,
	&command_info,
	&command_bind,
	&command_unbind,
	&command_latency,
	&command_latency_compare,
	&command_latency_read,
	&command_latency_report,
	&command_latency_noise,
	&command_timeline,
	&command_help,
	&command_version,
	NULL,
};
