/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/options.c. The input is a command line, a NUL after each argument but for the last. */
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "vmm/options.h"

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
	char full[HOST_PCI_BDF_SIZE];

	fuzz_check(!host_pci_bdf_parse(bdf, full) && !strcmp(bdf, full));
}

static void run_check(const struct options *options)
{
	fuzz_check(options->kernel && options->kernel[0] && options->console);
	fuzz_check(options->cpus >= 1 && options->cpus <= OPTIONS_CPUS_MAX);
	fuzz_check(options->memory >= 32 * MIB && options->memory <= BIT(52));
	fuzz_check(options->memory % (options->hugepages ? 2 * MIB : 4 * KIB) == 0);
	fuzz_check(options->device_count <= OPTIONS_DEVICES_MAX);
	for (unsigned int i = 0; i < options->device_count; i++)
		bdf_check(options->devices[i].bdf);
}

static void latency_check(const struct latency_options *latency)
{
	fuzz_check(latency->source || latency->bdf[0]);
	fuzz_check(latency->paths && latency->paths < BIT(LATENCY_PATHS));
	fuzz_check(latency->states && latency->states < BIT(LATENCY_STATES));
	fuzz_check(latency->count && latency->format < LATENCY_FORMATS);
	fuzz_check(latency->vcpu_cpu < 0 || CPU_ISSET((size_t)latency->vcpu_cpu, &latency->cpus));
}

static void options_check(const struct options *options)
{
	switch (options->command) {
	case COMMAND_RUN:
		run_check(options);
		break;
	case COMMAND_LATENCY:
		latency_check(&options->latency);
		break;
	case COMMAND_LATENCY_COMPARE:
	case COMMAND_LATENCY_READ:
		fuzz_check(options->latency.file_count &&
			   options->latency.file_count <= OPTIONS_FILES_MAX);
		break;
	case COMMAND_BIND:
	case COMMAND_UNBIND:
		bdf_check(options->bdf);
		break;
	case COMMAND_HELP:
		options_help(options->topic);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1], why[256];
	struct options options;
	int argc, code;

	argc = arguments_split(argv, data, size);
	code = options_parse(&options, argc, argv, why, sizeof(why));
	fuzz_check(code == 0 || (code == EXIT_USAGE && why[0]));
	if (!code)
		options_check(&options);
	while (argc)
		free(argv[--argc]);
	return 0;
}
