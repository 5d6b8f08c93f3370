/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be seen only while the guest of `posthorn latency` measures: how often it leaves to the
 * host, and which interrupts of the host are its device's. The guest says when it begins and ends
 * (DOORBELL_MARK). What was seen goes into a file, from the process that runs the guest to the one
 * that reports (latency_result.h), as one JSON object:
 *
 *   "exits"	an object of numbers: KVM's counters of exits, by their names, from mark to mark
 *   "irqs"	an array of objects: "irq", the host's number; "affinity" and "effective", the CPUs
 *		that it may go to and the one that it does go to, as /proc/irq writes them
 *   "error"	why there are no "exits"; "" when there are
 */
#ifndef POSTHORN_VMM_LATENCY_PROBE_H
#define POSTHORN_VMM_LATENCY_PROBE_H

#include <jansson.h>
#include <stdbool.h>

struct latency_probe {
	int vcpu_fd;
	int fd;		 /* the file; not closed here */
	const char *bdf; /* of the assigned function; NULL: there is none */
	json_t *before;	 /* the counters at the beginning; NULL: it has not begun */
};

/* For the doorbell: @opaque is the struct latency_probe. By the vCPU's thread. Never fails. */
void latency_probe_mark(void *opaque, bool begins);

void latency_probe_cleanup(struct latency_probe *probe);

#endif
