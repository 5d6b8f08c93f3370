/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the interrupts of assigned functions really went: a memory of what the host showed of each
 * vector while it was connected, for the irq report. The host forgets it (its rows in
 * /proc/interrupts go) when the guest turns interrupts off, as each guest does at its end.
 *
 * vfio/msi.c calls the three functions in the middle at the moments they are named for. What the
 * columns of the report mean, and what they cannot know: docs/proof.md.
 *
 * Everything here is called with the lock of the PCI root held (devices/pci.h).
 */
#ifndef POSTHORN_VFIO_IRQ_WATCH_H
#define POSTHORN_VFIO_IRQ_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/irq.h"
#include "kvm/posting.h"
#include "vfio/irq_verdict.h"

struct msi_set;
struct vfio_msi;
struct vm;

/* What was seen of a vector so far; all 0 at the start. */
struct irq_record {
	bool connected; /* ever, and what follows is of the last time: */
	struct msi_message message;
	int gsi;
	unsigned int host_irq;
	bool row_found;	     /* in /proc/interrupts, ever */
	uint64_t host_count; /* of connections that are over */
	struct irq_looks looks;
	char seen[POSTING_TEXT_SIZE]; /* by the last look that saw something */
};

/* One for all functions of a VM. */
struct irq_watch {
	bool continuous;	/* look at every change: costs some system calls each time */
	unsigned int connected; /* vectors of all functions that have trigger and irqfd now */
	struct posting_files posting;
	int interrupts_fd; /* host_irqs_open() */
	bool possible;	   /* posting_possible(), and its reason if not */
	char why[POSTING_TEXT_SIZE];
};

/*
 * Make a watch, and ask the host what it can. With @continuous off only what is connected when the
 * report is made is looked at; the counts of vectors that were turned off and on again begin anew.
 * Comes before msi_init() of any function, which looks at @possible.
 */
void irq_watch_init(struct irq_watch *watch, bool continuous);

/*
 * Open what will be read. Comes when @vm is complete (vm_finish()), and before the guest runs.
 * irq_watch_cleanup() closes it.
 */
void irq_watch_open(struct irq_watch *watch, const struct vm *vm);
void irq_watch_cleanup(struct irq_watch *watch);

/* @vector of the active kind has been connected (0 for INTx), or its message changed. */
void irq_watch_connected(struct vfio_msi *msi, unsigned int vector);

/* All vectors of @set were turned off (irq_watch_disabling()) and on again, those with a trigger.
 */
void irq_watch_enlarged(struct vfio_msi *msi, struct msi_set *set);

/* The irqfd of @vector is about to be taken away (for MSI and MSI-X, by a mask or a change). */
void irq_watch_detaching(struct vfio_msi *msi, unsigned int vector);

/* All vectors of the active kind are about to be turned off in the host. */
void irq_watch_disabling(struct vfio_msi *msi);

/* A row of the report. */
struct irq_row {
	enum irq_kind kind;
	unsigned int vector;
	const struct irq_record *record; /* with the counts of now */
	uint64_t relayed;		 /* messages that this process sent: irq-path=userspace */
	struct irq_verdict verdict;
};

/*
 * Look at @msi now, and call @visit for every vector that was ever connected, INTx first. Stops
 * when @visit returns non-zero, and returns that; else 0.
 */
int irq_watch_report(struct vfio_msi *msi, int (*visit)(void *opaque, const struct irq_row *row),
		     void *opaque);

#endif
