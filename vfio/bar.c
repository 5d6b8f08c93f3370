/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/bar.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>

#include "kvm/vm.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/iommu.h"
#include "vfio/rom.h"

static void area_add(struct vfio_bar *bar, uint64_t start, uint64_t end)
{
	if (start >= end || bar->area_count == BAR_AREAS_MAX)
		return;
	bar->areas[bar->area_count++] =
		(struct bar_area){ .offset = start, .size = end - start, .slot = -1 };
}

/* Take the host pages, of @page_size bytes, that @hole touches out of all areas. */
static void areas_exclude(struct vfio_bar *bar, const struct bar_range *hole, uint64_t page_size)
{
	struct bar_area former[BAR_AREAS_MAX];
	unsigned int count = bar->area_count;
	uint64_t start, end;

	if (!hole->size)
		return;
	start = align_down(hole->offset, page_size);
	end = align_up(hole->offset + hole->size, page_size);
	memcpy(former, bar->areas, sizeof(former));
	bar->area_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t area_end = former[i].offset + former[i].size;

		area_add(bar, former[i].offset, min(area_end, max(start, former[i].offset)));
		area_add(bar, max(former[i].offset, min(end, area_end)), area_end);
	}
}

static void areas_find(struct vfio_function *function, unsigned int index)
{
	const struct vfio_region *region = &function->device.regions[index];
	struct vfio_bar *bar = &function->bars[index];
	uint64_t page_size = function->page_size;

	for (unsigned int i = 0; i < region->area_count; i++) {
		const struct vfio_area *area = &region->areas[i];
		uint64_t end = area->offset + area->size;

		/*
		 * The kernel maps a BAR smaller than a page only when it has the page to itself
		 * (vfio_pci_probe_mmaps()): then the whole page can be had.
		 */
		if (region->size < page_size)
			end = page_size;
		area_add(bar, align_up(area->offset, page_size), align_down(end, page_size));
	}
	areas_exclude(bar, &bar->table, page_size);
	areas_exclude(bar, &bar->pba, page_size);
}

static int areas_map(struct vfio_function *function, unsigned int index, char why[WHY_SIZE])
{
	struct vfio_bar *bar = &function->bars[index];
	unsigned int count = bar->area_count;

	bar->area_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		struct bar_area area = bar->areas[i];

		area.hva = vfio_area_map(&function->device, index, area.offset, area.size);
		/*
		 * VFIO takes the whole BAR from the host, or none of it: then reads would find
		 * all-ones, and writes nothing.
		 */
		if (!area.hva && errno == EBUSY)
			return refuse(why, -EBUSY,
				      "%s: BAR %u is claimed by something else on this host, which "
				      "/proc/iomem names (as root): unload the module that has it, "
				      "or, if it is the boot console's, boot with "
				      "initcall_blacklist=sysfb_init",
				      function->device.bdf, index);
		if (area.hva)
			bar->areas[bar->area_count++] = area;
		else
			log_warn("%s: BAR %u: bytes 0x%llx to 0x%llx cannot be mapped: %s; the "
				 "guest's accesses to them are slow",
				 function->device.bdf, index, (unsigned long long)area.offset,
				 (unsigned long long)(area.offset + area.size - 1),
				 strerror(errno));
	}
	return 0;
}

/*
 * The ROM cannot be mapped from VFIO: a copy of it is, read-only. Here is room for it. What is in a
 * file is read now.
 */
static int rom_init(struct vfio_function *function, char why[WHY_SIZE])
{
	struct vfio_bar *bar = &function->bars[PCI_BAR_ROM];
	size_t size = align_up(function->device.regions[VFIO_PCI_ROM_REGION_INDEX].size,
			       function->page_size);
	void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	area_add(bar, 0, size);
	if (copy != MAP_FAILED)
		bar->areas[0].hva = copy;
	if (function->rom_fd < 0)
		return 0;
	if (copy == MAP_FAILED)
		return refuse(why, -ENOMEM, "%s: no memory for its ROM", function->device.bdf);
	bar->rom = ROM_COPY_MADE;
	return vfio_rom_load(function, copy, size, why);
}

int vfio_bar_init(struct vfio_function *function, unsigned int index, char why[WHY_SIZE])
{
	function->bars[index].area_count = 0;
	if (index == PCI_BAR_ROM)
		return rom_init(function, why);
	areas_find(function, index);
	return areas_map(function, index, why);
}

void vfio_bar_cleanup(struct vfio_function *function, unsigned int index)
{
	struct vfio_bar *bar = &function->bars[index];

	for (unsigned int i = 0; i < bar->area_count; i++)
		if (bar->areas[i].hva)
			vfio_area_unmap(bar->areas[i].hva, bar->areas[i].size);
	bar->area_count = 0;
}

/* KVM takes a page of this size where both addresses agree modulo it. */
static const char *page_size_name(const struct bar_area *area, uint64_t gpa)
{
	uint64_t differing = gpa ^ (uintptr_t)area->hva;

	if (area->size >= GIB && differing % GIB == 0)
		return "1 GiB";
	if (area->size >= 2 * MIB && differing % (2 * MIB) == 0)
		return "2 MiB";
	return NULL;
}

/*
 * For peer-to-peer DMA. Without a peer it is left out: VFIO's type 1 maps page by page, and a BAR
 * may have millions. The IOMMU may have too few address bits for where the BAR is, and then only
 * that does not work.
 */
static void area_dma_map(struct vfio_function *function, unsigned int index, struct bar_area *area,
			 uint64_t gpa)
{
	struct vfio_bar *bar = &function->bars[index];
	int error = iommu_map(function->iommu, gpa, area->size, area->hva);

	area->dma_mapped = error == 0;
	/* That iommufd maps none is said at the start. */
	if (error < 0 && error != -EOPNOTSUPP && !bar->dma_reported) {
		bar->dma_reported = true;
		log_notice("%s: BAR %u is at 0x%llx in the guest, where the IOMMU does not map it: "
			   "%s; the guest's other devices do not reach it by DMA",
			   function->device.bdf, index, (unsigned long long)gpa, strerror(-error));
	}
}

static void area_guest_map(struct vfio_function *function, unsigned int index,
			   struct bar_area *area)
{
	uint64_t gpa = function->pci.bars[index].addr + area->offset;
	struct vfio_bar *bar = &function->bars[index];
	bool is_rom = index == PCI_BAR_ROM;
	const char *pages;

	if (!area->hva || (is_rom && bar->rom != ROM_COPY_MADE))
		return;
	area->slot = vm_memslot_add(function->vm, gpa, area->size, area->hva, is_rom);
	if (area->slot < 0 && !bar->reported) {
		bar->reported = true;
		log_error("%s: BAR %u cannot be made guest memory: %s; accesses to it are slow",
			  function->device.bdf, index, strerror(-area->slot));
	}
	if (area->slot < 0 || is_rom)
		return;
	pages = page_size_name(area, gpa);
	if (pages && !bar->shown) {
		bar->shown = true;
		log_info("%s: BAR %u: %llu MiB at 0x%llx in the guest, aligned for pages of %s",
			 function->device.bdf, index, (unsigned long long)(area->size / MIB),
			 (unsigned long long)gpa, pages);
	}
	if (function->has_peers)
		area_dma_map(function, index, area, gpa);
}

static struct vfio_function *function_of(struct pci_device *pci)
{
	return container_of(pci, struct vfio_function, pci);
}

void vfio_bar_map(struct pci_device *pci, unsigned int index)
{
	struct vfio_function *function = function_of(pci);
	struct vfio_bar *bar = &function->bars[index];

	for (unsigned int i = 0; i < bar->area_count; i++)
		area_guest_map(function, index, &bar->areas[i]);
}

void vfio_bar_unmap(struct pci_device *pci, unsigned int index)
{
	struct vfio_function *function = function_of(pci);
	struct vfio_bar *bar = &function->bars[index];

	for (unsigned int i = 0; i < bar->area_count; i++) {
		struct bar_area *area = &bar->areas[i];

		if (area->dma_mapped)
			iommu_unmap(function->iommu, pci->bars[index].addr + area->offset,
				    area->size);
		area->dma_mapped = false;
		if (area->slot >= 0)
			vm_memslot_remove(function->vm, area->slot);
		area->slot = -1;
	}
}

/*
 * The device's own bits: of vectors that never were unmasked, for which VFIO has no trigger yet.
 * The interrupt of one that pends comes when it gets its trigger. @offset is into the bits.
 * Whatever the guest's access, they are read as whole double words (PCI Local Bus 3.0, 6.8.2): a
 * device may refuse all else, and where the CPU has an exception for that (arm64), the host's
 * kernel does not survive it.
 */
static uint64_t pba_device_read(struct vfio_function *function, uint64_t offset, unsigned int size)
{
	const struct config_policy *policy = &function->policy;
	uint64_t bits = 0, word;

	if (!policy->msix_has_pba)
		return 0;
	for (uint64_t at = align_down(offset, 4); at < offset + size; at += 4) {
		if (vfio_region_read(&function->device, policy->msix_pba & PCI_MSIX_PBA_BIR,
				     (policy->msix_pba & PCI_MSIX_PBA_OFFSET) + at, 4, &word) < 0)
			continue;
		bits |= at < offset ? word >> 8 * (offset - at) : word << 8 * (at - offset);
	}
	return bits & bytes_mask(size);
}

static bool access_touches(const struct bar_range *range, uint64_t offset,
			   const struct access *access)
{
	return ranges_overlap(offset, access->size, range->offset, range->size);
}

static bool access_within(const struct bar_range *range, uint64_t offset,
			  const struct access *access)
{
	return range_within(offset, access->size, range->offset, range->size);
}

/*
 * Is this guest memory by now? Then the BAR came to where it is after the guest's access, which
 * found nothing there. It must not go to VFIO: a device may refuse it, and where the CPU has an
 * exception for that (arm64), the host's kernel, which makes the access then, does not survive it.
 */
static bool is_guest_memory(const struct vfio_bar *bar, uint64_t offset)
{
	for (unsigned int i = 0; i < bar->area_count; i++)
		if (bar->areas[i].slot >= 0 && offset - bar->areas[i].offset < bar->areas[i].size)
			return true;
	return false;
}

/*
 * Make the copy of the ROM, which may take a second. Other accesses of the function go on
 * meanwhile: the guest may as well have moved the BAR when the lock is taken again.
 */
static void rom_read(struct vfio_function *function, struct vfio_bar *bar)
	LOCK_HELD(function->pci.lock)
{
	size_t size = function->device.regions[VFIO_PCI_ROM_REGION_INDEX].size;
	struct bar_area *area = &bar->areas[0];
	int error;

	bar->rom = ROM_COPY_BEGUN;
	mutex_unlock(&function->pci.lock);
	memset(area->hva, 0xff, area->size);
	error = vfio_region_read_block(&function->device, VFIO_PCI_ROM_REGION_INDEX, 0, area->hva,
				       size);
	mutex_lock(&function->pci.lock);
	bar->rom = ROM_COPY_MADE;
	vfio_rom_report(function, area->hva, size, error);
	if (function->pci.bars[PCI_BAR_ROM].mapped)
		area_guest_map(function, PCI_BAR_ROM, area);
}

/* Returns whether this is done: a read of the copy, or a write. */
static bool rom_access(struct vfio_function *function, uint64_t offset, struct access *access)
	LOCK_HELD(function->pci.lock)
{
	struct vfio_bar *bar = &function->bars[PCI_BAR_ROM];

	/* A write of it does nothing: it would reach memory, if the guest had it as such. */
	if (access->is_write)
		return true;
	if (!bar->areas[0].hva)
		return false;
	if (bar->rom == ROM_COPY_NONE)
		rom_read(function, bar);
	/* The other vCPU is not waited for. */
	if (bar->rom != ROM_COPY_MADE)
		return false;
	access->data = le_load((uint8_t *)bar->areas[0].hva + offset, access->size);
	return true;
}

static void region_access(struct vfio_function *function, unsigned int index, uint64_t offset,
			  struct access *access)
{
	struct vfio_device *device = &function->device;
	struct vfio_bar *bar = &function->bars[index];
	int error;

	/* What makes a small BAR a page long is nobody's. */
	if (!range_within(offset, access->size, 0, device->regions[index].size))
		return;
	if (access->is_write)
		error = vfio_region_write(device, index, offset, access->size, access->data);
	else
		error = vfio_region_read(device, index, offset, access->size, &access->data);
	if (error < 0 && !bar->reported) {
		bar->reported = true;
		log_warn("%s: BAR %u: the device refuses %u bytes at 0x%llx: %s", device->bdf,
			 index, access->size, (unsigned long long)offset, strerror(-error));
	}
}

void vfio_bar_access(struct pci_device *pci, unsigned int index, uint64_t offset,
		     struct access *access)
{
	struct vfio_function *function = function_of(pci);
	const struct vfio_bar *bar = &function->bars[index];

	mutex_assert_held(&function->pci.lock);
	irqs_intx_resample(&function->irqs);
	if (access_within(&bar->table, offset, access)) {
		if (access->is_write)
			irqs_wait(&function->irqs);
		/* What was waited for may have been a reset. */
		if (access->is_write && pci->away)
			return;
		irqs_table_access(&function->irqs, offset - bar->table.offset, access);
		return;
	}
	if (access_within(&bar->pba, offset, access)) {
		irqs_pba_access(&function->irqs, offset - bar->pba.offset, access);
		if (!access->is_write)
			access->data |=
				pba_device_read(function, offset - bar->pba.offset, access->size);
		return;
	}
	/* One that begins or ends among registers is nothing that software may do (6.8.2). */
	if (access_touches(&bar->table, offset, access) ||
	    access_touches(&bar->pba, offset, access))
		return;
	if (index == PCI_BAR_ROM && rom_access(function, offset, access))
		return;
	if (!is_guest_memory(bar, offset))
		region_access(function, index, offset, access);
}
