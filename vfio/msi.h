/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of an assigned device: INTx, MSI and MSI-X, of which at most one kind is on.
 *
 * The guest writes what it wants into capabilities and table (vfio/config.c, vfio/bar.c); those
 * change the fields under "what the guest wants" and call msi_sync() or msi_vector_sync(), which
 * bring the host's side, and nothing else does, to match: routes, irqfds, VFIO triggers.
 *
 * Masking. A masked vector keeps its VFIO trigger but loses its irqfd: what the device sends
 * meanwhile stays in the count of the eventfd. That count is the pending bit, and when the irqfd
 * comes back KVM finds it and injects at once. Nothing is lost and nothing is polled. (Where
 * msi_trigger_first() holds, the trigger goes before the irqfd, and comes back when that is gone.)
 *
 * Everything here is called with the lock of the PCI root held (devices/pci.h).
 */
#ifndef POSTHORN_VFIO_MSI_H
#define POSTHORN_VFIO_MSI_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/irq.h"

struct irq_record;
struct irq_watch;
struct relay;
struct vfio_device;
struct vm;

enum irq_kind { IRQ_KIND_NONE, IRQ_KIND_INTX, IRQ_KIND_MSI, IRQ_KIND_MSIX };

struct msi_vector {
	/* what the guest wants */
	struct msi_message message;
	bool masked;
	/* what the host has */
	struct msi_message routed; /* the message that gsi is routed to */
	int gsi;		   /* -1: none */
	int eventfd;		   /* -1: none; lives as long as gsi */
	bool triggered;		   /* VFIO signals eventfd */
	bool attached;		   /* eventfd raises gsi, or the relay listens to it */
	bool detached;		   /* it was attached before, since it has the gsi */
	uint64_t relayed;	   /* messages that the relay sent for it, when it was detached */
	bool watched;		   /* for vfio/irq_watch.c, as is record: NULL until connected */
	struct irq_record *record;
};

/* MSI or MSI-X of a device. */
struct msi_set {
	/* fixed */
	unsigned int index; /* VFIO_PCI_MSI_IRQ_INDEX or VFIO_PCI_MSIX_IRQ_INDEX */
	bool resizable;	    /* vectors can be added while others are in use (no _NORESIZE) */
	unsigned int size;  /* vectors in the capability; 0: the device has none */
	uint32_t device_id; /* the guest's requester id of the device, part of every message */
	struct msi_vector *vectors;
	/* what the guest wants */
	bool enabled, all_masked;
	unsigned int count; /* vectors in use: MSI's Multiple Message Enable, or size */
	/* what the host has */
	unsigned int host_count; /* vectors turned on in VFIO are [0, host_count) */
	unsigned int asked;	 /* MSI: and so many were asked for when it came on */
	bool refused, scarce;	 /* reported already, and not again: a failure; too few vectors */
};

struct vfio_msi {
	/* fixed */
	struct vfio_device *device;
	struct vm *vm;
	struct relay *relay;	 /* stands in for irqfds; NULL: it does not */
	struct irq_watch *watch; /* remembers how interrupts went; NULL: nobody does */
	unsigned int intx_gsi;	 /* 0: the device has no INTx */
	bool trigger_first;	 /* an irqfd may not go while its vector has a trigger */
	struct msi_set msi, msix;
	/* what the guest wants */
	bool intx_usable; /* the guest has turned the device on: memory, I/O or bus mastering */
	bool asleep; /* in D3hot: what the guest wants now happens when it wakes; see msi_sync() */
	/* what the host has */
	enum irq_kind active;
	int intx_eventfd, intx_unmask_eventfd;
	struct irq_record *intx_record; /* for vfio/irq_watch.c */
};

/* What a device's interrupts are made with. All stays the caller's. */
struct msi_config {
	struct vm *vm;
	struct relay *relay;		  /* injects MSIs in place of irqfds; NULL: no */
	struct irq_watch *watch;	  /* after irq_watch_init(); remembers what became of
					   * interrupts; NULL: no */
	unsigned int msi_size, msix_size; /* vectors in the guest's capabilities; 0: it has none */
	unsigned int intx_gsi;		  /* 0: no INTx */
	uint32_t device_id;		  /* requester id (bus, device, function) in the guest */
};

/*
 * Does KVM of a Linux @release (uname -r) leave posting on when an irqfd goes before the trigger of
 * its vector? Up to 6.18.9 it does, on arm64 from 6.15 and on x86-64 from 6.17, and on AMD's
 * processors then uses memory that it freed ("KVM: Don't clobber irqfd routing type when
 * deassigning irqfd" mends it). Kernels that are mended by their distributor are not told apart.
 */
bool msi_trigger_first(const char *release);

/* Make the interrupt state of @device: all off. 0 or -ENOMEM. */
int msi_init(struct vfio_msi *msi, struct vfio_device *device, const struct msi_config *config);

/* Turn everything off and give everything back. */
void msi_cleanup(struct vfio_msi *msi);

/*
 * Bring the host to what the guest wants. What the host refuses is reported once for a device and
 * kind; the vector is then dead until the guest turns interrupts off and on again, or changes it.
 * While the device is asleep nothing happens: Linux turns no MSI-X on in D3hot. Call it when it has
 * woken.
 */
void msi_sync(struct vfio_msi *msi);

/* The same for one vector of @set only; does nothing while @set is not the active kind. */
void msi_vector_sync(struct vfio_msi *msi, struct msi_set *set, unsigned int vector);

/* Did the device send @vector while it was masked, and it was not delivered yet? */
bool msi_vector_pending(const struct msi_set *set, unsigned int vector);

/* Put what the guest wants back to the state after a reset, and sync. */
void msi_reset(struct vfio_msi *msi);

#endif
