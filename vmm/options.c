/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/boot.h"
#include "lib/log.h"
#include "lib/util.h"

#define MEMORY_DEFAULT (512 * MIB)
#define MEMORY_MIN     (32 * MIB)
#define MEMORY_MAX     BIT(52) /* physical addresses of x86-64 and arm64 have no more bits */
#define HUGEPAGE_SIZE  (2 * MIB)

struct parser {
	struct options *options;
	char **arguments; /* those not looked at yet; the last is NULL */
	char *why;
	size_t size;
	uint32_t given; /* bit n: option_rules[n] was there already */
};

struct command_rule {
	const char *name;
	enum command command;
	const char *synopsis; /* NULL: another spelling of a command above */
	const char *help;
	/* What to do with the operand, and whether there must be one. NULL: it takes none. */
	int (*operand)(struct parser *parser, const char *text);
	bool operand_needed;
};

struct option_rule {
	const char *name;
	const char *value; /* what it takes; NULL: nothing */
	uint32_t commands; /* bit n: enum command n takes it */
	bool repeatable;
	int (*apply)(struct parser *parser, const struct option_rule *rule, const char *value);
	size_t offset; /* in struct options, of a string that text_apply() or file_apply() sets */
	const char *help;
};

static int __attribute__((format(printf, 2, 3)))
wrong(const struct parser *parser, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->why, parser->size, format, args);
	va_end(args);
	return EXIT_USAGE;
}

/* ---- one function for each kind of value ---- */

static int text_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	memcpy((char *)parser->options + rule->offset, &value, sizeof(value));
	return 0;
}

static int file_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!value[0])
		return wrong(parser, "%s '': an empty name is no file", rule->name);
	return text_apply(parser, rule, value);
}

/* Decimal digits at *@text, which then points behind them; UINT64_MAX if too big. 0 or -EINVAL. */
static int number_parse(const char **text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return 0;
}

static int cpus_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	const char *end = value;
	uint64_t cpus;

	if (number_parse(&end, &cpus) || *end || cpus < 1 || cpus > OPTIONS_CPUS_MAX)
		return wrong(parser, "%s '%s': give a number from 1 to %d", rule->name, value,
			     OPTIONS_CPUS_MAX);
	parser->options->cpus = (unsigned int)cpus;
	return 0;
}

/* A number and K, M, G or T (without: M) at *@text. 0, or -EINVAL or -ERANGE. */
static int size_parse(const char **text, uint64_t *size)
{
	static const struct {
		char suffix;
		uint64_t unit;
	} units[] = { { 'K', KIB }, { 'M', MIB }, { 'G', GIB }, { 'T', TIB } };
	uint64_t unit = MIB;
	unsigned int i;
	int error;

	error = number_parse(text, size);
	if (error)
		return error;
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (toupper((unsigned char)**text) == units[i].suffix) {
			unit = units[i].unit;
			++*text;
			break;
		}
	}
	return __builtin_mul_overflow(*size, unit, size) ? -ERANGE : 0;
}

static int memory_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	uint64_t multiple = (uint64_t)sysconf(_SC_PAGESIZE);
	struct options *options = parser->options;
	const char *keys = value;
	int error;

	error = size_parse(&keys, &options->memory);
	if (error == -EINVAL || (!error && *keys && *keys != ','))
		return wrong(parser, "%s '%s': give a number with K, M, G or T, as in 1536M or 2G",
			     rule->name, value);
	if (error || options->memory < MEMORY_MIN || options->memory > MEMORY_MAX)
		return wrong(parser, "%s '%s': give 32M to 4096T (a bare number counts MiB)",
			     rule->name, value);
	options->hugepages = !strcmp(keys, ",hugepages=on");
	if (*keys && !options->hugepages && strcmp(keys, ",hugepages=off"))
		return wrong(parser,
			     "%s '%s': all that can follow the size is ,hugepages=on or "
			     ",hugepages=off",
			     rule->name, value);
	if (options->hugepages)
		multiple = HUGEPAGE_SIZE;
	if (options->memory % multiple)
		return wrong(parser, "%s '%s': give a multiple of %lluK, the size of a page",
			     rule->name, value, (unsigned long long)(multiple / KIB));
	return 0;
}

static int device_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct options *options = parser->options;
	struct device_options device = { .userspace_irqs = false };
	size_t length = strcspn(value, ",");
	char bdf[HOST_PCI_BDF_SIZE + 1];
	unsigned int i;

	snprintf(bdf, sizeof(bdf), "%.*s", (int)min(length, sizeof(bdf)), value);
	device.userspace_irqs = !strcmp(value + length, ",irq-path=userspace");
	if (value[length] && !device.userspace_irqs && strcmp(value + length, ",irq-path=irqfd"))
		return wrong(parser,
			     "%s '%s': all that can follow the address is ,irq-path=irqfd or "
			     ",irq-path=userspace",
			     rule->name, value);
	if (host_pci_bdf_parse(bdf, device.bdf))
		return wrong(parser,
			     "%s '%s': give the address of a PCI function, as in 0000:01:00.0; "
			     "`posthorn devices` lists them",
			     rule->name, value);
	for (i = 0; i < options->device_count; i++) {
		if (!strcmp(options->devices[i].bdf, device.bdf))
			return wrong(parser, "%s '%s': give each function once", rule->name, value);
	}
	if (i == OPTIONS_DEVICES_MAX)
		return wrong(parser, "%s '%s': there can be %d devices at most", rule->name, value,
			     OPTIONS_DEVICES_MAX);
	options->devices[options->device_count++] = device;
	return 0;
}

static int require_posting_apply(struct parser *parser, const struct option_rule *rule,
				 const char *value)
{
	(void)rule;
	(void)value;
	parser->options->require_posting = true;
	return 0;
}

static int json_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	(void)rule;
	(void)value;
	parser->options->json = true;
	return 0;
}

static int bdf_operand(struct parser *parser, const char *text)
{
	if (!host_pci_bdf_parse(text, parser->options->bdf))
		return 0;
	return wrong(parser,
		     "'%s' is not the address of a PCI function, as in 0000:01:00.0; "
		     "`posthorn devices` lists them",
		     text);
}

static int topic_operand(struct parser *parser, const char *text);

/* ---- the tables ---- */

static const struct command_rule command_rules[] = {
	{ "run", COMMAND_RUN, "run --kernel FILE [OPTION]...",
	  "boot a kernel in a virtual machine, with devices of this host", NULL, false },
	{ "devices", COMMAND_DEVICES, "devices [--json]",
	  "list the PCI functions of this host, and why one is not ready for a guest", NULL,
	  false },
	{ "bind", COMMAND_BIND, "bind BDF", "take a PCI function from its driver, for a guest",
	  bdf_operand, true },
	{ "unbind", COMMAND_UNBIND, "unbind BDF", "give a PCI function back to its driver",
	  bdf_operand, true },
	{ "help", COMMAND_HELP, "help [COMMAND]", "say what there is, or what a command takes",
	  topic_operand, false },
	{ "version", COMMAND_VERSION, "version", "say which version this is", NULL, false },
	{ "--help", COMMAND_HELP, NULL, NULL, topic_operand, false },
	{ "-h", COMMAND_HELP, NULL, NULL, topic_operand, false },
	{ "--version", COMMAND_VERSION, NULL, NULL, NULL, false },
};

static const struct option_rule option_rules[] = {
	{ "--kernel", "FILE", BIT(COMMAND_RUN), false, file_apply, offsetof(struct options, kernel),
	  "the kernel: " BOOT_KERNELS },
	{ "--initrd", "FILE", BIT(COMMAND_RUN), false, file_apply, offsetof(struct options, initrd),
	  "its initial RAM disk" },
	{ "--cmdline", "TEXT", BIT(COMMAND_RUN), false, text_apply,
	  offsetof(struct options, cmdline), "its command line" },
	{ "--cpus", "N", BIT(COMMAND_RUN), false, cpus_apply, 0, "virtual CPUs, 1 to 64 (1)" },
	{ "--memory", "SIZE[,hugepages=on|off]", BIT(COMMAND_RUN), false, memory_apply, 0,
	  "RAM, as in 512M or 2G (512M)" },
	{ "--device", "BDF[,irq-path=PATH]", BIT(COMMAND_RUN), true, device_apply, 0,
	  "assign a PCI function; up to 16 times" },
	{ "--irq-report", "FILE", BIT(COMMAND_RUN), false, file_apply,
	  offsetof(struct options, irq_report), "say at the end how each interrupt went (JSON)" },
	{ "--require-posting", NULL, BIT(COMMAND_RUN), false, require_posting_apply, 0,
	  "fail when an interrupt of a device was not posted" },
	{ "--console", "-|FILE|none", BIT(COMMAND_RUN), false, file_apply,
	  offsetof(struct options, console), "the serial port: this terminal (-), or a file" },
	{ BOOT_DUMP_OPTION, BOOT_DUMP_VALUE, BIT(COMMAND_RUN), false, file_apply,
	  offsetof(struct options, dump), BOOT_DUMP_HELP },
	{ "--json", NULL, BIT(COMMAND_DEVICES), false, json_apply, 0, "for programs to read" },
};

static const struct command_rule *command_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(command_rules); i++) {
		if (!strcmp(command_rules[i].name, name))
			return &command_rules[i];
	}
	return NULL;
}

static int topic_operand(struct parser *parser, const char *text)
{
	const struct command_rule *rule = command_find(text);

	if (!rule)
		return wrong(parser, "'%s' is not a command: `posthorn help` lists them", text);
	parser->options->topic = rule->name;
	return 0;
}

/* ---- parsing ---- */

/* The rule for @argument, "--name" or "--name=value", whose value then is in *@value. */
static const struct option_rule *option_find(const char *argument, enum command command,
					     const char **value)
{
	size_t length = strcspn(argument, "=");
	unsigned int i;

	*value = argument[length] ? argument + length + 1 : NULL;
	for (i = 0; i < ARRAY_SIZE(option_rules); i++) {
		if (strlen(option_rules[i].name) == length &&
		    !memcmp(option_rules[i].name, argument, length) &&
		    (option_rules[i].commands & BIT(command)))
			return &option_rules[i];
	}
	return NULL;
}

static int option_parse(struct parser *parser, const struct command_rule *command,
			const char *argument)
{
	const struct option_rule *rule;
	const char *value;

	rule = option_find(argument, command->command, &value);
	if (!rule)
		return wrong(parser, "`posthorn %s` has no option '%s': see `posthorn help %s`",
			     command->name, argument, command->name);
	if (value && !rule->value)
		return wrong(parser, "'%s': %s takes no value", argument, rule->name);
	if (!value && rule->value)
		value = *parser->arguments ? *parser->arguments++ : NULL;
	if (!value && rule->value)
		return wrong(parser, "%s needs a value: %s %s", rule->name, rule->name,
			     rule->value);
	if (!rule->repeatable && (parser->given & BIT(rule - option_rules)))
		return wrong(parser, "%s is there twice: give it once", rule->name);
	parser->given |= (uint32_t)BIT(rule - option_rules);
	return rule->apply(parser, rule, value);
}

/* All that follows the command's name. */
static int arguments_parse(struct parser *parser, const struct command_rule *command)
{
	bool operand = false;
	const char *argument;
	int code = 0;

	while (!code && (argument = *parser->arguments)) {
		parser->arguments++;
		if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
			parser->options->command = COMMAND_HELP;
			parser->options->topic = command->synopsis ? command->name : NULL;
			return 0;
		}
		if (argument[0] == '-' && argument[1] &&
		    strspn(argument + 1, "v") == strlen(argument + 1)) {
			parser->options->verbose += (unsigned int)strlen(argument + 1);
		} else if (argument[0] == '-' && argument[1]) {
			code = option_parse(parser, command, argument);
		} else if (command->operand && !operand) {
			operand = true;
			code = command->operand(parser, argument);
		} else {
			return wrong(parser,
				     "'%s' is one argument too many for `posthorn %s`: "
				     "see `posthorn help %s`",
				     argument, command->name, command->name);
		}
	}
	if (!code && command->operand_needed && !operand)
		return wrong(parser, "the address of a PCI function is missing: posthorn %s",
			     command->synopsis);
	return code;
}

int options_parse(struct options *options, int argc, char **argv, char *why, size_t size)
{
	const struct command_rule *command;
	struct parser parser = { .options = options, .why = why, .size = size };
	int code;

	why[0] = '\0';
	*options = (struct options){ .console = "-", .cpus = 1, .memory = MEMORY_DEFAULT };
	if (argc < 2)
		return wrong(&parser, "a command is missing: `posthorn help` lists them");
	command = command_find(argv[1]);
	if (!command)
		return wrong(&parser, "'%s' is not a command: `posthorn help` lists them", argv[1]);
	options->command = command->command;
	parser.arguments = argv + 2;
	code = arguments_parse(&parser, command);
	if (!code && options->command == COMMAND_RUN && !options->kernel)
		return wrong(&parser,
			     "--kernel is missing: give the kernel to boot, --kernel FILE");
	return code;
}

/* ---- help ---- */

static void options_list(enum command command)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(option_rules); i++) {
		const struct option_rule *rule = &option_rules[i];

		if (!(rule->commands & BIT(command)))
			continue;
		printf("  %s %-*s %s\n", rule->name, 32 - (int)strlen(rule->name),
		       rule->value ? rule->value : "", rule->help);
	}
	printf("  %-33s %s\n", "-v", "say more on standard error; -vv: much more");
}

void options_help(const char *topic)
{
	const struct command_rule *rule = topic ? command_find(topic) : NULL;
	unsigned int i;

	if (rule) {
		printf("usage: posthorn %s\n\n%s\n\nOptions:\n", rule->synopsis, rule->help);
		options_list(rule->command);
		return;
	}
	printf("usage: posthorn COMMAND [ARGUMENT]...\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(command_rules) && command_rules[i].synopsis; i++)
		printf("  %-33s %s\n", command_rules[i].synopsis, command_rules[i].help);
	printf("\n`posthorn help COMMAND` lists the options of a command; posthorn(1) is the "
	       "manual.\n");
}
