/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The token that whoever has a physical function by vfio-pci shares with those who have its virtual
 * functions: a UUID (Documentation/driver-api/vfio.rst does not have it; see
 * vfio_pci_validate_vf_token() of Linux).
 */
#ifndef POSTHORN_VFIO_VF_TOKEN_H
#define POSTHORN_VFIO_VF_TOKEN_H

#include <stdint.h>

#include "lib/log.h"
#include "vfio/bdf.h"

#define VF_TOKEN_SIZE UUID_SIZE

struct iommu_device;

/* The bytes of the UUID @text, in its order. 0, or -EINVAL when it is none. */
int vf_token_parse(const char *text, uint8_t token[16]);

/*
 * Say in @why that the kernel refuses the token of @wanted, or that it has none, if @error of an
 * open tells that. Returns -ENODEV then, or 0.
 */
int vf_token_refuse(const struct iommu_device *wanted, int error, char why[WHY_SIZE]);

#endif
