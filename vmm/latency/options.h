/* SPDX-License-Identifier: BSD-2-Clause */
/* What `posthorn latency` and its subcommands take. */
#ifndef POSTHORN_VMM_LATENCY_OPTIONS_H
#define POSTHORN_VMM_LATENCY_OPTIONS_H

#include <stdint.h>

#include "guest/payload/doorbell.h"
#include "vfio/bdf.h"
#include "vfio/iommu.h"
#include "vmm/affinity.h"
#include "vmm/options.h"

#define LATENCY_FILES_MAX 16

/* How many virtual CPUs can measure at once: on arm64 the program takes messages on one. */
#if defined(__x86_64__)
#define LATENCY_CPUS_MAX DOORBELL_CPUS_MAX
#else
#define LATENCY_CPUS_MAX 1
#endif

/* How `posthorn latency` lets interrupts reach the guest. */
enum latency_path {
	LATENCY_PATH_IRQFD,	/* as `run` does: through the kernel, or posted */
	LATENCY_PATH_USERSPACE, /* irq-path=userspace */
	LATENCY_PATH_INTX,	/* a pin in place of messages; devices only */
	LATENCY_PATHS
};

enum latency_state {
	LATENCY_STATE_RUNNING,	  /* the vCPU is in the guest when the interrupt comes */
	LATENCY_STATE_HALTED,	  /* it sleeps */
	LATENCY_STATE_IDLE_GUEST, /* the same, and keeps its CPU: --idle guest */
	LATENCY_STATES
};

enum latency_format {
	LATENCY_FORMAT_SUMMARY,
	LATENCY_FORMAT_CYCLICTEST,
	LATENCY_FORMAT_CSV,
	LATENCY_FORMATS
};

/* The names of these on the command line, and in the program's (latency_state). */
extern const char *const latency_path_names[];
extern const char *const latency_state_names[];

struct latency_options {
	char bdf[BDF_SIZE];  /* of the device, in full form; "": none */
	char load[BDF_SIZE]; /* of one that is busy beside it, in full form; "": none */
	enum iommu_choice iommu;
	const char *source;		  /* NULL: what fits the device */
	unsigned int paths, states;	  /* bit n: enum latency_path, latency_state n */
	uint64_t count, warmup, interval; /* interrupts, interrupts, microseconds */
	bool interval_random;		  /* each is another one, @interval on average */
	uint64_t noise;			  /* seconds of `latency noise`; 0: it is another command */
	uint64_t break_above;		  /* microseconds; 0: never */
	uint64_t until_converged;	  /* per cent of p99; 0: @count it is */
	uint64_t costs;			  /* rounds of other operations; 0: none */
	uint64_t halt_poll_ns;		  /* VM_HALT_POLL_HOST: as the host has it */
	struct cpu_options cpus;	  /* each has a vector of its own */
	enum latency_format format;
	const char *json, *plot; /* files to write; NULL: none */
	const char *ratios;	 /* compare: another one */
	/* compare, read */
	const char *files[LATENCY_FILES_MAX];
	unsigned int file_count;
	const char *vmm, *path, *architecture; /* labels of what is read */
};

extern const struct latency_options latency_defaults;
extern const struct latency_options latency_noise_defaults;
extern const struct option_rule latency_rules[], latency_compare_rules[], latency_read_rules[],
	latency_noise_rules[];

/* For the commands `latency` and `latency read`: see struct command. */
int latency_options_check(struct parser *parser);
int latency_read_options_check(struct parser *parser);
int latency_noise_options_check(struct parser *parser);

/* An operand that is a file of struct latency_options. */
int latency_file_operand(struct parser *parser, const char *text);

#endif
