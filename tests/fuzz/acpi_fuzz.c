/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest/layout.c, guest/acpi.c and guest/boot_x86_64.c for a VM of any size. The input: a layout
 * (fuzz_layout.h), CPUs, slots, room for the tables, the initrd, kind of kernel, command line.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "guest/acpi.h"
#include "guest/boot.h"
#include "tests/fuzz/fuzz_layout.h"
#include "tests/unit/fake_ram.h"

#define TABLE_HEADER_SIZE 36

/* All bytes of a table add up to 0 (ACPI 6.5, 5.2.6). */
static void checksum_check(const uint8_t *table, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += table[i];
	fuzz_check(sum == 0);
}

static void table_check(const uint8_t *memory, size_t used, uint64_t gpa, uint64_t table)
{
	uint32_t length;

	fuzz_check(range_within(table, TABLE_HEADER_SIZE, gpa, used));
	length = (uint32_t)le_load(memory + (table - gpa) + 4, 4);
	fuzz_check(length >= TABLE_HEADER_SIZE && range_within(table, length, gpa, used));
	checksum_check(memory + (table - gpa), length);
}

/* The RSDP leads to the XSDT, that to FADT, MADT and MCFG, the FADT to the DSDT. */
static void tables_check(const uint8_t *memory, size_t used, uint64_t gpa)
{
	uint64_t xsdt = le_load(memory + 24, 8), fadt, dsdt;

	checksum_check(memory, 20);
	checksum_check(memory, 36);
	table_check(memory, used, gpa, xsdt);
	fadt = le_load(memory + (xsdt - gpa) + TABLE_HEADER_SIZE, 8);
	for (unsigned int i = 0; i < 3; i++)
		table_check(memory, used, gpa,
			    le_load(memory + (xsdt - gpa) + TABLE_HEADER_SIZE + 8 * i, 8));
	dsdt = le_load(memory + (fadt - gpa) + 140, 8);
	table_check(memory, used, gpa, dsdt);
}

/* In room that may not do, where the address sanitizer watches the end. */
static void acpi_try(const struct acpi_config *config, size_t room, uint64_t gpa)
{
	uint8_t *memory = malloc(room);
	size_t used;

	fuzz_check(memory);
	used = acpi_build(memory, room, gpa, config);
	fuzz_check(used <= room);
	fuzz_check(!used || (config->cpus <= ACPI_CPUS_MAX && config->pci_slots <= 31));
	if (used)
		tables_check(memory, used, gpa);
	free(memory);
}

/* The kernel's map of memory: ascending, nothing twice. */
static void map_check(const struct boot_params *params)
{
	uint64_t above = 0;

	fuzz_check(params->e820_entries <= E820_MAX_ENTRIES_ZEROPAGE);
	for (unsigned int i = 0; i < params->e820_entries; i++) {
		const struct boot_e820_entry *entry = &params->e820_table[i];

		fuzz_check(entry->addr >= above && entry->addr + entry->size > entry->addr);
		above = entry->addr + entry->size;
	}
}

static void boot_try(const struct vm *vm, struct boot_config *config, const struct image *image)
{
	const uint8_t *ram = vm->ram[0].hva;
	struct vcpu_entry entry;
	char why[WHY_SIZE];
	int error;

	error = boot_setup((struct vm *)(uintptr_t)vm, config, &entry, why);
	fuzz_check(error == 0 || error == -E2BIG || error == -ENOSPC);
	if (error)
		return;
	fuzz_check(!strcmp((const char *)ram + LAYOUT_CMDLINE, config->cmdline));
	if (image->kind == IMAGE_BZIMAGE)
		map_check((const struct boot_params *)(ram + LAYOUT_ZERO_PAGE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static struct vm vm;
	struct image image = { .cmdline_max = LAYOUT_CMDLINE_SIZE };
	struct acpi_config acpi;
	struct boot_config config;
	struct layout layout;
	size_t room;
	char *cmdline;

	if (!vm.ram_count)
		fake_ram_init(&vm, MIB);
	if (!fuzz_layout_make(&layout, &in))
		return 0;
	acpi = (struct acpi_config){ &layout, fuzz_u16(&in), fuzz_u8(&in), false };
	room = fuzz_u16(&in);
	acpi_try(&acpi, room, fuzz_scaled(&in) & ~0xfULL);

	image.kind = fuzz_range(&in, 0, 1) ? IMAGE_PVH : IMAGE_BZIMAGE;
	image.cmdline_max = fuzz_u32(&in);
	image.setup_header_size = fuzz_range(&in, 0, IMAGE_SETUP_HEADER_MAX);
	config = (struct boot_config){
		.layout = &layout,
		.image = &image,
		.initrd = { fuzz_scaled(&in), fuzz_scaled(&in) },
		.cpus = acpi.cpus,
		.pci_slots = acpi.pci_slots,
	};
	cmdline = strndup((const char *)in.data, in.size);
	config.cmdline = cmdline;
	boot_try(&vm, &config, &image);
	free(cmdline);
	return 0;
}
