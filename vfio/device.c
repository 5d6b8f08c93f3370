/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/iommu.h"

static struct vfio_region_info *region_info_get(int fd, unsigned int index)
{
	const struct vfio_region_info wanted = { .argsz = sizeof(wanted), .index = index };

	return ioctl_grown(fd, VFIO_DEVICE_GET_REGION_INFO, &wanted, sizeof(wanted));
}

static void areas_from_sparse(struct vfio_region *region,
			      const struct vfio_region_info_cap_sparse_mmap *sparse)
{
	region->area_count = 0;
	for (uint32_t i = 0; i < sparse->nr_areas && region->area_count < VFIO_AREAS_MAX; i++) {
		const struct vfio_region_sparse_mmap_area *area = &sparse->areas[i];

		if (area->size && range_within(area->offset, area->size, 0, region->size))
			region->areas[region->area_count++] =
				(struct vfio_area){ area->offset, area->size };
	}
}

static void region_capabilities_read(struct vfio_region *region, struct vfio_region_info *info)
{
	uint32_t offset = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	while (offset) {
		struct vfio_info_cap_header *header = (void *)((char *)info + offset);

		if (header->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			areas_from_sparse(region, (void *)header);
		else if (header->id == VFIO_REGION_INFO_CAP_MSIX_MAPPABLE)
			region->msix_mappable = true;
		offset = header->next;
	}
}

static int regions_init(struct vfio_device *device, uint32_t count, char why[WHY_SIZE])
{
	for (unsigned int i = 0; i < min(count, (uint32_t)VFIO_PCI_NUM_REGIONS); i++) {
		struct vfio_region *region = &device->regions[i];
		struct vfio_region_info *info = region_info_get(device->fd, i);

		/* The VGA region is missing on all but VGA devices; nothing else may be. */
		if (!info && i != VFIO_PCI_VGA_REGION_INDEX)
			return refuse(why, -EIO, "%s: VFIO_DEVICE_GET_REGION_INFO of region %u: %s",
				      device->bdf, i, strerror(errno));
		if (!info)
			continue;
		region->size = info->size;
		region->offset = info->offset;
		region->flags = info->flags;
		if (info->size && (info->flags & VFIO_REGION_INFO_FLAG_MMAP)) {
			region->areas[0] = (struct vfio_area){ 0, info->size };
			region->area_count = 1;
		}
		region_capabilities_read(region, info);
		free(info);
	}
	return 0;
}

static int irqs_init(struct vfio_device *device, uint32_t count, char why[WHY_SIZE])
{
	for (unsigned int i = 0; i < min(count, (uint32_t)VFIO_PCI_NUM_IRQS); i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = i };

		int error = ioctl_call(device->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

		/*
		 * Errors and requests are signalled by some devices and kernels; these by all. But
		 * a mediated device may not know of what it does not have.
		 */
		if (error < 0 && i <= VFIO_PCI_MSIX_IRQ_INDEX && !bdf_is_mdev(device->bdf))
			return refuse(why, -EIO, "%s: VFIO_DEVICE_GET_IRQ_INFO of interrupt %u: %s",
				      device->bdf, i, strerror(-error));
		if (error < 0)
			continue;
		device->irqs[i].count = info.count;
		device->irqs[i].flags = info.flags;
	}
	return 0;
}

/* What the device that is open has. */
static int device_read(struct vfio_device *device, char why[WHY_SIZE])
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int error = ioctl_call(device->fd, VFIO_DEVICE_GET_INFO, &info);

	if (error < 0)
		return refuse(why, -EIO, "%s: VFIO_DEVICE_GET_INFO: %s", device->bdf,
			      strerror(-error));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return refuse(why, -EIO, "%s: VFIO says that this is not a PCI device",
			      device->bdf);
	device->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	error = regions_init(device, info.num_regions, why);
	if (error == 0)
		error = irqs_init(device, info.num_irqs, why);
	if (error == 0 && !device->regions[VFIO_PCI_CONFIG_REGION_INDEX].size)
		error = refuse(why, -EIO, "%s: VFIO shows no configuration space", device->bdf);
	return error;
}

int vfio_device_init(struct vfio_device *device, struct iommu *iommu,
		     const struct iommu_device *wanted, char why[WHY_SIZE])
{
	int error;

	memset(device, 0, sizeof(*device));
	snprintf(device->bdf, sizeof(device->bdf), "%s", wanted->bdf);
	device->fd = iommu_device_open(iommu, wanted, why);
	if (device->fd < 0)
		return device->fd;
	error = device_read(device, why);
	if (error < 0)
		fd_close(&device->fd);
	return error;
}

void vfio_device_cleanup(struct vfio_device *device)
{
	fd_close(&device->fd);
}

int vfio_device_reset(struct vfio_device *device)
{
	return ioctl_value(device->fd, VFIO_DEVICE_RESET, 0);
}

/* The kernel says how many there are, and lists them only where there is room for all. */
struct vfio_pci_hot_reset_info *vfio_device_hot_reset_info(struct vfio_device *device)
{
	struct vfio_pci_hot_reset_info head = { .argsz = sizeof(head) }, *info;
	int error = ioctl_array(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &head);
	size_t size = sizeof(head) + head.count * sizeof(head.devices[0]);

	if (error < 0 && error != -ENOSPC) {
		errno = -error;
		return NULL;
	}
	info = calloc(1, size);
	if (!info)
		return NULL;
	info->argsz = (uint32_t)size;
	error = ioctl_array(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
	if (error == 0)
		return info;
	free(info);
	errno = -error;
	return NULL;
}

int vfio_device_hot_reset(struct vfio_device *device, const int32_t *fds, unsigned int count)
{
	uint32_t room[sizeof(struct vfio_pci_hot_reset) / sizeof(uint32_t) + IOMMU_FILES_MAX];
	struct vfio_pci_hot_reset *reset = (void *)room;

	reset->argsz = (uint32_t)(sizeof(*reset) + count * sizeof(*fds));
	reset->flags = 0;
	reset->count = count;
	if (count)
		memcpy(reset->group_fds, fds, count * sizeof(*fds));
	return ioctl_array(device->fd, VFIO_DEVICE_PCI_HOT_RESET, reset);
}

int vfio_region_read(struct vfio_device *device, unsigned int index, uint64_t offset,
		     unsigned int size, uint64_t *value)
{
	ssize_t got;

	*value = 0;
	got = pread(device->fd, value, size, (off_t)(device->regions[index].offset + offset));
	if (got == (ssize_t)size)
		return 0;
	*value = bytes_mask(size);
	return got < 0 ? -errno : -EIO;
}

int vfio_region_write(struct vfio_device *device, unsigned int index, uint64_t offset,
		      unsigned int size, uint64_t value)
{
	ssize_t put;

	put = pwrite(device->fd, &value, size, (off_t)(device->regions[index].offset + offset));
	if (put == (ssize_t)size)
		return 0;
	return put < 0 ? -errno : -EIO;
}

int vfio_region_read_block(struct vfio_device *device, unsigned int index, uint64_t offset,
			   void *data, size_t size)
{
	return fd_pread_all(device->fd, data, size,
			    (off_t)(device->regions[index].offset + offset));
}

void *vfio_area_map(struct vfio_device *device, unsigned int index, uint64_t offset, uint64_t size)
{
	const struct vfio_region *region = &device->regions[index];
	const uint64_t align = size >= GIB ? GIB : 2 * MIB;
	int protection = (region->flags & VFIO_REGION_INFO_FLAG_READ ? PROT_READ : 0) |
			 (region->flags & VFIO_REGION_INFO_FLAG_WRITE ? PROT_WRITE : 0);
	void *reserved = NULL, *hva, *wanted;

	/* KVM can use a huge page only where both addresses agree modulo its size. */
	if (size >= align) {
		reserved =
			mmap(NULL, size + 2 * align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (reserved == MAP_FAILED)
			return NULL;
		wanted = (void *)(align_up((uintptr_t)reserved, align) + offset % align);
		munmap(reserved, size + 2 * align);
		reserved = wanted;
	}
	hva = mmap(reserved, size, protection, MAP_SHARED, device->fd,
		   (off_t)(region->offset + offset));
	return hva == MAP_FAILED ? NULL : hva;
}

void vfio_area_unmap(void *hva, uint64_t size)
{
	munmap(hva, size);
}

/* linux/vfio.h: struct vfio_irq_set ends in data whose kind the flags tell; here descriptors. */
static int irq_set(struct vfio_device *device, uint32_t flags, unsigned int index,
		   unsigned int start, unsigned int count, const int *eventfds)
{
	size_t size = eventfds ? count * sizeof(int32_t) : 0;
	/* The most frequent, and those that turn something off, must not fail for want of memory.
	 */
	uint32_t room[(sizeof(struct vfio_irq_set) + sizeof(int32_t)) / sizeof(uint32_t)];
	struct vfio_irq_set *large = NULL, *set = (void *)room;
	int result;

	if (sizeof(*set) + size > sizeof(room))
		set = large = malloc(sizeof(*set) + size);
	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + size);
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (eventfds)
		memcpy(set->data, eventfds, size);
	result = ioctl_array(device->fd, VFIO_DEVICE_SET_IRQS, set);
	free(large);
	return result;
}

int vfio_irqs_set(struct vfio_device *device, unsigned int index, unsigned int start,
		  unsigned int count, const int *eventfds)
{
	return irq_set(device, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, index,
		       start, count, eventfds);
}

int vfio_irq_trigger(struct vfio_device *device, unsigned int index, unsigned int vector)
{
	return irq_set(device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index, vector,
		       1, NULL);
}

void vfio_irqs_disable(struct vfio_device *device, unsigned int index)
{
	int error = irq_set(device, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index, 0,
			    0, NULL);

	if (error < 0)
		log_warn("%s: cannot turn its interrupts off: %s", device->bdf, strerror(-error));
}

int vfio_intx_unmask_set(struct vfio_device *device, int eventfd)
{
	return irq_set(device, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK,
		       VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &eventfd);
}

int vfio_intx_mask(struct vfio_device *device, bool masked)
{
	uint32_t action = masked ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK;

	return irq_set(device, VFIO_IRQ_SET_DATA_NONE | action, VFIO_PCI_INTX_IRQ_INDEX, 0, 1,
		       NULL);
}
