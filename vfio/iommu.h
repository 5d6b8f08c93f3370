/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU in front of the assigned devices: which of the host's memory they can reach by DMA,
 * and at which address (an IOVA; here always the guest-physical address).
 *
 * One address space for all devices of the VM. There are two ways to it
 * (Documentation/driver-api/vfio.rst): iommufd with the files of devices, or VFIO's older container
 * with the files of groups (VFIO_TYPE1v2_IOMMU). Which one it is, only iommu.c, iommufd.c and
 * type1.c know.
 */
#ifndef POSTHORN_VFIO_IOMMU_H
#define POSTHORN_VFIO_IOMMU_H

#include <limits.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"
#include "vfio/bdf.h"

struct iommu_ops;
struct vm;
struct vm_ram;

#define IOMMU_FILES_MAX	     16
#define IOMMU_FILE_NAME_SIZE 32
#define IOMMU_RANGES_MAX     32

/* What to do where no IOMMU guards the devices; the end of a message. */
#if defined(__x86_64__)
#define IOMMU_MISSING_REMEDY                                                                       \
	"turn the IOMMU on (Intel: VT-d in the firmware and intel_iommu=on on the kernel command " \
	"line; AMD: IOMMU and SVM in the firmware)"
#elif defined(__aarch64__)
#define IOMMU_MISSING_REMEDY                                                               \
	"turn the SMMU on in the firmware, which must also tell the kernel of it (ACPI's " \
	"table IORT, or the device tree), and use a kernel with CONFIG_ARM_SMMU_V3"
#endif

/* For a device file that not even root may open; a format for its name. */
#define DEVICE_RULES_REMEDY                                                                       \
	"a container's or service's rules for devices forbid it: allow %s (docker run --device, " \
	"systemd's DeviceAllow=)"

/* --iommu */
enum iommu_choice {
	IOMMU_AUTO, /* iommufd where the first device can be had by it, else type 1 */
	IOMMU_IOMMUFD,
	IOMMU_TYPE1,
};

/* The names of enum iommu_choice, in its order; the last is NULL. */
extern const char *const iommu_choice_names[];
#define IOMMU_OPTION_VALUE "auto|iommufd|type1"
#define IOMMU_OPTION_HELP  "how DMA is mapped (auto: by iommufd, if it can)"

/* How a function is opened. */
struct iommu_device {
	const char *bdf;      /* full form; or the UUID of a mediated device */
	const char *vf_token; /* of its physical function, a UUID as text; NULL: none */
	int fd;		      /* its device file, to be taken over; 0: it is to be opened */
};

struct iommu_range {
	uint64_t base, size; /* IOVA, bytes */
};

struct iommu {
	enum iommu_choice choice;
	const struct iommu_ops *ops; /* NULL until the first device */
	int iommufd;		     /* /dev/iommu, to be taken over; 0: it is to be opened */
	int fd;			     /* the container, or /dev/iommu; -1 until the first device */
	uint32_t ioas;		     /* iommufd: the number of the address space */
	/* What KVM is told of: groups, or devices. */
	struct {
		char name[IOMMU_FILE_NAME_SIZE];
		uint32_t group; /* its number; 0 for a device */
		int fd;
	} files[IOMMU_FILES_MAX];
	unsigned int file_count;
};

/*
 * Make an address space without devices. Opens nothing yet. @iommufd: /dev/iommu, open, which is
 * taken over with the first device; 0: there is none. With it, or with a device that is open, auto
 * means iommufd.
 */
void iommu_init(struct iommu *iommu, enum iommu_choice choice, int iommufd);

/* Close everything: the kernel undoes all maps. Devices must be closed first. */
void iommu_cleanup(struct iommu *iommu);

/*
 * Open the VFIO device of a PCI function, or a mediated one, and put it into the address space. The
 * first one decides between iommufd and type 1, where that is left open. Returns its file
 * descriptor, the caller's, or -errno with the reason in @why: -EINVAL when these are too many, and
 * -ENODEV when there is no IOMMU, no VFIO or no permission, or when the function is not bound to
 * vfio-pci, in use, its group is not viable, or its token is another one. Start-up only.
 */
int iommu_device_open(struct iommu *iommu, const struct iommu_device *wanted, char why[WHY_SIZE]);

/* "iommufd" or "type1"; NULL before the first device. */
const char *iommu_name(const struct iommu *iommu);

/*
 * Find the device file of @bdf, as /dev/vfio/devices/vfio0, and write its path into @path. Both
 * sysfs and the path are below @root ("" on a real host). 0 or -errno, -ENOENT: the kernel makes
 * none (before Linux 6.6, or without CONFIG_VFIO_DEVICE_CDEV), or VFIO does not have the function.
 */
int iommu_device_file_find(const char *root, const char *bdf, char path[PATH_MAX]);

/*
 * Which function is the device file @fd of? Sysfs is below @root. Writes its address into @bdf, or
 * "fd=5" where sysfs does not tell. 0, or -EINVAL when it is no device file of VFIO.
 */
int iommu_device_file_name(const char *root, int fd, char bdf[BDF_SIZE]);

/*
 * The IOVAs that can be mapped, ascending; holes are what the host reserves (MSI windows and the
 * like). To be asked when all devices are open. Returns how many, 0 when the kernel does not say.
 */
unsigned int iommu_ranges(const struct iommu *iommu, struct iommu_range ranges[IOMMU_RANGES_MAX]);

/*
 * Do the devices see what is in the CPUs' caches, and the CPUs what the devices write
 * (VFIO_DMA_CC_IOMMU)? Only when there is a device.
 */
bool iommu_coherent(const struct iommu *iommu);

/* Tell KVM's VFIO device about all groups or devices. Not fatal: a failure is logged. */
void iommu_kvm_attach(const struct iommu *iommu, struct vm *vm);

/*
 * Does what VFIO_DEVICE_GET_PCI_HOT_RESET_INFO lists as @device belong to this address space, so
 * that nobody else has it, and does VFIO have it? Start-up only.
 */
bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device);

/*
 * What VFIO_DEVICE_PCI_HOT_RESET is to be given as proof of that, of all that @info lists: the
 * descriptors of their groups, which stay open. Returns how many: by iommufd none, since the kernel
 * knows.
 */
unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_FILES_MAX]);

/*
 * The sizes of pages that the IOMMU maps: bit n is 2^n bytes. 0 when the kernel does not say. Only
 * when there is a device.
 */
uint64_t iommu_page_sizes(const struct iommu *iommu);

/*
 * Map a piece of the guest's RAM at its guest-physical address, readable and writable for the
 * devices, and pin it, until iommu_cleanup(). 0 or -errno: -ENOMEM over the memory lock limit (see
 * iommu_lock_remedy()), -EINVAL outside of iommu_ranges(). Start-up only, when there is a device.
 */
int iommu_ram_map(struct iommu *iommu, const struct vm_ram *ram);

/* What mends -ENOMEM of iommu_ram_map(): the end of a message. When there is a device. */
const char *iommu_lock_remedy(const struct iommu *iommu);

/* Can devices reach BARs of each other by DMA: does iommu_map() ever work? */
bool iommu_maps_bars(const struct iommu *iommu);

/*
 * Map @size bytes of a BAR at @hva to @iova, readable and writable for the devices. All
 * page-aligned. 0 or -errno: -EEXIST when part is mapped already, -EINVAL outside of
 * iommu_ranges(), -EOPNOTSUPP where there is no way to. Any thread.
 */
int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva);

/* Undo iommu_map() of exactly this range. Any thread. */
void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size);

#endif
