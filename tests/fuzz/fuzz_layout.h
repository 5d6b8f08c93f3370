/* SPDX-License-Identifier: BSD-2-Clause */
/* A layout of memory from an input: guest/layout.c, whose results are checked on the way. */
#ifndef POSTHORN_TESTS_FUZZ_LAYOUT_H
#define POSTHORN_TESTS_FUZZ_LAYOUT_H

#include <stdbool.h>

#include "guest/layout.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

#define FUZZ_USABLE_MAX 8

/* What is asked of layout_init(), as options and a host's IOMMU and CPU may ask. */
struct fuzz_layout {
	struct layout_range usable[FUZZ_USABLE_MAX]; /* ascending, as the kernel lists them */
	unsigned int usable_count, physical_bits;
	uint64_t ram_size, align, mem64_size;
};

/* Any number of bytes or address, the round ones more often than the others: 3 bytes of input. */
static inline uint64_t fuzz_scaled(struct fuzz_input *in)
{
	uint64_t digits = fuzz_u16(in);

	return digits << fuzz_range(in, 0, 63);
}

static inline void fuzz_usable_take(struct fuzz_layout *ask, struct fuzz_input *in)
{
	unsigned int count = (unsigned int)fuzz_range(in, 0, FUZZ_USABLE_MAX);
	uint64_t at = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t gap = fuzz_scaled(in), size = fuzz_scaled(in);

		if (!size || __builtin_add_overflow(at, gap, &at) || size - 1 > UINT64_MAX - at)
			return;
		ask->usable[ask->usable_count++] = (struct layout_range){ at, size };
		at += size;
		if (!at)
			return; /* it reached the end of 64 bits */
	}
}

static inline bool fuzz_usable_has(const struct fuzz_layout *ask, const struct layout_range *range)
{
	/* A piece of RAM may go on from one range into the next, when nothing is between them. */
	uint64_t at = range->base, end = range->base + range->size;

	for (unsigned int i = 0; i < ask->usable_count && at < end; i++) {
		const struct layout_range *usable = &ask->usable[i];

		if (range_within(at, 1, usable->base, usable->size))
			at = end - usable->base > usable->size ? usable->base + usable->size : end;
	}
	return at == end || !ask->usable_count;
}

static inline bool fuzz_span_has(const struct layout_range *range)
{
	static const struct {
		uint64_t base, end;
	} spans[] = LAYOUT_RAM_SPANS;

	for (unsigned int i = 0; i < ARRAY_SIZE(spans); i++) {
		if (range_within(range->base, range->size, spans[i].base,
				 spans[i].end - spans[i].base))
			return true;
	}
	return false;
}

static inline void fuzz_ram_check(const struct layout *layout, const struct fuzz_layout *ask)
{
	uint64_t total = 0, above = 0;

	fuzz_check(layout->ram_count && layout->ram_count <= LAYOUT_RAM_MAX);
	fuzz_check(layout->ram[0].base == LAYOUT_RAM && layout->ram[0].size >= 16 * MIB);
	for (unsigned int i = 0; i < layout->ram_count; i++) {
		const struct layout_range *ram = &layout->ram[i];

		fuzz_check(ram->base >= above && ram->size);
		fuzz_check((ram->base | ram->size) % ask->align == 0);
		fuzz_check(fuzz_span_has(ram) && fuzz_usable_has(ask, ram));
		above = ram->base + ram->size;
		total += ram->size;
	}
	fuzz_check(total == ask->ram_size);
	fuzz_check(ask->physical_bits > 63 || above <= BIT(ask->physical_bits));
}

static inline void fuzz_mem64_check(const struct layout *layout, const struct fuzz_layout *ask)
{
	const struct layout_range *mem64 = &layout->mem64;

	fuzz_check(mem64->size == ask->mem64_size);
	if (!mem64->size)
		return;
	fuzz_check(mem64->base >= layout_ram_end(layout) && mem64->base >= LAYOUT_ABOVE_RAM);
	fuzz_check(mem64->base % GIB == 0 && mem64->base % (mem64->size & -mem64->size) == 0);
	fuzz_check(range_within(mem64->base, mem64->size, 0, BIT(min(ask->physical_bits, 63U))));
}

/* Make a layout as @in says. False: there is none. */
static inline bool fuzz_layout_make(struct layout *layout, struct fuzz_input *in)
{
	struct fuzz_layout ask = { .align = fuzz_range(in, 0, 1) ? 2 * MIB : 4 * KIB };

	ask.physical_bits = (unsigned int)fuzz_range(in, 0, 64);
	ask.ram_size = align_down(fuzz_scaled(in), ask.align);
	ask.mem64_size = fuzz_scaled(in);
	fuzz_usable_take(&ask, in);
	if (layout_init(layout, ask.ram_size, ask.align, ask.usable, ask.usable_count,
			ask.physical_bits))
		return false;
	fuzz_ram_check(layout, &ask);
	if (layout_mem64_place(layout, ask.mem64_size, ask.usable, ask.usable_count,
			       ask.physical_bits))
		return false;
	fuzz_mem64_check(layout, &ask);
	return true;
}

#endif
