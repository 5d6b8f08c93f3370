/* SPDX-License-Identifier: BSD-2-Clause */
/* The address of a PCI function of the host: domain, bus, device (slot) and function. */
#ifndef POSTHORN_VFIO_BDF_H
#define POSTHORN_VFIO_BDF_H

#include <stdbool.h>

#define BDF_SIZE 16 /* "0000:01:02.3" and its NUL, and room for a longer domain */

/*
 * Bring "1:2.3", "01:02.3" or "0000:01:02.3" into the full form. 0, or -EINVAL when @text is none
 * of these.
 */
int bdf_parse(const char *text, char bdf[BDF_SIZE]);

/* Of one in full form: PCI_DEVFN() of linux/pci.h, its slot and function. */
unsigned int bdf_devfn(const char *bdf);

/* Are these two, in full form, in one slot, or on one bus? */
bool bdf_same_slot(const char *one, const char *other);
bool bdf_same_bus(const char *one, const char *other);

#endif
