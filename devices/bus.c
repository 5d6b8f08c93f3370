/* SPDX-License-Identifier: BSD-2-Clause */
#include "devices/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"

void bus_init(struct bus *bus, const char *name)
{
	memset(bus, 0, sizeof(*bus));
	bus->name = name;
}

int bus_add(struct bus *bus, const struct bus_range *range)
{
	unsigned int i, place = 0;

	if (bus->frozen)
		return -EBUSY;
	if (!range->size || range->base + range->size < range->base)
		return -EINVAL;
	for (i = 0; i < bus->count; i++) {
		const struct bus_range *other = &bus->ranges[i];

		if (ranges_overlap(range->base, range->size, other->base, other->size))
			return -EEXIST;
		if (other->base < range->base)
			place = i + 1;
	}
	if (bus->count == BUS_RANGES_MAX)
		return -ENOSPC;
	memmove(&bus->ranges[place + 1], &bus->ranges[place],
		(bus->count - place) * sizeof(bus->ranges[0]));
	bus->ranges[place] = *range;
	bus->count++;
	return 0;
}

void bus_freeze(struct bus *bus)
{
	bus->frozen = true;
}

bool bus_access(const struct bus *bus, struct access *access)
{
	const struct bus_range *range, *end = bus->ranges + bus->count;

	if (!access->is_write)
		access->data = bytes_mask(access->size);
	/* A bus has a handful of ranges: walking them takes fewer instructions than halving them.
	 */
	for (range = bus->ranges; range < end && access->addr >= range->base; range++) {
		uint64_t offset = access->addr - range->base;

		if (offset >= range->size)
			continue;
		if (access->size > range->size - offset)
			break;
		range->handler(range->opaque, offset, access);
		return true;
	}
	log_debug("%s bus: nobody answers a %s of %u bytes at %#" PRIx64, bus->name,
		  access->is_write ? "write" : "read", access->size, access->addr);
	return false;
}
