/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's PCI functions as sysfs shows them (Documentation/ABI/testing/sysfs-bus-pci). Every
 * path starts with @root: "" on a real host, a directory with a made-up sysfs in tests.
 */
#ifndef POSTHORN_VMM_HOST_SYSFS_H
#define POSTHORN_VMM_HOST_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/bdf.h"

#define HOST_PCI_VFIO "vfio-pci" /* the driver that gives any function to VFIO */

/* Why a mediated device is not ready: a phrase with the remedy. */
#define HOST_MDEV_UNBOUND \
	"no driver gives it to VFIO: load the one of its type (ls /sys/bus/mdev/drivers)"

/* Of a mediated device there is its UUID as the address, and who has it. */
struct host_pci {
	char bdf[BDF_SIZE];
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class_code; /* 24 bits: base class, subclass, programming interface */
	uint8_t header_type; /* 0: an endpoint; 1: a bridge */
	char driver[32];     /* "" when none is bound */
	bool is_vfio;	     /* VFIO has it, by vfio-pci or a driver for its kind (mlx5_vfio_pci) */
	int iommu_group;     /* -1 when there is none */
};

/*
 * Read what sysfs says of @bdf (full form). 0, -ENODEV when there is no such function, or -errno
 * when sysfs cannot be read.
 */
int host_pci_read(const char *root, const char *bdf, struct host_pci *pci);

/* The same for a function that the user named. 0, or EXIT_USAGE or EXIT_HOST after a message. */
int host_pci_named_read(const char *root, const char *bdf, struct host_pci *pci);

/*
 * Call @visit for every PCI function in the order of their BDFs (or, with @iommu_group >= 0, for
 * every one of that group) until it returns non-zero. Returns what it returned last, 0 when there
 * was nothing, or -errno when sysfs cannot be read: of one function at least, the others are
 * visited all the same.
 */
int host_pci_each(const char *root, int iommu_group,
		  int (*visit)(void *opaque, const struct host_pci *pci), void *opaque);

/*
 * Is the function of a kind that cannot be assigned itself, but that a group may hold beside
 * assigned ones with whatever driver: a PCI-to-PCI or CardBus bridge, a root or switch port?
 */
bool host_pci_is_bridge(const struct host_pci *pci);

/*
 * Is @driver one of VFIO's, by its name? The names of those that know a kind of device end as
 * vfio-pci's. (struct host_pci.is_vfio goes by what the kernel shows of a bound one.)
 */
bool host_pci_driver_is_vfio(const char *driver);

/* Does the function's driver leave DMA to whoever owns the group (driver_managed_dma in Linux)? */
bool host_pci_is_neutral(const struct host_pci *pci);

/*
 * May @pci, which has no IOMMU group, get one when a driver takes it? On arm64 the kernel finds out
 * which IOMMU guards a device when a driver probes it. Binding will tell.
 */
bool host_pci_group_may_come(const char *root, const struct host_pci *pci);

/*
 * Read up to @size bytes of the configuration space of @bdf into @config. Returns how many the
 * kernel gave: 64 to a user without CAP_SYS_ADMIN, 0 when there is nothing to be had.
 */
size_t host_pci_config_read(const char *root, const char *bdf, uint8_t *config, size_t size);

/*
 * Why @pci cannot be assigned as things are: writes one phrase with its remedy into @why, to be
 * read after "<bdf>: ", and returns true; returns false, @why empty, when it is ready for
 * `posthorn run`. Looks at: an IOMMU (with the boot option that turns it on), the function's
 * header type, its driver, every function of its group (names those with a driver of the host's),
 * memory that the firmware wants it to reach, and who has its BARs in the host
 * (vmm/host/resources.h).
 */
bool host_pci_blocker(const char *root, const struct host_pci *pci, char *why, size_t size);

#endif
