/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that is busy beside the one whose interrupts are measured: an e1000e that sends frames
 * to itself (e1000e_loopback.h), without an interrupt. Its DMA takes a share of the buses, the
 * IOMMU and the memory.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_LOAD_H
#define POSTHORN_GUEST_PAYLOAD_LOAD_H

#include <stdint.h>

#define LOAD_SLOT 2 /* of bus 0: where it is */

/* Find it and set it up. Fails the payload when it is no e1000e. */
void load_init(void);

/* Let it have as much to do as it can take: some 100 microseconds of a card of 1 Gbit/s. */
void load_step(void);

/* How many frames it has received. */
uint64_t load_frames(void);

#endif
