/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/vf_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vfio/iommu.h"

int vf_token_parse(const char *text, uint8_t token[16])
{
	unsigned int count = 0;

	if (!uuid_check(text))
		return -EINVAL;
	for (const char *at = text; *at; at += *at == '-' ? 1 : 2)
		if (*at != '-')
			sscanf(at, "%2hhx", &token[count++]);
	return 0;
}

int vf_token_refuse(const struct iommu_device *wanted, int error, char why[WHY_SIZE])
{
	if (error == -EACCES && !wanted->vf_token)
		return refuse(
			why, -ENODEV,
			"%s: a virtual function whose physical function is bound to vfio-pci, "
			"or the other way round: give both the same token, --device "
			"%s,vf-token=UUID",
			wanted->bdf, wanted->bdf);
	if (error == -EACCES)
		return refuse(why, -ENODEV,
			      "%s: vf-token is not the token of its physical function, or of its "
			      "virtual functions that are in use: give both the same",
			      wanted->bdf);
	/* E2BIG: the first releases of 6.18 take none. */
	if ((error == -EINVAL || error == -E2BIG) && wanted->vf_token)
		return refuse(why, -ENODEV,
			      "%s: the kernel takes no vf-token for it: leave it out where the "
			      "physical function is not bound to vfio-pci; by iommufd it takes "
			      "Linux 6.18 (or use --iommu type1)",
			      wanted->bdf);
	return 0;
}
