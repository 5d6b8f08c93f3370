/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a function of the host now: made in vmm/host/, and this is all that posthorn run knows of
 * it.
 */
#ifndef POSTHORN_VMM_HOST_FUNCTION_H
#define POSTHORN_VMM_HOST_FUNCTION_H

/*
 * Can @bdf (full form) be assigned as things are? To be asked before iommu_device_open(), because
 * sysfs names what is in the way, and VFIO's ioctls only say no. EXIT_OK, or EXIT_USAGE or
 * EXIT_HOST after an error message with the remedy. Start-up only.
 */
int host_function_check(const char *bdf);

#endif
