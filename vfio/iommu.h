/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IOMMU in front of the assigned devices: which of the host's memory they can reach by DMA,
 * and at which address (an IOVA; here always the guest-physical address).
 *
 * One address space for all devices of the VM, made of VFIO's legacy container and groups
 * (Documentation/driver-api/vfio.rst; VFIO_TYPE1v2_IOMMU). Nothing outside of iommu.c knows that.
 */
#ifndef POSTHORN_VFIO_IOMMU_H
#define POSTHORN_VFIO_IOMMU_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"

struct vm;

#define IOMMU_GROUPS_MAX 16
#define IOMMU_RANGES_MAX 32

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

struct iommu_range {
	uint64_t base, size; /* IOVA, bytes */
};

struct iommu {
	int container_fd; /* -1 until the first device */
	struct {
		int number, fd;
	} groups[IOMMU_GROUPS_MAX];
	unsigned int group_count;
};

/* Make an address space without devices. Opens nothing yet. */
void iommu_init(struct iommu *iommu);

/* Close everything: the kernel undoes all maps. Devices must be closed first. */
void iommu_cleanup(struct iommu *iommu);

/*
 * Open the VFIO device of the PCI function @bdf (full form) and put it into the address space.
 * Returns its file descriptor, the caller's, or -errno with the reason in @why: -EINVAL when these
 * are too many groups, and -ENODEV when there is no IOMMU, no VFIO or no permission, or when the
 * function is not bound to vfio-pci or its group is not viable or in use. Start-up only.
 */
int iommu_device_open(struct iommu *iommu, const char *bdf, char why[WHY_SIZE]);

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

/* Tell KVM's VFIO device about all groups. Not fatal: a failure is logged. */
void iommu_kvm_attach(const struct iommu *iommu, struct vm *vm);

/*
 * Does what VFIO_DEVICE_GET_PCI_HOT_RESET_INFO lists as @device belong to this address space, so
 * that nobody else has it, and does VFIO have it? Start-up only.
 */
bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device);

/*
 * What VFIO_DEVICE_PCI_HOT_RESET is to be given as proof of that, of all that @info lists: the
 * descriptors of their groups, which stay open. Returns how many.
 */
unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_GROUPS_MAX]);

/*
 * The sizes of pages that the IOMMU maps: bit n is 2^n bytes. 0 when the kernel does not say. Only
 * when there is a device.
 */
uint64_t iommu_page_sizes(const struct iommu *iommu);

/*
 * Map @size bytes at @hva to @iova, readable and writable for the devices, and pin them
 * (VFIO_IOMMU_MAP_DMA). All page-aligned. 0 or -errno: -EEXIST when part is mapped already,
 * -ENOMEM over the memory lock limit, -EINVAL outside of iommu_ranges(). Any thread.
 */
int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva);

/* Undo iommu_map() of exactly this range (VFIO_IOMMU_UNMAP_DMA). Any thread. */
void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size);

#endif
