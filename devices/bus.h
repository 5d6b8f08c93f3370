/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space of the guest (memory or I/O ports): which handler answers at which address.
 *
 * Ranges are added while the VM is assembled; bus_freeze() ends that, and from then on the bus is
 * read-only, so that vCPU threads use it without a lock. What moves at run time (PCI BARs) moves
 * inside a range whose owner does its own locking: see devices/pci.h.
 */
#ifndef POSTHORN_DEVICES_BUS_H
#define POSTHORN_DEVICES_BUS_H

#include <stdbool.h>
#include <stdint.h>

/* One access of a vCPU. */
struct access {
	uint64_t addr; /* guest-physical address, or port number */
	uint64_t data; /* written value, or where a handler leaves what was read */
	uint8_t size;  /* bytes: 1, 2, 4 or 8 */
	bool is_write;
};

/*
 * Answers an access at @offset bytes into its range. For a read @access->data starts as all-ones
 * in the low size bytes, which is what the guest gets when the handler leaves it alone. The whole
 * access lies in the range. Called by vCPU threads, several at a time.
 */
typedef void (*bus_handler)(void *opaque, uint64_t offset, struct access *access);

struct bus_range {
	uint64_t base; /* first address */
	uint64_t size; /* bytes; base + size must not wrap */
	bus_handler handler;
	void *opaque;
};

#define BUS_RANGES_MAX 16

struct bus {
	const char *name;
	struct bus_range ranges[BUS_RANGES_MAX]; /* ascending, not overlapping */
	unsigned int count;
	bool frozen;
};

/* Make an empty bus; @name ("memory", "I/O port") is for messages and outlives the bus. */
void bus_init(struct bus *bus, const char *name);

/*
 * Add a range (copied). Errors: -EBUSY after bus_freeze(), -EEXIST when it
 * overlaps another range, -EINVAL when it is empty or wraps, -ENOSPC when the bus is full.
 */
int bus_add(struct bus *bus, const struct bus_range *range);

/* No range may be added from now on; bus_access() may be called. */
void bus_freeze(struct bus *bus);

/*
 * Carry out an access: reads of what nobody answers give all-ones, writes there are dropped.
 * Returns whether a range answered. An access that straddles the end of a range is answered by
 * nobody. Callable from any thread once the bus is frozen.
 */
bool bus_access(const struct bus *bus, struct access *access);

#endif
