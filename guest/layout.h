/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are in the guest's physical address space.
 *
 * The maps are drawn, one for each architecture, in layout_x86_64.h and layout_arm64.h.
 * RAM also keeps out of the addresses that the host's IOMMU cannot map: layout_init() splits it.
 */
#ifndef POSTHORN_GUEST_LAYOUT_H
#define POSTHORN_GUEST_LAYOUT_H

#include <stdint.h>

#if defined(__x86_64__)
#include "guest/layout_x86_64.h"
#elif defined(__aarch64__)
#include "guest/layout_arm64.h"
#else
#error "posthorn runs on x86-64 and arm64"
#endif

#define LAYOUT_RAM_MAX 8

struct layout_range {
	uint64_t base, size; /* guest-physical, bytes */
};

struct layout {
	struct layout_range ram[LAYOUT_RAM_MAX]; /* ascending, page-aligned */
	unsigned int ram_count;
	struct layout_range mem64; /* size 0: no window; set by layout_mem64_place() */
};

/*
 * Lay out @ram_size bytes of RAM (a multiple of @align, the host's page size or 2 MiB for huge
 * pages): from LAYOUT_RAM up, in LAYOUT_RAM_SPANS, around whatever lies outside of @usable
 * (@usable_count ascending ranges that the IOMMU maps; 0 ranges: everything is usable). The first
 * range starts at LAYOUT_RAM and covers at least 16 MiB. Returns 0, or -ERANGE when that cannot be
 * done below 2^@physical_bits or in LAYOUT_RAM_MAX pieces.
 */
int layout_init(struct layout *layout, uint64_t ram_size, uint64_t align,
		const struct layout_range *usable, unsigned int usable_count,
		unsigned int physical_bits);

/*
 * Place a window of @size bytes for 64-bit BARs: above RAM, below 2^@physical_bits, in one of the
 * @usable ranges if any holds it (else above RAM all the same: only peer-to-peer DMA needs the
 * IOMMU there). Aligned to @size rounded up to a power of two, at least 1 GiB. 0 or -ERANGE.
 */
int layout_mem64_place(struct layout *layout, uint64_t size, const struct layout_range *usable,
		       unsigned int usable_count, unsigned int physical_bits);

/* One past the last byte of RAM. */
uint64_t layout_ram_end(const struct layout *layout);

#endif
