/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration space that the guest sees of an assigned function, and what its writes do.
 *
 * Deny by default: a table says for every known field which bits a write may change and what
 * follows from it. What the table does not know is hidden (capabilities) or ignores writes. A read
 * goes to the hardware for fields of the device itself (its status, its vendor capabilities) and
 * for what no capability names; all others cost no system call.
 *
 * Everything here but what is for the start is called with the lock of the function held
 * (devices/pci.h).
 */
#ifndef POSTHORN_VFIO_CONFIG_H
#define POSTHORN_VFIO_CONFIG_H

#include "vfio/function_state.h"

/*
 * Read the function's configuration space and make the guest's from it: pci.config and the policy
 * of @function. Capability chains are not trusted. 0 or -errno when it cannot be read. Start-up
 * only.
 */
int vfio_config_init(struct vfio_function *function);

/*
 * Show the guest an MSI-X table and pending bits at other places than the device's: @table and @pba
 * are PCI_MSIX_TABLE and PCI_MSIX_PBA of its capability, which must be shown. Start-up only.
 */
void vfio_config_msix_move(struct vfio_function *function, uint32_t table, uint32_t pba);

/* Offer the guest a function-level reset, if the function has the capability for it. Start-up only.
 */
void vfio_config_reset_offer(struct vfio_function *function);

/* pci_device_ops.cfg_read and cfg_write of an assigned function. */
uint32_t vfio_config_read(struct pci_device *pci, unsigned int offset, unsigned int size)
	LOCK_HELD(pci->lock);
void vfio_config_write(struct pci_device *pci, unsigned int offset, unsigned int size,
		       uint32_t value) LOCK_HELD(pci->lock);

/* If the function is asleep (D3hot), wake the hardware. What the guest sees of it stays. */
void vfio_config_wake(struct vfio_function *function);

/*
 * Function-level reset on the guest's behalf (PCI Express Base 6.0, 6.6.2): the device by
 * vfio_reset(), which may take some hundred milliseconds, and everything the guest sees of it
 * back to the start. In between the function answers to nobody (pci_device_leave()).
 */
void vfio_config_reset(struct vfio_function *function) LOCK_HELD(function->pci.lock);

#endif
