/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers like 5.2.9 in this file are sections of the ACPI specification 6.5. */
#include "guest/acpi.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "guest/dsdt.h"
#include "lib/file.h"
#include "lib/util.h"

/* 5.2.6: what every table but the RSDP starts with. */
struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum; /* all bytes of the table add up to 0 */
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* 5.2.5.3 */
struct rsdp {
	char signature[8];
	uint8_t checksum; /* over what ACPI 1.0 knew: up to rsdt */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* over everything */
	uint8_t reserved[3];
} __attribute__((packed));

/* 5.2.8 */
struct xsdt {
	struct table_header header;
	uint64_t tables[3]; /* FADT, MADT, MCFG; the FADT has the DSDT */
} __attribute__((packed));

/* 5.2.3.2 */
struct generic_address {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

#define SPACE_SYSTEM_IO	 1
#define ACCESS_SIZE_BYTE 1

/* 5.2.9; a hardware-reduced machine has none of the registers in the parts that are skipped. */
struct fadt {
	struct table_header header;
	uint8_t skipped_36[72];
	uint8_t century; /* offset 108 */
	uint16_t boot_flags;
	uint8_t reserved_111;
	uint32_t flags;
	struct generic_address reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_version;
	uint64_t facs;
	uint64_t dsdt;
	uint8_t skipped_148[96];
	struct generic_address sleep_control;
	struct generic_address sleep_status;
	char hypervisor[8];
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");
_Static_assert(offsetof(struct fadt, century) == 108, "FADT");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "FADT");

/* 5.2.9.3: no 8042, nothing else at fixed ports (all 0); but an RTC, whose absence would be a 1 */
#define FADT_BOOT_NO_VGA (1 << 2)

/* 5.2.9, Table 5.10 */
#define FADT_WBINVD	  (1 << 0)
#define FADT_C1		  (1 << 2) /* HLT works on every CPU */
#define FADT_NO_PWRBUTTON (1 << 4)
#define FADT_NO_SLPBUTTON (1 << 5)
#define FADT_RESET	  (1 << 10)
#define FADT_HW_REDUCED	  (1 << 20)
#define FADT_FLAGS                                                                    \
	(FADT_WBINVD | FADT_C1 | FADT_NO_PWRBUTTON | FADT_NO_SLPBUTTON | FADT_RESET | \
	 FADT_HW_REDUCED)

/* 5.2.12.2 */
struct madt_lapic {
	uint8_t type, length;
	uint8_t uid;
	uint8_t id;
	uint32_t flags;
} __attribute__((packed));

#define MADT_LAPIC	   0
#define MADT_LAPIC_ENABLED 1

/* 5.2.12.3 */
struct madt_ioapic {
	uint8_t type, length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

#define MADT_IOAPIC 1

/* 5.2.12 */
struct madt {
	struct table_header header;
	uint32_t lapic_address;
	uint32_t flags; /* PCAT_COMPAT clear: there are no 8259s */
	struct madt_ioapic ioapic;
	struct madt_lapic lapic[];
} __attribute__((packed));

/* PCI Firmware 3.3, 4.1.2 */
struct mcfg {
	struct table_header header;
	uint64_t reserved;
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved_2;
} __attribute__((packed));

/* 6.4.3.5.1: QWord Address Space Descriptor, from the granularity on */
struct qword_address {
	uint8_t type;
	uint16_t length;
	uint8_t resource_type, flags, type_flags;
	uint64_t granularity, min, max, translation, size;
} __attribute__((packed));

#define END_TAG 0x79 /* 6.4.2.9; followed by a checksum, where 0 stands for a good one */

/*
 * AML (20.2) of what is appended to the DSDT, once for all and once for every pin:
 * Scope (\_SB.PCI0) { Name (_PRT, Package () { Package () { address, pin, 0, gsi }... }) }
 */
struct prt_entry {
	uint8_t package_op, package_length, elements;
	uint8_t address_prefix;
	uint32_t address; /* of any function in the slot */
	uint8_t pin_prefix, pin;
	uint8_t source; /* none: the next is a GSI */
	uint8_t gsi_prefix, gsi;
} __attribute__((packed));

struct prt {
	uint8_t scope_op, scope_length[2];
	char scope[10];
	uint8_t name_op;
	char name[4];
	uint8_t package_op, package_length[2], elements;
	struct prt_entry entries[];
} __attribute__((packed));

#define AML_ZERO    0x00
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_DWORD   0x0c
#define AML_SCOPE   0x10
#define AML_PACKAGE 0x12
#define AML_PATH    "\\\x2e_SB_PCI0" /* \ and DualNamePrefix */

#define PCI_SLOT_MAX 31
#define PCI_PINS     4

/* Where the tables are, in bytes from the RSDP, which is first. */
struct places {
	size_t xsdt, fadt, madt, mcfg, dsdt, end;
};

struct builder {
	uint8_t *memory;
	uint64_t gpa;
	const struct acpi_config *config;
	struct places at;
};

static void checksum_set(void *table, size_t length, uint8_t *checksum)
{
	const uint8_t *bytes = table;
	uint8_t sum = 0;

	*checksum = 0;
	for (size_t i = 0; i < length; i++)
		sum += bytes[i];
	*checksum = (uint8_t)-sum;
}

static void header_set(struct table_header *header, const char *signature, uint8_t revision,
		       size_t length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->length = (uint32_t)length;
	header->revision = revision;
	memcpy(header->oem_id, "PSTHRN", sizeof(header->oem_id));
	memcpy(header->oem_table_id, "POSTHORN", sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, "PHRN", sizeof(header->creator_id));
	header->creator_revision = 1;
	checksum_set(header, length, &header->checksum);
}

static void rsdp_build(const struct builder *builder)
{
	struct rsdp *rsdp = (struct rsdp *)builder->memory;

	*rsdp = (struct rsdp){
		.signature = "RSD PTR ",
		.oem_id = "PSTHRN",
		.revision = 2,
		.length = sizeof(*rsdp),
		.xsdt = builder->gpa + builder->at.xsdt,
	};
	checksum_set(rsdp, offsetof(struct rsdp, length), &rsdp->checksum);
	checksum_set(rsdp, sizeof(*rsdp), &rsdp->extended_checksum);
}

static void xsdt_build(const struct builder *builder)
{
	struct xsdt *xsdt = (struct xsdt *)(builder->memory + builder->at.xsdt);

	xsdt->tables[0] = builder->gpa + builder->at.fadt;
	xsdt->tables[1] = builder->gpa + builder->at.madt;
	xsdt->tables[2] = builder->gpa + builder->at.mcfg;
	header_set(&xsdt->header, "XSDT", 1, sizeof(*xsdt));
}

static struct generic_address power_register(unsigned int offset)
{
	return (struct generic_address){
		.space = SPACE_SYSTEM_IO,
		.bit_width = 8,
		.access_size = ACCESS_SIZE_BYTE,
		.address = LAYOUT_PORT_POWER + offset,
	};
}

static void fadt_build(const struct builder *builder)
{
	struct fadt *fadt = (struct fadt *)(builder->memory + builder->at.fadt);

	fadt->century = LAYOUT_RTC_CENTURY;
	fadt->boot_flags = builder->config->vga ? 0 : FADT_BOOT_NO_VGA;
	fadt->flags = FADT_FLAGS;
	fadt->reset_register = power_register(LAYOUT_POWER_RESET);
	fadt->reset_value = LAYOUT_POWER_RESET_VALUE;
	fadt->dsdt = builder->gpa + builder->at.dsdt;
	fadt->sleep_control = power_register(LAYOUT_POWER_SLEEP_CONTROL);
	fadt->sleep_status = power_register(LAYOUT_POWER_SLEEP_STATUS);
	memcpy(fadt->hypervisor, "POSTHORN", sizeof(fadt->hypervisor));
	header_set(&fadt->header, "FACP", 6, sizeof(*fadt));
}

static size_t madt_size(unsigned int cpus)
{
	return sizeof(struct madt) + cpus * sizeof(struct madt_lapic);
}

static void madt_build(const struct builder *builder)
{
	struct madt *madt = (struct madt *)(builder->memory + builder->at.madt);
	unsigned int cpus = builder->config->cpus;

	madt->lapic_address = LAYOUT_LAPIC;
	madt->ioapic = (struct madt_ioapic){
		.type = MADT_IOAPIC,
		.length = sizeof(madt->ioapic),
		.address = LAYOUT_IOAPIC,
	};
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		madt->lapic[cpu] = (struct madt_lapic){
			.type = MADT_LAPIC,
			.length = sizeof(madt->lapic[cpu]),
			.uid = (uint8_t)cpu,
			.id = (uint8_t)cpu,
			.flags = MADT_LAPIC_ENABLED,
		};
	header_set(&madt->header, "APIC", 5, madt_size(cpus));
}

static void mcfg_build(const struct builder *builder)
{
	struct mcfg *mcfg = (struct mcfg *)(builder->memory + builder->at.mcfg);

	mcfg->base = LAYOUT_ECAM; /* of segment 0, buses 0 to 0 */
	header_set(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
}

static size_t prt_size(unsigned int slots)
{
	return slots ? sizeof(struct prt) + sizeof(struct prt_entry) * PCI_PINS * slots : 0;
}

/* PkgLength (20.2.4) in its form of two bytes: from its own first byte to the end. */
static void package_length_set(uint8_t *to, const uint8_t *end)
{
	size_t length = (size_t)(end - to);

	to[0] = (uint8_t)(0x40 | (length & 0xf));
	to[1] = (uint8_t)(length >> 4);
}

/*
 * The _PRT (6.2.13) has the pins of the slots in use and no others: in Linux, every entry costs
 * some 30,000 instructions at boot.
 */
static void prt_build(struct prt *prt, unsigned int slots)
{
	const uint8_t *end = (const uint8_t *)prt + prt_size(slots);

	if (!slots)
		return;
	prt->scope_op = AML_SCOPE;
	package_length_set(prt->scope_length, end);
	memcpy(prt->scope, AML_PATH, sizeof(prt->scope));
	prt->name_op = AML_NAME;
	memcpy(prt->name, "_PRT", sizeof(prt->name));
	prt->package_op = AML_PACKAGE;
	package_length_set(prt->package_length, end);
	prt->elements = (uint8_t)(slots * PCI_PINS);
	for (unsigned int i = 0; i < slots * PCI_PINS; i++) {
		unsigned int slot = 1 + i / PCI_PINS, pin = i % PCI_PINS;

		prt->entries[i] = (struct prt_entry){
			.package_op = AML_PACKAGE,
			.package_length = sizeof(struct prt_entry) - 1,
			.elements = 4,
			.address_prefix = AML_DWORD,
			.address = slot << 16 | 0xffff,
			.pin_prefix = AML_BYTE,
			.pin = (uint8_t)pin,
			.source = AML_ZERO,
			.gsi_prefix = AML_BYTE,
			.gsi = LAYOUT_GSI_INTX + (slot + pin) % LAYOUT_GSI_INTX_COUNT,
		};
	}
}

/* guest/dsdt.asl, with its 64-bit window as this VM has it, and the _PRT. */
static void dsdt_build(const struct builder *builder)
{
	const struct layout_range *mem64 = &builder->config->layout->mem64;
	uint8_t *dsdt = builder->memory + builder->at.dsdt;
	struct qword_address *window = (struct qword_address *)(dsdt + DSDT_WINDOW64);
	struct table_header *header = (struct table_header *)dsdt;

	memcpy(dsdt, dsdt_aml_code, sizeof(dsdt_aml_code));
	window->min = mem64->base;
	window->max = mem64->base + mem64->size - 1;
	window->size = mem64->size;
	if (!mem64->size)
		memcpy(window, (uint8_t[]){ END_TAG, 0 }, 2);
	prt_build((struct prt *)(dsdt + sizeof(dsdt_aml_code)), builder->config->pci_slots);
	header->length = (uint32_t)(builder->at.end - builder->at.dsdt);
	checksum_set(dsdt, header->length, &header->checksum);
}

/* 5.2.5.1 wants the RSDP on a 16-byte boundary; nothing is lost by giving one to every table. */
static void places_find(struct places *at, const struct acpi_config *config)
{
	at->xsdt = align_up(sizeof(struct rsdp), 16);
	at->fadt = align_up(at->xsdt + sizeof(struct xsdt), 16);
	at->madt = align_up(at->fadt + sizeof(struct fadt), 16);
	at->mcfg = align_up(at->madt + madt_size(config->cpus), 16);
	at->dsdt = align_up(at->mcfg + sizeof(struct mcfg), 16);
	at->end = at->dsdt + sizeof(dsdt_aml_code) + prt_size(config->pci_slots);
}

size_t acpi_build(void *memory, size_t size, uint64_t gpa, const struct acpi_config *config)
{
	struct builder builder = { .memory = memory, .gpa = gpa, .config = config };

	if (config->cpus > ACPI_CPUS_MAX || config->pci_slots > PCI_SLOT_MAX)
		return 0;
	places_find(&builder.at, config);
	if (builder.at.end > size)
		return 0;
	memset(memory, 0, builder.at.end);
	rsdp_build(&builder);
	xsdt_build(&builder);
	fadt_build(&builder);
	madt_build(&builder);
	mcfg_build(&builder);
	dsdt_build(&builder);
	return builder.at.end;
}

/* @table goes to @path/SIGNATURE.dat, in small letters as acpidump(8) does. */
static int table_dump(const struct table_header *table, const char *path)
{
	char name[sizeof(table->signature) + 1] = "";
	char file[PATH_MAX];
	int length;

	for (size_t i = 0; i < sizeof(table->signature); i++)
		name[i] = (char)tolower((unsigned char)table->signature[i]);
	length = snprintf(file, sizeof(file), "%s/%s.dat", path, name);
	if (length < 0 || (size_t)length >= sizeof(file))
		return -ENAMETOOLONG;
	return file_create(file, table, table->length);
}

int acpi_dump(const void *memory, size_t size, const char *path)
{
	const uint8_t *at = memory;
	size_t offset = align_up(sizeof(struct rsdp), 16); /* see places_find() */
	int error = 0;

	while (!error && offset + sizeof(struct table_header) <= size) {
		const struct table_header *table = (const struct table_header *)(at + offset);

		if (!table->length || table->length > size - offset)
			break;
		error = table_dump(table, path);
		offset = align_up(offset + table->length, 16);
	}
	return error;
}
