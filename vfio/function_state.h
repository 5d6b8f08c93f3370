/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of an assigned function, by vfio/function.c, which makes it, and vfio/config.c and
 * vfio/bar.c, which the guest's accesses come to. The lock of its pci guards all of it but what is
 * fixed at the start.
 */
#ifndef POSTHORN_VFIO_FUNCTION_STATE_H
#define POSTHORN_VFIO_FUNCTION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/pci.h"
#include "vfio/device.h"
#include "vfio/iommu.h"
#include "vfio/irqs.h"

struct vm;

/* Each of the two MSI-X structures can split an area once more. */
#define BAR_AREAS_MAX (VFIO_AREAS_MAX + 2)

/* A part of a BAR that is mapped into this process, and while the BAR is mapped into the guest. */
struct bar_area {
	uint64_t offset, size; /* in the BAR, bytes, page-aligned */
	void *hva;
	int slot;	 /* memslot, -1: none */
	bool dma_mapped; /* other devices of the VM reach it by DMA */
};

/* A range of a BAR that has an emulated structure in it; size 0: not in this BAR. */
struct bar_range {
	uint64_t offset, size; /* bytes */
};

/* What the copy of the ROM's contents is: not asked for yet, being made by a vCPU, there. */
enum rom_copy { ROM_COPY_NONE, ROM_COPY_BEGUN, ROM_COPY_MADE };

struct vfio_bar {
	struct bar_range table, pba; /* MSI-X, as the guest has it */
	struct bar_area areas[BAR_AREAS_MAX];
	unsigned int area_count;
	/* What was said already: a failure, that it is out of reach for DMA, and where it is. */
	bool reported, dma_reported, shown;
	enum rom_copy rom;
};

/* The guest's configuration space: what of it can be written, and what that does. */
struct config_policy {
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that a write may change */
	uint8_t action[PCI_CONFIG_SIZE];   /* enum config_action of config.c */
	/* By double word: has bytes whose value is not in pci_device.config. */
	uint64_t computed[PCI_CONFIG_SIZE / 4 / 64];
	/* pci_device.config when the function was made, before its BARs were placed: what a reset
	 * brings back. Until then, what the device has. */
	uint8_t initial[PCI_CONFIG_SIZE];
	/* Offsets of the capabilities that are emulated; 0: the function has none. */
	unsigned int pm, vpd, express, msi, msix;
	/* From the capabilities. */
	bool msi_64bit, msi_maskable;
	unsigned int msi_vectors, msix_vectors; /* 0: none */
	/* Of the device, PCI_MSIX_TABLE and PCI_MSIX_PBA: offset and BAR. In the guest they may be
	 * elsewhere: vfio/msix.h. */
	uint32_t msix_table, msix_pba;
	bool msix_has_pba; /* the device's pending bits are where they can be */
};

/*
 * What the kernel has to say of a function while the guest runs. Either of the first two ends the
 * VM. There is no hot-unplug to hand to the guest, and nobody in the guest who could recover from
 * an error: the PCI Express port that an error is reported to belongs to the host.
 */
enum vfio_event {
	VFIO_EVENT_REQUEST, /* unbind, removal, hot-unplug: the host waits for the device */
	VFIO_EVENT_ERROR,   /* an uncorrectable error, told by AER or by the platform */
	/* Not the host's, and no end: the guest has acknowledged an INTx that VFIO does not unmask
	 * by itself, of a mediated device. */
	VFIO_EVENT_UNMASK,
	VFIO_EVENTS,
};

/* A VFIO device on one side, a device of the guest's PCI on the other. */
struct vfio_function {
	struct pci_device pci;
	struct vfio_device device;
	int events[VFIO_EVENTS]; /* eventfds that the kernel signals, -1: there is no such event */
	struct vfio_irqs irqs;
	struct config_policy policy;
	struct vfio_bar bars[PCI_BARS_MAX];
	struct vm *vm;
	struct iommu *iommu;
	uint64_t page_size; /* the host's, in bytes */
	/* What is in the place of the device's ROM: rom.h. */
	const char *rom_file; /* path; NULL: nothing is */
	int rom_fd;	      /* -1: it is not open */
	uint64_t rom_file_size;
	bool has_peers;					/* which may do DMA to its BARs */
	bool reset_failed, config_refused, vga_refused; /* reported already */
	/* Fixed at the start: vfio/reset.h. It is reset with its bus, and with what else is there.
	 */
	bool bus_resets;
	uint64_t siblings[PCI_FUNCTIONS_MAX / 64]; /* bits by devfn in the guest; it is none */
	int32_t reset_proof[IOMMU_FILES_MAX];
	unsigned int reset_proof_count;
};

#endif
