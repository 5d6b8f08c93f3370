/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What posthorn uses of iommufd and of VFIO's device files, which the headers of older systems lack
 * (linux/iommufd.h is of Linux 6.2, and device files came to linux/vfio.h with 6.6). The structures
 * have names of their own, so that newer headers do not get in the way; the requests have the
 * kernel's. Documentation/userspace-api/iommufd.rst, Documentation/driver-api/vfio.rst.
 */
#ifndef POSTHORN_VFIO_IOMMUFD_UAPI_H
#define POSTHORN_VFIO_IOMMUFD_UAPI_H

#include <linux/vfio.h>
#include <stdint.h>

/* ---- /dev/iommu: each argument begins with its own size in bytes ---- */

#ifndef IOMMU_IOAS_ALLOC
#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_MAP	 _IO(';', 0x85)
#define IOMMU_VFIO_IOAS	 _IO(';', 0x88)
#endif

struct ioas_alloc {
	uint32_t size, flags;
	uint32_t ioas; /* the answer */
};

#define IOAS_MAP_FIXED	  0x1U /* at the address that is asked for */
#define IOAS_MAP_WRITABLE 0x2U
#define IOAS_MAP_READABLE 0x4U

struct ioas_map {
	uint32_t size, flags;
	uint32_t ioas, reserved;
	uint64_t hva, length, iova;
};

#define IOAS_OF_VFIO_SET 1U

/* Which address space VFIO's own requests are about when they are made of /dev/iommu. */
struct ioas_of_vfio {
	uint32_t size, ioas;
	uint16_t operation, reserved;
};

/* ---- a device file: each argument begins with its own size in bytes ---- */

#ifndef VFIO_DEVICE_BIND_IOMMUFD
#define VFIO_DEVICE_BIND_IOMMUFD      _IO(VFIO_TYPE, VFIO_BASE + 18)
#define VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#endif

#define DEVICE_BIND_TOKEN 0x1U /* there is a token: Linux 6.18 */

struct device_bind {
	uint32_t size, flags;
	int32_t iommufd;
	uint32_t device; /* the answer: its number in the iommufd */
	uint64_t token;	 /* where its 16 bytes are */
};

struct device_attach {
	uint32_t size, flags;
	uint32_t ioas; /* becomes the number of the page table */
};

#endif
