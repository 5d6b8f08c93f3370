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
	/*
	 * Find it and let its messages (MSI, MSI-X), or its INTx, raise @vector. One of the two is
	 * called, once. Fails the payload if it is not there. intx_init is NULL: only messages.
	 */
	void (*init)(unsigned int vector);
	void (*intx_init)(unsigned int vector);
	/* What has to be done before, and is not measured; NULL: nothing. Then the store. */
	void (*prepare)(void);
	void (*raise)(void);
	/* After intx_init: make it let go of the line. It has done so when this returns. */
	void (*intx_acknowledge)(void);
	/* Configuration space, and a register that may be read and written; 0 or NULL: none. */
	uint64_t (*config)(void);
	uint64_t (*scratch)(void);
	/* After init: mask and unmask it; send it to @vector instead. NULL: it cannot. */
	void (*mask)(void);
	void (*unmask)(void);
	void (*move)(unsigned int vector);
};

extern const struct source source_edu, source_e1000e, source_e1000e_traffic, source_igb,
	source_igb_traffic, source_eventfd, source_thread, source_loopback;

#endif
