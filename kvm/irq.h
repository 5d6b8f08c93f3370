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
 * Order: set the route before attaching the irqfd, detach before clearing the route.
 */
#ifndef POSTHORN_KVM_IRQ_H
#define POSTHORN_KVM_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;

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

struct irq_router {
	pthread_mutex_t lock;
	struct irq_route *routes; /* by GSI, IRQ_GSI_MAX of them */
	bool *allocated;	  /* by GSI: handed out by irq_gsi_alloc() */
	unsigned int top;	  /* all GSIs from here up are without a route */
};

/* Part of vm_init() and vm_cleanup(). Errors: -ENOMEM. */
int irq_router_init(struct irq_router *router);
void irq_router_cleanup(struct irq_router *router);

/* A GSI that is nobody's: the lowest from IRQ_PINS up, or -ENOSPC. Any thread. */
int irq_gsi_alloc(struct vm *vm);

/* Give a GSI back. It must have no irqfd and no route. Any thread. */
void irq_gsi_free(struct vm *vm, int gsi);

/*
 * Send @gsi out as @message; replaces the route that it had, at once and for the interrupts that
 * come through a live irqfd too. Does nothing when it is the same. 0 or -errno. Any thread.
 */
int irq_route_set(struct vm *vm, int gsi, const struct msi_message *message);

/* Send @gsi (below IRQ_PINS) to the pin of that number (arm64: SPI). 0 or -errno. Any thread. */
int irq_route_set_pin(struct vm *vm, int gsi);

/* Take the route of @gsi away. Any thread. */
void irq_route_clear(struct vm *vm, int gsi);

/*
 * Let signals of @eventfd raise @gsi. If the eventfd is signalled already, the interrupt is raised
 * at once: nothing that came before is lost. @resample_eventfd is -1, or for a level-triggered pin
 * an eventfd that KVM signals when the guest acknowledges (KVM_IRQFD_FLAG_RESAMPLE); the pin stays
 * asserted until then. Both stay the caller's, and one eventfd has at most one irqfd. 0 or -errno.
 * Any thread.
 */
int irqfd_attach(struct vm *vm, int gsi, int eventfd, int resample_eventfd);

/*
 * Undo irqfd_attach(). When it returns, signals stay in the eventfd's count; one that was on its
 * way has been delivered. Any thread.
 */
void irqfd_detach(struct vm *vm, int gsi, int eventfd);

#endif
