/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways into a kernel, each with a page of its own that leads to everything else: the zero
 * page (struct boot_params) of Linux's 64-bit boot protocol, and the start info of PVH. Both get
 * the same memory map, command line and ACPI tables.
 */
#include "guest/boot.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "guest/acpi.h"
#include "kvm/vm.h"
#include "lib/log.h"
#include "lib/util.h"

#define PAGE 4096ULL

/* ---- memory map ---- */

/* Types of memory: e820 (ACPI 6.5, Table 15.4) and PVH use the same numbers. */
enum memory_type { MEMORY_RAM = 1, MEMORY_RESERVED = 2, MEMORY_ACPI = 3 };

struct memory_range {
	uint64_t base, size;
	enum memory_type type;
};

/* The RAM, the piece of it below 640 KiB, what is between that and 1 MiB (3), and ECAM. */
#define MEMORY_MAP_MAX (LAYOUT_RAM_MAX + 5)

struct memory_map {
	struct memory_range ranges[MEMORY_MAP_MAX];
	unsigned int count;
};

/* Add [@base, @end) where it belongs: the map is ascending. */
static void memory_add(struct memory_map *map, uint64_t base, uint64_t end, enum memory_type type)
{
	unsigned int i = map->count;

	for (; i && map->ranges[i - 1].base > base; i--)
		map->ranges[i] = map->ranges[i - 1];
	map->ranges[i] = (struct memory_range){ base, end - base, type };
	map->count++;
}

static void memory_map_build(struct memory_map *map, const struct layout *layout, size_t acpi_size)
{
	uint64_t acpi_end = LAYOUT_ACPI + align_up(acpi_size, PAGE);

	map->count = 0;
	memory_add(map, 0, LAYOUT_LOW_RAM_END, MEMORY_RAM);
	memory_add(map, LAYOUT_LOW_RAM_END, LAYOUT_ACPI, MEMORY_RESERVED);
	memory_add(map, LAYOUT_ACPI, acpi_end, MEMORY_ACPI);
	memory_add(map, acpi_end, LAYOUT_HIGH_RAM, MEMORY_RESERVED);
	for (unsigned int i = 0; i < layout->ram_count; i++) {
		const struct layout_range *ram = &layout->ram[i];

		memory_add(map, max(ram->base, LAYOUT_HIGH_RAM), ram->base + ram->size, MEMORY_RAM);
	}
	/* PCI Firmware 3.3, 4.1.2: Linux uses ECAM only when it is reserved. */
	memory_add(map, LAYOUT_ECAM, LAYOUT_ECAM + LAYOUT_ECAM_SIZE, MEMORY_RESERVED);
}

/* ---- 64-bit boot protocol ---- */

#define LOADER_UNKNOWN 0xff /* type_of_loader of one that has no number */

static uint32_t low_half(uint64_t value)
{
	return (uint32_t)value;
}

static uint32_t high_half(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static void zero_page_write(uint8_t *ram, const struct boot_config *config,
			    const struct memory_map *map)
{
	struct boot_params *params = (struct boot_params *)(ram + LAYOUT_ZERO_PAGE);
	struct setup_header *header = &params->hdr;

	/* All else in the page is 0, which the kernel takes for "not there". */
	memset(params, 0, sizeof(*params));
	memcpy(ram + LAYOUT_ZERO_PAGE + offsetof(struct boot_params, hdr),
	       config->image->setup_header, config->image->setup_header_size);
	header->type_of_loader = LOADER_UNKNOWN;
	header->cmd_line_ptr = LAYOUT_CMDLINE;
	header->ramdisk_image = low_half(config->initrd.gpa);
	header->ramdisk_size = low_half(config->initrd.size);
	params->ext_ramdisk_image = high_half(config->initrd.gpa);
	params->ext_ramdisk_size = high_half(config->initrd.size);
	params->acpi_rsdp_addr = LAYOUT_ACPI;
	for (unsigned int i = 0; i < map->count; i++)
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = map->ranges[i].base,
			.size = map->ranges[i].size,
			.type = map->ranges[i].type,
		};
	params->e820_entries = (uint8_t)map->count;
}

/* Intel SDM volume 3, 4.5: what an entry of a page table says. */
#define PAGE_PRESENT  (1 << 0)
#define PAGE_WRITABLE (1 << 1)
#define PAGE_LARGE    (1 << 7) /* in a page directory: 2 MiB */
#define PAGE_ENTRIES  512

/* Map the low 4 GiB where they are: PML4, PDPT, and four page directories. */
static void page_tables_write(uint8_t *ram)
{
	uint64_t *pml4 = (uint64_t *)(ram + LAYOUT_PAGE_TABLES);
	uint64_t *pdpt = pml4 + PAGE_ENTRIES;
	uint64_t *directories = pdpt + PAGE_ENTRIES;
	const uint64_t table = PAGE_PRESENT | PAGE_WRITABLE;

	pml4[0] = (LAYOUT_PAGE_TABLES + PAGE) | table;
	for (unsigned int i = 0; i < 4; i++)
		pdpt[i] = (LAYOUT_PAGE_TABLES + (2 + i) * PAGE) | table;
	for (unsigned int i = 0; i < 4 * PAGE_ENTRIES; i++)
		directories[i] = 2 * MIB * i | table | PAGE_LARGE;
}

/* ---- PVH ---- */

/* The structures of xen/include/public/arch-x86/hvm/start_info.h, version 1. */
struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t memory_map;
	uint32_t memory_map_count;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t base, size;
	uint64_t cmdline; /* 0: none */
	uint64_t reserved;
};

struct pvh_memory {
	uint64_t base, size;
	uint32_t type;
	uint32_t reserved;
};

#define PVH_MAGIC 0x336ec578 /* "xEn3", with the top bit of the E set */

/* The page at LAYOUT_PVH_INFO. */
struct pvh_page {
	struct pvh_start_info info;
	struct pvh_module initrd;
	struct pvh_memory memory_map[MEMORY_MAP_MAX];
};
_Static_assert(sizeof(struct pvh_page) <= PAGE, "PVH start info");

static void pvh_page_write(uint8_t *ram, const struct boot_config *config,
			   const struct memory_map *map)
{
	struct pvh_page *page = (struct pvh_page *)(ram + LAYOUT_PVH_INFO);

	*page = (struct pvh_page){ 0 };
	page->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.cmdline = LAYOUT_CMDLINE,
		.rsdp = LAYOUT_ACPI,
		.memory_map = LAYOUT_PVH_INFO + offsetof(struct pvh_page, memory_map),
		.memory_map_count = map->count,
	};
	if (config->initrd.size) {
		page->info.module_count = 1;
		page->info.modules = LAYOUT_PVH_INFO + offsetof(struct pvh_page, initrd);
		page->initrd.base = config->initrd.gpa;
		page->initrd.size = config->initrd.size;
	}
	for (unsigned int i = 0; i < map->count; i++) {
		page->memory_map[i].base = map->ranges[i].base;
		page->memory_map[i].size = map->ranges[i].size;
		page->memory_map[i].type = map->ranges[i].type;
	}
}

/* ---- both ---- */

/* Intel SDM volume 3, 3.4.5: flat, present, accessed, ring 0. */
#define GDT_CODE_64 0x00af9b000000ffffULL
#define GDT_CODE_32 0x00cf9b000000ffffULL
#define GDT_DATA    0x00cf93000000ffffULL

/*
 * Code for the reset vector. Linux that has EFI support, runs on hardware-reduced ACPI, but was not
 * booted by EFI restarts the machine neither by EFI nor by the FADT's reset register: it goes back
 * to real mode and jumps to where it takes a BIOS to be (BOOT_BIOS in arch/x86/kernel/reboot.c).
 * This is all the BIOS it needs: write the reset value to the reset register.
 */
static void reset_vector_write(uint8_t *ram)
{
	const uint16_t port = LAYOUT_PORT_POWER + LAYOUT_POWER_RESET;
	/* mov $port, %dx; mov $value, %al; out %al, %dx; 1: hlt; jmp 1b */
	const uint8_t code[] = { 0xba, port & 0xff, port >> 8, 0xb0, LAYOUT_POWER_RESET_VALUE,
				 0xee, 0xf4,	    0xeb,      0xfd };

	memcpy(ram + LAYOUT_RESET_VECTOR, code, sizeof(code));
}

static int cmdline_write(uint8_t *ram, const struct boot_config *config, char why[WHY_SIZE])
{
	size_t length = strlen(config->cmdline);
	size_t most = min(config->image->cmdline_max, LAYOUT_CMDLINE_SIZE - 1);

	if (length > most)
		return refuse(
			why, -E2BIG,
			"the kernel command line has %zu bytes: this kernel takes at most %zu",
			length, most);
	memcpy(ram + LAYOUT_CMDLINE, config->cmdline, length + 1);
	return 0;
}

int boot_setup(struct vm *vm, const struct boot_config *config, struct vcpu_entry *entry,
	       char why[WHY_SIZE])
{
	const struct acpi_config acpi = {
		.layout = config->layout,
		.cpus = config->cpus,
		.pci_slots = config->pci_slots,
		.vga = config->vga,
	};
	bool pvh = config->image->kind == IMAGE_PVH;
	uint64_t gdt[] = { 0, 0, pvh ? GDT_CODE_32 : GDT_CODE_64, GDT_DATA };
	uint8_t *ram = vm_gpa_to_hva(vm, 0, LAYOUT_HIGH_RAM);
	struct memory_map map = { .count = 0 };
	size_t acpi_size;
	int error;

	if (!ram)
		return refuse(why, -ENOSPC, "the guest has no RAM below 1 MiB");
	acpi_size = acpi_build(ram + LAYOUT_ACPI, LAYOUT_ACPI_SIZE, LAYOUT_ACPI, &acpi);
	if (!acpi_size)
		return refuse(why, -ENOSPC, "the ACPI tables cannot hold %u CPUs and %u PCI slots",
			      config->cpus, config->pci_slots);
	error = cmdline_write(ram, config, why);
	if (error)
		return error;
	memory_map_build(&map, config->layout, acpi_size);
	memcpy(ram + LAYOUT_GDT, gdt, sizeof(gdt));
	reset_vector_write(ram);
	*entry = (struct vcpu_entry){
		.rip = config->image->entry,
		.gdt = LAYOUT_GDT,
		.gdt_size = sizeof(gdt),
	};
	if (pvh) {
		pvh_page_write(ram, config, &map);
		entry->rbx = LAYOUT_PVH_INFO;
	} else {
		zero_page_write(ram, config, &map);
		page_tables_write(ram);
		entry->rsi = LAYOUT_ZERO_PAGE;
		entry->cr3 = LAYOUT_PAGE_TABLES;
	}
	return 0;
}

int boot_dump(const struct vm *vm, const char *path)
{
	const void *tables = vm_gpa_to_hva(vm, LAYOUT_ACPI, LAYOUT_ACPI_SIZE);

	return acpi_dump(tables, LAYOUT_ACPI_SIZE, path);
}
