/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of guest/layout.h share: tables of what is asked and what comes of it. */
#ifndef POSTHORN_TESTS_UNIT_LAYOUT_TABLES_H
#define POSTHORN_TESTS_UNIT_LAYOUT_TABLES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "guest/layout.h"
#include "lib/util.h"

#define RANGES_MAX 10

static inline unsigned int ranges_count(const struct layout_range *ranges)
{
	unsigned int count = 0;

	while (count < RANGES_MAX && ranges[count].size)
		count++;
	return count;
}

struct ram_row {
	const char *rule;
	uint64_t size, align;
	struct layout_range usable[RANGES_MAX];
	unsigned int bits;
	int error;
	struct layout_range ram[RANGES_MAX];
};

/* As many pieces as struct layout has room for. */
#define EIGHT_PIECES(base)                                                            \
	{ (base), 16 * MIB }, { (base) + 18 * MIB, MIB }, { (base) + 20 * MIB, MIB }, \
		{ (base) + 22 * MIB, MIB }, { (base) + 24 * MIB, MIB },               \
		{ (base) + 26 * MIB, MIB }, { (base) + 28 * MIB, MIB },               \
	{                                                                             \
		(base) + 30 * MIB, MIB                                                \
	}

#define TO_THE_END(base) (base), 0 - (uint64_t)(base)

struct window_row {
	const char *rule;
	uint64_t ram, size;
	struct layout_range usable[RANGES_MAX];
	unsigned int bits;
	int error;
	uint64_t base;
};

static inline void ram_row_check(const struct ram_row *row)
{
	struct layout layout;
	int error = layout_init(&layout, row->size, row->align, row->usable,
				ranges_count(row->usable), row->bits);

	if (error != row->error)
		fail_msg("%s: returned %d", row->rule, error);
	if (error)
		return;
	if (layout.ram_count != ranges_count(row->ram))
		fail_msg("%s: %u pieces", row->rule, layout.ram_count);
	for (unsigned int n = 0; n < layout.ram_count; n++)
		if (layout.ram[n].base != row->ram[n].base ||
		    layout.ram[n].size != row->ram[n].size)
			fail_msg("%s: piece %u is 0x%llx + 0x%llx", row->rule, n,
				 (unsigned long long)layout.ram[n].base,
				 (unsigned long long)layout.ram[n].size);
}

static inline void window_row_check(const struct window_row *row)
{
	struct layout layout;
	int error;

	assert_int_equal(layout_init(&layout, row->ram, 4096, NULL, 0, 40), 0);
	error = layout_mem64_place(&layout, row->size, row->usable, ranges_count(row->usable),
				   row->bits);
	if (error != row->error)
		fail_msg("%s: returned %d", row->rule, error);
	if (layout.mem64.base != row->base || layout.mem64.size != (row->error ? 0 : row->size))
		fail_msg("%s: 0x%llx + 0x%llx", row->rule, (unsigned long long)layout.mem64.base,
			 (unsigned long long)layout.mem64.size);
}

static inline bool ram_is_usable(const struct layout_range *ram, const struct layout_range *usable,
				 unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (range_within(ram->base, ram->size, usable[i].base, usable[i].size))
			return true;
	return false;
}

/* Ranges of up to @largest bytes with gaps of at least a page between them, so that none touch. */
static inline unsigned int usable_make(struct layout_range *usable, uint64_t largest)
{
	unsigned int count = 1 + (unsigned int)random() % 6;
	uint64_t base = 0;

	for (unsigned int i = 0; i < count; i++) {
		usable[i].base = base;
		usable[i].size = ((uint64_t)random() % largest + 1) & ~0xfffULL;
		base += usable[i].size + (((uint64_t)random() % GIB) & ~0xfffULL) + 0x1000;
	}
	return count;
}

#endif
