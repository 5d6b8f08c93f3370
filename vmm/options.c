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
#include "vmm/latency/run.h"

#define MEMORY_DEFAULT (512 * MIB)
#define MEMORY_MIN     (32 * MIB)
#define MEMORY_MAX     BIT(52) /* physical addresses of x86-64 and arm64 have no more bits */
#define HUGEPAGE_SIZE  (2 * MIB)

/* `latency`: an eventfd is as fast as KVM is, devices may be slow. */
#define COUNT_DEFAULT	     100000
#define COUNT_DEFAULT_DEVICE 10000
#define WARMUP_DEFAULT	     1000
#define NUMBER_MAX	     1000000000

const char *const latency_path_names[LATENCY_PATHS] = { "irqfd", "userspace", "intx" };
const char *const latency_state_names[LATENCY_STATES] = { "running", "halted" };

static const char *const format_names[LATENCY_FORMATS] = { "summary", "cyclictest", "csv" };
static const char *const source_names[] = {
	"edu", "e1000e", "igb", "eventfd", "thread", "loopback"
};

struct parser {
	struct options *options;
	char **arguments; /* those not looked at yet; the last is NULL */
	char *why;
	size_t size;
	uint64_t given; /* bit n: option_rules[n] was there already */
};

struct command_rule {
	const char *name;
	enum command command;
	const char *synopsis; /* NULL: another spelling of a command above */
	const char *help;
	/* What to do with an operand, and how many it takes at most. */
	int (*operand)(struct parser *parser, const char *text);
	unsigned int operands;
	const char *needed; /* what the first one is; NULL: it may be left out */
	/* Looks at the whole, when all is parsed; NULL: there is nothing to look at. */
	int (*check)(struct parser *parser);
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

/* The index of the @length bytes at @text among @names, or -1. */
static int name_find(const char *const *names, unsigned int count, const char *text, size_t length)
{
	for (unsigned int i = 0; i < count; i++) {
		if (strlen(names[i]) == length && !memcmp(names[i], text, length))
			return (int)i;
	}
	return -1;
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

static int seccomp_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	static const char *const names[SECCOMP_MODES] = { "on", "log", "off" };
	int mode = name_find(names, SECCOMP_MODES, value, strlen(value));

	if (mode < 0)
		return wrong(parser, "%s '%s': give on, log or off", rule->name, value);
	parser->options->seccomp = (enum seccomp_mode)mode;
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

static int run_check(struct parser *parser)
{
	if (parser->options->kernel)
		return 0;
	return wrong(parser, "--kernel is missing: give the kernel to boot, --kernel FILE");
}

/* ---- latency ---- */

static int latency_device_apply(struct parser *parser, const struct option_rule *rule,
				const char *value)
{
	if (!host_pci_bdf_parse(value, parser->options->latency.bdf))
		return 0;
	return wrong(parser,
		     "%s '%s': give the address of a PCI function, as in 0000:01:00.0; "
		     "`posthorn devices` lists them",
		     rule->name, value);
}

static int source_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int index = name_find(source_names, ARRAY_SIZE(source_names), value, strlen(value));

	if (index < 0)
		return wrong(parser, "%s '%s': give edu, e1000e, igb, loopback, eventfd or thread",
			     rule->name, value);
	parser->options->latency.source = source_names[index];
	return 0;
}

static int paths_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	const char *name = value;
	unsigned int paths = 0;

	for (;;) {
		size_t length = strcspn(name, ",");
		int path = name_find(latency_path_names, LATENCY_PATHS, name, length);

		if (path < 0)
			return wrong(parser,
				     "%s '%s': give one or more of irqfd, userspace and intx, with "
				     "commas between them",
				     rule->name, value);
		paths |= (unsigned int)BIT(path);
		if (!name[length])
			break;
		name += length + 1;
	}
	parser->options->latency.paths = paths;
	return 0;
}

static int state_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int state = name_find(latency_state_names, LATENCY_STATES, value, strlen(value));

	if (state < 0 && strcmp(value, "both"))
		return wrong(parser, "%s '%s': give running, halted or both", rule->name, value);
	parser->options->latency.states =
		(unsigned int)(state < 0 ? BIT(LATENCY_STATES) - 1 : BIT(state));
	return 0;
}

static int format_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int format = name_find(format_names, LATENCY_FORMATS, value, strlen(value));

	if (format < 0)
		return wrong(parser, "%s '%s': give summary, cyclictest or csv", rule->name, value);
	parser->options->latency.format = (enum latency_format)format;
	return 0;
}

static int number_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	const char *end = value;
	uint64_t number;

	if (number_parse(&end, &number) || *end || number > NUMBER_MAX)
		return wrong(parser, "%s '%s': give a number of up to %d", rule->name, value,
			     NUMBER_MAX);
	memcpy((char *)parser->options + rule->offset, &number, sizeof(number));
	return 0;
}

static int count_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int code = number_apply(parser, rule, value);

	if (!code && !parser->options->latency.count)
		return wrong(parser, "%s '%s': give at least 1", rule->name, value);
	return code;
}

/* "2" or "2-3" at *@text. 0 or -EINVAL. */
static int cpu_range_parse(const char **text, uint64_t *first, uint64_t *last)
{
	if (number_parse(text, first))
		return -EINVAL;
	*last = *first;
	if (**text == '-') {
		++*text;
		if (number_parse(text, last))
			return -EINVAL;
	}
	return *first <= *last && *last < CPU_SETSIZE ? 0 : -EINVAL;
}

static int cpu_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct latency_options *latency = &parser->options->latency;
	const char *text = value;
	uint64_t first, last;

	do {
		if (cpu_range_parse(&text, &first, &last) || (*text && *text != ','))
			return wrong(parser,
				     "%s '%s': give CPUs of the host from 0 to %d, as in 2,3 or "
				     "2-3: the guest runs on the first, all else on the others",
				     rule->name, value, CPU_SETSIZE - 1);
		if (latency->vcpu_cpu < 0)
			latency->vcpu_cpu = (int)first;
		for (uint64_t cpu = first; cpu <= last; cpu++)
			CPU_SET((size_t)cpu, &latency->cpus);
	} while (*text++);
	return 0;
}

static int plot_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	const char *ending = strrchr(value, '.');

	if (!ending || (strcmp(ending, ".svg") && strcmp(ending, ".png") && strcmp(ending, ".gp")))
		return wrong(parser, "%s '%s': give a name that ends with .svg, .png or .gp",
			     rule->name, value);
	return text_apply(parser, rule, value);
}

static int label_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!latency_name_valid(value))
		return wrong(parser,
			     "%s '%s': give a word of letters, digits, '-', '_' and '.', of up to "
			     "%d bytes",
			     rule->name, value, LATENCY_NAME_SIZE - 1);
	return text_apply(parser, rule, value);
}

static int file_operand(struct parser *parser, const char *text)
{
	struct latency_options *latency = &parser->options->latency;

	if (!text[0])
		return wrong(parser, "'': an empty name is no file");
	latency->files[latency->file_count++] = text;
	return 0;
}

static int latency_check(struct parser *parser)
{
	struct latency_options *latency = &parser->options->latency;
	bool device = latency->bdf[0];
	const char *source = latency->source;
	bool bare = source && (!strcmp(source, "eventfd") || !strcmp(source, "thread"));

	if (!device && source && !bare)
		return wrong(parser, "--source %s: give the device too, --device BDF", source);
	if (device && bare)
		return wrong(parser,
			     "--source %s is a source without a device: leave --device or --source "
			     "out",
			     source);
	if (!device && (latency->paths & BIT(LATENCY_PATH_INTX)))
		return wrong(parser, "--path intx: only a device has an INTx: give --device BDF, "
				     "or leave intx out");
	if (source && !strcmp(source, "loopback") && (latency->paths & BIT(LATENCY_PATH_INTX)))
		return wrong(parser, "--path intx: --source loopback raises messages: leave one of "
				     "the two out");
	if (!device && !source)
		latency->source = "eventfd";
	if (!latency->count)
		latency->count = device ? COUNT_DEFAULT_DEVICE : COUNT_DEFAULT;
	return 0;
}

static int latency_read_check(struct parser *parser)
{
	if (parser->options->latency.path)
		return 0;
	return wrong(parser, "--path is missing: say how the interrupts came, as in --path bare");
}

/* ---- the tables ---- */

static const struct command_rule command_rules[] = {
	{ .name = "run",
	  .command = COMMAND_RUN,
	  .synopsis = "run --kernel FILE [OPTION]...",
	  .help = "boot a kernel in a virtual machine, with devices of this host",
	  .check = run_check },
	{ .name = "devices",
	  .command = COMMAND_DEVICES,
	  .synopsis = "devices [--json]",
	  .help = "list the PCI functions of this host, and why one is not ready for a guest" },
	{ .name = "check",
	  .command = COMMAND_CHECK,
	  .synopsis = "check [BDF] [OPTION]...",
	  .help = "look for all that would stop a guest with a device, and say what mends it",
	  .operand = bdf_operand,
	  .operands = 1 },
	{ .name = "info",
	  .command = COMMAND_INFO,
	  .synopsis = "info BDF [--json]",
	  .help = "show what VFIO tells of a PCI function, and what a guest would see",
	  .operand = bdf_operand,
	  .operands = 1,
	  .needed = "the address of a PCI function" },
	{ .name = "bind",
	  .command = COMMAND_BIND,
	  .synopsis = "bind BDF",
	  .help = "take a PCI function from its driver, for a guest",
	  .operand = bdf_operand,
	  .operands = 1,
	  .needed = "the address of a PCI function" },
	{ .name = "unbind",
	  .command = COMMAND_UNBIND,
	  .synopsis = "unbind BDF",
	  .help = "give a PCI function back to its driver",
	  .operand = bdf_operand,
	  .operands = 1,
	  .needed = "the address of a PCI function" },
	{ .name = "latency",
	  .command = COMMAND_LATENCY,
	  .synopsis = "latency [OPTION]...",
	  .help = "measure how long interrupts take to reach a guest",
	  .check = latency_check },
	{ .name = "latency compare",
	  .command = COMMAND_LATENCY_COMPARE,
	  .synopsis = "latency compare FILE...",
	  .help = "compare what `latency --json` wrote: ratios, and how sure they are",
	  .operand = file_operand,
	  .operands = OPTIONS_FILES_MAX,
	  .needed = "a file that `posthorn latency --json` wrote" },
	{ .name = "latency read",
	  .command = COMMAND_LATENCY_READ,
	  .synopsis = "latency read FILE --path NAME",
	  .help = "read what the latency program wrote to another console",
	  .operand = file_operand,
	  .operands = 1,
	  .needed = "the file with the console's output",
	  .check = latency_read_check },
	{ .name = "help",
	  .command = COMMAND_HELP,
	  .synopsis = "help [COMMAND]",
	  .help = "say what there is, or what a command takes",
	  .operand = topic_operand,
	  .operands = 2 },
	{ .name = "version",
	  .command = COMMAND_VERSION,
	  .synopsis = "version",
	  .help = "say which version this is" },
	{ .name = "--help", .command = COMMAND_HELP, .operand = topic_operand, .operands = 2 },
	{ .name = "-h", .command = COMMAND_HELP, .operand = topic_operand, .operands = 2 },
	{ .name = "--version", .command = COMMAND_VERSION },
};

/* The sets of commands that an option may belong to. */
#define RUN	BIT(COMMAND_RUN)
#define LATENCY BIT(COMMAND_LATENCY)
#define COMPARE BIT(COMMAND_LATENCY_COMPARE)
#define READ	BIT(COMMAND_LATENCY_READ)

static const struct option_rule option_rules[] = {
	{ "--kernel", "FILE", RUN, false, file_apply, offsetof(struct options, kernel),
	  "the kernel: " BOOT_KERNELS },
	{ "--initrd", "FILE", RUN, false, file_apply, offsetof(struct options, initrd),
	  "its initial RAM disk" },
	{ "--cmdline", "TEXT", RUN, false, text_apply, offsetof(struct options, cmdline),
	  "its command line" },
	{ "--cpus", "N", RUN, false, cpus_apply, 0, "virtual CPUs, 1 to 64 (1)" },
	{ "--memory", "SIZE[,hugepages=on|off]", RUN | BIT(COMMAND_CHECK), false, memory_apply, 0,
	  "RAM, as in 512M or 2G (512M)" },
	{ "--device", "BDF[,irq-path=PATH]", RUN, true, device_apply, 0,
	  "assign a PCI function; up to 16 times" },
	{ "--irq-report", "FILE", RUN, false, file_apply, offsetof(struct options, irq_report),
	  "say at the end how each interrupt went (JSON)" },
	{ "--require-posting", NULL, RUN, false, require_posting_apply, 0,
	  "fail when an interrupt of a device was not posted" },
	{ "--console", "-|FILE|none", RUN, false, file_apply, offsetof(struct options, console),
	  "the serial port: this terminal (-), or a file" },
	{ "--user", "NAME", RUN, false, text_apply, offsetof(struct options, user),
	  "become this user before the guest runs" },
	{ "--seccomp", "on|log|off", RUN, false, seccomp_apply, 0,
	  "what system calls beyond the needed ones do (on: end the VM)" },
	{ BOOT_DUMP_OPTION, BOOT_DUMP_VALUE, RUN, false, file_apply, offsetof(struct options, dump),
	  BOOT_DUMP_HELP },
	{ "--json", NULL, BIT(COMMAND_DEVICES) | BIT(COMMAND_CHECK) | BIT(COMMAND_INFO), false,
	  json_apply, 0, "for programs to read" },
	{ "--device", "BDF", LATENCY, false, latency_device_apply, 0,
	  "the device whose interrupts are measured (none)" },
	{ "--source", "NAME", LATENCY, false, source_apply, 0,
	  "edu, e1000e, igb, loopback; without a device: eventfd, thread" },
	{ "--path", "irqfd,userspace,intx", LATENCY, false, paths_apply, 0,
	  "how they reach the guest (irqfd,userspace)" },
	{ "--path", "NAME", READ, false, label_apply, offsetof(struct options, latency.path),
	  "how they reached the program: bare, posted..." },
	{ "--vmm", "NAME", READ, false, label_apply, offsetof(struct options, latency.vmm),
	  "what it ran under (none)" },
	{ "--arch", "NAME", READ, false, label_apply,
	  offsetof(struct options, latency.architecture), "x86_64 or arm64 (this machine's)" },
	{ "--state", "running|halted|both", LATENCY, false, state_apply, 0,
	  "what the virtual CPU does meanwhile (both)" },
	{ "--count", "N", LATENCY, false, count_apply, offsetof(struct options, latency.count),
	  "interrupts (100000; of a device 10000)" },
	{ "--warmup", "N", LATENCY, false, number_apply, offsetof(struct options, latency.warmup),
	  "interrupts before that, which do not count (1000)" },
	{ "--interval", "US", LATENCY, false, number_apply,
	  offsetof(struct options, latency.interval),
	  "microseconds from one to the next (0: at once)" },
	{ "--costs", "N", LATENCY, false, number_apply, offsetof(struct options, latency.costs),
	  "also measure N of each access to the device (0)" },
	{ "--cpu", "LIST", LATENCY, false, cpu_apply, 0,
	  "pin: the guest to the first CPU, all else to the others" },
	{ "--format", "summary|cyclictest|csv", LATENCY | READ, false, format_apply, 0,
	  "of standard output (summary)" },
	{ "--json", "FILE", LATENCY | COMPARE | READ, false, file_apply,
	  offsetof(struct options, latency.json), "write all that was found" },
	{ "--plot", "FILE.svg|.png|.gp", LATENCY | COMPARE | READ, false, plot_apply,
	  offsetof(struct options, latency.plot), "draw the distribution, by gnuplot" },
};

_Static_assert(ARRAY_SIZE(option_rules) <= 64, "struct parser needs more bits");

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
	struct options *options = parser->options;
	const struct command_rule *rule;
	char both[64];

	/* The names of some commands are two words. */
	snprintf(both, sizeof(both), "%s%s%.32s", options->topic ? options->topic : "",
		 options->topic ? " " : "", text);
	rule = command_find(both);
	if (!rule && options->topic)
		return wrong(parser,
			     "'%s' is one argument too many for `posthorn help`: see "
			     "`posthorn help help`",
			     text);
	if (!rule)
		return wrong(parser, "'%s' is not a command: `posthorn help` lists them", text);
	options->topic = rule->name;
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
	parser->given |= BIT(rule - option_rules);
	return rule->apply(parser, rule, value);
}

/* All that follows the command's name. */
static int arguments_parse(struct parser *parser, const struct command_rule *command)
{
	unsigned int operands = 0;
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
		} else if (operands < command->operands) {
			operands++;
			code = command->operand(parser, argument);
		} else {
			return wrong(parser,
				     "'%s' is one argument too many for `posthorn %s`: "
				     "see `posthorn help %s`",
				     argument, command->name, command->name);
		}
	}
	if (!code && command->needed && !operands)
		return wrong(parser, "%s is missing: posthorn %s", command->needed,
			     command->synopsis);
	if (!code && command->check)
		code = command->check(parser);
	return code;
}

/* The command that @argv names, which then points to what follows; NULL: none. */
static const struct command_rule *command_parse(char ***argv)
{
	const struct command_rule *command = NULL;
	char both[64];

	if ((*argv)[1]) {
		snprintf(both, sizeof(both), "%.30s %.30s", (*argv)[0], (*argv)[1]);
		command = command_find(both);
	}
	*argv += command ? 2 : 1;
	return command ? command : command_find((*argv)[-1]);
}

int options_parse(struct options *options, int argc, char **argv, char *why, size_t size)
{
	const struct command_rule *command;
	struct parser parser = { .options = options, .why = why, .size = size };

	why[0] = '\0';
	*options = (struct options){
		.console = "-",
		.cpus = 1,
		.memory = MEMORY_DEFAULT,
		.probe_fd = -1,
		.probe_socket = -1,
		.vcpu_cpu = -1,
		.latency = {
			.paths = BIT(LATENCY_PATH_IRQFD) | BIT(LATENCY_PATH_USERSPACE),
			.states = BIT(LATENCY_STATES) - 1,
			.warmup = WARMUP_DEFAULT,
			.vcpu_cpu = -1,
		},
	};
	if (argc < 2)
		return wrong(&parser, "a command is missing: `posthorn help` lists them");
	parser.arguments = argv + 1;
	command = command_parse(&parser.arguments);
	if (!command)
		return wrong(&parser, "'%s' is not a command: `posthorn help` lists them", argv[1]);
	options->command = command->command;
	return arguments_parse(&parser, command);
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
