/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One VFIO device: its regions, its interrupts, its reset (linux/vfio.h). Thin on purpose: this is
 * where the unit tests put a made-up device in place of the kernel's.
 *
 * No function here keeps a lock: all but vfio_device_init() and _cleanup() may be called by any
 * thread, and the kernel serializes.
 */
#ifndef POSTHORN_VFIO_DEVICE_H
#define POSTHORN_VFIO_DEVICE_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"
#include "vfio/bdf.h"

struct iommu;
struct iommu_device;

#define VFIO_AREAS_MAX 8

/* A part of a region that can be mapped, relative to the region's start, in bytes. */
struct vfio_area {
	uint64_t offset, size;
};

struct vfio_region {
	uint64_t size;	 /* bytes; 0: the device has none of this index */
	uint64_t offset; /* in the device's file */
	uint32_t flags;	 /* VFIO_REGION_INFO_FLAG_* */
	/* What can be mapped: the sparse-mmap capability, or all of it, or nothing. */
	struct vfio_area areas[VFIO_AREAS_MAX];
	unsigned int area_count;
	/* The kernel lets the pages that hold the MSI-X table be mapped too. */
	bool msix_mappable;
};

struct vfio_device {
	char bdf[BDF_SIZE];
	int fd;
	bool can_reset; /* VFIO_DEVICE_RESET works (and was done when the device was opened) */
	struct vfio_region regions[VFIO_PCI_NUM_REGIONS];
	/* By VFIO_PCI_*_IRQ_INDEX: vectors that the device has, and VFIO_IRQ_INFO_* flags. */
	struct {
		uint32_t count, flags;
	} irqs[VFIO_PCI_NUM_IRQS];
};

/*
 * Open @wanted through @iommu and find out what it has. The kernel resets the function when it is
 * opened. 0 or -errno with the reason in @why: as iommu_device_open(), or -EIO when the device does
 * not answer or is no PCI device. After a failure it is closed. Start-up only.
 */
int vfio_device_init(struct vfio_device *device, struct iommu *iommu,
		     const struct iommu_device *wanted, char why[WHY_SIZE]);

/* Close it: the kernel takes its interrupts away and resets it. */
void vfio_device_cleanup(struct vfio_device *device);

/*
 * VFIO_DEVICE_RESET. 0 or -errno: -EAGAIN when somebody else in the kernel has the function at the
 * moment. May take some hundred milliseconds.
 */
int vfio_device_reset(struct vfio_device *device);

/*
 * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: the functions that are reset when the device's bus or slot
 * is, itself among them. The caller's to free(). Start-up only. NULL with errno set: ENODEV when
 * the kernel can reset neither.
 */
struct vfio_pci_hot_reset_info *vfio_device_hot_reset_info(struct vfio_device *device);

/*
 * VFIO_DEVICE_PCI_HOT_RESET: reset them all, which are this process's by the proof of
 * iommu_reset_proof(). As vfio_device_reset().
 */
int vfio_device_hot_reset(struct vfio_device *device, const int32_t *fds, unsigned int count);

/*
 * Read or write 1, 2, 4 or 8 bytes at @offset of region @index (VFIO_PCI_BAR0_REGION_INDEX and so
 * on) through the file. 0 or -errno.
 */
int vfio_region_read(struct vfio_device *device, unsigned int index, uint64_t offset,
		     unsigned int size, uint64_t *value);
int vfio_region_write(struct vfio_device *device, unsigned int index, uint64_t offset,
		      unsigned int size, uint64_t value);

/* Read @size bytes at @offset of region @index into @data. 0 or -errno. */
int vfio_region_read_block(struct vfio_device *device, unsigned int index, uint64_t offset,
			   void *data, size_t size);

/*
 * Map an area of a region (page-aligned offset and size) into this process, placed so that huge
 * pages can be used on the way to the guest. Returns NULL on failure, errno set. Undone by
 * vfio_area_unmap().
 */
void *vfio_area_map(struct vfio_device *device, unsigned int index, uint64_t offset, uint64_t size);
void vfio_area_unmap(void *hva, uint64_t size);

/*
 * Tie vectors [@start, @start + @count) of @index (VFIO_PCI_*_IRQ_INDEX) to @eventfds: from then on
 * the device's interrupt signals them. -1 unties. The first call for an index turns the interrupt
 * kind on in the hardware. VFIO_DEVICE_SET_IRQS with DATA_EVENTFD | ACTION_TRIGGER. Returns 0,
 * -errno, or for MSI and MSI-X the number of vectors to be had when that is fewer.
 */
int vfio_irqs_set(struct vfio_device *device, unsigned int index, unsigned int start,
		  unsigned int count, const int *eventfds);

/*
 * Let the kernel signal the eventfd of @vector of @index, as if the device had interrupted
 * (DATA_NONE | ACTION_TRIGGER). 0 or -errno: -EINVAL while @index is not on, or has no such vector.
 */
int vfio_irq_trigger(struct vfio_device *device, unsigned int index, unsigned int vector);

/* Turn the interrupt kind @index off in the hardware and untie all its vectors. */
void vfio_irqs_disable(struct vfio_device *device, unsigned int index);

/*
 * Let signals of @eventfd unmask the INTx of the device, in the kernel (DATA_EVENTFD |
 * ACTION_UNMASK). Only while INTx is tied to an eventfd. 0, -errno, or a positive number when the
 * host has no INTx of this device: -ENOTTY of a mediated device that does not know how to.
 */
int vfio_intx_unmask_set(struct vfio_device *device, int eventfd);

/*
 * Mask the device's INTx, or unmask it (DATA_NONE | ACTION_MASK or ACTION_UNMASK). What the device
 * wants meanwhile, or still wants, is signalled when it is unmasked. Only while INTx is tied to an
 * eventfd. 0, -errno, or a positive number when the host has no INTx of this device.
 */
int vfio_intx_mask(struct vfio_device *device, bool masked);

#endif
