/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what was seen of one vector to a statement of how its interrupts reach the guest. No input
 * or output, so that every rule is tested. The rule above all: "posted" is said only on evidence
 * for it, never because evidence against it is missing.
 */
#ifndef POSTHORN_VMM_REPORT_VERDICT_H
#define POSTHORN_VMM_REPORT_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/report/posting.h"
#include "vfio/irqs.h"

enum irq_delivery {
	IRQ_DELIVERY_NONE,	/* the guest never turned it on, or it is an INTx that never came */
	IRQ_DELIVERY_POSTED,	/* by the hardware: no CPU of the host took part */
	IRQ_DELIVERY_INJECTED,	/* the host's handler ran and KVM injected */
	IRQ_DELIVERY_USERSPACE, /* the host's handler ran and woke this process, which injected */
	IRQ_DELIVERY_UNKNOWN,
};

/* What posting_probe() said of a vector, look by look; all 0 at the start. */
struct irq_looks {
	unsigned int yes, no, unknown, unmapped;
	/* the first and last of yes and no; POSTING_UNKNOWN: there was none */
	enum posting_state first, last;
};

/* Add one look: after each connect and before each detach, so that no change goes unseen. */
void irq_looks_add(struct irq_looks *looks, enum posting_state state);

/* Strings stay the caller's. */
struct irq_facts {
	enum irq_kind kind;
	bool connected;	       /* ever: VFIO's trigger and the irqfd shared an eventfd */
	bool userspace;	       /* this process stands between the eventfd and the guest */
	bool row_found;	       /* in /proc/interrupts (vmm/report/host_irq.h) */
	uint64_t host_count;   /* runs of the host's handler since the first connect, */
	uint64_t masked_count; /* of which so many while the guest had it masked or moved it */
	bool possible;	       /* posting_possible(), and what it said if not */
	const char *why;
	bool fits; /* posting_message_fits(), and what it said if not */
	const char *misfit;
	struct irq_looks looks;
	const char *seen;     /* what the last look, but for POSTING_UNMAPPED, said; "" for none */
	uint64_t guest_count; /* interrupts that the guest says it took; 0: it does not say */
};

struct irq_verdict {
	enum irq_delivery delivery;
	char reason[2 * POSTING_TEXT_SIZE]; /* a phrase */
};

void irq_verdict_reach(const struct irq_facts *facts, struct irq_verdict *verdict);

/* "none", "posted", "injected", "userspace", "unknown". */
const char *irq_delivery_name(enum irq_delivery delivery);

#endif
