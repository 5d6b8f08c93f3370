/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the assigned functions of a VM are reset.
 *
 * One that has a reset of its own is reset by the kernel when it is opened, and by
 * VFIO_DEVICE_RESET for the guest. One that has none can be reset with its bus or slot
 * (VFIO_DEVICE_PCI_HOT_RESET) when all that is reset by it belongs to this VM; which of the guest's
 * functions that are is kept in vfio_function.siblings.
 */
#ifndef POSTHORN_VFIO_RESET_H
#define POSTHORN_VFIO_RESET_H

#include <linux/vfio.h>

#include "vfio/function_state.h"

/*
 * When all functions of the VM are open: reset @function with its bus if the kernel could not reset
 * it, and its bus was not reset for another. Returns whether vfio_reset() can reset it. Of one that
 * cannot be reset a warning says why, and who stands in the way. Start-up only.
 */
bool vfio_reset_init(struct vfio_function *function);

/*
 * Reset @function for the guest. A bus is not reset as long as the guest uses other functions of it
 * (pci_device_is_used()). 0, or -errno with the reason in @why. Any thread, without the locks of
 * functions, while nothing else is done to this one (pci_device_leave()). May take some hundred
 * milliseconds.
 */
int vfio_reset(struct vfio_function *function, char why[WHY_SIZE]);

/*
 * What a reset of its bus would reset beside @device, and is not @iommu's: the address of the first
 * such function in @bdf; "" where there is none, and the bus can be reset. 0, or -errno when it
 * cannot be reset anyhow: -ENODEV when the kernel can reset neither its bus nor its slot.
 */
int vfio_reset_obstacle(struct vfio_device *device, const struct iommu *iommu, char bdf[BDF_SIZE]);

#endif
