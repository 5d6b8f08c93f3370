/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/layout_tables.h"

#include "kvm/arm64.h"

#define CPUS_MAX 64	   /* that the command line takes */
#define RAM	 (1 * GIB) /* where RAM starts */

static const struct ram_row ram_rows[] = {
	{ "small RAM is one piece from 1 GiB", 32 * MIB, 4096, {}, 40, 0, { { RAM, 32 * MIB } } },
	{ "16 MiB are enough", 16 * MIB, 4096, {}, 40, 0, { { RAM, 16 * MIB } } },
	{ "less than 16 MiB are not", 16 * MIB - 4096, 4096, {}, 40, -ERANGE, {} },
	{ "no RAM is refused", 0, 4096, {}, 40, -ERANGE, {} },
	{ "it is one piece whatever its size", 64 * GIB, 4096, {}, 40, 0, { { RAM, 64 * GIB } } },
	{ "the SMMU's window for messages is below it",
	  6 * GIB,
	  2 * MIB,
	  { { 0, 0x8000000 }, { TO_THE_END(0x8100000) } },
	  48,
	  0,
	  { { RAM, 6 * GIB } } },
	{ "RAM keeps out of a hole, and its pieces are aligned",
	  512 * MIB,
	  2 * MIB,
	  { { 0, RAM + 128 * MIB }, { RAM + 129 * MIB + 4096, 8 * GIB } },
	  40,
	  0,
	  { { RAM, 128 * MIB }, { RAM + 130 * MIB, 384 * MIB } } },
	{ "pages of 64 KiB align it too",
	  64 * MIB,
	  64 * KIB,
	  { { 0, RAM + 32 * MIB + 4096 }, { RAM + 33 * MIB + 4096, GIB } },
	  40,
	  0,
	  { { RAM, 32 * MIB }, { RAM + 33 * MIB + 64 * KIB, 32 * MIB } } },
	{ "usable ranges that touch make one piece",
	  128 * MIB,
	  4096,
	  { { 0, RAM + 32 * MIB }, { RAM + 32 * MIB, 64 * MIB }, { RAM + 96 * MIB, GIB } },
	  40,
	  0,
	  { { RAM, 128 * MIB } } },
	{ "what is usable below it is no RAM", 64 * MIB, 4096, { { 0, RAM } }, 40, -ERANGE, {} },
	{ "RAM must start at 1 GiB",
	  64 * MIB,
	  4096,
	  { { 0, 512 * MIB }, { RAM + 4096, GIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "the first piece must cover 16 MiB",
	  64 * MIB,
	  4096,
	  { { RAM, 8 * MIB }, { RAM + 16 * MIB, GIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "the usable ranges must hold it all",
	  64 * MIB,
	  4096,
	  { { RAM, 60 * MIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "all of the address space can be RAM", 63 * GIB, 4096, {}, 36, 0, { { RAM, 63 * GIB } } },
	{ "but not more", 63 * GIB + 4096, 4096, {}, 36, -ERANGE, {} },
	{ "no usable range counts beyond the address space",
	  GIB,
	  4096,
	  { { RAM, 512 * MIB }, { 1ULL << 40, TIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "nor one so high that its start cannot be aligned",
	  64 * MIB,
	  2 * MIB,
	  { { RAM, 32 * MIB }, { TO_THE_END(0xfffffffffffff000) } },
	  48,
	  -ERANGE,
	  {} },
	{ "an address space that ends below it has no RAM", 32 * MIB, 4096, {}, 30, -ERANGE, {} },
	{ "64 bits and more of address are no trouble",
	  4 * GIB,
	  4096,
	  {},
	  64,
	  0,
	  { { RAM, 4 * GIB } } },
	{ "eight pieces are the most",
	  23 * MIB,
	  MIB,
	  { EIGHT_PIECES(RAM), { RAM + 32 * MIB, MIB } },
	  40,
	  0,
	  { EIGHT_PIECES(RAM) } },
	{ "nine pieces are refused",
	  24 * MIB,
	  MIB,
	  { EIGHT_PIECES(RAM), { RAM + 32 * MIB, MIB } },
	  40,
	  -ERANGE,
	  {} },
};

static void test_ram_is_laid_out_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ram_rows); i++)
		ram_row_check(&ram_rows[i]);
}

static void test_whatever_is_usable_ram_keeps_its_rules(void **state)
{
	unsigned int accepted = 0, split = 0;

	(void)state;
	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		uint64_t align = round % 2 ? 2 * MIB : 64 * KIB, sum = 0, end = LAYOUT_RAM;
		struct layout_range usable[6];
		unsigned int count = usable_make(usable, 3 * GIB);
		uint64_t size = align_up((uint64_t)random() % (6 * GIB) + 1, align);
		struct layout layout;

		if (layout_init(&layout, size, align, usable, count, 40))
			continue;
		accepted++;
		split += layout.ram_count > 1;
		assert_int_equal(layout.ram[0].base, LAYOUT_RAM);
		assert_true(layout.ram[0].size >= 16 * MIB);
		for (unsigned int i = 0; i < layout.ram_count; i++) {
			const struct layout_range *ram = &layout.ram[i];

			assert_true(ram->base >= end && ram->size);
			assert_int_equal((ram->base | ram->size) % align, 0);
			assert_true(ram_is_usable(ram, usable, count));
			end = ram->base + ram->size;
			sum += ram->size;
		}
		assert_int_equal(sum, size);
		assert_int_equal(layout_ram_end(&layout), end);
	}
	assert_true(accepted > 1000);
	assert_true(split > 100);
}

static const struct window_row window_rows[] = {
	{ "no size, no window", 64 * MIB, 0, {}, 40, 0, 0 },
	{ "never below 4 GiB", 64 * MIB, GIB, {}, 40, 0, 4 * GIB },
	{ "not even right above 2 GiB of RAM", 2 * GIB, GIB, {}, 40, 0, 4 * GIB },
	{ "small ones are aligned to 1 GiB", 3 * GIB + 4096, 4096, {}, 40, 0, 5 * GIB },
	{ "right above RAM if that is aligned", 4 * GIB, GIB, {}, 40, 0, 5 * GIB },
	{ "large ones are aligned to their size", 4 * GIB, 16 * GIB, {}, 40, 0, 16 * GIB },
	{ "rounded up to a power of two", 4 * GIB, 9 * GIB, {}, 40, 0, 16 * GIB },
	{ "in the usable range that holds it",
	  4 * GIB,
	  2 * GIB,
	  { { 0, 7 * GIB }, { 32 * GIB + 1, 64 * GIB } },
	  40,
	  0,
	  34 * GIB },
	{ "a usable range may reach the end of 64 bits",
	  4 * GIB,
	  8 * GIB,
	  { { 0, 0x8000000 }, { TO_THE_END(0x8100000) } },
	  39,
	  0,
	  8 * GIB },
	{ "above RAM all the same when none does",
	  4 * GIB,
	  16 * GIB,
	  { { 0, 20 * GIB } },
	  40,
	  0,
	  16 * GIB },
	{ "a usable range beyond the address space holds nothing",
	  4 * GIB,
	  GIB,
	  { { 0, 5 * GIB }, { 1ULL << 40, TIB } },
	  40,
	  0,
	  5 * GIB },
	{ "to the end of the address space", 4 * GIB, 32 * GIB, {}, 36, 0, 32 * GIB },
	{ "but not beyond", 4 * GIB, 33 * GIB, {}, 36, -ERANGE, 0 },
	{ "an address space of 32 bits has no place for it", 64 * MIB, GIB, {}, 32, -ERANGE, 0 },
	{ "not larger than the address space", 4 * GIB, 65 * GIB, {}, 36, -ERANGE, 0 },
	{ "no size wraps", 4 * GIB, UINT64_MAX, {}, 64, -ERANGE, 0 },
};

static void test_the_64_bit_window_is_placed_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(window_rows); i++)
		window_row_check(&window_rows[i]);
}

/* ---- what is below RAM ---- */

/* Nothing in the map touches anything else, nor what the SMMU keeps for messages. */
static void test_what_is_below_ram_does_not_overlap(void **state)
{
	static const struct layout_range parts[] = {
		{ 0x8000000, 0x100000 }, /* MSI_IOVA_BASE, MSI_IOVA_LENGTH */
		{ ARM64_GIC_DISTRIBUTOR, ARM64_GIC_DISTRIBUTOR_SIZE },
		{ ARM64_GIC_ITS, ARM64_GIC_ITS_SIZE },
		{ ARM64_GIC_REDISTRIBUTOR, CPUS_MAX * ARM64_GIC_REDISTRIBUTOR_SIZE },
		{ LAYOUT_SERIAL, LAYOUT_DEVICE_SIZE },
		{ LAYOUT_RTC, LAYOUT_DEVICE_SIZE },
		{ LAYOUT_ECAM, LAYOUT_ECAM_SIZE },
		{ LAYOUT_PORTS, LAYOUT_PORTS_SIZE },
		{ LAYOUT_MEM32, LAYOUT_MEM32_SIZE },
		{ LAYOUT_RAM, LAYOUT_FDT_SIZE },
		{ LAYOUT_KERNEL, GIB },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		/* The host may have pages of 64 KiB, and so may the guest. */
		assert_int_equal(parts[i].base % (64 * KIB), 0);
		for (size_t n = 0; n < i; n++)
			assert_false(ranges_overlap(parts[i].base, parts[i].size, parts[n].base,
						    parts[n].size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ram_is_laid_out_as_the_table_says),
		cmocka_unit_test(test_whatever_is_usable_ram_keeps_its_rules),
		cmocka_unit_test(test_the_64_bit_window_is_placed_as_the_table_says),
		cmocka_unit_test(test_what_is_below_ram_does_not_overlap),
	};

	return cmocka_run_group_tests_name("layout_arm64", tests, NULL, NULL);
}
