/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BARs of an assigned device: what can be mapped becomes guest memory (a memslot each), so that
 * an access costs no exit. Trapped are only the host pages that hold the MSI-X table or its pending
 * bits, I/O ports, and what the kernel does not let be mapped.
 *
 * Everything here but vfio_bar_init() and _cleanup() is called with the lock of the function held
 * (devices/pci.h).
 */
#ifndef POSTHORN_VFIO_BAR_H
#define POSTHORN_VFIO_BAR_H

#include "vfio/function_state.h"

/*
 * BARs are told by their index in pci_device.bars, which is that of VFIO's region too
 * (VFIO_PCI_BAR0_REGION_INDEX to VFIO_PCI_ROM_REGION_INDEX).
 */

/*
 * With table and pba set: find the areas of a memory BAR and map them into this process. What
 * cannot be mapped is trapped. So is the ROM, until the guest first reads it: then a copy is made,
 * without the lock, and becomes guest memory. 0, or -EBUSY with the reason in @why when somebody
 * else on the host has claimed a part of the BAR. Start-up only.
 */
int vfio_bar_init(struct vfio_function *function, unsigned int index, char why[WHY_SIZE]);

/* The BAR must not be mapped in the guest. */
void vfio_bar_cleanup(struct vfio_function *function, unsigned int index);

/*
 * pci_device_ops.bar_map, .bar_unmap and .bar_access of an assigned function. What cannot be mapped
 * is reported once and left to vfio_bar_access(). The device must decode while a BAR is mapped.
 * When vfio_bar_unmap() returns, no vCPU reaches the BAR any more.
 */
void vfio_bar_map(struct pci_device *pci, unsigned int index) LOCK_HELD(pci->lock);
void vfio_bar_unmap(struct pci_device *pci, unsigned int index) LOCK_HELD(pci->lock);
void vfio_bar_access(struct pci_device *pci, unsigned int index, uint64_t offset,
		     struct access *access) LOCK_HELD(pci->lock);

#endif
