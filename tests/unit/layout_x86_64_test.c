/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/layout_tables.h"

static const struct ram_row ram_rows[] = {
	{ "small RAM is one piece from 0", 32 * MIB, 4096, {}, 40, 0, { { 0, 32 * MIB } } },
	{ "16 MiB are enough", 16 * MIB, 4096, {}, 40, 0, { { 0, 16 * MIB } } },
	{ "less than 16 MiB are not", 16 * MIB - 4096, 4096, {}, 40, -ERANGE, {} },
	{ "no RAM is refused", 0, 4096, {}, 40, -ERANGE, {} },
	{ "3 GiB just fit below the windows", 3 * GIB, 4096, {}, 40, 0, { { 0, 3 * GIB } } },
	{ "a page more goes above 4 GiB",
	  3 * GIB + 4096,
	  4096,
	  {},
	  40,
	  0,
	  { { 0, 3 * GIB }, { 4 * GIB, 4096 } } },
	{ "a usable range may reach the end of 64 bits, and the MSI hole of x86 splits nothing",
	  6 * GIB,
	  2 * MIB,
	  { { 0, 0xfee00000 }, { TO_THE_END(0xfef00000) } },
	  48,
	  0,
	  { { 0, 3 * GIB }, { 4 * GIB, 3 * GIB } } },
	{ "RAM keeps out of a hole, and its pieces are aligned",
	  512 * MIB,
	  2 * MIB,
	  { { 0, 0x8000000 }, { 0x8101000, 8 * GIB } },
	  40,
	  0,
	  { { 0, 0x8000000 }, { 0x8200000, 512 * MIB - 0x8000000 } } },
	{ "pieces smaller than the alignment are left out",
	  128 * MIB,
	  2 * MIB,
	  { { 0, 64 * MIB }, { 65 * MIB, 2 * MIB }, { 128 * MIB, GIB } },
	  40,
	  0,
	  { { 0, 64 * MIB }, { 128 * MIB, 64 * MIB } } },
	{ "usable ranges that touch make one piece",
	  128 * MIB,
	  4096,
	  { { 0, 32 * MIB }, { 32 * MIB, 64 * MIB }, { 96 * MIB, GIB } },
	  40,
	  0,
	  { { 0, 128 * MIB } } },
	{ "RAM must start at 0", 64 * MIB, 4096, { { 4096, GIB } }, 40, -ERANGE, {} },
	{ "the first piece must cover 16 MiB",
	  64 * MIB,
	  4096,
	  { { 0, 8 * MIB }, { 16 * MIB, GIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "the usable ranges must hold it all",
	  64 * MIB,
	  4096,
	  { { 0, 60 * MIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "all of the address space can be RAM",
	  63 * GIB,
	  4096,
	  {},
	  36,
	  0,
	  { { 0, 3 * GIB }, { 4 * GIB, 60 * GIB } } },
	{ "but not more", 63 * GIB + 4096, 4096, {}, 36, -ERANGE, {} },
	{ "no usable range counts beyond the address space",
	  GIB,
	  4096,
	  { { 0, 512 * MIB }, { 1ULL << 40, TIB } },
	  40,
	  -ERANGE,
	  {} },
	{ "nor one so high that its start cannot be aligned",
	  64 * MIB,
	  2 * MIB,
	  { { 0, 32 * MIB }, { TO_THE_END(0xfffffffffffff000) } },
	  48,
	  -ERANGE,
	  {} },
	{ "a narrow address space limits the RAM below 3 GiB too", GIB, 4096, {}, 29, -ERANGE, {} },
	{ "64 bits and more of address are no trouble",
	  4 * GIB,
	  4096,
	  {},
	  64,
	  0,
	  { { 0, 3 * GIB }, { 4 * GIB, GIB } } },
	{ "eight pieces are the most",
	  23 * MIB,
	  MIB,
	  { EIGHT_PIECES(0), { 32 * MIB, MIB } },
	  40,
	  0,
	  { EIGHT_PIECES(0) } },
	{ "nine pieces are refused",
	  24 * MIB,
	  MIB,
	  { EIGHT_PIECES(0), { 32 * MIB, MIB } },
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
	unsigned int accepted = 0;

	(void)state;
	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		uint64_t align = round % 2 ? 2 * MIB : 4096, sum = 0, end = 0;
		struct layout_range usable[6];
		unsigned int count = usable_make(usable, 2 * GIB);
		uint64_t size = align_up((uint64_t)random() % (6 * GIB) + 1, align);
		struct layout layout;

		if (layout_init(&layout, size, align, usable, count, 40))
			continue;
		accepted++;
		assert_int_equal(layout.ram[0].base, 0);
		assert_true(layout.ram[0].size >= 16 * MIB);
		for (unsigned int i = 0; i < layout.ram_count; i++) {
			const struct layout_range *ram = &layout.ram[i];

			assert_true(ram->base >= end && ram->size);
			assert_int_equal((ram->base | ram->size) % align, 0);
			assert_true(ram_is_usable(ram, usable, count));
			assert_false(ranges_overlap(ram->base, ram->size, LAYOUT_MEM32,
						    LAYOUT_ABOVE_4G - LAYOUT_MEM32));
			end = ram->base + ram->size;
			sum += ram->size;
		}
		assert_int_equal(sum, size);
		assert_int_equal(layout_ram_end(&layout), end);
	}
	assert_true(accepted > 1000);
}

static const struct window_row window_rows[] = {
	{ "no size, no window", 64 * MIB, 0, {}, 40, 0, 0 },
	{ "never below 4 GiB", 64 * MIB, GIB, {}, 40, 0, 4 * GIB },
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
	  { { 0, 0xfee00000 }, { TO_THE_END(0xfef00000) } },
	  39,
	  0,
	  8 * GIB },
	{ "64 GiB in the 39 bits of an IOMMU, as Intel's has them in a virtual machine",
	  4 * GIB,
	  64 * GIB,
	  { { 0, 0xfee00000 }, { 0xfef00000, 512 * GIB - 0xfef00000 } },
	  40,
	  0,
	  64 * GIB },
	{ "512 GiB beyond those",
	  4 * GIB,
	  512 * GIB,
	  { { 0, 0xfee00000 }, { 0xfef00000, 512 * GIB - 0xfef00000 } },
	  40,
	  0,
	  512 * GIB },
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
	{ "not larger than the address space", 4 * GIB, 65 * GIB, {}, 36, -ERANGE, 0 },
	{ "no size wraps", 4 * GIB, UINT64_MAX, {}, 64, -ERANGE, 0 },
};

static void test_the_64_bit_window_is_placed_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(window_rows); i++)
		window_row_check(&window_rows[i]);
}

/* vfio/vga.c, which does not know this map, answers there: tests/unit/vga_test.c. */
static void test_vga_is_where_cards_have_it(void **state)
{
	(void)state;
	assert_int_equal(LAYOUT_VGA, 0xa0000);
	assert_int_equal(LAYOUT_VGA + LAYOUT_VGA_SIZE, LAYOUT_VGA_ROM);
	assert_int_equal(LAYOUT_VGA_ROM, 0xc0000);
	assert_int_equal(LAYOUT_VGA_ROM + LAYOUT_VGA_ROM_SIZE, LAYOUT_ACPI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ram_is_laid_out_as_the_table_says),
		cmocka_unit_test(test_whatever_is_usable_ram_keeps_its_rules),
		cmocka_unit_test(test_the_64_bit_window_is_placed_as_the_table_says),
		cmocka_unit_test(test_vga_is_where_cards_have_it),
	};

	return cmocka_run_group_tests_name("layout_x86_64", tests, NULL, NULL);
}
