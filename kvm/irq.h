/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts into the guest: GSIs, their routes, and the eventfds that raise them.
 *
 * A GSI is KVM's name for an interrupt source. Its route (KVM API 4.52, KVM_SET_GSI_ROUTING) says
 * where it goes: to a pin of the in-kernel interrupt controller (IOAPIC; on arm64 a shared
 * peripheral interrupt of the GIC), or out as an MSI message. An irqfd (KVM API
 * 4.75, KVM_IRQFD) ties an eventfd to a GSI: from then on a signal of the eventfd, by VFIO's
 * interrupt handler or by anybody else, raises it in the kernel, without this process.
 *
 * Order: a route before the irqfd that uses it, the irqfd away before its route. kvm/wire.h keeps
 * it.
 */
#ifndef POSTHORN_KVM_IRQ_H
#define POSTHORN_KVM_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Pins of the interrupt controller come first; GSIs that irq_gsi_alloc() hands out start here. */
#define IRQ_PINS    24
#define IRQ_GSI_MAX 4096 /* KVM_MAX_IRQ_ROUTES */

/* What a device writes to raise a message-signalled interrupt (PCI Local Bus 3.0, 6.8). */
struct msi_message {
	uint64_t address; /* guest-physical */
	uint32_t data;
	uint32_t
		device_id; /* requester id, for interrupt controllers that look at it (arm64 ITS) */
};

struct irq_route {
	bool used;
	bool is_msi; /* else a pin */
	struct msi_message message;
};

/* The GSIs of one VM. */
struct irq_router {
	int vm_fd;
	/*
	 * arm64: an interrupt that was posted and that no vCPU has taken yet may be gone after
	 * irqfd_detach(): ending posting is DISCARD for the ITS, which drops what is pending (Arm
	 * IHI 0069, 5.3.4). On x86-64 what was posted stays with the vCPU.
	 */
	bool detach_discards;
	bool deassign_defect;	  /* of this host: irq_deassign_defect() of kvm/wire.h */
	pthread_mutex_t lock;	  /* for what follows */
	struct irq_route *routes; /* by GSI, IRQ_GSI_MAX of them */
	struct irq_route *former; /* those that KVM took last */
	bool *allocated;	  /* by GSI: handed out by irq_gsi_alloc() */
	unsigned int top;    /* no GSI from here up has a route, nor had one that KVM took last */
	unsigned int search; /* no GSI from IRQ_PINS to here is free */
	bool changed;	     /* routes and former differ */
};

/* Part of vm_init() and vm_cleanup(). Errors: -ENOMEM. */
int irq_router_init(struct irq_router *router, int vm_fd);
void irq_router_cleanup(struct irq_router *router);

/* A GSI that is nobody's: the lowest from IRQ_PINS up, or -ENOSPC. Any thread. */
int irq_gsi_alloc(struct irq_router *router);

/*
 * KVM takes the whole table of routes at once (KVM_SET_GSI_ROUTING) and waits then until no CPU
 * uses the former one. So changes are gathered: irq_routes_begin(), any number of changes, and
 * irq_routes_commit(), which makes all of them with one call, or none when there is none to make.
 * From begin to commit the caller holds the router's lock, and calls nothing of this file but the
 * functions that say so. Any thread.
 */
void irq_routes_begin(struct irq_router *router);

/* Between begin and commit: send @gsi out as @message, in place of the route that it had. */
void irq_route_set(struct irq_router *router, int gsi, const struct msi_message *message);

/* Between begin and commit: send @gsi (below IRQ_PINS) to the pin of that number (arm64: SPI). */
void irq_route_set_pin(struct irq_router *router, int gsi);

/*
 * Between begin and commit: take the route of @gsi away, if it has one, and give the GSI back. It
 * must have no irqfd.
 */
void irq_gsi_free(struct irq_router *router, int gsi);

/*
 * Make the changes since irq_routes_begin(). They are in force at once, for interrupts through a
 * live irqfd too. 0, or -errno: then all GSIs that are not free have the routes of before.
 */
int irq_routes_commit(struct irq_router *router);

/* As what is @gsi sent out? False: it has no such route. Not between begin and commit. Any thread.
 */
bool irq_route_get(struct irq_router *router, int gsi, struct msi_message *message);

/*
 * Let signals of @eventfd raise @gsi. If the eventfd is signalled already, the interrupt is raised
 * at once: nothing that came before is lost. @resample_eventfd is -1, or for a level-triggered pin
 * an eventfd that KVM signals when the guest acknowledges (KVM_IRQFD_FLAG_RESAMPLE); the pin stays
 * asserted until then. Both stay the caller's, and one eventfd has at most one irqfd. 0 or -errno.
 * Any thread.
 */
int irqfd_attach(struct irq_router *router, int gsi, int eventfd, int resample_eventfd);

/*
 * Undo irqfd_attach(). When it returns, signals stay in the eventfd's count; one that was on its
 * way has been delivered. Any thread.
 */
void irqfd_detach(struct irq_router *router, int gsi, int eventfd);

#endif
