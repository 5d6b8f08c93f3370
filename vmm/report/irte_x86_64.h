/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the IOMMU itself has of an interrupt: the entry of its interrupt remapping table, which the
 * kernel shows in debugfs (CONFIG_IOMMU_DEBUGFS and that of the maker).
 *
 *   AMD    iommu/amd/irqtbl, of the function whose address was written to iommu/amd/devid before
 *   Intel  iommu/intel/ir_translation_struct, of all
 *
 * Which entry it is says the message that the host's kernel has written into the device: not the
 * guest's, which the device never sees. It is in the capability of MSI, or in the device's MSI-X
 * table. Tables and messages are read; nothing but devid is written.
 */
#ifndef POSTHORN_VMM_REPORT_IRTE_X86_64_H
#define POSTHORN_VMM_REPORT_IRTE_X86_64_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vfio/irqs.h"

struct vfio_device;

enum irte_maker { IRTE_AMD, IRTE_INTEL };

/* debugfs, opened at the start. */
struct irte_tables {
	enum irte_maker maker;
	int table_fd; /* -1: there is none */
	int devid_fd; /* AMD; else -1 */
};

/* An entry. */
struct irte {
	bool posted;
	unsigned int vector; /* the guest's when it is posted, else the host's */
};

/* Open what the kernel shows of IOMMUs, which often is nothing. Start-up only. */
void irte_tables_open(struct irte_tables *tables, const char *root);
void irte_tables_close(struct irte_tables *tables);

/* ---- of one function ---- */

struct irte_source {
	char iommu[16];	  /* of Intel's, "dmar0" */
	int config_fd;	  /* the function's configuration space in sysfs; -1: it is not known */
	unsigned int msi; /* offset of the capability, 0: it has none */
	bool msi_is_64bit;
	const volatile uint32_t *table; /* of MSI-X, read-only; NULL: it is not to be had */
	unsigned int table_size;	/* entries */
	void *page;			/* what ->table is in */
	uint64_t page_size;		/* bytes */
};

/* Find and open what tells of @device's messages, if that can be. Start-up only. */
void irte_source_open(struct irte_source *source, const char *root,
		      const struct vfio_device *device);
void irte_source_close(struct irte_source *source);

/*
 * The message that the device sends for @vector of @kind. Only for a vector that has a trigger, and
 * while the guest lets the device decode memory and has not put it to sleep: an access to its table
 * would be a fault else. False: not known.
 */
bool irte_message_read(const struct irte_source *source, enum irq_kind kind, unsigned int vector,
		       struct msi_message *message);

/*
 * Find the entry that @message of the function @bdf (full form) leads to. False: it cannot be read,
 * or there is none.
 */
bool irte_find(const struct irte_tables *tables, const struct irte_source *source, const char *bdf,
	       const struct msi_message *message, struct irte *irte);

/* ---- what the kernel's text and a message mean: for irte_find() and tests ---- */

/*
 * The number of the entry that a physical message leads to. False: it is of no such form. Intel
 * VT-d 5.1.2.2; AMD IOMMU (48882), 2.2.5.
 */
bool irte_index(enum irte_maker maker, const struct msi_message *message, unsigned int *index);

/* Find entry @index in what irqtbl shows, which must be of @bdf: somebody may have asked between.
 */
bool irte_amd_parse(FILE *file, const char *bdf, unsigned int index, struct irte *irte);

/* The same in what ir_translation_struct shows of @iommu. */
bool irte_intel_parse(FILE *file, const char *iommu, unsigned int index, struct irte *irte);

#endif
