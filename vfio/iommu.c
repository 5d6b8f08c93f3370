/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/iommu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"

void iommu_init(struct iommu *iommu)
{
	memset(iommu, 0, sizeof(*iommu));
	iommu->container_fd = -1;
}

void iommu_cleanup(struct iommu *iommu)
{
	for (unsigned int i = 0; i < iommu->group_count; i++)
		fd_close(&iommu->groups[i].fd);
	fd_close(&iommu->container_fd);
}

/* For all that is wrong with a host: error_exit_code(). */
#define HOST_ERROR (-ENODEV)

static int container_open(struct iommu *iommu, char why[WHY_SIZE])
{
	int version;

	iommu->container_fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (iommu->container_fd < 0 && errno == ENOENT)
		return refuse(why, HOST_ERROR,
			      "/dev/vfio/vfio does not exist: load VFIO (modprobe vfio-pci)");
	if (iommu->container_fd < 0)
		return refuse(why, HOST_ERROR, "/dev/vfio/vfio: %s%s", strerror(errno),
			      errno == EACCES ? "; run as root, or give the file to your group "
						"(chgrp, chmod g+rw)"
					      : "");
	version = ioctl_value(iommu->container_fd, VFIO_GET_API_VERSION, 0);
	if (version != VFIO_API_VERSION)
		return refuse(why, HOST_ERROR, "/dev/vfio/vfio: API version %d, posthorn speaks %d",
			      version, VFIO_API_VERSION);
	if (ioctl_value(iommu->container_fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return refuse(why, HOST_ERROR,
			      "VFIO has no driver for this host's IOMMU: modprobe "
			      "vfio_iommu_type1; if it is loaded, " IOMMU_MISSING_REMEDY);
	return 0;
}

/* The link's last part is the number of the function's IOMMU group. -1: there is none. */
static int group_number(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t length;
	int number;

	file_path_set(path, "", "/sys/bus/pci/devices/%s/iommu_group", bdf);
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
			      "%s: IOMMU group %d (%s) is in use by another process; `fuser -v %s` "
			      "tells which",
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
	int error = ioctl_call(group_fd, VFIO_GROUP_SET_CONTAINER, &iommu->container_fd);

	if (error < 0 && iommu->group_count)
		return refuse(why, HOST_ERROR,
			      "%s: IOMMU group %d cannot share an address space with the devices "
			      "before it: %s; assign it to a VM of its own",
			      bdf, number, strerror(-error));
	if (error < 0)
		return refuse(why, HOST_ERROR,
			      "%s: the kernel gives IOMMU group %d to no guest: %s; `posthorn "
			      "check %s` or dmesg may say why",
			      bdf, number, strerror(-error), bdf);
	if (iommu->group_count)
		return 0;
	error = ioctl_value(iommu->container_fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
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
	int fd, error;

	for (unsigned int i = 0; i < iommu->group_count; i++)
		if (iommu->groups[i].number == number)
			return iommu->groups[i].fd;
	if (iommu->group_count == IOMMU_GROUPS_MAX)
		return refuse(why, -EINVAL, "%s: more than %d IOMMU groups in one VM", bdf,
			      IOMMU_GROUPS_MAX);
	fd = group_open(bdf, number, why);
	if (fd < 0)
		return fd;
	error = container_set(iommu, bdf, number, fd, why);
	if (error < 0) {
		close(fd);
		return error;
	}
	iommu->groups[iommu->group_count].number = number;
	iommu->groups[iommu->group_count++].fd = fd;
	return fd;
}

int iommu_device_open(struct iommu *iommu, const char *bdf, char why[WHY_SIZE])
{
	int number = group_number(bdf), error = 0, group_fd, fd;

	if (number < 0)
		return refuse(why, HOST_ERROR, "%s: no IOMMU group: " IOMMU_MISSING_REMEDY, bdf);
	if (iommu->container_fd < 0)
		error = container_open(iommu, why);
	if (error < 0)
		return error;
	group_fd = group_get(iommu, bdf, number, why);
	if (group_fd < 0)
		return group_fd;
	/* The argument is the name itself: a string of no fixed size. */
	fd = ioctl_value(group_fd, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (fd < 0)
		return refuse(why, HOST_ERROR,
			      "%s: VFIO does not give the device out: %s; dmesg may say more (a "
			      "failed reset, or a VF whose PF wants a token)",
			      bdf, strerror(-fd));
	return fd;
}

static struct vfio_iommu_type1_info *info_get(int container_fd)
{
	const struct vfio_iommu_type1_info wanted = { .argsz = sizeof(wanted) };

	return ioctl_grown(container_fd, VFIO_IOMMU_GET_INFO, &wanted, sizeof(wanted));
}

static unsigned int ranges_copy(const struct vfio_iommu_type1_info_cap_iova_range *from,
				struct iommu_range *to)
{
	unsigned int count = min(from->nr_iovas, (uint32_t)IOMMU_RANGES_MAX);

	for (unsigned int i = 0; i < count; i++) {
		to[i].base = from->iova_ranges[i].start;
		/* The kernel's end is the last byte; one of 2^64 bytes cannot be said, nor is. */
		to[i].size = from->iova_ranges[i].end - from->iova_ranges[i].start + 1;
	}
	return count;
}

unsigned int iommu_ranges(const struct iommu *iommu, struct iommu_range ranges[IOMMU_RANGES_MAX])
{
	struct vfio_iommu_type1_info *info = info_get(iommu->container_fd);
	unsigned int count = 0;
	uint32_t offset;

	if (!info)
		return 0;
	offset = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	while (offset) {
		struct vfio_info_cap_header *header = (void *)((char *)info + offset);

		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			count = ranges_copy((void *)header, ranges);
		offset = header->next;
	}
	free(info);
	return count;
}

uint64_t iommu_page_sizes(const struct iommu *iommu)
{
	struct vfio_iommu_type1_info *info = info_get(iommu->container_fd);
	uint64_t sizes = 0;

	if (info && info->flags & VFIO_IOMMU_INFO_PGSIZES)
		sizes = info->iova_pgsizes;
	free(info);
	return sizes;
}

bool iommu_coherent(const struct iommu *iommu)
{
	return ioctl_value(iommu->container_fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) > 0;
}

void iommu_kvm_attach(const struct iommu *iommu, struct vm *vm)
{
	for (unsigned int i = 0; i < iommu->group_count; i++) {
		int error = vm_vfio_add(vm, iommu->groups[i].fd);

		if (error < 0)
			log_warn("IOMMU group %d: KVM's VFIO device refuses it: %s",
				 iommu->groups[i].number, strerror(-error));
	}
}

static bool group_owns(int number, const struct vfio_pci_dependent_device *device)
{
	return device->group_id == (uint32_t)number;
}

/* A group may also have functions without a driver, or with one that leaves DMA alone. */
bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device)
{
	char path[PATH_MAX];

	file_path_set(path, "", "/sys/bus/pci/devices/%04x:%02x:%02x.%x/vfio-dev", device->segment,
		      device->bus, PCI_SLOT(device->devfn), PCI_FUNC(device->devfn));
	for (unsigned int i = 0; i < iommu->group_count; i++)
		if (group_owns(iommu->groups[i].number, device))
			return access(path, F_OK) == 0;
	return false;
}

/* The kernel takes no more groups than there are functions to reset, and so none that has none. */
unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_GROUPS_MAX])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < iommu->group_count; i++) {
		unsigned int j = 0;

		while (j < info->count && !group_owns(iommu->groups[i].number, &info->devices[j]))
			j++;
		if (j < info->count)
			fds[count++] = iommu->groups[i].fd;
	}
	return count;
}

int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = size,
	};

	return ioctl_call(iommu->container_fd, VFIO_IOMMU_MAP_DMA, &map);
}

void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};
	int error = ioctl_call(iommu->container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (error < 0)
		log_warn("cannot unmap DMA at 0x%llx: %s", (unsigned long long)iova,
			 strerror(-error));
}
