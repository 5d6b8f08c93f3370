/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: see posthorn(1). */
#ifndef POSTHORN_VMM_OPTIONS_H
#define POSTHORN_VMM_OPTIONS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/sysfs.h"
#include "vmm/seccomp.h"

#define OPTIONS_DEVICES_MAX 16
#define OPTIONS_CPUS_MAX    64
#define OPTIONS_FILES_MAX   16

enum command {
	COMMAND_RUN,
	COMMAND_DEVICES,
	COMMAND_CHECK,
	COMMAND_INFO,
	COMMAND_BIND,
	COMMAND_UNBIND,
	COMMAND_LATENCY,
	COMMAND_LATENCY_COMPARE,
	COMMAND_LATENCY_READ,
	COMMAND_HELP,
	COMMAND_VERSION,
};

struct device_options {
	char bdf[HOST_PCI_BDF_SIZE]; /* full form */
	bool userspace_irqs;	     /* irq-path=userspace: no irqfd, a thread injects */
};

/* How `posthorn latency` lets interrupts reach the guest. */
enum latency_path {
	LATENCY_PATH_IRQFD,	/* as `run` does: through the kernel, or posted */
	LATENCY_PATH_USERSPACE, /* irq-path=userspace */
	LATENCY_PATH_INTX,	/* a pin in place of messages; devices only */
	LATENCY_PATHS
};

enum latency_state {
	LATENCY_STATE_RUNNING, /* the vCPU is in the guest when the interrupt comes */
	LATENCY_STATE_HALTED,  /* it sleeps */
	LATENCY_STATES
};

enum latency_format {
	LATENCY_FORMAT_SUMMARY,
	LATENCY_FORMAT_CYCLICTEST,
	LATENCY_FORMAT_CSV,
	LATENCY_FORMATS
};

/* The names of these on the command line, and in the program's (latency_state). */
extern const char *const latency_path_names[LATENCY_PATHS];
extern const char *const latency_state_names[LATENCY_STATES];

struct latency_options {
	char bdf[HOST_PCI_BDF_SIZE];	  /* of the device, in full form; "": none */
	const char *source;		  /* NULL: what fits the device */
	unsigned int paths, states;	  /* bit n: enum latency_path, latency_state n */
	uint64_t count, warmup, interval; /* interrupts, interrupts, microseconds */
	uint64_t costs;			  /* rounds of other operations; 0: none */
	int vcpu_cpu;			  /* the first CPU of --cpu; -1: wherever the host likes */
	cpu_set_t cpus;			  /* all of them */
	enum latency_format format;
	const char *json, *plot; /* files to write; NULL: none */
	/* compare, read */
	const char *files[OPTIONS_FILES_MAX];
	unsigned int file_count;
	const char *vmm, *path, *architecture; /* labels of what is read */
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
	const char *user;	/* to run as; NULL: as started */
	enum seccomp_mode seccomp;
	const char *dump; /* boot_dump()'s path; NULL: none */
	/* run, but not from the command line: what `latency` asks of the machine that it measures
	 */
	bool doorbell;		/* with LAYOUT_DOORBELL (vmm/doorbell.h) */
	bool doorbell_relay;	/* whose messages a thread injects */
	bool doorbell_thread;	/* with a thread that raises */
	bool doorbell_loopback; /* which does so by VFIO, for the first device */
	int probe_fd;		/* file for vmm/latency/probe.h, with doorbell */
	int probe_socket;	/* and whom it asks; -1: nobody */
	int vcpu_cpu;		/* the CPU that the vCPUs run on; -1: any */
	/* latency, latency compare, latency read */
	struct latency_options latency;
	/* bind, unbind, check, info */
	char bdf[HOST_PCI_BDF_SIZE]; /* full form; "": none, which is for check only */
	/* devices, check, info */
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
