/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/report/irte: the tables of IOMMUs in debugfs, and the messages that lead there. */
#include "vmm/report/irte_x86_64.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/host_tree.h"
#include "vfio/device.h"

#define BDF	 "0000:01:00.0"
#define SYSFS	 "/sys/bus/pci/devices/" BDF
#define IRQTBL	 "/sys/kernel/debug/iommu/amd/irqtbl"
#define DEVID	 "/sys/kernel/debug/iommu/amd/devid"
#define VTD	 "/sys/kernel/debug/iommu/intel/ir_translation_struct"
#define CONFIG	 256
#define MSI_AT	 0x50
#define MSIX_AT	 0x70
#define PAGE	 0x1000
#define BAR_SIZE (4 * PAGE)

/* ---- messages ---- */

static void a_message_leads_to_an_entry(void **state)
{
	static const struct {
		enum irte_maker maker;
		uint64_t address;
		uint32_t data;
		int index; /* -1: it leads nowhere */
	} rows[] = {
		{ IRTE_INTEL, 0xfee00010, 0, 0 },
		{ IRTE_INTEL, 0xfee00018, 0, 0 },
		/* Handle 0x0025 is bits 19:5. */
		{ IRTE_INTEL, 0xfee004b0, 0, 0x25 },
		{ IRTE_INTEL, 0xfee004b0, 3, 0x25 },
		{ IRTE_INTEL, 0xfee004b8, 3, 0x28 },
		/* Its bit 15 is bit 2. */
		{ IRTE_INTEL, 0xfeeffff0, 0, 0x7fff },
		{ IRTE_INTEL, 0xfeefffF4, 0, 0xffff },
		{ IRTE_INTEL, 0xfee00014, 0, 0x8000 },
		{ IRTE_INTEL, 0xfee0001c, 0x12, 0x8012 },
		{ IRTE_INTEL, 0xfeeffffc, 1, 0 },
		/* Not remappable; and no message at all. */
		{ IRTE_INTEL, 0xfee00000, 0x31, -1 },
		{ IRTE_INTEL, 0x10, 0, -1 },
		{ IRTE_INTEL, 0xfffffffffee00010, 0, -1 },
		{ IRTE_AMD, 0xfee00000, 0, 0 },
		{ IRTE_AMD, 0xfee00000, 0x2a, 0x2a },
		{ IRTE_AMD, 0xfee01000, 0x7ff, 0x7ff },
		{ IRTE_AMD, 0xfee00000, 0x4007, 7 },
		{ IRTE_AMD, 0, 0, -1 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct msi_message message = { .address = rows[i].address,
						     .data = rows[i].data };
		unsigned int index = 0;
		bool leads = irte_index(rows[i].maker, &message, &index);

		if (leads != (rows[i].index >= 0) || (leads && (int)index != rows[i].index))
			fail_msg("row %u leads to %d %u", i, leads, index);
	}
}

/* ---- tables ---- */

static const char amd_table[] = "DeviceId 0000:01:00:0\n"
				"IRT[0000] 0000000000000031 0000000100000009\n"
				/* Guest mode and running, tag 0x01000002, to vector 0x41. */
				"IRT[0001] 00000010a3c50041 01000002000000c1\n"
				/* Guest mode, not running. */
				"IRT[0002] 00000010a3c50042 0100000300000081\n"
				"IRT[1027] 0000000000000033 0000000100000009\n";

static const char amd_narrow[] = "DeviceId 0000:01:00:0\n"
				 "IRT[0000] 00310001\n"
				 "IRT[0001] 00320001\n";

static const char vtd_table[] =
	"Remapped Interrupt supported on IOMMU: dmar0\n"
	" IR table address:100900000\n"
	" Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n"
	" 0     f0:1f.0 00000001 30  000000000004f0f8\t000000010030000d\n"
	" 37    01:00.0 00000002 24  0000000000040100\t000000020024000d\n"
	"\n"
	"Remapped Interrupt supported on IOMMU: dmar1\n"
	" IR table address:100a00000\n"
	" Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n"
	" 37    81:00.0 00000004 26  0000000000048100\t000000040026000d\n"
	"\n"
	"****\n"
	"\n"
	"Posted Interrupt supported on IOMMU: dmar0\n"
	" IR table address:100900000\n"
	" Entry SrcID   PDA_high PDA_low  Vct IRTE_high\t\tIRTE_low\n"
	" 38    01:00.0 00000001 0a3c5040 31  0000000100040100\t0a3c504000318001\n"
	"\n"
	"Posted Interrupt supported on IOMMU: dmar1\n"
	" IR table address:100a00000\n"
	" Entry SrcID   PDA_high PDA_low  Vct IRTE_high\t\tIRTE_low\n"
	" 39    81:00.0 00000001 0a3c6040 ef  0000000100048100\t0a3c604000ef8001\n";

static FILE *text_open(const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(file);
	return file;
}

/* Entry @index of @name's in @text: "", "posted VECTOR" or "remapped VECTOR". */
static const char *entry(enum irte_maker maker, const char *text, const char *name,
			 unsigned int index)
{
	static char said[32];
	struct irte irte;
	FILE *file = text_open(text);
	bool found = maker == IRTE_AMD ? irte_amd_parse(file, name, index, &irte)
				       : irte_intel_parse(file, name, index, &irte);

	fclose(file);
	said[0] = '\0';
	if (found)
		snprintf(said, sizeof(said), "%s %x", irte.posted ? "posted" : "remapped",
			 irte.vector);
	return said;
}

static void an_entry_of_amds_table(void **state)
{
	(void)state;
	assert_string_equal(entry(IRTE_AMD, amd_table, BDF, 0), "remapped 31");
	assert_string_equal(entry(IRTE_AMD, amd_table, BDF, 1), "posted 41");
	assert_string_equal(entry(IRTE_AMD, amd_table, BDF, 2), "posted 42");
	assert_string_equal(entry(IRTE_AMD, amd_table, BDF, 3), "");
	assert_string_equal(entry(IRTE_AMD, amd_table, BDF, 1027), "remapped 33");
	assert_string_equal(entry(IRTE_AMD, amd_narrow, BDF, 1), "remapped 0");
}

/* devid is one for all who ask. */
static void what_amd_shows_of_another_function_is_not_taken(void **state)
{
	(void)state;
	assert_string_equal(entry(IRTE_AMD, amd_table, "0000:01:00.1", 1), "");
	assert_string_equal(entry(IRTE_AMD, amd_table, "0001:01:00.0", 1), "");
	assert_string_equal(entry(IRTE_AMD, amd_table, "x", 1), "");
	assert_string_equal(
		entry(IRTE_AMD, "IRT[0001] 00000010a3c50041 01000002000000c1\n", BDF, 1), "");
	assert_string_equal(entry(IRTE_AMD, "Enter a valid device ID to 'devid' file\n", BDF, 1),
			    "");
}

static void an_entry_of_intels_table(void **state)
{
	(void)state;
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar0", 0), "remapped 30");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar0", 37), "remapped 24");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar0", 38), "posted 31");
	/* Each IOMMU has a table of its own. */
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar1", 37), "remapped 26");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar1", 38), "");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar1", 39), "posted ef");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "dmar2", 37), "");
	assert_string_equal(entry(IRTE_INTEL, vtd_table, "", 37), "");
	assert_string_equal(entry(IRTE_INTEL, "", "dmar0", 37), "");
}

/* ---- a function ---- */

/* Its configuration space, and what VFIO shows of its BAR 0. */
static uint8_t config[CONFIG];
static struct vfio_device device;

static void config_write(void)
{
	char path[PATH_MAX];
	FILE *file;

	tree_text_put(SYSFS "/config", "");
	tree_path(path, SYSFS "/config");
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(config, 1, sizeof(config), file), sizeof(config));
	fclose(file);
}

static void function_put(uint32_t table_offset, unsigned int entries)
{
	char path[PATH_MAX];

	memset(config, 0, sizeof(config));
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = MSI_AT;
	config[MSI_AT] = PCI_CAP_ID_MSI;
	config[MSI_AT + 1] = MSIX_AT;
	le_store(config + MSI_AT + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT);
	le_store(config + MSI_AT + PCI_MSI_ADDRESS_LO, 4, 0xfee004b8);
	le_store(config + MSI_AT + PCI_MSI_DATA_64, 2, 0x20);
	config[MSIX_AT] = PCI_CAP_ID_MSIX;
	le_store(config + MSIX_AT + PCI_MSIX_FLAGS, 2, entries - 1);
	le_store(config + MSIX_AT + PCI_MSIX_TABLE, 4, table_offset);
	config_write();
	tree_link_put(SYSFS "/iommu", "/sys/devices/virtual/iommu/dmar0");
	device = (struct vfio_device){ .bdf = BDF };
	tree_text_put("/bar", "");
	tree_path(path, "/bar");
	device.fd = open(path, O_RDWR);
	assert_true(device.fd >= 0);
	assert_int_equal(ftruncate(device.fd, BAR_SIZE), 0);
	device.regions[0] = (struct vfio_region){ .size = BAR_SIZE, .msix_mappable = true };
}

static void table_put(uint64_t offset, uint32_t low, uint32_t high, uint32_t data)
{
	const uint32_t words[] = { low, high, data, 0 };

	assert_int_equal(pwrite(device.fd, words, sizeof(words), (off_t)offset), sizeof(words));
}

static void the_devices_own_message_is_read(void **state)
{
	struct irte_source source;
	struct msi_message message;

	(void)state;
	function_put(PAGE + 0x100, 5);
	irte_source_open(&source, tree.root, &device);
	assert_string_equal(source.iommu, "dmar0");
	table_put(PAGE + 0x100, 0xfee004b0, 0, 0);
	table_put(PAGE + 0x140, 0xfee004d0, 1, 7);
	assert_true(irte_message_read(&source, IRQ_KIND_MSIX, 0, &message));
	assert_int_equal(message.address, 0xfee004b0);
	assert_true(irte_message_read(&source, IRQ_KIND_MSIX, 4, &message));
	assert_int_equal(message.address, 0x1fee004d0);
	assert_int_equal(message.data, 7);
	assert_false(irte_message_read(&source, IRQ_KIND_MSIX, 5, &message));
	assert_true(irte_message_read(&source, IRQ_KIND_MSI, 3, &message));
	assert_int_equal(message.address, 0xfee004b8);
	assert_int_equal(message.data, 0x23);
	assert_false(irte_message_read(&source, IRQ_KIND_INTX, 0, &message));
	/* The host may have written another one. */
	le_store(config + MSI_AT + PCI_MSI_FLAGS, 2, 0);
	le_store(config + MSI_AT + PCI_MSI_ADDRESS_LO, 4, 0xfee00018);
	config_write();
	assert_true(irte_message_read(&source, IRQ_KIND_MSI, 0, &message));
	assert_int_equal(message.address, 0xfee00018);
	/* A device that has fallen off the bus. */
	table_put(PAGE + 0x100, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	assert_false(irte_message_read(&source, IRQ_KIND_MSIX, 0, &message));
	irte_source_close(&source);
	close(device.fd);
}

static void a_table_is_read_as_far_as_it_can_be_mapped(void **state)
{
	struct irte_source source;
	struct msi_message message;

	(void)state;
	/* The last 32 bytes of a page. */
	function_put(2 * PAGE - 0x20, 5);
	irte_source_open(&source, tree.root, &device);
	table_put(2 * PAGE - 0x10, 0xfee00010, 0, 0);
	assert_true(irte_message_read(&source, IRQ_KIND_MSIX, 1, &message));
	assert_false(irte_message_read(&source, IRQ_KIND_MSIX, 2, &message));
	irte_source_close(&source);
	close(device.fd);
	/* Behind the BAR; in no BAR; where the kernel does not let it be mapped. */
	function_put(BAR_SIZE, 5);
	irte_source_open(&source, tree.root, &device);
	assert_null(source.table);
	irte_source_close(&source);
	close(device.fd);
	function_put(PAGE | 7, 5);
	irte_source_open(&source, tree.root, &device);
	assert_null(source.table);
	irte_source_close(&source);
	device.regions[0].msix_mappable = false;
	le_store(config + MSIX_AT + PCI_MSIX_TABLE, 4, PAGE);
	config_write();
	irte_source_open(&source, tree.root, &device);
	assert_null(source.table);
	assert_false(irte_message_read(&source, IRQ_KIND_MSIX, 0, &message));
	irte_source_close(&source);
	close(device.fd);
}

static void a_function_of_which_nothing_is_shown_has_no_message(void **state)
{
	struct irte_source source;
	struct msi_message message;

	(void)state;
	device = (struct vfio_device){ .bdf = BDF, .fd = -1 };
	irte_source_open(&source, tree.root, &device);
	assert_int_equal(source.config_fd, -1);
	assert_false(irte_message_read(&source, IRQ_KIND_MSI, 0, &message));
	assert_false(irte_message_read(&source, IRQ_KIND_MSIX, 0, &message));
	irte_source_close(&source);
	/* Who is not root gets the header. */
	tree_text_put(SYSFS "/config", "short");
	irte_source_open(&source, tree.root, &device);
	assert_false(irte_message_read(&source, IRQ_KIND_MSI, 0, &message));
	irte_source_close(&source);
	/* A list that goes in a circle, and one without a capability of these. */
	memset(config, 0, sizeof(config));
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = MSI_AT;
	config[MSI_AT] = PCI_CAP_ID_PM;
	config[MSI_AT + 1] = MSI_AT;
	config_write();
	irte_source_open(&source, tree.root, &device);
	assert_int_equal(source.msi, 0);
	irte_source_close(&source);
}

/* ---- all of it ---- */

static void the_table_is_asked_for_the_function(void **state)
{
	const struct msi_message message = { .address = 0xfee00000, .data = 1 };
	const struct irte_source source = { .iommu = "" };
	struct irte_tables tables;
	struct irte irte;
	char path[PATH_MAX], text[32];
	FILE *file;

	(void)state;
	irte_tables_open(&tables, tree.root);
	assert_int_equal(tables.table_fd, -1);
	assert_false(irte_find(&tables, &source, BDF, &message, &irte));
	tree_text_put(IRQTBL, amd_table);
	/* Without the one the other is of no use. */
	irte_tables_open(&tables, tree.root);
	assert_int_equal(tables.table_fd, -1);
	tree_text_put(DEVID, "");
	irte_tables_open(&tables, tree.root);
	assert_true(irte_find(&tables, &source, BDF, &message, &irte));
	assert_true(irte.posted);
	assert_int_equal(irte.vector, 0x41);
	tree_path(path, DEVID);
	file = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, BDF);
	/* It is read anew each time. */
	tree_text_put(IRQTBL, "");
	assert_false(irte_find(&tables, &source, BDF, &message, &irte));
	irte_tables_close(&tables);
	assert_int_equal(tables.table_fd, -1);
	assert_int_equal(tables.devid_fd, -1);
}

static void the_table_is_that_of_the_functions_iommu(void **state)
{
	const struct msi_message message = { .address = 0xfee004b8, .data = 1 };
	const struct irte_source first = { .iommu = "dmar0" }, second = { .iommu = "dmar1" };
	struct irte_tables tables;
	struct irte irte;

	(void)state;
	tree_text_put(VTD, vtd_table);
	irte_tables_open(&tables, tree.root);
	assert_true(irte_find(&tables, &first, BDF, &message, &irte));
	assert_true(irte.posted);
	assert_false(irte_find(&tables, &second, BDF, &message, &irte));
	irte_tables_close(&tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_leads_to_an_entry),
		cmocka_unit_test(an_entry_of_amds_table),
		cmocka_unit_test(what_amd_shows_of_another_function_is_not_taken),
		cmocka_unit_test(an_entry_of_intels_table),
		TREE_TEST(the_devices_own_message_is_read),
		TREE_TEST(a_table_is_read_as_far_as_it_can_be_mapped),
		TREE_TEST(a_function_of_which_nothing_is_shown_has_no_message),
		TREE_TEST(the_table_is_asked_for_the_function),
		TREE_TEST(the_table_is_that_of_the_functions_iommu),
	};

	return cmocka_run_group_tests_name("irte_x86_64", tests, NULL, NULL);
}
