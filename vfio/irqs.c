/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/irqs.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/bus.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/device.h"

#define RUN_MAX 64U /* triggers that are tied in one call */

static void msi_enable(struct vfio_irqs *irqs, struct irq_set *set);
static void msix_enable(struct vfio_irqs *irqs, struct irq_set *set);

/* What differs among the kinds. */
struct irq_type {
	const char *name;
	unsigned int index; /* VFIO_PCI_*_IRQ_INDEX */
	/* PCI Local Bus 3.0, 6.8.2.9: table entries start masked; MSI's bits do not. */
	bool starts_masked;
	bool is_fixed; /* the number of vectors is settled when it is turned on */
	/* Turns it on in VFIO before the first vector is connected; NULL: that one does it. */
	void (*enable)(struct vfio_irqs *irqs, struct irq_set *set);
};

static const struct irq_type types[IRQ_KINDS] = {
	[IRQ_KIND_NONE] = { .name = "none" },
	[IRQ_KIND_INTX] = { .name = "INTx", .index = VFIO_PCI_INTX_IRQ_INDEX },
	[IRQ_KIND_MSI] = { .name = "MSI",
			   .index = VFIO_PCI_MSI_IRQ_INDEX,
			   .is_fixed = true,
			   .enable = msi_enable },
	[IRQ_KIND_MSIX] = { .name = "MSI-X",
			    .index = VFIO_PCI_MSIX_IRQ_INDEX,
			    .starts_masked = true,
			    .enable = msix_enable },
};

const char *irq_kind_name(enum irq_kind kind)
{
	return types[kind].name;
}

/* ---- who looks ---- */

/* While the interrupts are held nobody changes them, and all else of the function goes on. */
LOCK_NOT_ANALYSED static void observer_enter(struct vfio_irqs *irqs)
{
	irqs->held = true;
	if (irqs->lock)
		mutex_unlock(irqs->lock);
}

LOCK_NOT_ANALYSED static void observer_leave(struct vfio_irqs *irqs)
{
	if (irqs->lock)
		mutex_lock(irqs->lock);
	irqs->held = false;
	pthread_cond_broadcast(&irqs->released);
}

void irqs_wait(struct vfio_irqs *irqs)
{
	while (irqs->held)
		pthread_cond_wait(&irqs->released, &irqs->lock->posix);
}

LOCK_NOT_ANALYSED bool irqs_hold(struct vfio_irqs *irqs, const struct timespec *until)
{
	int error = 0;

	if (!mutex_try_until(irqs->lock, until))
		return false;
	while (irqs->held && error == 0)
		error = pthread_cond_clockwait(&irqs->released, &irqs->lock->posix, CLOCK_MONOTONIC,
					       until);
	irqs->held |= error == 0;
	mutex_unlock(irqs->lock);
	return error == 0;
}

LOCK_NOT_ANALYSED void irqs_release(struct vfio_irqs *irqs)
{
	observer_leave(irqs);
	mutex_unlock(irqs->lock);
}

/* All vectors of the active kind are about to be turned off in the host. */
static void disabling_tell(struct vfio_irqs *irqs)
{
	if (!irqs->observer)
		return;
	observer_enter(irqs);
	irqs->observer->disabling(irqs->observer->opaque, irqs);
	observer_leave(irqs);
}

/* ---- what cannot be done ---- */

static void intx_failure_report(const struct vfio_irqs *irqs, int error)
{
	log_warn("%s: INTx (GSI %u) cannot be used: %s%s; its interrupts do not reach the guest, "
		 "those of MSI and MSI-X do",
		 irqs->device->bdf, irqs->intx_gsi, strerror(-error),
		 error == -EBUSY ? ": the host's line has another device, and this one cannot share"
				 : "");
}

static void failure_report(struct vfio_irqs *irqs, struct irq_set *set, unsigned int vector,
			   const char *what, int error)
{
	/* msi_enable() told of all of these together. */
	if (set->scarce && set->host_count && vector >= set->host_count)
		return;
	if (!set->refused && set->type->index == VFIO_PCI_INTX_IRQ_INDEX)
		intx_failure_report(irqs, error);
	else if (!set->refused)
		log_error("%s: %s vector %u: cannot %s: %s%s; its interrupts do not reach the "
			  "guest",
			  irqs->device->bdf, set->type->name, vector, what, strerror(-error),
			  error == -EMFILE ? " (each vector takes one: raise ulimit -Hn)" : "");
	set->refused = true;
}

static void connect_failed(struct vfio_irqs *irqs, struct irq_set *set, unsigned int number,
			   int error)
{
	set->vectors[number].changing = false;
	failure_report(irqs, set, number, "connect it", error);
}

/* ---- a kind in VFIO ---- */

/* Tie the triggers of vectors [0, @count) in one call, which turns the kind on. */
static int host_enable(struct vfio_irqs *irqs, struct irq_set *set, unsigned int count)
{
	int *eventfds;
	int result;

	if (!count)
		return 0;
	eventfds = calloc(count, sizeof(*eventfds));
	if (!eventfds)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++)
		eventfds[i] = set->vectors[i].wire.eventfd;
	result = vfio_irqs_set(irqs->device, set->type->index, 0, count, eventfds);
	free(eventfds);
	if (result != 0)
		return result;
	set->host_count = count;
	for (unsigned int i = 0; i < count; i++)
		set->vectors[i].triggered = set->vectors[i].wire.eventfd >= 0;
	return 0;
}

/* Enable @needed vectors, and if the host has them twice the @former; or else as many as it has. */
static int host_enable_more(struct vfio_irqs *irqs, struct irq_set *set, unsigned int former,
			    unsigned int needed)
{
	unsigned int count = min(max(needed, 2 * former), set->size);
	int result = host_enable(irqs, set, count);

	if (result > 0 && (unsigned int)result > former)
		return host_enable(irqs, set, min((unsigned int)result, count));
	if (result < 0 && count > needed)
		return host_enable(irqs, set, needed);
	return result;
}

/*
 * Without dynamic MSI-X (kernels before 6.4 or so) the number of vectors is fixed when the kind is
 * turned on: off and on again with more, and with twice as many, so that a driver that unmasks them
 * in turn does not have it turned on for each. What the device sent in between may be gone, so
 * every vector that was live is signalled once: drivers bear an interrupt too many, not one too
 * few.
 */
static int host_enlarge(struct vfio_irqs *irqs, struct irq_set *set, unsigned int needed)
{
	unsigned int former = set->host_count;
	int result;

	if (former) {
		disabling_tell(irqs);
		vfio_irqs_disable(irqs->device, set->type->index);
	}
	set->host_count = 0;
	result = host_enable_more(irqs, set, former, needed);
	/* Rather the vectors that there were than none. */
	if (result != 0 && host_enable(irqs, set, former) != 0)
		for (unsigned int i = 0; i < former; i++)
			set->vectors[i].triggered = false;
	for (unsigned int i = 0; i < former; i++) {
		struct irq_vector *vector = &set->vectors[i];

		if (vector->triggered)
			eventfd_signal(vector->wire.eventfd);
		vector->changing |= vector->triggered && vector->wire.attached;
	}
	return result > 0 ? -ENOSPC : result;
}

/* MSI: the number of vectors is fixed now, so each gets its trigger now, masked or not. */
static void msi_enable(struct vfio_irqs *irqs, struct irq_set *set)
{
	unsigned int count = set->count;
	int result = 0;

	set->asked = count;
	for (unsigned int i = 0; i < count && result == 0; i++)
		result = irq_wire_open(&set->vectors[i].wire);
	if (result == 0)
		result = host_enable(irqs, set, count);
	if (result > 0) {
		if (!set->scarce)
			log_warn("%s: the host has %d of the %u MSI vectors that the guest turned "
				 "on",
				 irqs->device->bdf, result, count);
		set->scarce = true;
		result = host_enable(irqs, set, min((unsigned int)result, count));
	}
	if (result != 0)
		failure_report(irqs, set, 0, "turn MSI on", result < 0 ? result : -ENOSPC);
}

/*
 * MSI-X: a driver turns it on with all vectors masked and expects the hardware to be on, and not to
 * fall back to INTx. Vector 0 without an eventfd does that.
 */
static void msix_enable(struct vfio_irqs *irqs, struct irq_set *set)
{
	int result = host_enable(irqs, set, 1);

	if (result != 0)
		failure_report(irqs, set, 0, "turn MSI-X on", result < 0 ? result : -ENOSPC);
}

static void kind_enable(struct vfio_irqs *irqs, enum irq_kind kind)
{
	irqs->active = kind;
	if (types[kind].enable)
		types[kind].enable(irqs, &irqs->sets[kind]);
}

/* Triggers go first, then irqfds, then routes: these all at once. */
static void kind_disable(struct vfio_irqs *irqs)
{
	struct irq_set *set = &irqs->sets[irqs->active];

	if (irqs->active == IRQ_KIND_NONE)
		return;
	disabling_tell(irqs);
	if (set->host_count)
		vfio_irqs_disable(irqs->device, set->type->index);
	set->host_count = 0;
	for (unsigned int i = 0; i < set->size; i++) {
		set->vectors[i].triggered = false;
		irq_wire_detach(&set->vectors[i].wire);
	}
	irq_routes_begin(irqs->router);
	for (unsigned int i = 0; i < set->size; i++)
		irq_wire_close(&set->vectors[i].wire);
	if (irq_routes_commit(irqs->router) < 0)
		log_debug("%s: routes of its interrupts stay until the next change",
			  irqs->device->bdf);
	irqs->active = IRQ_KIND_NONE;
}

/* ---- vectors ---- */

static bool vector_is_connected(const struct irq_vector *vector)
{
	return vector->triggered && vector->wire.attached &&
	       irq_wire_is_routed(&vector->wire, &vector->message);
}

static void vector_detach(struct vfio_irqs *irqs, struct irq_set *set, unsigned int number)
{
	struct irq_vector *vector = &set->vectors[number];
	bool retie = vector->triggered && irq_wire_detach_wants_silence(&vector->wire);
	const int none = -1;

	if (!vector->wire.attached)
		return;
	if (irqs->observer) {
		observer_enter(irqs);
		irqs->observer->detaching(irqs->observer->opaque, irqs, number);
		observer_leave(irqs);
	}
	/* VFIO lets go of the eventfd, and so posting ends before the irqfd goes. */
	if (retie)
		vfio_irqs_set(irqs->device, set->type->index, number, 1, &none);
	irq_wire_detach(&vector->wire);
	/* Back at once: what comes now is to be pending. If that fails, unmasking tries again. */
	if (retie)
		vector->triggered = vfio_irqs_set(irqs->device, set->type->index, number, 1,
						  &vector->wire.eventfd) == 0;
}

static int vector_open(const struct vfio_irqs *irqs, struct irq_vector *vector)
{
	if (irqs->active == IRQ_KIND_INTX)
		return irq_wire_open_pin(&vector->wire, (int)irqs->intx_gsi,
					 irqs->unmask_eventfd > 0 ? irqs->unmask_eventfd : -1);
	return irq_wire_open(&vector->wire);
}

/* Find what is to change, and detach what is masked. Returns the end of what is to change. */
static unsigned int changes_find(struct vfio_irqs *irqs, struct irq_set *set, unsigned int first,
				 unsigned int end)
{
	unsigned int last = 0;

	for (unsigned int i = first; i < end; i++) {
		struct irq_vector *vector = &set->vectors[i];
		int error;

		vector->changing = false;
		if (vector->masked || set->all_masked)
			vector_detach(irqs, set, i);
		if (vector->masked || set->all_masked || vector_is_connected(vector))
			continue;
		vector->changing = true;
		error = vector_open(irqs, vector);
		if (error < 0)
			connect_failed(irqs, set, i, error);
		else
			last = i + 1;
	}
	return last;
}

/*
 * Make VFIO able to take triggers of vectors below @end: all, but for those that the host lacks.
 * Returns the first that is to change: 0 when all of them went off and came on.
 */
static unsigned int host_prepare(struct vfio_irqs *irqs, struct irq_set *set, unsigned int first,
				 unsigned int end)
{
	bool enlarge = !set->type->is_fixed && end > set->host_count;
	int error = 0;

	/* The kernel allocates a vector when its trigger is tied; INTx has but the one. */
	if (!set->type->is_fixed && (set->resizable || irqs->active == IRQ_KIND_INTX))
		return first;
	if (enlarge)
		error = host_enlarge(irqs, set, end);
	for (unsigned int i = max(first, set->host_count); i < end; i++)
		if (set->vectors[i].changing)
			connect_failed(irqs, set, i, error < 0 ? error : -ENOSPC);
	return enlarge ? 0 : first;
}

/* A route was refused: the former is in force, and the vector comes back with it. */
static void route_refused(struct vfio_irqs *irqs, struct irq_set *set, unsigned int number,
			  int error)
{
	struct irq_vector *vector = &set->vectors[number];

	connect_failed(irqs, set, number, error);
	if (!vector->rerouting || irq_wire_attach(&vector->wire) != 0 || !irqs->observer)
		return;
	observer_enter(irqs);
	irqs->observer->connected(irqs->observer->opaque, irqs, number);
	observer_leave(irqs);
}

/*
 * KVM and VFIO recognise each other when the irqfd is attached, and on arm64 they look then where
 * the route leads: a message that changes is a new pair, and the former one ends while its route is
 * still there.
 */
static void routes_change(struct vfio_irqs *irqs, struct irq_set *set, unsigned int first,
			  unsigned int end)
{
	unsigned int count = 0;
	int error;

	for (unsigned int i = first; i < end; i++) {
		struct irq_vector *vector = &set->vectors[i];

		if (!vector->changing || irq_wire_is_routed(&vector->wire, &vector->message))
			continue;
		count++;
		vector->rerouting |= vector->wire.attached;
		vector_detach(irqs, set, i);
	}
	if (!count)
		return;
	irq_routes_begin(irqs->router);
	for (unsigned int i = first; i < end; i++)
		if (set->vectors[i].changing)
			irq_wire_route(&set->vectors[i].wire, &set->vectors[i].message);
	error = irq_routes_commit(irqs->router);
	for (unsigned int i = first; i < end && error < 0; i++) {
		/* Of several only some may be refused: which? */
		if (set->vectors[i].changing && count > 1)
			routes_change(irqs, set, i, i + 1);
		else if (set->vectors[i].changing)
			route_refused(irqs, set, i, error);
	}
}

/* What was signalled while a vector was masked is delivered now. */
static void irqfds_attach(struct vfio_irqs *irqs, struct irq_set *set, unsigned int first,
			  unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		struct irq_vector *vector = &set->vectors[i];
		int error;

		if (!vector->changing || vector->wire.attached)
			continue;
		error = irq_wire_attach(&vector->wire);
		if (error < 0)
			connect_failed(irqs, set, i, error);
	}
}

/* Tie the triggers of vectors [@start, @start + @count): all or none. */
static int run_trigger(struct vfio_irqs *irqs, struct irq_set *set, unsigned int start,
		       unsigned int count)
{
	int eventfds[RUN_MAX] = { -1 }, result;

	for (unsigned int i = 0; i < count; i++)
		eventfds[i] = set->vectors[start + i].wire.eventfd;
	result = vfio_irqs_set(irqs->device, set->type->index, start, count, eventfds);
	if (result != 0)
		return result < 0 ? result : -ENOSPC;
	for (unsigned int i = 0; i < count; i++)
		set->vectors[start + i].triggered = true;
	set->host_count = max(set->host_count, start + count);
	return 0;
}

static void triggers_tie(struct vfio_irqs *irqs, struct irq_set *set, unsigned int first,
			 unsigned int end)
{
	unsigned int count;

	for (unsigned int i = first; i < end; i += max(count, 1U)) {
		int result;

		count = 0;
		while (count < RUN_MAX && i + count < end && set->vectors[i + count].changing &&
		       !set->vectors[i + count].triggered)
			count++;
		result = count ? run_trigger(irqs, set, i, count) : 0;
		if (result == 0)
			continue;
		/* Of several only some may be refused: which? */
		for (unsigned int j = i; j < i + count; j++) {
			int error = count > 1 ? run_trigger(irqs, set, j, 1) : result;

			if (error < 0)
				connect_failed(irqs, set, j, error);
		}
	}
}

/*
 * INTx is a level. VFIO masks it when it fires; KVM holds the IOAPIC's pin up until the guest
 * acknowledges, then signals the second eventfd, at which VFIO unmasks, and finds out whether the
 * device still wants attention. All of that is in the kernel.
 */
static void intx_unmask_tie(struct vfio_irqs *irqs, struct irq_set *set)
{
	int error = 0;

	if (set->vectors[0].changing)
		error = vfio_intx_unmask_set(irqs->device, set->vectors[0].wire.resample_eventfd);
	/* Then somebody does it who waits for that eventfd. */
	if (error == -ENOTTY && irqs->unmask_eventfd > 0)
		error = 0;
	/* A positive answer means that fewer are available than the one. */
	if (error != 0)
		connect_failed(irqs, set, 0, error < 0 ? error : -ENOSPC);
}

void irqs_intx_resample(struct vfio_irqs *irqs)
{
	/* One that is off by now needs none. */
	if (irqs->unmask_eventfd > 0 && eventfd_take(irqs->unmask_eventfd))
		vfio_intx_mask(irqs->device, false);
}

static void changes_tell(struct vfio_irqs *irqs, const struct irq_set *set, unsigned int first,
			 unsigned int end)
{
	const struct irq_observer *observer = irqs->observer;

	if (!observer)
		return;
	observer_enter(irqs);
	for (unsigned int i = first; i < end; i++)
		if (set->vectors[i].changing)
			observer->connected(observer->opaque, irqs, i);
	observer->settled(observer->opaque, irqs);
	observer_leave(irqs);
}

static void changes_end(struct vfio_irqs *irqs, const struct irq_set *set, unsigned int first,
			unsigned int end)
{
	changes_tell(irqs, set, first, end);
	for (unsigned int i = first; i < end; i++)
		set->vectors[i].changing = set->vectors[i].rerouting = false;
}

/*
 * Make the host's side what the guest wants. The order matters: a route before the irqfd that uses
 * it, and the trigger last, so that the first interrupt finds the whole way.
 */
void irqs_vectors_sync(struct vfio_irqs *irqs, enum irq_kind kind, unsigned int first,
		       unsigned int end)
{
	struct irq_set *set = &irqs->sets[kind];

	if (irqs->asleep || irqs->active != kind)
		return;
	end = changes_find(irqs, set, first, min(end, set->count));
	if (!end)
		return;
	first = host_prepare(irqs, set, first, end);
	routes_change(irqs, set, first, end);
	irqfds_attach(irqs, set, first, end);
	triggers_tie(irqs, set, first, end);
	if (irqs->active == IRQ_KIND_INTX)
		intx_unmask_tie(irqs, set);
	changes_end(irqs, set, first, end);
}

/* ---- what the guest wants ---- */

static enum irq_kind kind_wanted(const struct vfio_irqs *irqs)
{
	const struct irq_set *intx = &irqs->sets[IRQ_KIND_INTX];

	/* PCI Local Bus 3.0, 6.8.3: enabling both MSI and MSI-X is undefined; MSI-X wins here. */
	if (irqs->sets[IRQ_KIND_MSIX].enabled)
		return IRQ_KIND_MSIX;
	if (irqs->sets[IRQ_KIND_MSI].enabled)
		return IRQ_KIND_MSI;
	return intx->enabled && intx->size && !intx->refused ? IRQ_KIND_INTX : IRQ_KIND_NONE;
}

void irqs_sync(struct vfio_irqs *irqs)
{
	enum irq_kind kind = kind_wanted(irqs);
	struct irq_set *set = &irqs->sets[kind];
	/* The number of vectors of MSI is fixed while it is on. */
	bool recount = kind == IRQ_KIND_MSI && set->asked != set->count;

	if (irqs->asleep)
		return;
	if (kind != irqs->active || recount) {
		kind_disable(irqs);
		kind_enable(irqs, kind);
	}
	irqs_vectors_sync(irqs, kind, 0, set->count);
	/* What of INTx there is already cannot stay: MSI and MSI-X take its place. */
	if (kind == IRQ_KIND_INTX && set->refused)
		kind_disable(irqs);
}

static void intx_mask_set(struct vfio_irqs *irqs, bool masked)
{
	struct irq_set *set = &irqs->sets[IRQ_KIND_INTX];
	int error = 0;

	/* The driver of a mediated device has no such write, and may not keep what comes meanwhile.
	 */
	if (irqs->active == IRQ_KIND_INTX && set->vectors[0].triggered && irqs->unmask_eventfd <= 0)
		error = vfio_intx_mask(irqs->device, masked);
	/* A positive answer means that fewer are available than the one. */
	if (error != 0)
		failure_report(irqs, set, 0, masked ? "mask" : "unmask",
			       error < 0 ? error : -ENOSPC);
}

void irqs_intx_mask(struct vfio_irqs *irqs)
{
	intx_mask_set(irqs, true);
}

void irqs_intx_unmask(struct vfio_irqs *irqs)
{
	intx_mask_set(irqs, false);
}

bool irqs_vector_pending(const struct vfio_irqs *irqs, enum irq_kind kind, unsigned int number)
{
	const struct irq_vector *vector = &irqs->sets[kind].vectors[number];

	return vector->triggered && irq_wire_pending(&vector->wire);
}

/* PCI Local Bus 3.0, 6.8.2.6 to 6.8.2.9: an entry of the table, four double words. */
static uint32_t table_read(const struct irq_vector *vector, unsigned int offset)
{
	switch (offset) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		return (uint32_t)vector->message.address;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		return (uint32_t)(vector->message.address >> 32);
	case PCI_MSIX_ENTRY_DATA:
		return vector->message.data;
	default:
		return vector->masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0;
	}
}

static void table_write(struct irq_vector *vector, unsigned int offset, uint32_t value)
{
	uint64_t address = vector->message.address;

	switch (offset) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		vector->message.address = (address & ~0xffffffffULL) | (value & ~3U);
		break;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		vector->message.address = (address & 0xffffffff) | (uint64_t)value << 32;
		break;
	case PCI_MSIX_ENTRY_DATA:
		vector->message.data = value;
		break;
	default:
		vector->masked = value & PCI_MSIX_ENTRY_CTRL_MASKBIT;
		break;
	}
}

/* Software uses aligned double words or quad words (6.8.2); what else it does has no effect. */
void irqs_table_access(struct vfio_irqs *irqs, uint64_t offset, struct access *access)
{
	struct irq_set *set = &irqs->sets[IRQ_KIND_MSIX];
	unsigned int number = (unsigned int)(offset / PCI_MSIX_ENTRY_SIZE);
	unsigned int field = offset % PCI_MSIX_ENTRY_SIZE;

	if (access->size < 4 || offset % access->size || number >= set->size)
		return;
	if (access->is_write) {
		table_write(&set->vectors[number], field, (uint32_t)access->data);
		if (access->size == 8)
			table_write(&set->vectors[number], field + 4,
				    (uint32_t)(access->data >> 32));
		irqs_vectors_sync(irqs, IRQ_KIND_MSIX, number, number + 1);
		return;
	}
	access->data = table_read(&set->vectors[number], field);
	if (access->size == 8)
		access->data |= (uint64_t)table_read(&set->vectors[number], field + 4) << 32;
}

/* A bit for each vector; read-only (6.8.2.10). */
void irqs_pba_access(struct vfio_irqs *irqs, uint64_t offset, struct access *access)
{
	if (access->is_write)
		return;
	access->data = 0;
	for (unsigned int i = 0; i < 8U * access->size; i++)
		if (8 * offset + i < irqs->sets[IRQ_KIND_MSIX].size &&
		    irqs_vector_pending(irqs, IRQ_KIND_MSIX, (unsigned int)(8 * offset) + i))
			access->data |= BIT(i);
}

/* ---- start, reset, end ---- */

static void set_reset(struct irq_set *set, uint32_t device_id)
{
	set->enabled = set->all_masked = false;
	set->count = set->type->is_fixed ? 1 : set->size;
	for (unsigned int i = 0; i < set->size; i++) {
		set->vectors[i].message = (struct msi_message){ .device_id = device_id };
		set->vectors[i].masked = set->type->starts_masked;
	}
}

int irqs_init(struct vfio_irqs *irqs, struct vfio_device *device, const struct irqs_config *config)
{
	const unsigned int sizes[IRQ_KINDS] = {
		[IRQ_KIND_INTX] = config->intx_gsi ? 1 : 0,
		[IRQ_KIND_MSI] = config->msi_size,
		[IRQ_KIND_MSIX] = config->msix_size,
	};

	*irqs = (struct vfio_irqs){
		.device = device,
		.router = config->router,
		.relay = config->relay,
		.observer = config->observer,
		.lock = config->lock,
		.released = PTHREAD_COND_INITIALIZER,
		.intx_gsi = config->intx_gsi,
		.unmask_eventfd = config->unmask_eventfd,
		.device_id = config->device_id,
	};
	for (unsigned int kind = IRQ_KIND_INTX; kind < IRQ_KINDS; kind++) {
		struct irq_set *set = &irqs->sets[kind];

		set->type = &types[kind];
		set->size = sizes[kind];
		set->resizable = !(device->irqs[set->type->index].flags & VFIO_IRQ_INFO_NORESIZE);
		set->vectors = calloc(max(set->size, 1U), sizeof(*set->vectors));
		if (!set->vectors)
			return -ENOMEM;
		for (unsigned int i = 0; i < set->size; i++)
			irq_wire_init(&set->vectors[i].wire, config->router,
				      kind == IRQ_KIND_INTX ? NULL : config->relay);
		set_reset(set, config->device_id);
	}
	return 0;
}

void irqs_reset(struct vfio_irqs *irqs)
{
	for (unsigned int kind = IRQ_KIND_INTX; kind < IRQ_KINDS; kind++)
		set_reset(&irqs->sets[kind], irqs->device_id);
	irqs->asleep = false;
	irqs_sync(irqs);
}

void irqs_cleanup(struct vfio_irqs *irqs)
{
	irqs->lock = NULL;
	kind_disable(irqs);
	if (irqs->observer)
		irqs->observer->gone(irqs->observer->opaque, irqs);
	for (unsigned int kind = IRQ_KIND_INTX; kind < IRQ_KINDS; kind++)
		free(irqs->sets[kind].vectors);
	pthread_cond_destroy(&irqs->released);
}
