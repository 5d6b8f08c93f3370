/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legacy ranges of a VGA controller (IBM PS/2 Hardware Interface, "Video Subsystem"): memory
 * 0xa0000 to 0xbffff, and the ports 0x3b0 to 0x3bb and 0x3c0 to 0x3df. No BAR names them. VFIO has
 * them in a region of their own, VFIO_PCI_VGA_REGION_INDEX, in which offsets are those addresses.
 *
 * The region can only be read and written, never mapped: with each access the host's VGA arbiter
 * has the ranges lead to this card, and it may have to take them from another one.
 *
 * The guest's function is on the root bus: there is no bridge before it whose VGA bits (PCI-to-PCI
 * Bridge Architecture 1.2, 3.2.5.18) would matter. It decodes the memory while it decodes memory,
 * and the ports while it decodes ports (PCI Local Bus 3.0, 6.2.2).
 */
#ifndef POSTHORN_VFIO_VGA_H
#define POSTHORN_VFIO_VGA_H

#include "vfio/function_state.h"

struct bus;

/*
 * Can the guest have the legacy ranges of @function, which is initialised? 0, or with the reason
 * and the remedy in @why: -EINVAL, it is no VGA controller; -ENODEV, VFIO has no such region of it.
 * Start-up only.
 */
int vfio_vga_check(const struct vfio_function *function, char why[WHY_SIZE]);

/*
 * Let @function, which passed vfio_vga_check(), answer at the legacy ranges: they are added to
 * @memory and @ports, once for a VM. No RAM of the guest may be there. 0 or what bus_add()
 * returned. Start-up only.
 *
 * An access of the guest waits for the host's arbiter if another program has the ranges locked. The
 * function's lock is not held then.
 */
int vfio_vga_attach(struct vfio_function *function, struct bus *memory, struct bus *ports);

#endif
