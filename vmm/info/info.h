/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn info`: what VFIO tells of a function, and what of it a guest would see. One thread. */
#ifndef POSTHORN_VMM_INFO_INFO_H
#define POSTHORN_VMM_INFO_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vfio/bdf.h"
#include "vfio/iommu.h"
#include "vmm/host/capabilities.h"

struct vfio_function;

/* The command line. */
struct info_options {
	char bdf[BDF_SIZE]; /* first: see operand_device() */
	enum iommu_choice iommu;
	bool json;
};

/* What a guest finds of a capability. */
enum info_view {
	INFO_HIDDEN,   /* nothing */
	INFO_SHOWN,    /* the device's own */
	INFO_EMULATED, /* what posthorn makes of it */
	INFO_VIEWS
};

struct info_capability {
	uint16_t id, offset; /* offset: in configuration space, 0x100 and up: an extended one */
	enum info_view view;
};

struct info {
	/* Opened, and gone through vfio_config_init(), no more: its policy has what the device has.
	 */
	const struct vfio_function *function;
	char reset_methods[64]; /* as in sysfs; "" for none */
	/* Of one that VFIO cannot reset by itself: vfio_reset_obstacle(). */
	int bus_reset_error;
	char bus_reset_needs[BDF_SIZE];
	const char *iommu; /* iommu_name() */
	struct iommu_range ranges[IOMMU_RANGES_MAX];
	unsigned int range_count;
	uint64_t page_sizes; /* bit n: the IOMMU maps pages of 2^n bytes */
	bool coherent;
	struct info_capability capabilities[CAPABILITIES_MAX];
	unsigned int capability_count;
};

/*
 * Fill in info.capabilities from info.function: all that the device has, in its order, the ordinary
 * ones first. Lists that go in circles end.
 */
void info_capabilities_find(struct info *info);

/* "MSI-X", "SR-IOV"; "unknown" where there is no name for it. */
const char *info_capability_name(const struct info_capability *capability);

/* Write it out, as tables or as JSON (keys are documented in posthorn(1); 0 or -ENOMEM). */
void info_print(const struct info *info, FILE *file);
int info_print_json(const struct info *info, FILE *file);

#endif
