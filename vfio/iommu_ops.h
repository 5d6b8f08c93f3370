/* SPDX-License-Identifier: BSD-2-Clause */
/* What vfio/iommu.c has done by VFIO's groups (type1.c) or by iommufd (iommufd.c). */
#ifndef POSTHORN_VFIO_IOMMU_OPS_H
#define POSTHORN_VFIO_IOMMU_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/log.h"

struct iommu;
struct iommu_device;
struct vm_ram;

/* For all that is wrong with a host: error_exit_code(). */
#define HOST_ERROR (-ENODEV)

/*
 * All fail with -errno and the reason in @why, as iommu_device_open() does. A call is a start-up
 * one, but for those of bar_map and bar_unmap: these may come from any thread.
 */
struct iommu_ops {
	const char *name; /* as --iommu has it */
	bool by_groups;	  /* its files are those of groups, and iommu_cleanup() closes them */
	/* The end of a message, for a limit of locked memory that is too low. */
	const char *lock_remedy;
	/* Open iommu->fd, for an address space without devices. 0 or -errno. */
	int (*open)(struct iommu *iommu, char why[WHY_SIZE]);
	/* iommu->fd is open. Returns the device's descriptor, the caller's. */
	int (*device_open)(struct iommu *iommu, const struct iommu_device *wanted,
			   char why[WHY_SIZE]);
	/* See iommu_ram_map(). */
	int (*ram_map)(struct iommu *iommu, const struct vm_ram *ram);
	/* See iommu_map() and iommu_unmap(); NULL: a BAR cannot be mapped. */
	int (*bar_map)(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva);
	int (*bar_unmap)(struct iommu *iommu, uint64_t iova, uint64_t size);
};

extern const struct iommu_ops iommu_type1_ops, iommu_iommufd_ops;

/*
 * Note the file @fd of @group or of a device, which KVM is to be told of: @name in messages. There
 * must be room for it (IOMMU_FILES_MAX).
 */
void iommu_file_add(struct iommu *iommu, const char *name, uint32_t group, int fd);

#endif
