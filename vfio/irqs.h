/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of an assigned device: INTx, MSI and MSI-X, three sets of vectors, of which at
 * most one is on.
 *
 * Each vector has what the guest wants and what the host has side by side. The guest writes the
 * first into capabilities and table (vfio/config.c, and the functions for the table here), and then
 * irqs_sync() or irqs_vectors_sync() brings the second to match. Nothing else changes the second.
 *
 * A masked vector keeps its trigger but loses its irqfd: what the device sends meanwhile stays in
 * the count of the eventfd. That count is the pending bit, and it is injected when the irqfd comes
 * back (kvm/wire.h).
 *
 * Everything here but irqs_hold() and irqs_release() is called with the lock held that
 * devices/pci.h calls its operations with. An observer may take long, so it is called without that
 * lock: meanwhile the interrupts are held, that is, nobody changes them.
 */
#ifndef POSTHORN_VFIO_IRQS_H
#define POSTHORN_VFIO_IRQS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "kvm/wire.h"
#include "lib/mutex.h"

struct access;
struct irq_type;
struct irq_relay;
struct vfio_device;
struct vfio_irqs;

enum irq_kind { IRQ_KIND_NONE, IRQ_KIND_INTX, IRQ_KIND_MSI, IRQ_KIND_MSIX, IRQ_KINDS };

struct irq_vector {
	/* what the guest wants */
	struct msi_message message; /* not of INTx */
	bool masked;
	/* what the host has */
	bool triggered; /* VFIO signals the wire's eventfd */
	bool changing;	/* a sync is about to connect it, */
	bool rerouting; /* and has detached it for that */
	struct irq_wire wire;
};

/* The vectors of one kind. */
struct irq_set {
	/* fixed */
	const struct irq_type *type;
	bool resizable;	   /* vectors can be added while others are in use (no _NORESIZE) */
	unsigned int size; /* vectors that the guest sees; 0: the device has none */
	struct irq_vector *vectors;
	/* what the guest wants; INTx: it uses the device, by memory, I/O or bus mastering */
	bool enabled, all_masked;
	unsigned int count; /* vectors in use: MSI's Multiple Message Enable, or size */
	/* what the host has */
	unsigned int host_count; /* vectors turned on in VFIO are [0, host_count) */
	unsigned int asked;	 /* MSI: and so many were asked for when it came on */
	bool refused, scarce;	 /* reported already, and not again: a failure; too few vectors */
};

/*
 * Who is told what becomes of vectors: a report, say. Nothing of posthorn depends on what it does.
 * Called without a lock and while @irqs is held: may take its time, look at @irqs, and change
 * nothing in it.
 */
struct irq_observer {
	void *opaque;
	/* @vector of the active kind has trigger and irqfd now, or another message. */
	void (*connected)(void *opaque, const struct vfio_irqs *irqs, unsigned int vector);
	/* After the last connected() of a sync: all that were told of are still connected. */
	void (*settled)(void *opaque, const struct vfio_irqs *irqs);
	/* The irqfd of @vector is about to go: for a mask, or for another message. */
	void (*detaching)(void *opaque, const struct vfio_irqs *irqs, unsigned int vector);
	/* All vectors of the active kind are about to be turned off in the host. */
	void (*disabling)(void *opaque, const struct vfio_irqs *irqs);
	/* @irqs is about to be given back, with everything off. */
	void (*gone)(void *opaque, const struct vfio_irqs *irqs);
};

struct vfio_irqs {
	/* fixed */
	struct vfio_device *device;
	struct irq_router *router;
	struct irq_relay *relay;	     /* struct irqs_config */
	const struct irq_observer *observer; /* NULL: none */
	struct mutex *lock;		     /* struct irqs_config */
	unsigned int intx_gsi;
	int unmask_eventfd; /* struct irqs_config */
	uint32_t device_id;
	struct irq_set sets[IRQ_KINDS]; /* by enum irq_kind; that of NONE is empty */
	/* what the guest wants */
	bool asleep; /* in D3hot: what the guest wants now happens when it wakes; see irqs_sync() */
	/* what the host has */
	enum irq_kind active;
	bool held;		 /* by somebody who looks at it without the lock */
	pthread_cond_t released; /* it is no longer held */
};

/* What a device's interrupts are made with. All stays the caller's. */
struct irqs_config {
	struct irq_router *router;
	struct irq_relay *relay; /* the kind of the wires of MSI and MSI-X; may be NULL */
	const struct irq_observer *observer; /* may be NULL */
	struct mutex *lock; /* that the functions here are called with; NULL: there is one thread */
	unsigned int msi_size, msix_size; /* vectors in the guest's capabilities; 0: none */
	unsigned int intx_gsi;		  /* 0: no INTx */
	/*
	 * An eventfd that is signalled when the guest has acknowledged an INTx, for somebody who
	 * unmasks it then (vfio_intx_mask()) where VFIO cannot by itself; 0 or -1: it can.
	 */
	int unmask_eventfd;
	uint32_t device_id; /* requester id (bus, device, function) in the guest */
};

/* Make the interrupt state of @device: all off. 0 or -ENOMEM. */
int irqs_init(struct vfio_irqs *irqs, struct vfio_device *device, const struct irqs_config *config);

/* Turn everything off and give everything back. No other thread uses it, so without the lock. */
void irqs_cleanup(struct vfio_irqs *irqs);

/*
 * Before anything changes what the guest wants: wait until nobody holds the interrupts. Gives the
 * lock back meanwhile, so that all else of the function may have changed.
 */
void irqs_wait(struct vfio_irqs *irqs);

/*
 * Hold the interrupts, to look at them without the lock. False: somebody else holds the lock, or
 * the interrupts, until the monotonic clock says @until. Without the lock.
 */
bool irqs_hold(struct vfio_irqs *irqs, const struct timespec *until);
void irqs_release(struct vfio_irqs *irqs);

/*
 * Bring the host to what the guest wants. What the host refuses is reported once for a device and
 * kind; the vector is then dead until the guest turns interrupts off and on again, or changes it.
 * While the device is asleep nothing happens: Linux turns no MSI-X on in D3hot. Call it when it has
 * woken.
 */
void irqs_sync(struct vfio_irqs *irqs);

/*
 * The same for vectors [@first, @end) of @kind only; does nothing while that is not the active
 * kind.
 */
void irqs_vectors_sync(struct vfio_irqs *irqs, enum irq_kind kind, unsigned int first,
		       unsigned int end);

/*
 * While INTx is on: keep VFIO's handler of it from running, and let it run again, when what the
 * device wants by then is delivered. VFIO writes the command register without a lock (as of Linux
 * 7.3, vfio_default_config_write()): its handler in the midst of that sets Interrupt Disable, which
 * the write takes back, and then the host has an interrupt that nobody answers for. (Another vCPU
 * that acknowledges an INTx in the midst of the write has VFIO unmask it: that is not kept away.)
 */
void irqs_intx_mask(struct vfio_irqs *irqs);
void irqs_intx_unmask(struct vfio_irqs *irqs);

/*
 * Where VFIO does not unmask an INTx by itself (struct irqs_config.unmask_eventfd): unmask it, if
 * the guest has acknowledged it. When that eventfd is signalled; and before an access to a BAR,
 * because a driver that makes up a device may lose what that device has to say while it is masked.
 */
void irqs_intx_resample(struct vfio_irqs *irqs);

/* Did the device send @vector of @kind while it was masked, and it was not delivered yet? */
bool irqs_vector_pending(const struct vfio_irqs *irqs, enum irq_kind kind, unsigned int vector);

/* The guest's access to the MSI-X table and to its pending bits: @offset is into these, in bytes.
 */
void irqs_table_access(struct vfio_irqs *irqs, uint64_t offset, struct access *access);
void irqs_pba_access(struct vfio_irqs *irqs, uint64_t offset, struct access *access);

/* Put what the guest wants back to the state after a reset, and sync. */
void irqs_reset(struct vfio_irqs *irqs);

/* "none", "INTx", "MSI", "MSI-X". */
const char *irq_kind_name(enum irq_kind kind);

#endif
