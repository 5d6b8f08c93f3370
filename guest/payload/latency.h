/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the latency program ask each other. */
#ifndef POSTHORN_GUEST_PAYLOAD_LATENCY_H
#define POSTHORN_GUEST_PAYLOAD_LATENCY_H

#include <stdint.h>

/* Where posthorn's doorbell is (vmm/latency/doorbell.h); 0: this is not posthorn latency. */
uint64_t latency_doorbell(void);

/* For several CPUs at once, the first @cpus of the guest; times in ticks. */
struct latency_many {
	unsigned int cpus;
	uint64_t count, warmup; /* interrupts of each */
	uint64_t interval, patience, ticks_per_s, overhead;
};

/*
 * Let each CPU raise and take its own interrupts, by a doorbell and a vector of its own, all at the
 * same time, and print a report for each. x86-64: on arm64 messages go to the first CPU here.
 */
void latency_many_measure(const struct latency_many *config);

#endif
