/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommufd (Documentation/userspace-api/iommufd.rst): one address space in /dev/iommu, and devices
 * by files of their own. It answers VFIO's requests too, for the address space that it is told to
 * (IOMMU_VFIO_IOAS): so iommu.c asks both back ends in the same way what they can.
 *
 * The kernel maps memory here, but no BAR by its address.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "vfio/iommu.h"
#include "vfio/iommu_ops.h"
#include "vfio/iommufd_uapi.h"
#include "vfio/vf_token.h"

#define GROUPS_REMEDY "--iommu type1 does without"

/* What mends that a file cannot be opened, by the error; the end of a message. */
static const char *open_remedy(int error)
{
	switch (error) {
	case EACCES:
		return "; run as root, or give the file to your user (chown), or "
		       "use " GROUPS_REMEDY;
	default:
		return error_remedy(error);
	}
}

static int iommufd_open(struct iommu *iommu, char why[WHY_SIZE])
{
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct ioas_of_vfio select = { .size = sizeof(select), .operation = IOAS_OF_VFIO_SET };
	int error;

	iommu->fd = iommu->iommufd ? iommu->iommufd : open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommu->fd < 0 && errno == ENOENT)
		return refuse(why, HOST_ERROR,
			      "/dev/iommu does not exist: modprobe iommufd, or use a kernel with "
			      "CONFIG_IOMMUFD; " GROUPS_REMEDY);
	if (iommu->fd < 0 && errno == EPERM)
		return refuse(why, HOST_ERROR, "/dev/iommu: %s: " DEVICE_RULES_REMEDY,
			      strerror(errno), "/dev/iommu");
	if (iommu->fd < 0)
		return refuse(why, HOST_ERROR, "/dev/iommu: %s%s", strerror(errno),
			      open_remedy(errno));
	error = ioctl_call(iommu->fd, IOMMU_IOAS_ALLOC, &alloc);
	if (error < 0)
		return refuse(why, HOST_ERROR, "/dev/iommu: IOMMU_IOAS_ALLOC: %s%s",
			      strerror(-error), error_remedy(-error));
	iommu->ioas = select.ioas = alloc.ioas;
	error = ioctl_call(iommu->fd, IOMMU_VFIO_IOAS, &select);
	if (error < 0)
		return refuse(why, HOST_ERROR, "/dev/iommu: IOMMU_VFIO_IOAS: %s; " GROUPS_REMEDY,
			      strerror(-error));
	return 0;
}

static int device_file_open(const char *bdf, char path[PATH_MAX], char why[WHY_SIZE])
{
	int error = iommu_device_file_find("", bdf, path), fd;

	if (error < 0 && error != -ENOENT)
		return refuse(why, HOST_ERROR,
			      "%s: its device file cannot be looked for in sysfs: "
			      "%s%s",
			      bdf, strerror(-error), error_remedy(-error));
	if (error < 0)
		return refuse(why, HOST_ERROR,
			      "%s: this kernel has no device file for it "
			      "(/dev/vfio/devices/vfioN): use Linux 6.6 or newer with "
			      "CONFIG_VFIO_DEVICE_CDEV; " GROUPS_REMEDY,
			      bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == EPERM)
		return refuse(why, HOST_ERROR, "%s: %s: %s: " DEVICE_RULES_REMEDY, bdf, path,
			      strerror(errno), path);
	return refuse(why, HOST_ERROR, "%s: %s: %s%s", bdf, path, strerror(errno),
		      errno == ENOENT ? "; udevadm trigger makes the file anew"
				      : open_remedy(errno));
}

/* VFIO_DEVICE_BIND_IOMMUFD failed. The kernel has one error for several reasons. */
static int bind_refuse(const struct iommu_device *wanted, const char *path, int error,
		       char why[WHY_SIZE])
{
	const char *bdf = wanted->bdf;

	if (vf_token_refuse(wanted, error, why))
		return HOST_ERROR;
	switch (error) {
	case -EBUSY:
		return refuse(why, HOST_ERROR,
			      "%s: in use by another process, which has its IOMMU group open; "
			      "`fuser -v /dev/vfio/*` tells which",
			      bdf);
	case -EINVAL:
		return refuse(why, HOST_ERROR,
			      "%s: cannot be bound to an iommufd: another process has bound it "
			      "(`fuser -v %s` tells which), or its DMA does not see the CPUs' "
			      "caches, which iommufd wants and type 1 does not (--iommu type1)",
			      bdf, path);
	case -EPERM:
		return refuse(
			why, HOST_ERROR,
			"%s: cannot be bound to an iommufd: another process or a driver of the "
			"host has a function of its IOMMU group (`posthorn check %s`, `fuser -v "
			"/dev/vfio/devices/*`), or the platform has no interrupt remapping: a "
			"device could forge interrupts; turn it on in the firmware (or "
			"intremap=on), or accept the risk: modprobe iommufd "
			"allow_unsafe_interrupts=1",
			bdf, bdf);
	default:
		return refuse(why, HOST_ERROR,
			      "%s: VFIO_DEVICE_BIND_IOMMUFD: %s; dmesg may say more (a failed "
			      "reset)",
			      bdf, strerror(-error));
	}
}

/* The device's file @fd is open. */
static int device_join(const struct iommu *iommu, const struct iommu_device *wanted,
		       const char *path, int fd, char why[WHY_SIZE])
{
	struct device_bind bind = { .size = sizeof(bind), .iommufd = iommu->fd };
	struct device_attach attach = { .size = sizeof(attach), .ioas = iommu->ioas };
	uint8_t token[16];
	int error;

	if (wanted->vf_token && vf_token_parse(wanted->vf_token, token) == 0) {
		bind.flags = DEVICE_BIND_TOKEN;
		bind.token = (uintptr_t)token;
	}
	error = ioctl_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (error < 0)
		return bind_refuse(wanted, path, error, why);
	error = ioctl_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (error < 0)
		return refuse(why, HOST_ERROR, "%s: cannot %s: %s; %s", wanted->bdf,
			      iommu->file_count
				      ? "share an address space with the devices before it"
				      : "be put into an address space",
			      strerror(-error),
			      iommu->file_count ? "assign it to a VM of its own"
						: "dmesg may say more; " GROUPS_REMEDY);
	return 0;
}

static int iommufd_device_open(struct iommu *iommu, const struct iommu_device *wanted,
			       char why[WHY_SIZE])
{
	const char *bdf = wanted->bdf;
	char path[PATH_MAX];
	int fd, error;

	if (iommu->file_count == IOMMU_FILES_MAX)
		return refuse(why, -EINVAL, "%s: more than %d devices in one VM", bdf,
			      IOMMU_FILES_MAX);
	snprintf(path, sizeof(path), "%s", bdf);
	fd = wanted->fd ? wanted->fd : device_file_open(bdf, path, why);
	if (fd < 0)
		return fd;
	error = device_join(iommu, wanted, path, fd, why);
	if (error < 0) {
		close(fd);
		return error;
	}
	iommu_file_add(iommu, bdf, 0, fd);
	return fd;
}

static int iommufd_ram_map(struct iommu *iommu, const struct vm_ram *ram)
{
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = IOAS_MAP_FIXED | IOAS_MAP_WRITABLE | IOAS_MAP_READABLE,
		.ioas = iommu->ioas,
		.hva = (uintptr_t)ram->hva,
		.length = ram->size,
		.iova = ram->gpa,
	};

	return ioctl_call(iommu->fd, IOMMU_IOAS_MAP, &map);
}

const struct iommu_ops iommu_iommufd_ops = {
	.name = "iommufd",
	.lock_remedy = "the memory lock limit (ulimit -l), which iommufd holds against all that "
		       "this user has pinned, other guests included, or the host's memory is too "
		       "small: use less --memory, or raise the limit",
	.open = iommufd_open,
	.device_open = iommufd_device_open,
	.ram_map = iommufd_ram_map,
};
