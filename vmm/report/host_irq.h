/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of an assigned function's interrupts: the rows of /proc/interrupts that vfio-pci
 * requested for it (drivers/vfio/pci/vfio_pci_intrs.c), and how often its handler ran. A count that
 * stays while the guest gets interrupts shows that the host's CPUs take no part in them.
 */
#ifndef POSTHORN_VMM_REPORT_HOST_IRQ_H
#define POSTHORN_VMM_REPORT_HOST_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/irqs.h"

struct host_irq {
	enum irq_kind kind;
	unsigned int vector; /* 0 for INTx */
	unsigned int irq;    /* the host's number for it, as in /proc/irq */
	bool shared;	/* others have a handler on the row too: @count counts theirs as well */
	uint64_t count; /* runs since the host allocated @irq, all online CPUs together */
};

/*
 * Open /proc/interrupts below @root ("" on a real host), for as often as it is to be read. Returns
 * the descriptor, the caller's to close, or -errno.
 */
int host_irqs_open(const char *root);

/*
 * Read from @fd (host_irqs_open(), or its error) all rows of @bdf (full form) in one pass into a
 * new array at *@irqs, in the file's order: the caller's to free(), NULL when there are none. The
 * rows are of one function and nearly of one moment; each count only ever grows while its vector
 * stays connected. Returns their number, -ENOMEM, -EIO when the file cannot be read, or what @fd is
 * when that is an error. Any thread. The cost grows with CPUs times interrupts: not for a data
 * path.
 */
int host_irqs_read(int fd, const char *bdf, struct host_irq **irqs);

/* The row of (@kind, @vector) among @count of them, or NULL. */
const struct host_irq *host_irq_find(const struct host_irq *irqs, int count, enum irq_kind kind,
				     unsigned int vector);

#endif
