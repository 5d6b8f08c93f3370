/* SPDX-License-Identifier: BSD-2-Clause */
#include <asm/bootparam.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/acpi.h"
#include "guest/boot.h"
#include "lib/util.h"
#include "tests/unit/fake_ram.h"

#define RAM_SIZE (32 * MIB)
#define PAGE	 4096ULL

struct machine {
	struct vm vm;
	struct layout layout;
	struct image image;
	struct boot_config config;
	struct vcpu_entry entry;
	char why[WHY_SIZE];
};

/* A bzImage whose setup header is nothing but a pattern, but for what boot_setup() needs. */
static int machine_make(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	fake_ram_init(&machine->vm, RAM_SIZE);
	assert_int_equal(layout_init(&machine->layout, RAM_SIZE, PAGE, NULL, 0, 40), 0);
	machine->image.kind = IMAGE_BZIMAGE;
	machine->image.entry = 0x1000200;
	machine->image.cmdline_max = 255;
	machine->image.setup_header_size = IMAGE_SETUP_HEADER_MAX;
	memset(machine->image.setup_header, 0x5a, IMAGE_SETUP_HEADER_MAX);
	machine->config = (struct boot_config){
		.layout = &machine->layout,
		.image = &machine->image,
		.initrd = { 0x1ff0000, 0xabcd },
		.cmdline = "console=ttyS0",
		.cpus = 2,
		.pci_slots = 1,
	};
	*state = machine;
	return 0;
}

static int machine_free(void **state)
{
	struct machine *machine = *state;

	fake_ram_cleanup(&machine->vm);
	free(machine);
	return 0;
}

static int pvh_machine_make(void **state)
{
	struct machine *machine;

	machine_make(state);
	machine = *state;
	machine->image.kind = IMAGE_PVH;
	machine->image.entry = 0x100030;
	machine->image.setup_header_size = 0;
	return 0;
}

static int machine_setup(struct machine *machine)
{
	return boot_setup(&machine->vm, &machine->config, &machine->entry, machine->why);
}

static const uint8_t *ram_at(const struct machine *machine, uint64_t gpa, uint64_t size)
{
	const uint8_t *ram = vm_gpa_to_hva(&machine->vm, gpa, size);

	assert_non_null(ram);
	return ram;
}

/* Set up must fail, and say why. */
static void assert_refused(struct machine *machine, int expected)
{
	machine->why[0] = '\0';
	assert_int_equal(machine_setup(machine), expected);
	assert_true(machine->why[0]);
}

/* Set up, and return the zero page. */
static const struct boot_params *zero_page(struct machine *machine)
{
	assert_int_equal(machine_setup(machine), 0);
	return (const struct boot_params *)ram_at(machine, machine->entry.rsi, PAGE);
}

/* ---- 64-bit boot protocol ------------------------------------------------------------------ */

static void test_a_bzimage_starts_in_64_bit_mode(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_setup(machine), 0);
	assert_int_equal(machine->entry.rip, machine->image.entry);
	assert_int_equal(machine->entry.rsi, LAYOUT_ZERO_PAGE);
	assert_int_equal(machine->entry.rbx, 0);
	assert_int_equal(machine->entry.cr3, LAYOUT_PAGE_TABLES);
	assert_int_equal(machine->entry.gdt, LAYOUT_GDT);
}

static void test_the_zero_page_has_the_loaders_fields(void **state)
{
	struct machine *machine = *state;
	const struct boot_params *params = zero_page(machine);

	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	assert_int_equal(params->ext_cmd_line_ptr, 0);
	assert_int_equal(params->hdr.ramdisk_image, 0x1ff0000);
	assert_int_equal(params->hdr.ramdisk_size, 0xabcd);
	assert_int_equal(params->ext_ramdisk_image, 0);
	assert_int_equal(params->ext_ramdisk_size, 0);
	assert_int_equal(params->acpi_rsdp_addr, LAYOUT_ACPI);
	assert_int_equal(params->sentinel, 0);
}

static void test_high_halves_go_to_the_extended_fields(void **state)
{
	struct machine *machine = *state;
	const struct boot_params *params;

	machine->config.initrd = (struct image_range){ 0x123456789a000, 0x300000004 };
	params = zero_page(machine);
	assert_int_equal(params->hdr.ramdisk_image, 0x6789a000);
	assert_int_equal(params->ext_ramdisk_image, 0x12345);
	assert_int_equal(params->hdr.ramdisk_size, 4);
	assert_int_equal(params->ext_ramdisk_size, 3);
}

static void test_without_initrd_its_fields_are_zero(void **state)
{
	struct machine *machine = *state;
	const struct boot_params *params;

	machine->config.initrd = (struct image_range){ 0 };
	params = zero_page(machine);
	assert_int_equal(params->hdr.ramdisk_image, 0);
	assert_int_equal(params->hdr.ramdisk_size, 0);
}

/* Of the header only the fields of the test above change; nothing else in the page is set. */
static void test_the_rest_of_the_header_is_the_kernels(void **state)
{
	static const struct {
		size_t offset, size;
	} ours[] = {
		{ offsetof(struct setup_header, type_of_loader), 1 },
		{ offsetof(struct setup_header, ramdisk_image), 4 },
		{ offsetof(struct setup_header, ramdisk_size), 4 },
		{ offsetof(struct setup_header, cmd_line_ptr), 4 },
	};
	struct machine *machine = *state;
	uint8_t page[PAGE];

	machine->image.setup_header_size = 0x80;
	memset(vm_gpa_to_hva(&machine->vm, LAYOUT_ZERO_PAGE, PAGE), 0xff, PAGE);
	memcpy(page, zero_page(machine), PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		memset(page + 0x1f1 + ours[i].offset, 0x5a, ours[i].size);
	for (size_t i = 0; i < 0x80; i++)
		assert_int_equal(page[0x1f1 + i], 0x5a);
	for (size_t i = 0x80; i < IMAGE_SETUP_HEADER_MAX; i++)
		assert_int_equal(page[0x1f1 + i], 0);
	for (size_t i = 0; i < 0x70; i++)
		assert_int_equal(page[i], 0);
	for (size_t i = 0xcd0; i < PAGE; i++)
		assert_int_equal(page[i], 0);
}

/* Follow the page tables as the processor does (Intel SDM volume 3, 4.5.4): 0 is "not mapped". */
static uint64_t translate(const struct machine *machine, uint64_t address)
{
	uint64_t table = machine->entry.cr3, entry = 0;
	unsigned int shift;

	for (shift = 39; shift >= 12; shift -= 9) {
		entry = le_load(ram_at(machine, table + (address >> shift) % 512 * 8, 8), 8);
		if ((entry & 3) != 3) /* present, writable */
			return 0;
		if (shift < 39 && (entry & BIT(7)))
			break;
		table = entry & 0xffffffffff000;
	}
	return (entry & 0xffffffffff000) + (address & (BIT(shift) - 1));
}

static void test_the_low_4_gib_are_mapped_where_they_are(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_setup(machine), 0);
	for (uint64_t address = 0x1234; address < 4 * GIB; address += 511 * 4096 + 1)
		assert_int_equal(translate(machine, address), address);
	assert_int_equal(translate(machine, 4 * GIB - 1), 4 * GIB - 1);
	assert_int_equal(translate(machine, 4 * GIB), 0);
	assert_int_equal(translate(machine, 1ULL << 39), 0);
}

/* ---- memory map ---------------------------------------------------------------------------- */

enum { RAM = 1, RESERVED = 2, ACPI = 3 };

struct range {
	uint64_t base, end;
	unsigned int type;
};

struct map_row {
	const char *rule;
	struct layout_range ram[4]; /* beyond the first, which is all the RAM there is here */
	struct range expected[10];
};

/* clang-format off */
#define BELOW_1M \
	{ 0, 0x9fc00, RAM }, { 0x9fc00, 0xe0000, RESERVED }, { 0xe0000, 0xe1000, ACPI }, \
	{ 0xe1000, MIB, RESERVED }
#define ECAM { 0xe0000000, 0xe0100000, RESERVED }
/* clang-format on */

static const struct map_row map_rows[] = {
	{ "one piece", {}, { BELOW_1M, { MIB, 32 * MIB, RAM }, ECAM } },
	{ "a hole below 3 GiB",
	  { { 64 * MIB, 16 * MIB } },
	  { BELOW_1M, { MIB, 32 * MIB, RAM }, { 64 * MIB, 80 * MIB, RAM }, ECAM } },
	{ "ECAM is between RAM below and above 4 GiB",
	  { { 2 * GIB, GIB }, { 4 * GIB, 2 * GIB } },
	  { BELOW_1M,
	    { MIB, 32 * MIB, RAM },
	    { 2 * GIB, 3 * GIB, RAM },
	    ECAM,
	    { 4 * GIB, 6 * GIB, RAM } } },
};

static void layout_set(struct machine *machine, const struct layout_range *ram)
{
	machine->layout.ram_count = 1;
	for (; ram->size; ram++)
		machine->layout.ram[machine->layout.ram_count++] = *ram;
}

static void test_the_memory_map_is_as_the_table_says(void **state)
{
	struct machine *machine = *state;

	for (size_t i = 0; i < ARRAY_SIZE(map_rows); i++) {
		const struct range *expected = map_rows[i].expected;
		const struct boot_params *params;
		unsigned int count = 0;

		layout_set(machine, map_rows[i].ram);
		params = zero_page(machine);
		for (; expected[count].end; count++) {
			const struct boot_e820_entry *entry = &params->e820_table[count];

			if (entry->addr != expected[count].base ||
			    entry->addr + entry->size != expected[count].end ||
			    entry->type != expected[count].type)
				fail_msg("%s: entry %u is 0x%llx + 0x%llx, type %u",
					 map_rows[i].rule, count, (unsigned long long)entry->addr,
					 (unsigned long long)entry->size, entry->type);
		}
		assert_int_equal(params->e820_entries, count);
	}
}

static void test_all_of_the_ram_is_in_the_memory_map_once(void **state)
{
	struct machine *machine = *state;
	const struct boot_params *params;
	uint64_t sum = 0, expected = 0, end = 0;

	machine->layout.ram_count = LAYOUT_RAM_MAX;
	for (unsigned int i = 0; i < LAYOUT_RAM_MAX; i++) {
		machine->layout.ram[i] =
			(struct layout_range){ i * GIB + (i > 3 ? 2 * GIB : 0), (i + 20) * MIB };
		expected += machine->layout.ram[i].size;
	}
	params = zero_page(machine);
	for (unsigned int i = 0; i < params->e820_entries; i++) {
		const struct boot_e820_entry *entry = &params->e820_table[i];

		assert_true(entry->addr >= end && entry->size);
		end = entry->addr + entry->size;
		if (entry->type == RAM)
			sum += entry->size;
	}
	assert_int_equal(sum, expected - (MIB - LAYOUT_LOW_RAM_END));
}

static void test_the_memory_map_covers_the_largest_acpi_tables(void **state)
{
	struct machine *machine = *state;
	const struct boot_params *params;
	uint8_t memory[LAYOUT_ACPI_SIZE];
	const struct acpi_config acpi = { &machine->layout, ACPI_CPUS_MAX, 31, false };

	machine->config.cpus = ACPI_CPUS_MAX;
	machine->config.pci_slots = 31;
	params = zero_page(machine);
	assert_int_equal(params->e820_table[2].type, ACPI);
	assert_int_equal(params->e820_table[2].addr, LAYOUT_ACPI);
	assert_int_equal(params->e820_table[2].size,
			 align_up(acpi_build(memory, sizeof(memory), LAYOUT_ACPI, &acpi), PAGE));
	assert_memory_equal(ram_at(machine, LAYOUT_ACPI, 8), "RSD PTR ", 8);
}

/* ---- PVH ----------------------------------------------------------------------------------- */

static void test_a_pvh_image_starts_in_protected_mode(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_setup(machine), 0);
	assert_int_equal(machine->entry.rip, machine->image.entry);
	assert_int_equal(machine->entry.rbx, LAYOUT_PVH_INFO);
	assert_int_equal(machine->entry.rsi, 0);
	assert_int_equal(machine->entry.cr3, 0);
}

/* Offsets of struct hvm_start_info and its parts, from Xen's start_info.h. */
static void test_the_start_info_is_that_of_version_1(void **state)
{
	struct machine *machine = *state;
	const uint8_t *info, *module;

	assert_int_equal(machine_setup(machine), 0);
	info = ram_at(machine, machine->entry.rbx, 56);
	assert_int_equal(le_load(info, 4), 0x336ec578);
	assert_int_equal(le_load(info + 4, 4), 1);
	assert_int_equal(le_load(info + 8, 4), 0);
	assert_int_equal(le_load(info + 12, 4), 1);
	assert_int_equal(le_load(info + 24, 8), LAYOUT_CMDLINE);
	assert_int_equal(le_load(info + 32, 8), LAYOUT_ACPI);
	assert_int_equal(le_load(info + 52, 4), 0);
	module = ram_at(machine, le_load(info + 16, 8), 32);
	assert_int_equal(le_load(module, 8), 0x1ff0000);
	assert_int_equal(le_load(module + 8, 8), 0xabcd);
	assert_int_equal(le_load(module + 16, 8), 0);
	assert_int_equal(le_load(module + 24, 8), 0);
}

static void test_without_initrd_there_is_no_module(void **state)
{
	struct machine *machine = *state;
	const uint8_t *info;

	machine->config.initrd = (struct image_range){ 0 };
	assert_int_equal(machine_setup(machine), 0);
	info = ram_at(machine, machine->entry.rbx, 56);
	assert_int_equal(le_load(info + 12, 4), 0);
	assert_int_equal(le_load(info + 16, 8), 0);
}

static void test_pvh_has_the_same_memory_map(void **state)
{
	struct machine *machine = *state;
	const struct range expected[] = { BELOW_1M, { MIB, 32 * MIB, RAM }, ECAM };
	const uint8_t *info, *map;

	assert_int_equal(machine_setup(machine), 0);
	info = ram_at(machine, machine->entry.rbx, 56);
	assert_int_equal(le_load(info + 48, 4), ARRAY_SIZE(expected));
	map = ram_at(machine, le_load(info + 40, 8), ARRAY_SIZE(expected) * 24);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(le_load(map + i * 24, 8), expected[i].base);
		assert_int_equal(le_load(map + i * 24 + 8, 8), expected[i].end - expected[i].base);
		assert_int_equal(le_load(map + i * 24 + 16, 4), expected[i].type);
		assert_int_equal(le_load(map + i * 24 + 20, 4), 0);
	}
}

/* ---- both ---------------------------------------------------------------------------------- */

/* Segment descriptors (Intel SDM volume 3, 3.4.5): flat, 4 KiB units, present, ring 0. */
static void assert_gdt(const struct machine *machine, unsigned int code_mode)
{
	const uint8_t *gdt = ram_at(machine, machine->entry.gdt, machine->entry.gdt_size);
	uint64_t code = le_load(gdt + 0x10, 8), data = le_load(gdt + 0x18, 8);

	assert_int_equal(machine->entry.gdt_size, 0x20);
	assert_int_equal(le_load(gdt, 8), 0);
	assert_int_equal(code & 0xffffff000000ffff & ~BIT(53) & ~BIT(54), 0x008f9b000000ffff);
	assert_int_equal(code >> 53 & 3, code_mode);
	assert_int_equal(data, 0x00cf93000000ffff);
}

static void test_the_gdt_of_a_bzimage_has_a_64_bit_code_segment(void **state)
{
	assert_int_equal(machine_setup(*state), 0);
	assert_gdt(*state, 1); /* L, not D */
}

static void test_the_gdt_of_a_pvh_image_has_a_32_bit_code_segment(void **state)
{
	assert_int_equal(machine_setup(*state), 0);
	assert_gdt(*state, 2); /* D, not L */
}

static void test_the_command_line_ends_with_a_nul(void **state)
{
	struct machine *machine = *state;

	memset(vm_gpa_to_hva(&machine->vm, LAYOUT_CMDLINE, 64), '#', 64);
	assert_int_equal(machine_setup(machine), 0);
	assert_memory_equal(ram_at(machine, LAYOUT_CMDLINE, 15), "console=ttyS0\0#", 15);
	machine->config.cmdline = "";
	assert_int_equal(machine_setup(machine), 0);
	assert_memory_equal(ram_at(machine, LAYOUT_CMDLINE, 2), "\0o", 2);
}

static void test_the_command_line_is_as_long_as_the_kernel_takes(void **state)
{
	static const uint32_t most[] = { 0, 1, 2047, LAYOUT_CMDLINE_SIZE - 1, UINT32_MAX };
	static char cmdline[LAYOUT_CMDLINE_SIZE + 1];
	struct machine *machine = *state;

	machine->config.cmdline = cmdline;
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		size_t length = min(most[i], LAYOUT_CMDLINE_SIZE - 1);

		machine->image.cmdline_max = most[i];
		memset(cmdline, 'x', length);
		cmdline[length] = '\0';
		assert_int_equal(machine_setup(machine), 0);
		assert_memory_equal(ram_at(machine, LAYOUT_CMDLINE, length + 1), cmdline,
				    length + 1);
		memset(cmdline, 'x', length + 1);
		cmdline[length + 1] = '\0';
		assert_refused(machine, -E2BIG);
	}
}

static void test_the_reset_vector_resets(void **state)
{
	struct machine *machine = *state;
	const uint8_t *code;

	assert_int_equal(machine_setup(machine), 0);
	code = ram_at(machine, 0xffff0, 9);
	assert_int_equal(code[0], 0xba); /* mov $port, %dx */
	assert_int_equal(le_load(code + 1, 2), LAYOUT_PORT_POWER + LAYOUT_POWER_RESET);
	assert_int_equal(code[3], 0xb0); /* mov $value, %al */
	assert_int_equal(code[4], LAYOUT_POWER_RESET_VALUE);
	assert_int_equal(code[5], 0xee); /* out %al, %dx */
	assert_int_equal(code[6], 0xf4); /* hlt */
	assert_int_equal(code[7], 0xeb); /* jmp, relative to what follows it */
	assert_int_equal(9 + (int8_t)code[8], 6);
}

static void test_what_is_below_1_mib_does_not_overlap(void **state)
{
	static const struct layout_range parts[] = {
		{ LAYOUT_GDT, 0x20 },
		{ LAYOUT_PVH_INFO, PAGE },
		{ LAYOUT_ZERO_PAGE, PAGE },
		{ LAYOUT_PAGE_TABLES, 6 * PAGE },
		{ LAYOUT_CMDLINE, LAYOUT_CMDLINE_SIZE },
		{ LAYOUT_LOW_RAM_END, 0x400 },
		{ LAYOUT_ACPI, LAYOUT_ACPI_SIZE },
		{ LAYOUT_RESET_VECTOR, 16 },
		{ LAYOUT_HIGH_RAM, PAGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t n = 0; n < i; n++)
			assert_false(ranges_overlap(parts[i].base, parts[i].size, parts[n].base,
						    parts[n].size));
}

static void test_little_ram_is_touched(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_setup(machine), 0);
	/* GDT, zero page, 6 page tables, command line, ACPI tables, reset vector. */
	assert_int_equal(fake_ram_pages_touched(&machine->vm), 11);
}

static void test_without_ram_below_1_mib_it_is_refused(void **state)
{
	struct machine *machine = *state;
	uint64_t size = machine->vm.ram[0].size;

	machine->vm.ram[0].size = MIB - PAGE;
	assert_refused(machine, -ENOSPC);
	machine->vm.ram[0].size = size;
}

static void test_more_than_the_tables_can_name_is_refused(void **state)
{
	struct machine *machine = *state;

	machine->config.cpus = ACPI_CPUS_MAX + 1;
	assert_refused(machine, -ENOSPC);
	machine->config.cpus = 1;
	machine->config.pci_slots = 32;
	assert_refused(machine, -ENOSPC);
}

/* ---- boot_dump(); what is in the files: acpi_test.c ---------------------------------------- */

static void test_the_dump_is_the_tables_that_the_guest_gets(void **state)
{
	char directory[] = "/tmp/posthorn-boot-XXXXXX", path[64];
	static const char *const names[] = { "xsdt", "facp", "apic", "mcfg", "dsdt" };
	struct machine *machine = *state;
	const uint8_t *tables;

	assert_int_equal(machine_setup(machine), 0);
	tables = ram_at(machine, LAYOUT_ACPI, LAYOUT_ACPI_SIZE);
	assert_non_null(mkdtemp(directory));
	assert_int_equal(boot_dump(&machine->vm, directory), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint8_t table[LAYOUT_ACPI_SIZE];
		FILE *file;
		size_t size;

		snprintf(path, sizeof(path), "%s/%s.dat", directory, names[i]);
		file = fopen(path, "re");
		assert_non_null(file);
		size = fread(table, 1, sizeof(table), file);
		fclose(file);
		unlink(path);
		assert_true(size > 36);
		assert_non_null(memmem(tables, LAYOUT_ACPI_SIZE, table, size));
	}
	assert_int_equal(rmdir(directory), 0);
}

static void test_a_dump_into_no_directory_is_an_error(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(machine_setup(machine), 0);
	assert_int_equal(boot_dump(&machine->vm, "/nowhere/at/all"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_make, machine_free)
#define PVH(name)  cmocka_unit_test_setup_teardown(name, pvh_machine_make, machine_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_bzimage_starts_in_64_bit_mode),
		TEST(test_the_zero_page_has_the_loaders_fields),
		TEST(test_high_halves_go_to_the_extended_fields),
		TEST(test_without_initrd_its_fields_are_zero),
		TEST(test_the_rest_of_the_header_is_the_kernels),
		TEST(test_the_low_4_gib_are_mapped_where_they_are),
		TEST(test_the_memory_map_is_as_the_table_says),
		TEST(test_all_of_the_ram_is_in_the_memory_map_once),
		TEST(test_the_memory_map_covers_the_largest_acpi_tables),
		PVH(test_a_pvh_image_starts_in_protected_mode),
		PVH(test_the_start_info_is_that_of_version_1),
		PVH(test_without_initrd_there_is_no_module),
		PVH(test_pvh_has_the_same_memory_map),
		TEST(test_the_gdt_of_a_bzimage_has_a_64_bit_code_segment),
		PVH(test_the_gdt_of_a_pvh_image_has_a_32_bit_code_segment),
		TEST(test_the_command_line_ends_with_a_nul),
		TEST(test_the_command_line_is_as_long_as_the_kernel_takes),
		PVH(test_the_command_line_is_as_long_as_the_kernel_takes),
		TEST(test_the_reset_vector_resets),
		TEST(test_what_is_below_1_mib_does_not_overlap),
		TEST(test_little_ram_is_touched),
		TEST(test_without_ram_below_1_mib_it_is_refused),
		TEST(test_more_than_the_tables_can_name_is_refused),
		TEST(test_the_dump_is_the_tables_that_the_guest_gets),
		TEST(test_a_dump_into_no_directory_is_an_error),
	};

	return cmocka_run_group_tests_name("boot_x86_64", tests, NULL, NULL);
}
