/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host without KVM and IOMMU: what vfio/ and kvm/wire.c use of kvm/vm.h, kvm/irq.h and
 * vfio/iommu.h. A test links this instead of these. And a relay, for wires that are to have one.
 *
 * irqfds behave as KVM's (virt/kvm/eventfd.c): a signal of an attached eventfd injects the message
 * that the GSI is routed to at that moment, and takes the count; an eventfd that is signalled
 * already when it is attached injects at once, and its count stays. The relay takes the count in
 * either case, as vmm/relay.h says; its thread runs whenever a fake is called, unless relay_sleeps.
 *
 * What must never happen is written down as a violation, and fake_kvm_end() counts them: two irqfds
 * on one eventfd, an irqfd without a route, a route that goes away under an irqfd, memslots or DMA
 * maps that overlap, and anything that is not given back. The relay may get no eventfd twice, and
 * none that has an irqfd.
 */
#ifndef POSTHORN_TESTS_UNIT_FAKE_KVM_H
#define POSTHORN_TESTS_UNIT_FAKE_KVM_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/irq.h"
#include "kvm/vm.h"
#include "kvm/wire.h"
#include "vfio/iommu.h"

/* The VM has this IOMMU group, and no other. */
#define FAKE_GROUP	    5
#define FAKE_GROUP_FD	    50
#define FAKE_SLOTS_MAX	    32
#define FAKE_IRQFDS_MAX	    4096
#define FAKE_SOURCES_MAX    64
#define FAKE_FAILURES_MAX   4
#define FAKE_INJECTIONS_MAX 65536

struct fake_range {
	bool used, read_only;
	uint64_t base, size; /* guest-physical address or IOVA, bytes */
	char *hva;
};

struct fake_irqfd {
	bool used;
	int gsi, given; /* as irqfd_attach() got them */
	int eventfd;	/* a duplicate: KVM holds a reference too */
	int resample;	/* the same, or -1 */
	uint64_t left;	/* count that was there when it was attached, and is injected already */
	bool asserted;	/* a level: the pin is up until the guest acknowledges */
};

/* What the relay got. */
struct fake_source {
	bool used;
	int eventfd;
	struct msi_message message;
	uint64_t count; /* messages since then */
};

struct fake_failure {
	const char *call;
	unsigned int skip; /* calls that go well before */
	int result;	   /* what the call after them returns */
};

struct fake_kvm {
	struct vm vm;
	struct iommu iommu;
	struct fake_range slots[FAKE_SLOTS_MAX], maps[FAKE_SLOTS_MAX];
	struct irq_route routes[IRQ_GSI_MAX];
	bool allocated[IRQ_GSI_MAX];
	/* Between irq_routes_begin() and irq_routes_commit(): the routes before, and what changed.
	 */
	bool in_routes;
	struct irq_route former[IRQ_GSI_MAX];
	unsigned int changes;
	int refused_gsi, refusal; /* no route of this GSI is taken, 0: of none */
	unsigned int commits;	  /* how often KVM got a table of routes */
	struct fake_irqfd irqfds[FAKE_IRQFDS_MAX];
	unsigned int irqfd_top; /* none is used from here up */
	struct irq_relay relay;
	struct fake_source sources[FAKE_SOURCES_MAX];
	bool relay_sleeps; /* the relay's thread does not get to run */
	bool relay_late;   /* each relay_attach() returns with another signal in the count */
	struct {
		int gsi; /* -1: the relay sent it */
		struct irq_route route;
	} injections[FAKE_INJECTIONS_MAX];
	unsigned int injection_count;
	struct fake_failure failures[FAKE_FAILURES_MAX];
	unsigned int failure_count;
	unsigned int violations;
	unsigned int open_fds; /* of the process, when the fake was made */
	char log[65536], taken[65536];
};

struct fake_kvm *fake_kvm_new(void);

/*
 * Free @kvm. Returns how many violations there were, things that nobody gave back included; each
 * was written to standard error.
 */
unsigned int fake_kvm_end(struct fake_kvm *kvm);

/* One line for the log of what was done to the host and to the devices. */
void fake_log(struct fake_kvm *kvm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The lines since the last call, each with its newline. Valid until the next call. */
const char *fake_log_take(struct fake_kvm *kvm);

void fake_violation(struct fake_kvm *kvm, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Let @call ("memslot_add", "irqs_set" and so on: the name without vm_ or vfio_) return @result
 * once, after it went well @skip times. Failures of one call come in the order of fake_fail().
 */
void fake_fail(struct fake_kvm *kvm, const char *call, unsigned int skip, int result);

/* For the fakes: what the call of now is to return in place of doing something, or 0. */
int fake_failing(struct fake_kvm *kvm, const char *call);

/* Inject what attached eventfds were signalled. The fakes do so whenever they are called. */
void fake_kvm_deliver(struct fake_kvm *kvm);

/* How often the guest got this MSI. */
unsigned int fake_kvm_injected(struct fake_kvm *kvm, uint64_t address, uint32_t data);

/* How often the guest got any interrupt. */
unsigned int fake_kvm_injected_all(struct fake_kvm *kvm);

/* Is the pin of the IOAPIC up? */
bool fake_kvm_pin_asserted(struct fake_kvm *kvm, int gsi);

/* The guest acknowledges the interrupt of a pin. */
void fake_kvm_pin_acknowledge(struct fake_kvm *kvm, int gsi);

/* Is any of this memory in a memslot or DMA map? */
bool fake_kvm_slot_touches(const struct fake_kvm *kvm, const void *hva, uint64_t size);
bool fake_kvm_map_touches(const struct fake_kvm *kvm, const void *hva, uint64_t size);

/* The memory that answers at @gpa, or NULL when the access is trapped. */
char *fake_kvm_hva(const struct fake_kvm *kvm, uint64_t gpa);

unsigned int fake_kvm_slots(const struct fake_kvm *kvm);
unsigned int fake_kvm_maps(const struct fake_kvm *kvm);
unsigned int fake_kvm_gsis(const struct fake_kvm *kvm);
unsigned int fake_kvm_irqfds(const struct fake_kvm *kvm);

/* How many eventfds the relay listens to. */
unsigned int fake_kvm_sources(const struct fake_kvm *kvm);

#endif
