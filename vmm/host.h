/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What posthorn run asks of its host before a VM is there. The answers are made in vmm/host/, which
 * reads them from sysfs, /proc and the like: this is all that run knows of it. Start-up only.
 */
#ifndef POSTHORN_VMM_HOST_H
#define POSTHORN_VMM_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"

/*
 * Can @bdf (full form) be assigned as things are? To be asked before iommu_device_open(), because
 * sysfs names what is in the way, and VFIO's ioctls only say no. EXIT_OK, or EXIT_USAGE or
 * EXIT_HOST after an error message with the remedy.
 */
int host_function_check(const char *bdf);

/*
 * May this process pin @size bytes (the guest's RAM) for DMA? EXIT_OK, or EXIT_HOST after an error
 * message with the needed and allowed amounts and the remedy.
 */
int host_lock_check(uint64_t size);

/*
 * Find the image of the kernel @release (uname -r) where distributions keep it, and write its path
 * into @path. The first one that this process may read is taken; nobody has looked yet whether it
 * can be booted. @root goes before each path: "" on a real host.
 *
 * Returns 0, or -ENOENT after writing into @why one sentence that names each file that was looked
 * for, why it cannot be had, and what helps.
 */
int host_kernel_find(const char *root, const char *release, char *path, size_t path_size,
		     char why[WHY_SIZE]);

#endif
