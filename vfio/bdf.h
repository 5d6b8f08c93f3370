/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of devices of the host: the address of a PCI function, which is its domain, bus, device
 * (slot) and function; or the UUID of a mediated device, which a driver of the host makes up
 * (Documentation/driver-api/vfio-mediated-device.rst).
 */
#ifndef POSTHORN_VFIO_BDF_H
#define POSTHORN_VFIO_BDF_H

#include <stdbool.h>

#define BDF_SIZE  40 /* either, and its NUL */
#define UUID_SIZE 37 /* the text "83f6c0a2-..." and its NUL */

/*
 * Bring "1:2.3", "01:02.3" or "0000:01:02.3" into the full form. 0, or -EINVAL when @text is none
 * of these.
 */
int bdf_parse(const char *text, char bdf[BDF_SIZE]);

/* Is @text a UUID? */
bool uuid_check(const char *text);

/*
 * Bring a UUID into the form that sysfs has for a mediated device, with small letters. 0, or
 * -EINVAL when @text is none.
 */
int mdev_parse(const char *text, char name[BDF_SIZE]);

/* Is @name that of a mediated device, and no address? */
bool bdf_is_mdev(const char *name);

/* Where sysfs has the folder of @name: "/sys/bus/pci/devices" or "/sys/bus/mdev/devices". */
const char *bdf_folder(const char *name);

/* Of an address in full form: PCI_DEVFN() of linux/pci.h, its slot and function. */
unsigned int bdf_devfn(const char *bdf);

/* Are these two, in full form, in one slot, or on one bus? */
bool bdf_same_slot(const char *one, const char *other);
bool bdf_same_bus(const char *one, const char *other);

#endif
