/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of a function in the host: its BARs, who else has claimed a part of them, and what
 * the IOMMU keeps from its group. From sysfs and /proc below @root, as in vmm/host/sysfs.h.
 */
#ifndef POSTHORN_VMM_HOST_RESOURCES_H
#define POSTHORN_VMM_HOST_RESOURCES_H

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_bar {
	uint64_t base, size; /* host-physical, or I/O ports; bytes; size 0: there is none */
	bool is_io, is_64bit;
	bool is_unplaced; /* the host found no address for it */
};

/*
 * Read the BARs of @bdf from its file `resource` in sysfs. All have size 0 when it cannot be read.
 * A BAR of 64 bits leaves the next one without size.
 */
void host_bars_read(const char *root, const char *bdf, struct host_bar bars[PCI_STD_NUM_BARS]);

/* What may give such a BAR an address: the end of a message. */
#define HOST_UNPLACED_REMEDY                                                                    \
	"boot with pci=realloc, or turn \"above 4G decoding\" on in the firmware's set-up and " \
	"what "                                                                                 \
	"is not needed off"

/* A part of a BAR that somebody on the host has for himself. */
struct host_claim {
	uint64_t first, last; /* as addresses of the host */
	char owner[48];	      /* as /proc/iomem or /proc/ioports calls it */
};

/*
 * Has somebody claimed a part of @bar, which is one of @bdf's? VFIO takes a whole BAR or nothing,
 * so a guest could not have it. The driver that has the function claims what it uses itself: only
 * to be asked for one that VFIO has, or nobody. Root alone sees addresses there; for others nothing
 * is claimed.
 */
bool host_bar_claim_find(const char *root, const char *bdf, const struct host_bar *bar,
			 struct host_claim *claim);

/* What may make @claim go away: the end of a message. */
const char *host_claim_remedy(const struct host_claim *claim);

/*
 * Does @bar, smaller than a page, have a page of its own? VFIO maps it only then
 * (vfio_pci_probe_mmaps() in Linux). Without root's rights only its own address tells.
 */
bool host_bar_has_page(const char *root, const struct host_bar *bar, uint64_t page_size);

#define HOST_RESERVED_MAX 24

/* A line of the group's reserved_regions (Documentation/ABI/testing/sysfs-kernel-iommu_groups). */
struct host_reserved {
	uint64_t first, last; /* IOVA */
	char type[24];
};

/* Read what the IOMMU reserves for the group, ascending. Returns how many there are. */
unsigned int host_reserved_read(const char *root, int iommu_group,
				struct host_reserved reserved[HOST_RESERVED_MAX]);

/*
 * Is it memory that the firmware goes on using by the group's DMA? The kernel gives no guest a
 * group that has such.
 */
bool host_reserved_is_direct(const struct host_reserved *reserved);

/* What may make such memory go away: the end of a message. */
#define HOST_DIRECT_REMEDY                                                                    \
	"turn off in the firmware's set-up what uses the device before the system (pre-boot " \
	"DMA protection, legacy USB, remote management)"

#endif
