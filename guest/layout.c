/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/layout.h"

#include <errno.h>
#include <stddef.h>

#include "lib/util.h"

/* The kernel, what it unpacks to and what it is told go to the first range. */
#define FIRST_RANGE_MIN (16 * MIB)

/* One past the last address that the guest's CPUs can form. */
static uint64_t address_limit(unsigned int physical_bits)
{
	return BIT(min(physical_bits, 63U));
}

/* One past the last byte of @range, at most @limit: a range may reach the end of 64 bits. */
static uint64_t range_end(const struct layout_range *range, uint64_t limit)
{
	if (range->base >= limit || range->size > limit - range->base)
		return limit;
	return range->base + range->size;
}

uint64_t layout_ram_end(const struct layout *layout)
{
	const struct layout_range *last = &layout->ram[layout->ram_count - 1];

	return last->base + last->size;
}

/*
 * Take RAM from [@base, @end), @align-ed, until *@left is 0. Returns 0, or -ERANGE when there is
 * no place in the table for another piece.
 */
static int ram_take(struct layout *layout, uint64_t base, uint64_t end, uint64_t align,
		    uint64_t *left)
{
	uint64_t size;

	if (base >= end)
		return 0; /* and so the sum in align_up() cannot wrap */
	base = align_up(base, align);
	end = align_down(end, align);
	if (base >= end || !*left)
		return 0;
	size = min(end - base, *left);
	*left -= size;
	if (layout->ram_count && layout_ram_end(layout) == base) {
		layout->ram[layout->ram_count - 1].size += size;
		return 0;
	}
	if (layout->ram_count == LAYOUT_RAM_MAX)
		return -ERANGE;
	layout->ram[layout->ram_count++] = (struct layout_range){ .base = base, .size = size };
	return 0;
}

/* Take RAM from what [@base, @end) has in common with the usable ranges. */
static int ram_take_usable(struct layout *layout, uint64_t base, uint64_t end, uint64_t align,
			   const struct layout_range *usable, unsigned int usable_count,
			   uint64_t *left)
{
	int error = 0;

	if (!usable_count)
		return ram_take(layout, base, end, align, left);
	for (unsigned int i = 0; i < usable_count && !error; i++)
		error = ram_take(layout, max(base, usable[i].base), range_end(&usable[i], end),
				 align, left);
	return error;
}

int layout_init(struct layout *layout, uint64_t ram_size, uint64_t align,
		const struct layout_range *usable, unsigned int usable_count,
		unsigned int physical_bits)
{
	static const struct {
		uint64_t base, end;
	} spans[] = LAYOUT_RAM_SPANS;
	uint64_t limit = address_limit(physical_bits), left = ram_size;
	int error = 0;

	*layout = (struct layout){ 0 };
	for (unsigned int i = 0; i < ARRAY_SIZE(spans) && !error; i++)
		error = ram_take_usable(layout, spans[i].base, min(limit, spans[i].end), align,
					usable, usable_count, &left);
	if (error || left || layout->ram[0].base != LAYOUT_RAM ||
	    layout->ram[0].size < FIRST_RANGE_MIN)
		return -ERANGE;
	return 0;
}

/* The lowest multiple of @align that starts @size bytes in [@base, @end), or 0 for none. */
static uint64_t window_find(uint64_t base, uint64_t end, uint64_t size, uint64_t align)
{
	if (base >= end)
		return 0;
	base = align_up(base, align);
	return range_within(base, size, 0, end) ? base : 0;
}

int layout_mem64_place(struct layout *layout, uint64_t size, const struct layout_range *usable,
		       unsigned int usable_count, unsigned int physical_bits)
{
	uint64_t start = max(layout_ram_end(layout), LAYOUT_ABOVE_RAM);
	uint64_t limit = address_limit(physical_bits), align = GIB, base = 0;

	layout->mem64 = (struct layout_range){ 0 };
	if (!size)
		return 0;
	if (size > limit)
		return -ERANGE;
	while (align < size)
		align <<= 1;
	for (unsigned int i = 0; i < usable_count && !base; i++)
		base = window_find(max(start, usable[i].base), range_end(&usable[i], limit), size,
				   align);
	if (!base)
		base = window_find(start, limit, size, align);
	if (!base)
		return -ERANGE;
	layout->mem64 = (struct layout_range){ .base = base, .size = size };
	return 0;
}
