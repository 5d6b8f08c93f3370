/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the RAM in the memory map, and looks whether it is there: at the ends of every range and
 * every few MiB between them it writes the address, and reads it back when all are written, so that
 * no two addresses can lead to the same memory.
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"

/* This program and all that it was given is in the first 16 MiB of RAM. */
#define FIRST (LAYOUT_RAM + 0x1000000UL)
#define STEP  0x1000000UL

static void word_write(uint64_t address)
{
	mmio_write64(address, ~address);
}

static void word_check(uint64_t address)
{
	if (mmio_read64(address) != ~address)
		payload_fail("0x%lx holds 0x%lx", address, mmio_read64(address));
}

static void words_visit(const struct memory_range *range, void (*visit)(uint64_t address))
{
	uint64_t start = range->base < FIRST ? FIRST : range->base, end = range->base + range->size;

	if (start >= end)
		return;
	for (uint64_t address = start; address < end; address += STEP)
		visit(address);
	visit(end - sizeof(uint64_t));
}

static void ranges_visit(void (*visit)(uint64_t address))
{
	struct memory_range range;

	for (unsigned int i = 0; memory_range_get(i, &range); i++)
		if (range.type == MEMORY_TYPE_RAM)
			words_visit(&range, visit);
}

void payload_main(void)
{
	struct memory_range range;

	for (unsigned int i = 0; memory_range_get(i, &range); i++) {
		if (range.type != MEMORY_TYPE_RAM)
			continue;
		print("ram 0x%lx to 0x%lx\n", range.base, range.base + range.size);
		memory_map(range.base, range.size);
	}
	ranges_visit(word_write);
	ranges_visit(word_check);
}
