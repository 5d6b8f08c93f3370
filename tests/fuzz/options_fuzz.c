/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/options.c and the tables of all commands. The input is a command line, a NUL after each
 * argument but for the last. */
#include <linux/pci.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "vmm/commands.h"
#include "vmm/latency/options.h"
#include "vmm/run_options.h"

#define ARGUMENTS_MAX 64

/* Each in memory of its own, so that the address sanitizer sees where it ends. */
static int arguments_split(char **argv, const uint8_t *data, size_t size)
{
	int argc = 0;

	argv[argc++] = strdup("posthorn");
	while (size && argc < ARGUMENTS_MAX) {
		size_t length = strnlen((const char *)data, size);

		argv[argc++] = strndup((const char *)data, length);
		length = min(length + 1, size);
		data += length;
		size -= length;
	}
	argv[argc] = NULL;
	return argc;
}

/* It is in full form, whatever was given. */
static void bdf_check(const char *bdf)
{
	char full[BDF_SIZE];

	if (bdf_is_mdev(bdf))
		fuzz_check(!mdev_parse(bdf, full) && !strcmp(bdf, full));
	else
		fuzz_check(!bdf_parse(bdf, full) && !strcmp(bdf, full));
}

static void cpus_check(const struct cpu_options *cpus, uint64_t most)
{
	fuzz_check(cpus->count >= 1 && cpus->count <= most);
	fuzz_check(cpus->pinned || !CPU_COUNT(&cpus->helpers));
	for (uint64_t i = 0; cpus->pinned && i < cpus->count; i++) {
		fuzz_check(cpus->pins[i] < CPU_SETSIZE);
		for (uint64_t j = 0; j < i; j++)
			fuzz_check(cpus->pins[i] != cpus->pins[j]);
	}
	fuzz_check(cpus->policy < CPU_POLICIES);
	fuzz_check(cpus->priority <= 99 && !cpus->priority == (cpus->policy < CPU_POLICY_FIFO));
}

/* Each is somewhere, and nothing else is; the slot has a function 0. */
static void place_check(const struct run_options *options, unsigned int index)
{
	const struct device_options *device = &options->devices[index], *other = options->devices;
	unsigned int in_slot = 0, at_0 = 0;

	for (; other < options->devices + options->device_count; other++) {
		if (PCI_SLOT(other->devfn) != PCI_SLOT(device->devfn))
			continue;
		in_slot++;
		at_0 += !PCI_FUNC(other->devfn);
		fuzz_check(other == device || other->devfn != device->devfn);
	}
	fuzz_check(device->devfn > PCI_DEVFN(0, 7) && device->devfn <= PCI_DEVFN(31, 7));
	fuzz_check(at_0 == 1 && device->is_multifunction == (in_slot > 1));
}

static void run_check(const struct run_options *options)
{
	fuzz_check((!options->kernel || options->kernel[0]) && options->console);
	cpus_check(&options->cpus, RUN_CPUS_MAX);
	fuzz_check(options->memory.size >= 32 * MIB && options->memory.size <= BIT(52));
	fuzz_check(options->memory.size % max(options->memory.huge_page_size, 4 * KIB) == 0);
	fuzz_check(options->memory.prefault <= RAM_THREADS_MAX);
	fuzz_check(options->memory.node < RAM_NODES_MAX);
	fuzz_check(options->device_count <= RUN_DEVICES_MAX);
	for (unsigned int i = 0; i < options->device_count; i++) {
		bdf_check(options->devices[i].bdf);
		place_check(options, i);
	}
}

static void latency_check(const struct latency_options *latency)
{
	fuzz_check(latency->source || latency->bdf[0]);
	fuzz_check(latency->paths && latency->paths < BIT(LATENCY_PATHS));
	fuzz_check(latency->states && latency->states < BIT(LATENCY_STATES));
	fuzz_check(latency->count && latency->format < LATENCY_FORMATS);
	cpus_check(&latency->cpus, LATENCY_CPUS_MAX);
}

static void files_check(const struct latency_options *options)
{
	fuzz_check(options->file_count && options->file_count <= LATENCY_FILES_MAX);
}

static void line_check(const struct command_line *line)
{
	if (line->help)
		command_help_print(line->command);
	else if (line->command == &command_run)
		run_check(line->options);
	else if (line->command == &command_latency)
		latency_check(line->options);
	else if (line->command == &command_latency_compare ||
		 line->command == &command_latency_read)
		files_check(line->options);
	else if (line->command == &command_bind || line->command == &command_unbind)
		bdf_check(line->options);
	else if (line->command == command_find(commands, "help"))
		line->command->run(line->options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1], why[256];
	struct command_line line;
	int argc, code;

	argc = arguments_split(argv, data, size);
	code = command_line_parse(&line, commands, argc, argv, why, sizeof(why));
	fuzz_check(code == 0 || (code == EXIT_USAGE && why[0]));
	if (!code)
		line_check(&line);
	free(line.options);
	while (argc)
		free(argv[--argc]);
	return 0;
}
