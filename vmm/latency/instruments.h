/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `posthorn latency` adds to the machine whose interrupts it measures: the doorbell, and the
 * probe at its marks.
 */
#ifndef POSTHORN_VMM_LATENCY_INSTRUMENTS_H
#define POSTHORN_VMM_LATENCY_INSTRUMENTS_H

#include <stdbool.h>

#include "vmm/latency/doorbell.h"
#include "vmm/latency/probe.h"
#include "vmm/machine.h"

struct latency_instruments {
	bool relay;		    /* injects the doorbell's messages */
	bool thread;		    /* the doorbell has a thread that raises */
	bool loopback;		    /* which does so by VFIO, for the first device */
	int probe_fd, probe_socket; /* see probe.h */
	int migrations_fd, marker_fd, tracing_fd;
	unsigned int cpus; /* how many doorbells there are: each virtual CPU has one */
	/* set by what latency_instruments_addition() adds */
	struct doorbell doorbells[DOORBELL_CPUS_MAX];
	struct latency_probe probe;
};

/* For run(): @instruments stays the caller's, with all above set, and must outlive the machine. */
struct machine_addition latency_instruments_addition(struct latency_instruments *instruments);

#endif
