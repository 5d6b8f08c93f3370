/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/iommu.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/pci.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/iommu_ops.h"

const char *const iommu_choice_names[] = {
	[IOMMU_AUTO] = "auto",
	[IOMMU_IOMMUFD] = "iommufd",
	[IOMMU_TYPE1] = "type1",
	NULL,
};

static const struct iommu_ops *const back_ends[] = {
	[IOMMU_IOMMUFD] = &iommu_iommufd_ops,
	[IOMMU_TYPE1] = &iommu_type1_ops,
};

void iommu_init(struct iommu *iommu, enum iommu_choice choice, int iommufd)
{
	*iommu = (struct iommu){ .choice = choice, .iommufd = iommufd, .fd = -1 };
}

void iommu_cleanup(struct iommu *iommu)
{
	for (unsigned int i = 0; i < iommu->file_count; i++)
		if (iommu->ops->by_groups)
			fd_close(&iommu->files[i].fd);
	iommu->file_count = 0;
	fd_close(&iommu->fd);
}

void iommu_file_add(struct iommu *iommu, const char *name, uint32_t group, int fd)
{
	snprintf(iommu->files[iommu->file_count].name, IOMMU_FILE_NAME_SIZE, "%s", name);
	iommu->files[iommu->file_count].group = group;
	iommu->files[iommu->file_count++].fd = fd;
}

/* ---- opening ---- */

/* The first device, by the back end @choice. */
static int first_open(struct iommu *iommu, enum iommu_choice choice,
		      const struct iommu_device *wanted, char why[WHY_SIZE])
{
	int error, fd;

	iommu->ops = back_ends[choice];
	error = iommu->ops->open(iommu, why);
	fd = error < 0 ? error : iommu->ops->device_open(iommu, wanted, why);
	if (fd >= 0)
		log_info("DMA is mapped by %s", iommu->ops->name);
	else
		iommu_cleanup(iommu);
	return fd;
}

int iommu_device_open(struct iommu *iommu, const struct iommu_device *wanted, char why[WHY_SIZE])
{
	int fd;

	if (iommu->fd >= 0)
		return iommu->ops->device_open(iommu, wanted, why);
	if (iommu->choice == IOMMU_AUTO && (iommu->iommufd || wanted->fd))
		return first_open(iommu, IOMMU_IOMMUFD, wanted, why);
	if (iommu->choice != IOMMU_AUTO)
		return first_open(iommu, iommu->choice, wanted, why);
	fd = first_open(iommu, IOMMU_IOMMUFD, wanted, why);
	if (fd >= 0)
		return fd;
	log_info("iommufd is not used: %s", why);
	return first_open(iommu, IOMMU_TYPE1, wanted, why);
}

const char *iommu_name(const struct iommu *iommu)
{
	return iommu->ops ? iommu->ops->name : NULL;
}

int iommu_device_file_find(const char *root, const char *bdf, char path[PATH_MAX])
{
	const struct dirent *entry;
	DIR *directory;
	int error = -ENOENT;

	file_path_set(path, root, "%s/%s/vfio-dev", bdf_folder(bdf), bdf);
	directory = opendir(path);
	if (!directory)
		return -errno;
	/* Its one entry is named as the file is. */
	while (error && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		file_path_set(path, root, "/dev/vfio/devices/%s", entry->d_name);
		error = 0;
	}
	closedir(directory);
	return error;
}

int iommu_device_file_name(const char *root, int fd, char bdf[BDF_SIZE])
{
	char path[PATH_MAX], target[PATH_MAX], *end, *name;
	struct stat status;
	ssize_t length;

	snprintf(bdf, BDF_SIZE, "fd=%d", fd);
	if (fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode))
		return -EINVAL;
	file_path_set(path, root, "/sys/dev/char/%u:%u", major(status.st_rdev),
		      minor(status.st_rdev));
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	/* As in ../../devices/pci0000:00/0000:00:10.0/vfio-dev/vfio0. */
	end = strstr(target, "/vfio-dev/");
	if (!end)
		return -EINVAL;
	*end = '\0';
	name = strrchr(target, '/');
	return name && (!bdf_parse(name + 1, bdf) || !mdev_parse(name + 1, bdf)) ? 0 : -EINVAL;
}

/* ---- what the address space is like: iommufd answers VFIO's requests too ---- */

static struct vfio_iommu_type1_info *info_get(int fd)
{
	const struct vfio_iommu_type1_info wanted = { .argsz = sizeof(wanted) };

	return ioctl_grown(fd, VFIO_IOMMU_GET_INFO, &wanted, sizeof(wanted));
}

/* iommufd does not align it for its numbers of 64 bits. */
static unsigned int ranges_copy(const char *capability, struct iommu_range *to)
{
	struct vfio_iommu_type1_info_cap_iova_range list;
	struct vfio_iova_range range;
	unsigned int count;

	memcpy(&list, capability, sizeof(list));
	count = min(list.nr_iovas, (uint32_t)IOMMU_RANGES_MAX);
	for (unsigned int i = 0; i < count; i++) {
		memcpy(&range, capability + sizeof(list) + i * sizeof(range), sizeof(range));
		to[i].base = range.start;
		/* The kernel's end is the last byte. Where there is no IOMMU, that is of all bytes.
		 */
		to[i].size = range.end - range.start + (range.end - range.start != UINT64_MAX);
	}
	return count;
}

unsigned int iommu_ranges(const struct iommu *iommu, struct iommu_range ranges[IOMMU_RANGES_MAX])
{
	struct vfio_iommu_type1_info *info = info_get(iommu->fd);
	unsigned int count = 0;
	uint32_t offset;

	if (!info)
		return 0;
	offset = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;
	while (offset) {
		struct vfio_info_cap_header *header = (void *)((char *)info + offset);

		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			count = ranges_copy((char *)header, ranges);
		offset = header->next;
	}
	free(info);
	return count;
}

uint64_t iommu_page_sizes(const struct iommu *iommu)
{
	struct vfio_iommu_type1_info *info = info_get(iommu->fd);
	uint64_t sizes = 0;

	if (info && info->flags & VFIO_IOMMU_INFO_PGSIZES)
		sizes = info->iova_pgsizes;
	free(info);
	return sizes;
}

bool iommu_coherent(const struct iommu *iommu)
{
	return ioctl_value(iommu->fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) > 0;
}

void iommu_kvm_attach(const struct iommu *iommu, struct vm *vm)
{
	for (unsigned int i = 0; i < iommu->file_count; i++) {
		int error = vm_vfio_add(vm, iommu->files[i].fd);

		if (error < 0)
			log_warn("%s: KVM's VFIO device refuses it: %s", iommu->files[i].name,
				 strerror(-error));
	}
}

/* A group may also have functions without a driver, or with one that leaves DMA alone. */
bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device)
{
	char path[PATH_MAX];

	/* VFIO_PCI_DEVID_NOT_OWNED is -1; others are numbers in the iommufd, or 0. */
	if (!iommu->ops->by_groups)
		return device->group_id != UINT32_MAX;
	file_path_set(path, "", "/sys/bus/pci/devices/%04x:%02x:%02x.%x/vfio-dev", device->segment,
		      device->bus, PCI_SLOT(device->devfn), PCI_FUNC(device->devfn));
	for (unsigned int i = 0; i < iommu->file_count; i++)
		if (iommu->files[i].group == device->group_id)
			return access(path, F_OK) == 0;
	return false;
}

/* The kernel takes no more groups than there are functions to reset, and so none that has none. */
unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_FILES_MAX])
{
	unsigned int count = 0;

	for (unsigned int i = 0; iommu->ops->by_groups && i < iommu->file_count; i++) {
		unsigned int j = 0;

		while (j < info->count && iommu->files[i].group != info->devices[j].group_id)
			j++;
		if (j < info->count)
			fds[count++] = iommu->files[i].fd;
	}
	return count;
}

/* ---- mapping ---- */

int iommu_ram_map(struct iommu *iommu, const struct vm_ram *ram)
{
	return iommu->ops->ram_map(iommu, ram);
}

const char *iommu_lock_remedy(const struct iommu *iommu)
{
	return iommu->ops->lock_remedy;
}

bool iommu_maps_bars(const struct iommu *iommu)
{
	return iommu->ops->bar_map;
}

int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva)
{
	return iommu_maps_bars(iommu) ? iommu->ops->bar_map(iommu, iova, size, hva) : -EOPNOTSUPP;
}

void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size)
{
	int error = iommu->ops->bar_unmap(iommu, iova, size);

	if (error < 0)
		log_warn("cannot unmap DMA at 0x%llx: %s", (unsigned long long)iova,
			 strerror(-error));
}
