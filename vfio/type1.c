/* SPDX-License-Identifier: BSD-2-Clause */
/* VFIO's container, with the groups of devices in it (VFIO_TYPE1v2_IOMMU). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "vfio/bdf.h"
#include "vfio/iommu.h"
#include "vfio/iommu_ops.h"
#include "vfio/vf_token.h"

static int container_open(struct iommu *iommu, char why[WHY_SIZE])
{
	int version;

	iommu->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (iommu->fd < 0 && errno == ENOENT)
		return refuse(why, HOST_ERROR,
			      "/dev/vfio/vfio does not exist: load VFIO (modprobe vfio-pci)");
	if (iommu->fd < 0)
		return refuse(why, HOST_ERROR, "/dev/vfio/vfio: %s%s", strerror(errno),
			      errno == EACCES ? "; run as root, or give the file to your group "
						"(chgrp, chmod g+rw)"
					      : "");
	version = ioctl_value(iommu->fd, VFIO_GET_API_VERSION, 0);
	if (version != VFIO_API_VERSION)
		return refuse(why, HOST_ERROR, "/dev/vfio/vfio: API version %d, posthorn speaks %d",
			      version, VFIO_API_VERSION);
	if (ioctl_value(iommu->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return refuse(why, HOST_ERROR,
			      "VFIO has no driver for this host's IOMMU: modprobe "
			      "vfio_iommu_type1; if it is loaded, " IOMMU_MISSING_REMEDY);
	return 0;
}

/* The link's last part is the number of the device's IOMMU group. -1: there is none. */
static int group_number(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t length;
	int number;

	file_path_set(path, bdf_folder(bdf), "/%s/iommu_group", bdf);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -1;
	target[length] = '\0';
	slash = strrchr(target, '/');
	return slash && sscanf(slash, "/%d", &number) == 1 ? number : -1;
}

static int group_open(const char *bdf, int number, char why[WHY_SIZE])
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		return refuse(why, HOST_ERROR,
			      "%s: IOMMU group %d (%s) is in use by another process; `fuser -v %s "
			      "/dev/vfio/devices/*` tells which",
			      bdf, number, path, path);
	if (fd < 0 && errno == EPERM)
		return refuse(why, HOST_ERROR, "%s: %s: %s: " DEVICE_RULES_REMEDY, bdf, path,
			      strerror(errno), path);
	if (fd < 0)
		return refuse(why, HOST_ERROR, "%s: %s: %s%s", bdf, path, strerror(errno),
			      errno == EACCES
				      ? "; run as root, or give the file to your user (chown)"
				      : "");
	if (ioctl_call(fd, VFIO_GROUP_GET_STATUS, &status) == 0 &&
	    status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return fd;
	close(fd);
	return refuse(why, HOST_ERROR,
		      "%s: IOMMU group %d is not viable: one of its functions is bound to a driver "
		      "of the host; `posthorn devices` shows which",
		      bdf, number);
}

/* The first group of the container says what kind of IOMMU it is. */
static int container_set(struct iommu *iommu, const char *bdf, int number, int group_fd,
			 char why[WHY_SIZE])
{
	int error = ioctl_call(group_fd, VFIO_GROUP_SET_CONTAINER, &iommu->fd);

	if (error < 0 && iommu->file_count)
		return refuse(why, HOST_ERROR,
			      "%s: IOMMU group %d cannot share an address space with the devices "
			      "before it: %s; assign it to a VM of its own",
			      bdf, number, strerror(-error));
	if (error < 0)
		return refuse(why, HOST_ERROR,
			      "%s: the kernel gives IOMMU group %d to no guest: %s; `posthorn "
			      "check %s` or dmesg may say why",
			      bdf, number, strerror(-error), bdf);
	if (iommu->file_count)
		return 0;
	error = ioctl_value(iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	if (error == -EPERM)
		return refuse(
			why, HOST_ERROR,
			"%s: the platform has no interrupt remapping: a device could forge "
			"interrupts; turn it on in the firmware (or intremap=on), or accept "
			"the risk: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1. Where "
			"it is on, the firmware uses the device itself (RMRR): `posthorn "
			"check %s` tells which",
			bdf, bdf);
	if (error < 0)
		return refuse(why, HOST_ERROR,
			      "%s: VFIO_SET_IOMMU for group %d: %s; dmesg may say more", bdf,
			      number, strerror(-error));
	return 0;
}

static int group_get(struct iommu *iommu, const char *bdf, int number, char why[WHY_SIZE])
{
	char name[IOMMU_FILE_NAME_SIZE];
	int fd, error;

	for (unsigned int i = 0; i < iommu->file_count; i++)
		if (iommu->files[i].group == (uint32_t)number)
			return iommu->files[i].fd;
	if (iommu->file_count == IOMMU_FILES_MAX)
		return refuse(why, -EINVAL, "%s: more than %d IOMMU groups in one VM", bdf,
			      IOMMU_FILES_MAX);
	fd = group_open(bdf, number, why);
	if (fd < 0)
		return fd;
	error = container_set(iommu, bdf, number, fd, why);
	if (error < 0) {
		close(fd);
		return error;
	}
	snprintf(name, sizeof(name), "IOMMU group %d", number);
	iommu_file_add(iommu, name, (uint32_t)number, fd);
	return fd;
}

static int type1_device_open(struct iommu *iommu, const struct iommu_device *wanted,
			     char why[WHY_SIZE])
{
	const char *bdf = wanted->bdf, *token = wanted->vf_token;
	int number = group_number(bdf), group_fd, fd;
	char name[BDF_SIZE + sizeof(" vf_token=") + VF_TOKEN_SIZE];

	if (number < 0)
		return refuse(why, HOST_ERROR, "%s: no IOMMU group: " IOMMU_MISSING_REMEDY, bdf);
	group_fd = group_get(iommu, bdf, number, why);
	if (group_fd < 0)
		return group_fd;
	/* The argument is the name itself: a string of no fixed size. */
	snprintf(name, sizeof(name), "%s%s%s", bdf, token ? " vf_token=" : "", token ? token : "");
	fd = ioctl_value(group_fd, VFIO_GROUP_GET_DEVICE_FD, name);
	if (fd >= 0)
		return fd;
	if (vf_token_refuse(wanted, fd, why))
		return HOST_ERROR;
	return refuse(why, HOST_ERROR,
		      "%s: VFIO does not give the device out: %s; dmesg may say more (a failed "
		      "reset)",
		      bdf, strerror(-fd));
}

static int type1_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = size,
	};

	return ioctl_call(iommu->fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int type1_unmap(struct iommu *iommu, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	return ioctl_call(iommu->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static int type1_ram_map(struct iommu *iommu, const struct vm_ram *ram)
{
	return type1_map(iommu, ram->gpa, ram->size, ram->hva);
}

const struct iommu_ops iommu_type1_ops = {
	.name = "type1",
	.by_groups = true,
	.lock_remedy = "the memory lock limit (ulimit -l) or the host's memory is too small: use "
		       "less --memory",
	.open = container_open,
	.device_open = type1_device_open,
	.ram_map = type1_ram_map,
	.bar_map = type1_map,
	.bar_unmap = type1_unmap,
};
