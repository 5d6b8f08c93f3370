/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree that an arm64 guest finds (Devicetree Specification 0.4, and the bindings in
 * Documentation/devicetree/bindings of Linux), made with libfdt: memory, CPUs, PSCI, timer, GIC
 * with ITS, PCI host bridge, serial port, clock, and what the boot loader has to say.
 */
#ifndef POSTHORN_GUEST_FDT_H
#define POSTHORN_GUEST_FDT_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "lib/log.h"

struct fdt_config {
	const struct layout *layout;
	const char *cmdline;	   /* never NULL */
	struct image_range initrd; /* size 0: none */
	unsigned int cpus;	   /* 1 to 120, for so many redistributors fit in the layout */
	unsigned int pci_slots;	   /* slots 1 to this one of bus 0 have INTx, at most 31; 0: none */
	bool dma_coherent;	   /* devices see what is in the CPUs' caches, and the reverse */
	bool has_pmu;		   /* the CPUs have performance counters */
};

/*
 * Build the tree into @memory, of which it takes @size bytes at most (its totalsize is what it
 * needs, no more; the rest may be overwritten too). BARs are for the guest to keep as
 * pci_bars_place() placed them. Returns that number of bytes, or a negative errno with the reason
 * in
 * @why: -ENOSPC when @size is too small, -EINVAL for a @config out of its bounds, or what
 * getrandom(2) said. Start-up only.
 */
int fdt_build(void *memory, size_t size, const struct fdt_config *config, char why[WHY_SIZE]);

#endif
