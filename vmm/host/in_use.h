/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does this host itself need a PCI function? Looks at sysfs and /proc below @root: "" on a real
 * host, a directory with made-up files in tests.
 */
#ifndef POSTHORN_VMM_HOST_IN_USE_H
#define POSTHORN_VMM_HOST_IN_USE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/host/sysfs.h"

/*
 * Is the function in use by this host, so that taking its driver would hurt: does it hold a disk
 * with the root file system, another mounted one or swap space, one that is claimed for whatever
 * else (RAID, ZFS, a file system in another mount namespace), or the interface of a default route,
 * or does it have virtual functions? Sees through device mapper, RAID, NVMe multipath, bridges,
 * bonds and VLANs. If so, writes what it is used for into @why (as in "it holds the swap space
 * /dev/sda2") and returns true. Finding a claim takes the right to open the disk, and claims it for
 * a moment. A program that has a disk open without a claim (O_EXCL, open(2)) is not found.
 */
bool host_pci_in_use(const char *root, const struct host_pci *pci, char *why, size_t size);

#endif
