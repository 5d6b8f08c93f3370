/* SPDX-License-Identifier: BSD-2-Clause */
/* What `posthorn check` finds of a function's interrupts and BARs: sysfs's config and resource. */
#include <limits.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/check/check.h"
#include "vmm/host/capabilities.h"
#include "vmm/host/resources.h"

struct registers {
	struct check *check;
	const struct host_pci *pci;
	uint8_t config[PCI_CFG_SPACE_SIZE];
	struct host_bar bars[PCI_STD_NUM_BARS];
};

static const char *object_of(const struct registers *registers, const char *what, char object[64])
{
	snprintf(object, 64, "%s %s", registers->pci->bdf, what);
	return object;
}

/* Where an ordinary capability is, 0: nowhere. */
static unsigned int capability_find(const uint8_t *config, uint8_t id)
{
	struct capability list[CAPABILITIES_MAX];
	unsigned int count = capabilities_list(config, PCI_CFG_SPACE_SIZE, list);

	for (unsigned int i = 0; i < count; i++)
		if (list[i].id == id)
			return list[i].offset;
	return 0;
}

static void interrupts_add(const struct registers *registers, unsigned int msi, unsigned int msix)
{
	bool pin = registers->config[PCI_INTERRUPT_PIN];
	char object[64];

	object_of(registers, "interrupts", object);
	if (!msi && !msix) {
		check_add(registers->check, CHECK_NOTE, object,
			  pin ? "only INTx, which is never posted" : "none at all");
		return;
	}
	check_add(registers->check, CHECK_OK, object, "%u vectors of MSI-X, %u of MSI, %s", msix,
		  msi, pin ? "INTx" : "no INTx");
}

/*
 * How many bytes of a BAR are in the host pages that [@offset, @offset + @size) touches; *@first is
 * where the first of them is.
 */
static uint64_t pages_touched(const struct registers *registers, uint64_t offset, uint64_t size,
			      uint64_t bar_size, uint64_t *first)
{
	uint64_t page_size = registers->check->page_size;

	*first = align_down(offset, page_size);
	return min(align_up(offset + size, page_size), bar_size) - *first;
}

/* The pages of the table and of the pending bits are trapped: is anything else in them? */
static void shared_page_check(const struct registers *registers, const char *what, uint32_t where,
			      uint64_t size, uint64_t both)
{
	unsigned int bar = where & PCI_MSIX_TABLE_BIR;
	uint64_t offset = where & PCI_MSIX_TABLE_OFFSET, first, touched;
	char object[64];

	object_of(registers, what, object);
	if (bar >= PCI_STD_NUM_BARS || registers->bars[bar].is_io ||
	    !range_within(offset, size, 0, registers->bars[bar].size)) {
		check_add(registers->check, CHECK_WARNING, object,
			  "at 0x%llx of BAR %u, outside of it: MSI-X is hidden from the guest",
			  (unsigned long long)offset, bar);
		return;
	}
	touched = pages_touched(registers, offset, size, registers->bars[bar].size, &first);
	check_add(registers->check, touched > both ? CHECK_NOTE : CHECK_OK, object,
		  "%llu bytes at 0x%llx of BAR %u; 0x%llx to 0x%llx (pages of %llu KiB) are not "
		  "mapped%s",
		  (unsigned long long)size, (unsigned long long)offset, bar,
		  (unsigned long long)first, (unsigned long long)(first + touched - 1),
		  (unsigned long long)(registers->check->page_size / KIB),
		  touched > both
			  ? ", so other registers in them are slow, unless the guest's table "
			    "is in a BAR of its own"
			  : "");
	if (touched > both)
		check_remedy(registers->check,
			     "--device %s,msix-table=own; without it, that is done where the pages "
			     "are larger than 4 KiB and a BAR is free",
			     registers->pci->bdf);
}

static void msix_check(const struct registers *registers, unsigned int at, unsigned int vectors)
{
	uint32_t table = (uint32_t)le_load(&registers->config[at + PCI_MSIX_TABLE], 4);
	uint32_t pba = (uint32_t)le_load(&registers->config[at + PCI_MSIX_PBA], 4);
	uint64_t table_size = (uint64_t)vectors * PCI_MSIX_ENTRY_SIZE;
	uint64_t pba_size = align_up(vectors, 64) / 8;
	uint64_t page = ~(registers->check->page_size - 1);
	bool together = ((table ^ pba) & page & PCI_MSIX_TABLE_OFFSET) == 0 &&
			((table ^ pba) & PCI_MSIX_TABLE_BIR) == 0;

	shared_page_check(registers, "MSI-X table", table, table_size,
			  table_size + (together ? pba_size : 0));
	shared_page_check(registers, "MSI-X pending bits", pba, pba_size,
			  pba_size + (together ? table_size : 0));
}

/* PCI Local Bus 3.0, 6.8.1.3 and 6.8.2.3: how many vectors. */
static void capabilities_check(const struct registers *registers)
{
	const uint8_t *config = registers->config;
	unsigned int msi_at = capability_find(config, PCI_CAP_ID_MSI);
	unsigned int msix_at = capability_find(config, PCI_CAP_ID_MSIX);
	unsigned int msi = 0, msix = 0;

	/* Of a broken list nothing may be read beyond the end. */
	if (msi_at && msi_at + 4 <= PCI_CFG_SPACE_SIZE)
		msi = 1U << ((config[msi_at + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_QMASK) >> 1);
	if (msix_at && msix_at + PCI_CAP_MSIX_SIZEOF <= PCI_CFG_SPACE_SIZE)
		msix = (le_load(&config[msix_at + PCI_MSIX_FLAGS], 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	interrupts_add(registers, msi, msix);
	if (msix)
		msix_check(registers, msix_at, msix);
}

/* What keeps a BAR from the guest; returns whether there is such. */
static bool bar_stops(const struct registers *registers, const struct host_bar *bar,
		      const char *object)
{
	struct check *check = registers->check;
	struct host_claim claim;

	if (bar->is_unplaced) {
		check_add(check, CHECK_STOPS, object,
			  "the host found no address for its 0x%llx bytes",
			  (unsigned long long)bar->size);
		check_remedy(check, "%s", HOST_UNPLACED_REMEDY);
		return true;
	}
	/* The driver that has the function claims what it uses, and goes when it is bound. */
	if ((registers->pci->driver[0] && !registers->pci->is_vfio) ||
	    !host_bar_claim_find(check->root, registers->pci->bdf, bar, &claim))
		return false;
	check_add(check, CHECK_STOPS, object, "0x%llx to 0x%llx is claimed by %s on this host",
		  (unsigned long long)claim.first, (unsigned long long)claim.last, claim.owner);
	check_remedy(check, "%s", host_claim_remedy(&claim));
	return true;
}

/* Is the whole of it in the guest's memory, but for what MSI-X takes out? */
static void bar_mapping_add(const struct registers *registers, const struct host_bar *bar,
			    const char *object)
{
	struct check *check = registers->check;
	unsigned long long base = bar->base, size = bar->size;

	if (bar->is_io) {
		check_add(check, CHECK_NOTE, object,
			  "%llu I/O ports at 0x%llx: each access to them is slow", size, base);
	} else if (size >= check->page_size) {
		check_add(check, CHECK_OK, object, "0x%llx bytes at 0x%llx", size, base);
	} else if (host_bar_has_page(check->root, bar, check->page_size)) {
		check_add(check, CHECK_OK, object, "0x%llx bytes at 0x%llx, in a page of its own",
			  size, base);
	} else {
		check_add(check, CHECK_NOTE, object,
			  "0x%llx bytes at 0x%llx, in a page with others: it cannot be mapped, and "
			  "each access is slow",
			  size, base);
		check_remedy(check, "boot with pci=resource_alignment=%d@%s",
			     __builtin_ctzll(check->page_size), registers->pci->bdf);
	}
}

static void bars_check(const struct registers *registers)
{
	char object[64], what[16];

	for (unsigned int i = 0; i < PCI_STD_NUM_BARS; i++) {
		const struct host_bar *bar = &registers->bars[i];

		if (!bar->size)
			continue;
		snprintf(what, sizeof(what), "BAR %u", i);
		object_of(registers, what, object);
		if (!bar_stops(registers, bar, object))
			bar_mapping_add(registers, bar, object);
	}
}

void check_function_registers(struct check *check, const struct host_pci *pci)
{
	struct registers registers = { .check = check, .pci = pci };
	size_t length = host_pci_config_read(check->root, pci->bdf, registers.config,
					     sizeof(registers.config));
	char object[64];

	host_bars_read(check->root, pci->bdf, registers.bars);
	/* Not the ids alone: a virtual function's are all-ones (SR-IOV 1.1, 3.4.1). */
	if (length >= 8 && le_load(registers.config, 8) == UINT64_MAX) {
		check_add(check, CHECK_STOPS, object_of(&registers, "registers", object),
			  "all-ones: the device does not answer");
		check_remedy(check,
			     "echo 1 >/sys/bus/pci/devices/%s/remove; echo 1 "
			     ">/sys/bus/pci/rescan, or power the host off and on",
			     pci->bdf);
	} else if (length < PCI_CFG_SPACE_SIZE) {
		check_add(
			check, CHECK_NOTE, object_of(&registers, "interrupts", object),
			"not known: only root may read more than %zu bytes of configuration space",
			length);
		check_remedy(check, "sudo posthorn check %s", pci->bdf);
	} else {
		capabilities_check(&registers);
	}
	bars_check(&registers);
}
