/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wire: the way of one interrupt from an eventfd into the guest. Afterwards no code of this
 * process runs for it:
 *
 *   device ──MSI──▶ host vector ──▶ VFIO's handler ──signals──▶ eventfd
 *                                                                 │ irqfd (in KVM)
 *   guest's vector ◀── APIC or GIC ◀── route of the GSI ◀─────── GSI
 *
 * and where the hardware can (VT-d posted interrupts, AVIC, GICv4), KVM and VFIO recognise by the
 * common eventfd that they are two ends of one thing, and the IOMMU or ITS delivers straight to
 * the vCPU.
 *
 * There are two kinds: with the other, irq-path=userspace, somebody in this process (struct
 * irq_relay) stands in for the irqfd. That one is for messages only: a pin has an irqfd.
 *
 * The life of a wire: open (it gets its eventfd and its GSI), route, attach; detach and attach as
 * often as it is masked or its message changes; close. What is signalled while it is detached stays
 * in the count of the eventfd, and attaching it delivers that, once: nothing is lost and nothing is
 * polled. Whoever signals the eventfd (the trigger, for VFIO) comes last and goes first.
 *
 * A wire has no lock: one thread at a time.
 */
#ifndef POSTHORN_KVM_WIRE_H
#define POSTHORN_KVM_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/irq.h"

/* Who sends messages in place of an irqfd: vmm/relay.h. */
struct irq_relay {
	/*
	 * Let signals of @eventfd send @message (copied); one that was there already sends it at
	 * once. 0, or -errno with the eventfd's count left alone.
	 */
	int (*attach)(struct irq_relay *relay, int eventfd, const struct msi_message *message);
	/*
	 * When it returns, signals stay in the eventfd's count. Returns how many messages were sent
	 * since the attach.
	 */
	uint64_t (*detach)(struct irq_relay *relay, int eventfd);
	/* How many messages were sent since the attach. */
	uint64_t (*count)(struct irq_relay *relay, int eventfd);
};

struct irq_wire {
	struct irq_router *router;
	struct irq_relay *relay; /* the kind: NULL: irqfd */
	int gsi;		 /* -1: closed; a pin below IRQ_PINS */
	int eventfd;		 /* -1: closed */
	int resample_eventfd;	 /* of a pin: KVM signals it when the guest acknowledges; else -1 */
	bool resample_is_lent;	 /* it is somebody else's */
	bool attached;
	bool was_attached; /* since it was opened */
	uint64_t relayed;  /* messages that the relay sent for it, but for those since the attach */
};

/* Make a wire that is closed. Both stay the caller's. @relay is NULL for an irqfd and for a pin. */
void irq_wire_init(struct irq_wire *wire, struct irq_router *router, struct irq_relay *relay);

/* Take an eventfd and a GSI, without a route. Nothing to do when open. 0, -ENOSPC or -errno. */
int irq_wire_open(struct irq_wire *wire);

/*
 * Take two eventfds for @pin, which is level-triggered. @resample: the second one, which stays the
 * caller's; -1: it is made. 0 or -errno.
 */
int irq_wire_open_pin(struct irq_wire *wire, int pin, int resample);

/* Does the wire, which is open, lead to @message, or to its pin? */
bool irq_wire_is_routed(const struct irq_wire *wire, const struct msi_message *message);

/*
 * Lead the wire, which is open and detached, to @message, or to its pin. Between irq_routes_begin()
 * and irq_routes_commit().
 */
void irq_wire_route(struct irq_wire *wire, const struct msi_message *message);

/*
 * Let the eventfd's signals go to where the wire is routed to. One that was there already goes at
 * once. 0, or -errno with the eventfd's count left alone.
 */
int irq_wire_attach(struct irq_wire *wire);

/* When it returns, signals stay in the eventfd's count. Does nothing when detached. */
void irq_wire_detach(struct irq_wire *wire);

/* Must nobody signal the eventfd when irq_wire_detach() is called? See irq_deassign_defect(). */
bool irq_wire_detach_wants_silence(const struct irq_wire *wire);

/* Has something come that waits for irq_wire_attach()? */
bool irq_wire_pending(const struct irq_wire *wire);

/*
 * Give all back. The wire is detached, or closed already. Between irq_routes_begin() and
 * irq_routes_commit().
 */
void irq_wire_close(struct irq_wire *wire);

/* How many messages the relay has sent for it, in all its lives. */
uint64_t irq_wire_relayed(const struct irq_wire *wire);

/*
 * Does KVM of a Linux @release (uname -r) have the defect of KVM_IRQFD_FLAG_DEASSIGN that is known
 * as CVE-2026-23198? It forgets what kind of route the irqfd has before it ends posting. So the
 * hardware goes on posting, and on AMD's processors KVM then uses memory that it freed. That does
 * not happen where the device's trigger has left the eventfd before the irqfd does, which ends
 * posting first: vfio/irqs.c keeps that order on these kernels. They are 6.15 to 6.18.9 on arm64
 * and 6.17 to 6.18.9 on x86-64, which are not told apart here, nor are kernels that a distributor
 * has mended.
 */
bool irq_deassign_defect(const char *release);
#define IRQ_DEASSIGN_MENDED "6.18.10"

#endif
