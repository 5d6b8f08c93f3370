/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/device.h for fuzzing: a device that is made up. See fuzz_host.h. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_host.h"

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static struct fuzz_host *const host = &fuzz_host;

static struct fuzz_device *device_of(struct vfio_device *device)
{
	return container_of(device, struct fuzz_device, function.device);
}

struct fuzz_device *fuzz_device_add(void)
{
	struct fuzz_device *device = &host->devices[host->device_count++];

	memset(device, 0, sizeof(*device));
	device->can_reset = device->is_dynamic = true;
	device->host_vectors = FUZZ_VECTORS_MAX;
	device->active = VFIO_PCI_NUM_IRQS;
	device->irqs[VFIO_PCI_ERR_IRQ_INDEX] = device->irqs[VFIO_PCI_REQ_IRQ_INDEX] = 1;
	device->regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CONFIG_SIZE;
	le_store(&device->config[PCI_VENDOR_ID], 4, 0x56781234);
	return device;
}

void fuzz_bar_add(struct fuzz_device *device, unsigned int index, uint64_t size, uint32_t flags)
{
	struct vfio_region *region = &device->regions[index];

	region->size = size;
	region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (index == VFIO_PCI_ROM_REGION_INDEX)
		return;
	le_store(&device->config[PCI_BASE_ADDRESS_0 + 4 * index], 4, flags);
	if (flags & PCI_BASE_ADDRESS_SPACE_IO)
		return;
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->areas[0] = (struct vfio_area){ 0, size };
	region->area_count = 1;
}

uint8_t *fuzz_capability_add(struct fuzz_device *device, unsigned int id, unsigned int at)
{
	unsigned int link = PCI_CAPABILITY_LIST;

	device->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	while (device->config[link])
		link = device->config[link] + PCI_CAP_LIST_NEXT;
	device->config[link] = (uint8_t)at;
	device->config[at] = (uint8_t)id;
	return &device->config[at];
}

bool fuzz_device_decodes(const struct fuzz_device *device)
{
	return (device->command & PCI_COMMAND_MEMORY) && !device->asleep;
}

uint64_t fuzz_pattern(const struct fuzz_device *device, unsigned int index, uint64_t offset,
		      unsigned int size)
{
	uint64_t seed = (uint64_t)(device - host->devices) << 56 | (uint64_t)index << 48 | size;

	return ((seed ^ offset) * 0x9e3779b97f4a7c15ULL >> 3) & bytes_mask(size);
}

/* ---- opening and resetting ---- */

int vfio_device_init(struct vfio_device *device, struct iommu *iommu,
		     const struct iommu_device *wanted, char why[WHY_SIZE])
{
	struct fuzz_device *fuzz = device_of(device);

	(void)iommu;
	(void)why;
	memset(device, 0, sizeof(*device));
	snprintf(device->bdf, sizeof(device->bdf), "%s", wanted->bdf);
	device->can_reset = fuzz->can_reset;
	memcpy(fuzz->original, fuzz->config, sizeof(fuzz->original));
	memcpy(device->regions, fuzz->regions, sizeof(device->regions));
	for (unsigned int i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		bool fixed = i == VFIO_PCI_MSI_IRQ_INDEX ||
			     (i == VFIO_PCI_MSIX_IRQ_INDEX && !fuzz->is_dynamic);

		device->irqs[i].count = fuzz->irqs[i];
		device->irqs[i].flags = fixed ? VFIO_IRQ_INFO_NORESIZE : 0;
	}
	fuzz->open = true;
	return 0;
}

static void unreachable_check(const struct fuzz_device *fuzz, const char *what)
{
	for (unsigned int i = 0; i < host->slot_top; i++) {
		const struct fuzz_area *area = fuzz_area_of(host->slots[i].hva);

		if (host->slots[i].used && area && area->device == fuzz)
			fuzz_violation("the device %s while the guest reaches BAR %u", what,
				       area->index);
	}
}

void vfio_device_cleanup(struct vfio_device *device)
{
	struct fuzz_device *fuzz = device_of(device);

	if (!fuzz->open)
		fuzz_violation("the device is closed twice");
	if (fuzz->active != VFIO_PCI_NUM_IRQS)
		fuzz_violation("the device is closed with interrupts on");
	unreachable_check(fuzz, "is closed");
	fuzz->open = false;
}

/*
 * The kernel wakes the function before it tries, and puts back what the reset took. Of one that it
 * puts off nothing is left.
 */
static int device_reset(struct fuzz_device *fuzz, bool can_reset)
{
	int error = fuzz_failing(FUZZ_RESET);

	if (!can_reset)
		fuzz_violation("a device that cannot be reset is");
	if (fuzz->active != VFIO_PCI_NUM_IRQS)
		fuzz_violation("the device is reset with interrupts on");
	unreachable_check(fuzz, "is reset");
	fuzz->asleep = false;
	fuzz->resets += error != -EAGAIN;
	return error;
}

int vfio_device_reset(struct vfio_device *device)
{
	struct fuzz_device *fuzz = device_of(device);

	return device_reset(fuzz, fuzz->can_reset);
}

struct vfio_pci_hot_reset_info *vfio_device_hot_reset_info(struct vfio_device *device)
{
	struct fuzz_device *fuzz = device_of(device);
	struct vfio_pci_hot_reset_info *info;

	errno = fuzz->has_bus ? -fuzz_failing(FUZZ_CALLOC) : ENODEV;
	if (errno)
		return NULL;
	info = calloc(1, sizeof(*info) + (FUZZ_DEVICES_MAX + 1) * sizeof(info->devices[0]));
	for (unsigned int i = 0; info && i < host->device_count + fuzz->has_foreigner; i++)
		info->devices[info->count++] =
			(struct vfio_pci_dependent_device){ .group_id = FUZZ_GROUP +
									(i == host->device_count),
							    .bus = 1,
							    .devfn = (uint8_t)i };
	return info;
}

int vfio_device_hot_reset(struct vfio_device *device, const int32_t *fds, unsigned int count)
{
	struct fuzz_device *fuzz = device_of(device);

	(void)fds;
	(void)count;
	for (unsigned int i = 0; i < host->device_count; i++)
		if (&host->devices[i] != fuzz && host->devices[i].function.pci.root &&
		    le_load(&host->devices[i].function.pci.config[PCI_COMMAND], 2) & 7)
			fuzz_violation(
				"a bus is reset while the guest uses another function of it");
	return device_reset(fuzz, fuzz->has_bus && !fuzz->has_foreigner);
}

/* ---- regions ---- */

static bool bar_is_io(const struct fuzz_device *fuzz, unsigned int index)
{
	return index < VFIO_PCI_ROM_REGION_INDEX &&
	       (fuzz->config[PCI_BASE_ADDRESS_0 + 4 * index] & PCI_BASE_ADDRESS_SPACE_IO);
}

/* 0, or what the kernel says of an access of @size bytes. */
static int region_check(const struct fuzz_device *fuzz, unsigned int index, uint64_t offset,
			size_t size)
{
	const struct vfio_region *region = &fuzz->regions[index];

	if (!fuzz->open)
		fuzz_violation("a device that is not open is read or written");
	if (offset >= region->size)
		return -EINVAL;
	if (size > region->size - offset)
		return -EIO; /* a short read or write */
	/* For VGA's the kernel turns decoding on by itself. */
	if (index != VFIO_PCI_CONFIG_REGION_INDEX && index != VFIO_PCI_VGA_REGION_INDEX &&
	    !bar_is_io(fuzz, index) && !fuzz_device_decodes(fuzz))
		return -EIO;
	return 0;
}

/* The MSI-X table and the pending bits are emulated: nothing may come to the real ones. */
static void msix_check(const struct fuzz_device *fuzz, unsigned int index, uint64_t offset,
		       uint64_t size)
{
	const struct vfio_bar *bar;

	if (index >= PCI_BARS_MAX)
		return;
	bar = &fuzz->function.bars[index];
	if (ranges_overlap(bar->table.offset, bar->table.size, offset, size) ||
	    ranges_overlap(bar->pba.offset, bar->pba.size, offset, size))
		fuzz_violation("BAR %u, 0x%llx: what belongs to MSI-X reaches the device", index,
			       (unsigned long long)offset);
}

/* What the guest reaches by itself, the host does not access in its place. */
static void detour_check(const struct fuzz_device *fuzz, unsigned int index, uint64_t offset)
{
	for (unsigned int i = 0; i < host->slot_top; i++) {
		const struct fuzz_area *area = fuzz_area_of(host->slots[i].hva);

		if (host->slots[i].used && area && area->device == fuzz && area->index == index &&
		    offset - area->offset < area->size)
			fuzz_violation("VFIO accesses 0x%llx of BAR %u, which is guest memory",
				       (unsigned long long)offset, index);
	}
}

bool fuzz_is_pending_bits(const struct fuzz_device *fuzz, unsigned int index, uint64_t offset,
			  uint64_t size)
{
	const struct config_policy *policy = &fuzz->function.policy;

	return policy->msix_has_pba && index == (policy->msix_pba & PCI_MSIX_PBA_BIR) &&
	       range_within(offset, size, policy->msix_pba & PCI_MSIX_PBA_OFFSET,
			    align_up(policy->msix_vectors, 64) / 8);
}

static uint64_t latched_bits(const struct fuzz_device *fuzz, uint64_t offset, unsigned int size)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < 8 * size; i++)
		bits |= (uint64_t)fuzz->latched[8 * offset + i] << i;
	return bits;
}

int vfio_region_read(struct vfio_device *device, unsigned int index, uint64_t offset,
		     unsigned int size, uint64_t *value)
{
	struct fuzz_device *fuzz = device_of(device);
	int error = fuzz_failing(FUZZ_REGION_READ);

	bool is_pba = fuzz_is_pending_bits(fuzz, index, offset, size);

	if (!is_pba) {
		msix_check(fuzz, index, offset, size);
		detour_check(fuzz, index, offset);
	}
	if (!error)
		error = region_check(fuzz, index, offset, size);
	*value = bytes_mask(size);
	if (error)
		return error;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		*value = le_load(&fuzz->config[offset], size);
	else if (is_pba)
		*value = latched_bits(
			fuzz, offset - (fuzz->function.policy.msix_pba & PCI_MSIX_PBA_OFFSET),
			size);
	else
		*value = fuzz_pattern(fuzz, index, offset, size);
	return 0;
}

/* The guest's capability that [@offset, @offset + @size) lies in: its offset, or 0. */
static unsigned int capability_of(const uint8_t *config, uint64_t offset)
{
	unsigned int link = PCI_CAPABILITY_LIST, left = 48, found = 0;

	for (; config[link] && left; left--) {
		link = config[link] + PCI_CAP_LIST_NEXT;
		if (link - PCI_CAP_LIST_NEXT <= offset)
			found = max(found, link - PCI_CAP_LIST_NEXT);
	}
	return found;
}

static void intx_signal(struct fuzz_device *fuzz)
{
	if (fuzz->active != VFIO_PCI_INTX_IRQ_INDEX || !fuzz->ties[0] || !fuzz->intx_level ||
	    fuzz->intx_masked || (fuzz->command & PCI_COMMAND_INTX_DISABLE))
		return;
	fuzz->intx_masked = true;
	fuzz_eventfd_signal(fuzz->ties[0]);
}

/*
 * Where the last extended capability of @config begins that does so at or before @offset. Its list
 * may go in circles.
 */
static unsigned int extended_of(const uint8_t *config, unsigned int offset)
{
	unsigned int at = PCI_CFG_SPACE_SIZE, left = PCI_CONFIG_SIZE / 4, found = at;

	for (; at >= PCI_CFG_SPACE_SIZE && left; left--) {
		if (at <= offset)
			found = max(found, at);
		at = PCI_EXT_CAP_NEXT((uint32_t)le_load(&config[at], 4));
	}
	return found;
}

/*
 * Does the guest see the byte as one that the vendor has defined? It must be within the length of
 * the capability that the guest's list shows, and not within one that only the device's list has.
 */
static bool extended_is_writable(const struct fuzz_device *fuzz, unsigned int offset)
{
	const uint8_t *config = fuzz->function.pci.config;
	unsigned int at = extended_of(config, offset);
	unsigned int id = PCI_EXT_CAP_ID((uint32_t)le_load(&config[at], 4));

	return (id == PCI_EXT_CAP_ID_VNDR || id == PCI_EXT_CAP_ID_DVSEC) && offset >= at + 4 &&
	       offset < at + PCI_VNDR_HEADER_LEN((uint32_t)le_load(&config[at + 4], 4)) &&
	       extended_of(fuzz->original, offset) <= at;
}

/* Bits of the device's byte at @offset that posthorn has business with. */
static uint8_t byte_writable(const struct fuzz_device *fuzz, uint64_t offset)
{
	const uint8_t *config = fuzz->function.pci.config;
	unsigned int at;

	if (offset == PCI_COMMAND || offset == PCI_COMMAND + 1)
		return 0xff;
	if (offset < PCI_STD_HEADER_SIZEOF)
		return 0;
	if (offset >= PCI_CFG_SPACE_SIZE)
		return extended_is_writable(fuzz, (unsigned int)offset) ? 0xff : 0;
	at = capability_of(config, offset);
	switch (at ? config[at] : 0) {
	case PCI_CAP_ID_VNDR: /* what follows it is no capability's */
		return offset < at + 2 || offset >= at + config[at + 2] ? 0 : 0xff;
	case PCI_CAP_ID_VPD: /* not the bit that asks for a write */
		return offset == at + PCI_VPD_ADDR	 ? 0xff
		       : offset == at + PCI_VPD_ADDR + 1 ? 0x7f
							 : 0;
	case PCI_CAP_ID_PM:
		return offset == at + PCI_PM_CTRL ? PCI_PM_CTRL_STATE_MASK : 0;
	case PCI_CAP_ID_EXP:
		if (offset == at + PCI_EXP_DEVCTL + 1) /* all but Initiate Function Level Reset */
			return 0x78;
		if (offset == at + PCI_EXP_DEVCTL || offset == at + PCI_EXP_DEVCTL2)
			return 0x1f;
		return 0;
	case PCI_CAP_ID_MSI: /* VFIO takes enable and size of it */
		return offset == at + PCI_MSI_FLAGS || offset == at + PCI_MSI_FLAGS + 1 ? 0xff : 0;
	}
	return 0;
}

/* Other bits keep their value, or are written as zero, which VFIO drops. */
static void config_written(struct fuzz_device *fuzz, uint64_t offset, unsigned int size,
			   uint64_t value)
{
	for (unsigned int i = 0; i < size; i++) {
		uint8_t *byte = &fuzz->config[offset + i], put = (uint8_t)(value >> (8 * i));
		uint8_t others = (uint8_t)~byte_writable(fuzz, offset + i);

		if ((put & others) && ((put ^ *byte) & others))
			fuzz_violation("byte 0x%llx of configuration space changes from %x to %x",
				       (unsigned long long)(offset + i), *byte, put);
		if (offset + i >= PCI_STD_HEADER_SIZEOF)
			*byte = put;
	}
}

int vfio_region_write(struct vfio_device *device, unsigned int index, uint64_t offset,
		      unsigned int size, uint64_t value)
{
	struct fuzz_device *fuzz = device_of(device);
	int error = fuzz_failing(FUZZ_REGION_WRITE);

	msix_check(fuzz, index, offset, size);
	detour_check(fuzz, index, offset);
	if (!error)
		error = region_check(fuzz, index, offset, size);
	if (error)
		return error;
	if (index != VFIO_PCI_CONFIG_REGION_INDEX) {
		fuzz->write_index = index;
		fuzz->write_offset = offset;
		fuzz->write_size = size;
		fuzz->write_value = value;
		fuzz->write_count++;
		return index == VFIO_PCI_ROM_REGION_INDEX ? -EINVAL : 0;
	}
	config_written(fuzz, offset, size, value & bytes_mask(size));
	if (offset == PCI_COMMAND)
		fuzz->command = (uint16_t)value;
	intx_signal(fuzz);
	if (fuzz->function.policy.pm && offset == fuzz->function.policy.pm + PCI_PM_CTRL)
		fuzz->asleep = (value & PCI_PM_CTRL_STATE_MASK) == 3;
	if (!fuzz_device_decodes(fuzz))
		unreachable_check(fuzz, "stops decoding");
	return 0;
}

int vfio_region_read_block(struct vfio_device *device, unsigned int index, uint64_t offset,
			   void *data, size_t size)
{
	struct fuzz_device *fuzz = device_of(device);
	int error = fuzz_failing(FUZZ_READ_BLOCK);

	if (!error)
		error = region_check(fuzz, index, offset, size);
	if (error)
		return error == -EIO ? -ENODATA : error;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		memcpy(data, &fuzz->config[offset], size);
	else
		for (size_t i = 0; i < size; i++)
			((uint8_t *)data)[i] = (uint8_t)fuzz_pattern(fuzz, index, offset + i, 1);
	return 0;
}

/* The kernel maps only pages that are in one of the areas that it shows. */
static bool area_is_shown(const struct vfio_region *region, uint64_t offset, uint64_t size)
{
	for (unsigned int i = 0; i < region->area_count; i++)
		if (range_within(offset, size, region->areas[i].offset,
				 align_up(region->areas[i].size, 0x10000)))
			return true;
	return false;
}

void *vfio_area_map(struct vfio_device *device, unsigned int index, uint64_t offset, uint64_t size)
{
	struct fuzz_device *fuzz = device_of(device);
	unsigned int i = 0;

	msix_check(fuzz, index, offset, size);
	if (!(fuzz->regions[index].flags & VFIO_REGION_INFO_FLAG_MMAP) || !size ||
	    (offset | size) % host->page_size ||
	    !area_is_shown(&fuzz->regions[index], offset, size))
		fuzz_violation("region %u is mapped at %llx where it cannot be", index,
			       (unsigned long long)offset);
	while (i < FUZZ_RANGES_MAX && host->areas[i].device)
		i++;
	if (fuzz_failing(FUZZ_AREA_MAP) || i == FUZZ_RANGES_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	host->areas[i] = (struct fuzz_area){ fuzz, index, offset, size };
	return fuzz_area_hva(&host->areas[i]);
}

/* ---- interrupts: drivers/vfio/pci/vfio_pci_intrs.c ---- */

static void tie(struct fuzz_device *fuzz, unsigned int number, int eventfd)
{
	if (fuzz->ties[number])
		fuzz_eventfd_of(fuzz->ties[number])->ties--;
	fuzz->ties[number] = max(eventfd, 0);
	if (eventfd >= 0)
		fuzz_eventfd_of(eventfd)->ties++;
	fuzz->tie_top = max(fuzz->tie_top, number + 1);
}

static void kind_disable(struct fuzz_device *fuzz)
{
	if (fuzz->active == VFIO_PCI_MSIX_IRQ_INDEX && fuzz->asleep && !host->failed)
		fuzz_violation("MSI-X is turned off while the device sleeps");
	for (unsigned int i = 0; i < fuzz->tie_top; i++)
		tie(fuzz, i, -1);
	memset(fuzz->allocated, 0, sizeof(fuzz->allocated));
	memset(fuzz->latched, 0, fuzz->tie_top);
	if (fuzz->intx_unmask)
		fuzz_eventfd_of(fuzz->intx_unmask)->ties--;
	fuzz->intx_unmask = 0;
	fuzz->intx_masked = false;
	fuzz->active = VFIO_PCI_NUM_IRQS;
	fuzz->vector_count = fuzz->allocated_count = fuzz->tie_top = 0;
}

/* Returns how many vectors there are when those are fewer than @count. */
static int kind_enable(struct fuzz_device *fuzz, unsigned int index, unsigned int count)
{
	if (count > fuzz->host_vectors) {
		host->exhausted++;
		return (int)fuzz->host_vectors;
	}
	fuzz->active = index;
	fuzz->vector_count = fuzz->allocated_count = count;
	fuzz->turned_on++;
	if (index != VFIO_PCI_INTX_IRQ_INDEX)
		memset(fuzz->allocated, true, count);
	return 0;
}

static int vector_tie(struct fuzz_device *fuzz, unsigned int number, int eventfd)
{
	tie(fuzz, number, -1);
	if (eventfd < 0)
		return 0;
	if (fuzz->active != VFIO_PCI_INTX_IRQ_INDEX && !fuzz->allocated[number]) {
		if (fuzz->allocated_count >= fuzz->host_vectors) {
			host->exhausted++;
			return -ENOSPC;
		}
		fuzz->allocated[number] = true;
		fuzz->allocated_count++;
		fuzz->vector_count = max(fuzz->vector_count, number + 1);
	}
	tie(fuzz, number, eventfd);
	if (fuzz->latched[number])
		fuzz_eventfd_signal(eventfd);
	fuzz->latched[number] = false;
	return 0;
}

static int block_tie(struct fuzz_device *fuzz, unsigned int start, unsigned int count,
		     const int *eventfds)
{
	bool can_grow = fuzz->active == VFIO_PCI_MSIX_IRQ_INDEX && fuzz->is_dynamic;
	int error = 0;

	if (!can_grow && start + count > fuzz->vector_count)
		return -EINVAL;
	for (unsigned int i = 0; i < count && !error; i++)
		error = vector_tie(fuzz, start + i, eventfds[i]);
	for (unsigned int i = 0; i < count && error; i++)
		vector_tie(fuzz, start + i, -1);
	return error;
}

/* Fewer vectors are a matter of turning a kind of several on; else it is an error. */
static int irqs_failing(const struct fuzz_device *fuzz, unsigned int count)
{
	int result = fuzz_failing(FUZZ_IRQS_SET);

	if (result <= 0)
		return result;
	if (fuzz->active != VFIO_PCI_NUM_IRQS || count < 2)
		return -ENOSPC;
	return min(result, (int)count - 1);
}

/* Not interrupts of the device: they go beside whatever kind is on. */
static bool event_tie(struct fuzz_device *fuzz, unsigned int index, int eventfd)
{
	int *tied = &fuzz->events[index];

	if (index != VFIO_PCI_ERR_IRQ_INDEX && index != VFIO_PCI_REQ_IRQ_INDEX)
		return false;
	if (*tied)
		fuzz_eventfd_of(*tied)->ties--;
	*tied = max(eventfd, 0);
	if (*tied)
		fuzz_eventfd_of(*tied)->ties++;
	return true;
}

int vfio_irqs_set(struct vfio_device *device, unsigned int index, unsigned int start,
		  unsigned int count, const int *eventfds)
{
	struct fuzz_device *fuzz = device_of(device);
	bool was_off = fuzz->active == VFIO_PCI_NUM_IRQS;
	int result = irqs_failing(fuzz, count);

	if (result)
		return result;
	if (event_tie(fuzz, index, eventfds[0]))
		return 0;
	/* drivers/pci/msi refuses it for a function that is not in D0. */
	if (was_off && fuzz->asleep && index == VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	if (!count || start >= fuzz->irqs[index] || start + count > fuzz->irqs[index] ||
	    (!was_off && fuzz->active != index))
		fuzz_violation("SET_IRQS of index %u, %u from %u, is not allowed now", index, count,
			       start);
	if (was_off)
		result = kind_enable(fuzz, index, start + count);
	if (!result) {
		result = block_tie(fuzz, start, count, eventfds);
		if (result && was_off)
			kind_disable(fuzz);
	}
	if (result == -EINVAL)
		fuzz_violation("SET_IRQS of index %u: no vector %u", index, start + count - 1);
	intx_signal(fuzz);
	return result;
}

void vfio_irqs_disable(struct vfio_device *device, unsigned int index)
{
	struct fuzz_device *fuzz = device_of(device);

	if (event_tie(fuzz, index, -1))
		return;
	if (fuzz->active != index)
		fuzz_violation("index %u is turned off, and was not on", index);
	kind_disable(fuzz);
}

int vfio_intx_unmask_set(struct vfio_device *device, int eventfd)
{
	struct fuzz_device *fuzz = device_of(device);
	int failure = fuzz_failing(FUZZ_INTX_UNMASK_SET);

	if (failure)
		return failure;
	if (fuzz->active != VFIO_PCI_INTX_IRQ_INDEX || fuzz->intx_unmask)
		fuzz_violation("INTx cannot be given an unmask eventfd now");
	fuzz->intx_unmask = eventfd;
	fuzz_eventfd_of(eventfd)->ties++;
	return 0;
}

int vfio_intx_mask(struct vfio_device *device, bool masked)
{
	struct fuzz_device *fuzz = device_of(device);
	int failure = fuzz_failing(FUZZ_INTX_MASK);

	if (failure)
		return failure;
	if (fuzz->active != VFIO_PCI_INTX_IRQ_INDEX)
		fuzz_violation("INTx is not on: it cannot be masked");
	fuzz->intx_masked = masked;
	intx_signal(fuzz);
	return 0;
}

/* An entry that the host has masked keeps what comes for later; the hardware does that. */
void fuzz_fire(struct fuzz_device *fuzz, unsigned int number)
{
	if (fuzz->active == VFIO_PCI_INTX_IRQ_INDEX || fuzz->active == VFIO_PCI_NUM_IRQS)
		return;
	if (fuzz->ties[number]) {
		fuzz_eventfd_signal(fuzz->ties[number]);
	} else if (fuzz->active == VFIO_PCI_MSIX_IRQ_INDEX) {
		fuzz->latched[number] = true;
		fuzz->tie_top = max(fuzz->tie_top, number + 1);
	}
}

void fuzz_intx_set(struct fuzz_device *fuzz, bool level)
{
	struct fuzz_eventfd *unmask = fuzz->intx_unmask ? fuzz_eventfd_of(fuzz->intx_unmask) : NULL;

	fuzz->intx_level = level;
	if (unmask && unmask->count) {
		unmask->count = 0;
		fuzz->intx_masked = false;
	}
	intx_signal(fuzz);
}

#pragma clang attribute pop
