/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vfio/bdf.h"

int wrong(const struct parser *parser, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->why, parser->size, format, args);
	va_end(args);
	return EXIT_USAGE;
}

/* ---- one function for each kind of value ---- */

static void *target(const struct parser *parser, const struct option_rule *rule)
{
	return (char *)parser->options + rule->offset;
}

int option_flag(struct parser *parser, const struct option_rule *rule, const char *value)
{
	(void)value;
	*(bool *)target(parser, rule) = true;
	return 0;
}

int option_text(struct parser *parser, const struct option_rule *rule, const char *value)
{
	*(const char **)target(parser, rule) = value;
	return 0;
}

int option_file(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!value[0])
		return wrong(parser, "%s '': an empty name is no file", rule->name);
	return option_text(parser, rule, value);
}

int number_parse(const char **text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return 0;
}

int option_number(struct parser *parser, const struct option_rule *rule, const char *value)
{
	const char *end = value;
	uint64_t number;

	if (number_parse(&end, &number) || *end || number < rule->least || number > rule->most)
		return wrong(parser, "%s '%s': give a number from %llu to %llu", rule->name, value,
			     (unsigned long long)rule->least, (unsigned long long)rule->most);
	*(uint64_t *)target(parser, rule) = number;
	return 0;
}

int name_find(const char *const *names, const char *text, size_t length)
{
	for (int i = 0; names[i]; i++) {
		if (strlen(names[i]) == length && !memcmp(names[i], text, length))
			return i;
	}
	return -1;
}

int name_choose(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int index = name_find(rule->names, value, strlen(value));
	char all[128] = "";

	if (index >= 0)
		return index;
	/* "on, log or off" */
	for (unsigned int i = 0; rule->names[i]; i++) {
		size_t length = strlen(all);
		const char *before = rule->names[i + 1] ? ", " : " or ";

		snprintf(all + length, sizeof(all) - length, "%s%s", i ? before : "",
			 rule->names[i]);
	}
	wrong(parser, "%s '%s': give %s", rule->name, value, all);
	return -1;
}

int option_name(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int index = name_choose(parser, rule, value);

	if (index < 0)
		return EXIT_USAGE;
	*(unsigned int *)target(parser, rule) = (unsigned int)index;
	return 0;
}

int option_bdf(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!bdf_parse(value, target(parser, rule)))
		return 0;
	return wrong(parser,
		     "%s '%s': give the address of a PCI function, as in 0000:01:00.0; "
		     "`posthorn devices` lists them",
		     rule->name, value);
}

int operand_bdf(struct parser *parser, const char *text)
{
	if (!bdf_parse(text, parser->options))
		return 0;
	return wrong(parser,
		     "'%s' is not the address of a PCI function, as in 0000:01:00.0; "
		     "`posthorn devices` lists them",
		     text);
}

int mdev_option_parse(const char *text, char *name)
{
	return strncmp(text, "mdev=", strlen("mdev=")) ? -EINVAL
						       : mdev_parse(text + strlen("mdev="), name);
}

int operand_device(struct parser *parser, const char *text)
{
	if (!mdev_option_parse(text, parser->options))
		return 0;
	if (!strncmp(text, "mdev=", strlen("mdev=")))
		return wrong(parser,
			     "'%s': give the UUID of a mediated device, as in "
			     "mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4",
			     text);
	return operand_bdf(parser, text);
}

/* ---- parsing ---- */

const struct command *command_find(const struct command *const *commands, const char *name)
{
	while (*commands && strcmp((*commands)->name, name))
		commands++;
	return *commands;
}

/* The rule for @argument, "name" or "name=value", whose value then is in *@value. */
static const struct option_rule *option_find(const struct option_rule *rule, const char *argument,
					     const char **value)
{
	size_t length = strcspn(argument, "=");

	*value = argument[length] ? argument + length + 1 : NULL;
	for (; rule && rule->name; rule++) {
		if (strlen(rule->name) == length && !memcmp(rule->name, argument, length))
			return rule;
	}
	return NULL;
}

/* What @keys allow: "irq-path=irqfd|userspace, addr=SLOT[.FUNCTION]". */
static const char *keys_list(const struct option_rule *keys, char *text, size_t size)
{
	size_t length = 0;

	for (const struct option_rule *key = keys; key->name && length < size; key++)
		length += (size_t)snprintf(text + length, size - length, "%s%s=%s",
					   key == keys ? "" : ", ", key->name, key->value);
	return text;
}

/* One "NAME=VALUE". Bit n of *@given: key n was there already. */
static int key_parse(struct parser *parser, const struct option_rule *keys, const char *text,
		     uint64_t *given)
{
	const char *value;
	const struct option_rule *key = option_find(keys, text, &value);
	char list[256];

	if (!key || !value)
		return wrong(parser, "'%s' is none of what can follow a comma: %s", text,
			     keys_list(keys, list, sizeof(list)));
	if (*given & BIT(key - keys))
		return wrong(parser, "%s= is there twice: give it once", key->name);
	*given |= BIT(key - keys);
	return key->apply(parser, key, value);
}

int option_keys(struct parser *parser, const struct option_rule *rule, const char *value,
		const struct option_rule *keys, void *options)
{
	const char *at = value + strcspn(value, ",");
	struct parser inner = { .options = options };
	uint64_t given = 0;
	char why[512];
	int code = 0;

	inner.why = why;
	inner.size = sizeof(why);
	while (*at && !code) {
		size_t length = strcspn(at + 1, ",");
		char *text = strndup(at + 1, length);

		if (!text)
			return wrong(parser, "%s '%s': no memory for it", rule->name, value);
		code = key_parse(&inner, keys, text, &given);
		free(text);
		at += 1 + length;
	}
	return code ? wrong(parser, "%s '%s': %s", rule->name, value, why) : 0;
}

/* @next: the arguments behind it. Bit n of *@given: rule n was there already. */
static int option_parse(struct parser *parser, const struct command *command, const char *argument,
			char ***next, uint64_t *given)
{
	const struct option_rule *rule;
	const char *value;

	rule = option_find(command->rules, argument, &value);
	if (!rule)
		return wrong(parser, "`posthorn %s` has no option '%s': see `posthorn help %s`",
			     command->name, argument, command->name);
	if (value && !rule->value)
		return wrong(parser, "'%s': %s takes no value", argument, rule->name);
	if (!value && rule->value)
		value = **next ? *(*next)++ : NULL;
	if (!value && rule->value)
		return wrong(parser, "%s needs a value: %s %s", rule->name, rule->name,
			     rule->value);
	if (!rule->repeatable && (*given & BIT(rule - command->rules)))
		return wrong(parser, "%s is there twice: give it once", rule->name);
	*given |= BIT(rule - command->rules);
	return rule->apply(parser, rule, value);
}

/* All that follows the command's name. */
static int arguments_parse(struct parser *parser, struct command_line *line, char **arguments)
{
	const struct command *command = line->command;
	unsigned int operands = 0;
	uint64_t given = 0;
	int code = 0;

	while (!code && *arguments) {
		const char *argument = *arguments++;

		if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
			line->help = true;
			return 0;
		}
		if (argument[0] == '-' && argument[1] &&
		    strspn(argument + 1, "v") == strlen(argument + 1))
			line->verbose += (unsigned int)strlen(argument + 1);
		else if (argument[0] == '-' && argument[1])
			code = option_parse(parser, command, argument, &arguments, &given);
		else if (operands++ < command->operands)
			code = command->operand(parser, argument);
		else
			return wrong(parser,
				     "'%s' is one argument too many for `posthorn %s`: "
				     "see `posthorn help %s`",
				     argument, command->name, command->name);
	}
	if (!code && command->needed && !operands)
		return wrong(parser, "%s is missing: posthorn %s %s", command->needed,
			     command->name, command->synopsis);
	if (!code && command->check)
		code = command->check(parser);
	return code;
}

/* The command that *@arguments names, which then points to what follows; NULL: none. */
static const struct command *name_parse(const struct command *const *commands, char ***arguments)
{
	const struct command *command = NULL;
	const char *name = *(*arguments)++;
	char both[64];

	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	if (**arguments) {
		snprintf(both, sizeof(both), "%.30s %.30s", name, **arguments);
		command = command_find(commands, both);
	}
	if (!command)
		return command_find(commands, name);
	++*arguments;
	return command;
}

int command_line_parse(struct command_line *line, const struct command *const *commands, int argc,
		       char **argv, char *why, size_t size)
{
	struct parser parser = { .why = why, .size = size };
	char **arguments = argv + 1;
	int code;

	why[0] = '\0';
	*line = (struct command_line){ .options = NULL };
	if (argc < 2)
		return wrong(&parser, "a command is missing: `posthorn help` lists them");
	line->command = name_parse(commands, &arguments);
	if (!line->command && argv[1][0] == '-')
		return wrong(&parser, "'%s': options follow the command: posthorn COMMAND %s",
			     argv[1], argv[1]);
	if (!line->command)
		return wrong(&parser, "'%s' is not a command: `posthorn help` lists them", argv[1]);
	parser.options = calloc(1, max(line->command->options_size, (size_t)1));
	if (!parser.options) {
		wrong(&parser, "no memory for the options: close other programs");
		return EXIT_HOST;
	}
	if (line->command->defaults)
		memcpy(parser.options, line->command->defaults, line->command->options_size);
	code = arguments_parse(&parser, line, arguments);
	if (code)
		free(parser.options);
	else
		line->options = parser.options;
	return code;
}

void command_help_print(const struct command *command)
{
	printf("usage: posthorn %s%s%s [OPTION]...\n\n%s\n\nOptions:\n", command->name,
	       command->synopsis[0] ? " " : "", command->synopsis, command->help);
	for (const struct option_rule *rule = command->rules; rule && rule->name; rule++)
		printf("  %s %-*s %s\n", rule->name, 32 - (int)strlen(rule->name),
		       rule->value ? rule->value : "", rule->help);
	printf("  %-33s %s\n", "-v", "say more on standard error; -vv: much more");
}
