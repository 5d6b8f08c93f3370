/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pf_holder type1|iommufd BDF UUID: what a driver of a physical function in user space does. It
 * takes the function by VFIO, gives it the token UUID for those who take its virtual functions,
 * prints "ready", and keeps it until standard input ends.
 */
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ioctl.h"
#include "vfio/iommu.h"
#include "vfio/vf_token.h"

/* The request's header and its data. */
struct token_set {
	struct vfio_device_feature feature;
	uint8_t token[16];
};

int main(int argc, char **argv)
{
	struct token_set set = {
		.feature.argsz = sizeof(set),
		.feature.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
	};
	char why[WHY_SIZE], byte;
	struct iommu iommu;
	int fd, error;

	if (argc != 4 || vf_token_parse(argv[3], set.token) < 0)
		die(EXIT_USAGE, "pf_holder type1|iommufd BDF UUID");
	iommu_init(&iommu, strcmp(argv[1], "iommufd") == 0 ? IOMMU_IOMMUFD : IOMMU_TYPE1, 0);
	fd = iommu_device_open(&iommu, &(struct iommu_device){ .bdf = argv[2] }, why);
	if (fd < 0)
		die(error_exit_code(fd), "%s", why);
	error = ioctl_array(fd, VFIO_DEVICE_FEATURE, &set);
	if (error < 0)
		die(EXIT_HOST, "%s: VFIO_DEVICE_FEATURE: %s", argv[2], strerror(-error));
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(fd);
	iommu_cleanup(&iommu);
	return EXIT_SUCCESS;
}
