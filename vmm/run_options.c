/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/run_options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/boot.h"
#include "lib/util.h"

#define MEMORY_MIN    (32 * MIB)
#define MEMORY_MAX    BIT(52) /* physical addresses of x86-64 and arm64 have no more bits */
#define HUGEPAGE_SIZE (2 * MIB)

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

int option_memory(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct memory_options *memory = (void *)((char *)parser->options + rule->offset);
	uint64_t multiple = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *keys = value;
	int error;

	error = size_parse(&keys, &memory->size);
	if (error == -EINVAL || (!error && *keys && *keys != ','))
		return wrong(parser, "%s '%s': give a number with K, M, G or T, as in 1536M or 2G",
			     rule->name, value);
	if (error || memory->size < MEMORY_MIN || memory->size > MEMORY_MAX)
		return wrong(parser, "%s '%s': give 32M to 4096T (a bare number counts MiB)",
			     rule->name, value);
	memory->hugepages = !strcmp(keys, ",hugepages=on");
	if (*keys && !memory->hugepages && strcmp(keys, ",hugepages=off"))
		return wrong(parser,
			     "%s '%s': all that can follow the size is ,hugepages=on or "
			     ",hugepages=off",
			     rule->name, value);
	if (memory->hugepages)
		multiple = HUGEPAGE_SIZE;
	if (memory->size % multiple)
		return wrong(parser, "%s '%s': give a multiple of %lluK, the size of a page",
			     rule->name, value, (unsigned long long)(multiple / KIB));
	return 0;
}

static int device_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct run_options *options = parser->options;
	struct device_options device = { .userspace_irqs = false };
	size_t length = strcspn(value, ",");
	char bdf[BDF_SIZE + 1];
	unsigned int i;

	snprintf(bdf, sizeof(bdf), "%.*s", (int)min(length, sizeof(bdf)), value);
	device.userspace_irqs = !strcmp(value + length, ",irq-path=userspace");
	if (value[length] && !device.userspace_irqs && strcmp(value + length, ",irq-path=irqfd"))
		return wrong(parser,
			     "%s '%s': all that can follow the address is ,irq-path=irqfd or "
			     ",irq-path=userspace",
			     rule->name, value);
	if (bdf_parse(bdf, device.bdf))
		return wrong(parser,
			     "%s '%s': give the address of a PCI function, as in 0000:01:00.0; "
			     "`posthorn devices` lists them",
			     rule->name, value);
	for (i = 0; i < options->device_count; i++) {
		if (!strcmp(options->devices[i].bdf, device.bdf))
			return wrong(parser, "%s '%s': give each function once", rule->name, value);
	}
	if (i == RUN_DEVICES_MAX)
		return wrong(parser, "%s '%s': there can be %d devices at most", rule->name, value,
			     RUN_DEVICES_MAX);
	options->devices[options->device_count++] = device;
	return 0;
}

int run_options_check(struct parser *parser)
{
	const struct run_options *options = parser->options;

	return cpu_options_check(parser, &options->cpus);
}

const struct run_options run_defaults = {
	.console = "-",
	.cpus = { .count = 1 },
	.memory = { MEMORY_OPTIONS_DEFAULT },
};

static const char *const seccomp_names[] = { "on", "log", "off", NULL };

#define AT(member) .offset = offsetof(struct run_options, member)

const struct option_rule run_rules[] = {
	{ "--kernel", "FILE", "the kernel: " BOOT_KERNELS " (this host's)", option_file,
	  AT(kernel) },
	{ "--initrd", "FILE", "its initial RAM disk", option_file, AT(initrd) },
	{ "--cmdline", "TEXT", "its command line", option_text, AT(cmdline) },
	{ "--cpus", CPUS_OPTION_VALUE, "virtual CPUs, 1 to 64 (1)", option_cpus, AT(cpus),
	  .most = RUN_CPUS_MAX },
	{ "--helpers-cpu", HELPERS_OPTION_VALUE, HELPERS_OPTION_HELP, option_helpers_cpu,
	  AT(cpus) },
	{ "--memory", MEMORY_OPTION_VALUE, MEMORY_OPTION_HELP, option_memory, AT(memory) },
	{ "--device", "BDF[,irq-path=PATH]", "assign a PCI function; up to 16 times", device_apply,
	  .repeatable = true },
	{ "--irq-report", "FILE", "say at the end how each interrupt went (JSON)", option_file,
	  AT(irq_report) },
	{ "--require-posting", NULL, "fail when an interrupt of a device was not posted",
	  option_flag, AT(require_posting) },
	{ "--console", "-|FILE|none", "the serial port: this terminal (-), or a file", option_file,
	  AT(console) },
	{ "--user", "NAME", "become this user before the guest runs", option_text, AT(user) },
	{ "--seccomp", "on|log|off", "what system calls beyond the needed ones do (on: end the VM)",
	  option_name, AT(seccomp), .names = seccomp_names },
	{ BOOT_DUMP_OPTION, BOOT_DUMP_VALUE, BOOT_DUMP_HELP, option_file, AT(dump) },
	{ 0 },
};
