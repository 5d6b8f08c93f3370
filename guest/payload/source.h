/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What raises interrupts for the latency program: each is a small file, source_NAME.c. A store to a
 * register of the device is all it takes to raise one.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_SOURCE_H
#define POSTHORN_GUEST_PAYLOAD_SOURCE_H

#include <stdint.h>

struct source {
	const char *name;
	unsigned int interval; /* the least from one interrupt to the next, in microseconds */
	/* Find it and let its interrupts raise @vector. Fails the payload if it is not there. */
	void (*init)(unsigned int vector);
	/* The store. */
	void (*raise)(void);
	/* Configuration space, and a register that may be read and written; 0: it has none. */
	uint64_t (*config)(void);
	uint64_t (*scratch)(void);
	/* Mask and unmask its vector; send it to @vector instead. NULL: it cannot. */
	void (*mask)(void);
	void (*unmask)(void);
	void (*move)(unsigned int vector);
};

extern const struct source source_edu, source_e1000e, source_eventfd;

#endif
