/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Arm PrimeCell real-time clock PL031 (ARM DDI 0224), as Linux's rtc-pl031 finds it by the
 * device tree ("arm,pl031", "arm,primecell"): the host's wall clock in seconds since 1970, which
 * the guest may set (the offset is kept while the VM lives). As the chip's counter it has 32 bits,
 * and so starts again from 0 in 2106.
 *
 * It has no interrupt line, so no alarms: the match and the interrupt mask registers keep what is
 * written to them, and the interrupt status is always 0. The clock is on from the start, as
 * firmware would leave it; the chip does not let it be turned off.
 *
 * Registers are words. Writes of another size, or not aligned to a word, are dropped: the chip's
 * bus (AMBA APB) cannot write a part of a register. Reads may be narrower, within one register, and
 * get the bytes that they ask for; firmware reads the identification registers byte by byte. What
 * is reserved or write-only reads as all-ones.
 */
#ifndef POSTHORN_DEVICES_PL031_H
#define POSTHORN_DEVICES_PL031_H

#include <pthread.h>
#include <stdint.h>

#include "devices/bus.h"

#define PL031_REGISTERS 0x1000 /* bytes; the identification is at the end of them */

struct pl031 {
	pthread_mutex_t lock;
	int64_t (*now)(void); /* seconds since 1970-01-01 UTC */
	uint32_t offset;      /* what setting the clock added, in seconds, modulo 2^32 */
	uint32_t match, load, interrupt_mask;
};

/* @now is NULL for the host's clock; tests hand in their own. */
void pl031_init(struct pl031 *rtc, int64_t (*now)(void));

/* A bus_handler for PL031_REGISTERS bytes: @opaque is the struct pl031. */
void pl031_access(void *opaque, uint64_t offset, struct access *access);

#endif
