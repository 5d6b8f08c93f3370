/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers of VFIO that know a kind of device: with them a guest gets more of it than with vfio-pci,
 * such as migration, or memory that is no BAR. They need not be loaded to be found.
 */
#ifndef POSTHORN_VMM_HOST_VARIANT_H
#define POSTHORN_VMM_HOST_VARIANT_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/host/sysfs.h"

/*
 * Is there a module for @pci that gives it to VFIO, beside vfio-pci? Its name goes into @module of
 * @size bytes. From the function's modalias and the modules.alias of the running kernel, in which
 * such drivers are those of "vfio_pci:" (PCI_DRIVER_OVERRIDE_DEVICE_VFIO in Linux). Where several
 * fit, the one for the fewest devices. Paths start with @root, as in vmm/host/sysfs.h.
 */
bool host_pci_variant_find(const char *root, const struct host_pci *pci, char *module, size_t size);

/* Do the names mean the same driver or module? In those of modules '-' and '_' are the same. */
bool host_pci_driver_is(const char *name, const char *other);

#endif
