/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: see posthorn(1). */
#ifndef POSTHORN_VMM_OPTIONS_H
#define POSTHORN_VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/host_pci.h"

#define OPTIONS_DEVICES_MAX 16
#define OPTIONS_CPUS_MAX    64

enum command {
	COMMAND_RUN,
	COMMAND_DEVICES,
	COMMAND_BIND,
	COMMAND_UNBIND,
	COMMAND_HELP,
	COMMAND_VERSION,
};

struct device_options {
	char bdf[HOST_PCI_BDF_SIZE]; /* full form */
	bool userspace_irqs;	     /* irq-path=userspace: no irqfd, a thread injects */
};

struct options {
	enum command command;
	/* run */
	const char *kernel, *initrd, *cmdline; /* paths and text as given; NULL where not */
	const char *console;		       /* "-", "none" or a path; "-" when not given */
	unsigned int cpus;
	uint64_t memory; /* bytes, a multiple of the page size (2 MiB with hugepages) */
	bool hugepages;
	struct device_options devices[OPTIONS_DEVICES_MAX];
	unsigned int device_count;
	const char *irq_report; /* file for the report on interrupts; NULL: none */
	bool require_posting;	/* EXIT_REQUIRE when an interrupt was not posted */
	const char *dump;	/* boot_dump()'s path; NULL: none */
	/* bind, unbind */
	char bdf[HOST_PCI_BDF_SIZE]; /* full form */
	/* devices */
	bool json;
	/* help: the command that was asked about, NULL for all */
	const char *topic;
	unsigned int verbose; /* how many -v */
};

/*
 * Parse the command line. Returns 0, or EXIT_USAGE after writing into @why one sentence that names
 * the argument that is wrong and what would be right. Strings in @options point into @argv.
 */
int options_parse(struct options *options, int argc, char **argv, char *why, size_t size);

/*
 * Write the short help of `posthorn help` to standard output: what all commands are, or with
 * @topic (options.topic) what one of them takes.
 */
void options_help(const char *topic);

#endif
