/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said to VFIO of a reset of the bus: vfio/device.h, and the proof by vfio/iommu.h that all
 * of it is the VM's. __wrap_ioctl_named() is VFIO's device, as in Linux (vfio_pci_core.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "lib/util.h"
#include "vfio/device.h"
#include "vfio/iommu.h"
#include "vfio/iommu_ops.h"

#define DEVICE_FD 70

static struct {
	unsigned int count; /* of functions on the bus */
	struct vfio_pci_dependent_device functions[4];
	unsigned int asked; /* how often for them */
	int errors[2];	    /* that an asking gets, 0: none */
	unsigned int proof_count;
	int32_t proof[4];
	int reset_error;
} host;

static int info_get(struct vfio_pci_hot_reset_info *info)
{
	size_t size = sizeof(*info) + host.count * sizeof(info->devices[0]);
	int error = host.errors[host.asked++ % ARRAY_SIZE(host.errors)];

	if (error)
		return error;
	info->flags = 0;
	info->count = host.count;
	if (info->argsz < size)
		return -ENOSPC;
	memcpy(info->devices, host.functions, host.count * sizeof(info->devices[0]));
	return 0;
}

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	const struct vfio_pci_hot_reset *reset = argument;

	(void)name;
	assert_int_equal(fd, DEVICE_FD);
	if (request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO)
		return info_get(argument);
	assert_int_equal(request, VFIO_DEVICE_PCI_HOT_RESET);
	assert_int_equal(reset->argsz, sizeof(*reset) + reset->count * sizeof(int32_t));
	assert_int_equal(reset->flags, 0);
	assert_true(reset->count <= ARRAY_SIZE(host.proof));
	host.proof_count = reset->count;
	memcpy(host.proof, reset->group_fds, reset->count * sizeof(int32_t));
	return host.reset_error;
}

int __wrap_access(const char *name, int mode);

/* VFIO has all of them but function 1. */
int __wrap_access(const char *name, int mode)
{
	(void)mode;
	return strcmp(name, "/sys/bus/pci/devices/0000:01:00.0/vfio-dev") &&
			       strcmp(name, "/sys/bus/pci/devices/0000:01:00.2/vfio-dev")
		       ? -1
		       : 0;
}

static struct vfio_device device = { .bdf = "0000:01:00.0", .fd = DEVICE_FD };

/* Two functions of group 5, and one of group 9. */
static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.count = 3;
	for (unsigned int i = 0; i < host.count; i++)
		host.functions[i] = (struct vfio_pci_dependent_device){ .group_id = i < 2 ? 5 : 9,
									.bus = 1,
									.devfn = (uint8_t)i };
	return 0;
}

static void functions_are_listed_however_many_there_are(void **state)
{
	struct vfio_pci_hot_reset_info *info = vfio_device_hot_reset_info(&device);

	(void)state;
	assert_non_null(info);
	assert_int_equal(info->count, 3);
	assert_int_equal(info->devices[2].group_id, 9);
	assert_int_equal(info->devices[2].devfn, 2);
	free(info);
}

/* The kernel lists a number in the iommufd, 0 for what cannot be another's, and -1 else. */
static void by_iommufd_the_kernel_knows_whose_they_are(void **state)
{
	struct iommu iommu = {
		.ops = &iommu_iommufd_ops,
		.files = { { "0000:01:00.0", 0, 40 } },
		.file_count = 1,
	};
	const struct vfio_pci_dependent_device numbered = { .group_id = 3 }, none = { 0 };
	const struct vfio_pci_dependent_device others = { .group_id = UINT32_MAX };
	struct vfio_pci_hot_reset_info *info = vfio_device_hot_reset_info(&device);
	int32_t fds[IOMMU_FILES_MAX];

	(void)state;
	assert_non_null(info);
	assert_int_equal(iommu_reset_proof(&iommu, info, fds), 0);
	assert_true(iommu_owns(&iommu, &numbered));
	assert_true(iommu_owns(&iommu, &none));
	assert_false(iommu_owns(&iommu, &others));
	free(info);
}

/* Also between the two: a function may have come. */
static void failures_are_told(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(host.errors); i++) {
		setup(state);
		host.errors[i] = -ENODEV;
		errno = 0;
		assert_null(vfio_device_hot_reset_info(&device));
		assert_int_equal(errno, ENODEV);
	}
	host.reset_error = -EAGAIN;
	assert_int_equal(vfio_device_hot_reset(&device, NULL, 0), -EAGAIN);
}

/* The kernel refuses more groups than there are functions, and so any that has none there. */
static void proof_is_each_group_that_has_a_function_there(void **state)
{
	struct iommu iommu = {
		.ops = &iommu_type1_ops,
		.files = { { "", 4, 40 }, { "", 9, 90 }, { "", 5, 50 } },
		.file_count = 3,
	};
	struct vfio_pci_hot_reset_info *info = vfio_device_hot_reset_info(&device);
	int32_t fds[IOMMU_FILES_MAX];

	(void)state;
	assert_non_null(info);
	assert_int_equal(iommu_reset_proof(&iommu, info, fds), 2);
	assert_int_equal(fds[0], 90);
	assert_int_equal(fds[1], 50);
	assert_int_equal(vfio_device_hot_reset(&device, fds, 2), 0);
	assert_int_equal(host.proof_count, 2);
	assert_int_equal(host.proof[1], 50);
	assert_true(iommu_owns(&iommu, &info->devices[0]));
	assert_true(iommu_owns(&iommu, &info->devices[2]));
	assert_false(iommu_owns(&iommu, &info->devices[1]));
	iommu.file_count = 2;
	assert_false(iommu_owns(&iommu, &info->devices[0]));
	free(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(functions_are_listed_however_many_there_are, setup),
		cmocka_unit_test_setup(failures_are_told, setup),
		cmocka_unit_test_setup(proof_is_each_group_that_has_a_function_there, setup),
		cmocka_unit_test_setup(by_iommufd_the_kernel_knows_whose_they_are, setup),
	};

	return cmocka_run_group_tests_name("hot_reset", tests, NULL, NULL);
}
