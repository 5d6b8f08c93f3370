/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel that this host runs, as a file, for guests without a kernel of their own. */
#ifndef POSTHORN_VMM_HOST_KERNEL_H
#define POSTHORN_VMM_HOST_KERNEL_H

#include <limits.h>

#include "lib/log.h"

/*
 * Find the image of the kernel @release (uname -r) where distributions keep it, and write its path
 * into @path. The first one that this process may read is taken; nobody has looked yet whether it
 * can be booted. @root goes before each path: "" on a real host.
 *
 * Returns 0, or -ENOENT after writing into @why one sentence that names each file that was looked
 * for, why it cannot be had, and what helps.
 */
int host_kernel_image_find(const char *root, const char *release, char path[PATH_MAX],
			   char why[WHY_SIZE]);

#endif
