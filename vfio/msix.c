/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/msix.h"

#include <errno.h>
#include <linux/pci_regs.h>

#include "lib/util.h"
#include "vfio/config.h"
#include "vfio/function_state.h"

/* What holds a structure holds no registers: PCI Local Bus 3.0, 6.8.2. */
#define ISOLATED (4 * KIB)

static uint64_t table_size(const struct config_policy *policy)
{
	return (uint64_t)policy->msix_vectors * PCI_MSIX_ENTRY_SIZE;
}

static uint64_t pba_size(const struct config_policy *policy)
{
	return align_up((uint64_t)policy->msix_vectors, 64) / 8;
}

/* As the device has them. */
static void device_place(struct vfio_function *function)
{
	const struct config_policy *policy = &function->policy;

	function->bars[policy->msix_table & PCI_MSIX_TABLE_BIR].table =
		(struct bar_range){ policy->msix_table & PCI_MSIX_TABLE_OFFSET,
				    table_size(policy) };
	if (policy->msix_has_pba)
		function->bars[policy->msix_pba & PCI_MSIX_PBA_BIR].pba =
			(struct bar_range){ policy->msix_pba & PCI_MSIX_PBA_OFFSET,
					    pba_size(policy) };
}

static bool holds(const struct bar_range *range, uint64_t offset)
{
	return ranges_overlap(offset, ISOLATED, range->offset, range->size);
}

/* Are there registers in the host pages of @range, which is in BAR @index, that could be mapped? */
static bool has_registers(const struct vfio_function *function, unsigned int index,
			  const struct bar_range *range)
{
	const struct vfio_region *region = &function->device.regions[index];
	const struct vfio_bar *bar = &function->bars[index];
	uint64_t end =
		min(align_up(range->offset + range->size, function->page_size), region->size);
	uint64_t offset = align_down(range->offset, function->page_size);

	if (!range->size || !region->msix_mappable)
		return false;
	while (offset < end && (holds(&bar->table, offset) || holds(&bar->pba, offset)))
		offset += ISOLATED;
	return offset < end;
}

static bool traps_registers(const struct vfio_function *function)
{
	for (unsigned int i = 0; i < PCI_STD_NUM_BARS; i++)
		if (has_registers(function, i, &function->bars[i].table) ||
		    has_registers(function, i, &function->bars[i].pba))
			return true;
	return false;
}

static bool is_64bit(const struct pci_bar *bar)
{
	return bar->size && !(bar->flags & PCI_BASE_ADDRESS_SPACE_IO) &&
	       bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* The highest that is free: drivers look for what a device may have or not at low ones. Or -1. */
static int free_bar_find(const struct vfio_function *function)
{
	const struct pci_bar *bars = function->pci.bars;
	int i = PCI_STD_NUM_BARS - 1;

	while (i >= 0 && (function->device.regions[i].size || (i && is_64bit(&bars[i - 1]))))
		i--;
	return i;
}

/* In BAR @index, the table first: its size is a multiple of what the pending bits are aligned to.
 */
static void own_place(struct vfio_function *function, unsigned int index)
{
	const struct config_policy *policy = &function->policy;
	uint64_t size = function->page_size, table = table_size(policy);

	for (unsigned int i = 0; i < PCI_STD_NUM_BARS; i++)
		function->bars[i].table = function->bars[i].pba = (struct bar_range){ .size = 0 };
	function->bars[index].table = (struct bar_range){ 0, table };
	function->bars[index].pba = (struct bar_range){ table, pba_size(policy) };
	while (size < table + pba_size(policy))
		size <<= 1;
	function->pci.bars[index] = (struct pci_bar){ .size = size };
	vfio_config_msix_move(function, index, (uint32_t)table | index);
	log_info("%s: its MSI-X table is in BAR %u in the guest, which the device does not have",
		 function->device.bdf, index);
}

int vfio_msix_place(struct vfio_function *function, enum msix_table wanted, char why[WHY_SIZE])
{
	const char *bdf = function->device.bdf;
	int index = free_bar_find(function);

	if (function->policy.msix_vectors)
		device_place(function);
	else if (wanted == MSIX_TABLE_OWN)
		return refuse(why, -EINVAL,
			      "%s: msix-table=own: it has no MSI-X for the guest: use "
			      "msix-table=device",
			      bdf);
	if (wanted == MSIX_TABLE_OWN && index < 0)
		return refuse(why, -EINVAL,
			      "%s: msix-table=own: the device has all BARs that there can be: use "
			      "msix-table=device",
			      bdf);
	if (wanted == MSIX_TABLE_DEVICE ||
	    (wanted == MSIX_TABLE_AUTO && !traps_registers(function)))
		return 0;
	if (index >= 0)
		own_place(function, (unsigned int)index);
	else
		log_warn("%s: registers share a page of the host with its MSI-X table, and it has "
			 "all BARs that there can be: the guest's accesses to them are slow",
			 bdf);
	return 0;
}
