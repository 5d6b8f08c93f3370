/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BARs of an assigned device: what can be mapped becomes guest memory (a memslot each), so that
 * an access costs no exit. Trapped are only the host pages that hold the MSI-X table or its pending
 * bits, I/O ports, and what the kernel does not let be mapped.
 *
 * Everything here is called with the lock of the PCI root held (devices/pci.h).
 */
#ifndef POSTHORN_VFIO_BAR_H
#define POSTHORN_VFIO_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/pci.h"
#include "vfio/device.h"
#include "vfio/irqs.h"

struct iommu;
struct vm;

/* Each of the two MSI-X structures can split an area once more. */
#define BAR_AREAS_MAX (VFIO_AREAS_MAX + 2)

/* A part of a BAR that is mapped into this process, and while the BAR is mapped into the guest. */
struct bar_area {
	uint64_t offset, size; /* in the BAR, bytes, page-aligned */
	void *hva;
	int slot;	 /* memslot, -1: none */
	bool dma_mapped; /* other devices of the VM reach it by DMA */
};

/* A range of a BAR that has an emulated structure in it; size 0: not in this BAR. */
struct bar_range {
	uint64_t offset, size; /* bytes */
};

struct vfio_bar {
	/* fixed; shared by all BARs of a device, except index and areas */
	struct vfio_device *device;
	struct vfio_irqs *irqs;
	struct vm *vm;
	struct iommu *iommu;
	unsigned int index; /* VFIO_PCI_BAR0_REGION_INDEX .. VFIO_PCI_ROM_REGION_INDEX */
	uint64_t page_size;
	struct bar_range table, pba; /* MSI-X */
	struct bar_area areas[BAR_AREAS_MAX];
	unsigned int area_count;
	uint64_t gpa;  /* where the areas are mapped in the guest */
	bool reported; /* a failure was reported already */
	bool rom_is_read;
};

/*
 * With all "fixed" fields set: find the areas of the BAR and map them into this process (the ROM's
 * contents are read when the guest first turns it on). What cannot be mapped is trapped. Start-up
 * only: dies with EXIT_HOST when somebody else on the host has claimed a part of the BAR.
 */
void vfio_bar_init(struct vfio_bar *bar);

/* The BAR must not be mapped in the guest. */
void vfio_bar_cleanup(struct vfio_bar *bar);

/*
 * Make the BAR answer at guest-physical address @gpa. @alone: no other BAR shares a host page with
 * it. What fails is reported once and left to vfio_bar_access(). The device must decode already.
 */
void vfio_bar_map(struct vfio_bar *bar, uint64_t gpa, bool alone);

/* No vCPU reaches the BAR any more when this returns. */
void vfio_bar_unmap(struct vfio_bar *bar);

/* A trapped access at @offset; see pci_device_ops.bar_access. */
void vfio_bar_access(struct vfio_bar *bar, uint64_t offset, struct access *access);

#endif
