/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the guest has the MSI-X table and the pending bits of an assigned function.
 *
 * They are emulated, so the host pages that hold them are trapped, and with them whatever else is
 * there. PCI Local Bus 3.0, 6.8.2 keeps registers out of the 4 KiB around each, but host pages may
 * be larger: of an NVMe controller the doorbells may then be trapped, which are written for each
 * command. But nothing ties the guest to where the device has them. They can be in a BAR of their
 * own, that the device does not have; then all of the device's BARs is guest memory. VFIO allows
 * that where it has VFIO_REGION_INFO_CAP_MSIX_MAPPABLE. The guest then reaches the device's own
 * table too, which is worth no more to it than DMA to the address of messages: interrupt remapping
 * guards against both.
 */
#ifndef POSTHORN_VFIO_MSIX_H
#define POSTHORN_VFIO_MSIX_H

#include "lib/log.h"

struct vfio_function;

enum msix_table {
	MSIX_TABLE_AUTO, /* of its own where registers would be trapped otherwise, if that can be */
	MSIX_TABLE_DEVICE, /* as the device has it */
	MSIX_TABLE_OWN,	   /* in a BAR of its own */
};

/*
 * Say where they are: in vfio_function.bars and, where that is not as the device has it, in
 * pci.bars and the guest's capability. After vfio_config_init(), with the sizes of pci.bars and the
 * device's regions known; before pci_device_add(). 0, or -EINVAL with the reason in @why when
 * MSIX_TABLE_OWN cannot be.
 */
int vfio_msix_place(struct vfio_function *function, enum msix_table wanted, char why[WHY_SIZE]);

#endif
