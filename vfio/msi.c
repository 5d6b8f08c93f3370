/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/msi.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kvm/relay.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/device.h"
#include "vfio/irq_watch.h"

static const char *kind_name(const struct msi_set *set)
{
	return set->index == VFIO_PCI_MSIX_IRQ_INDEX ? "MSI-X" : "MSI";
}

static void failure_report(struct vfio_msi *msi, struct msi_set *set, unsigned int vector,
			   const char *what, int error)
{
	/* msi_enable() told of all of these together. */
	if (set->scarce && set->host_count && vector >= set->host_count)
		return;
	if (!set->refused)
		log_error("%s: %s vector %u: cannot %s: %s%s; its interrupts do not reach the "
			  "guest",
			  msi->device->bdf, kind_name(set), vector, what, strerror(-error),
			  error == -EMFILE ? " (each vector takes one: raise ulimit -Hn)" : "");
	set->refused = true;
}

static void set_reset(struct msi_set *set)
{
	set->enabled = set->all_masked = false;
	set->count = set->index == VFIO_PCI_MSIX_IRQ_INDEX ? set->size : 1;
	for (unsigned int i = 0; i < set->size; i++) {
		set->vectors[i].message = (struct msi_message){ .device_id = set->device_id };
		/* PCI Local Bus 3.0, 6.8.2.9: table entries start masked; MSI's bits do not. */
		set->vectors[i].masked = set->index == VFIO_PCI_MSIX_IRQ_INDEX;
	}
}

static int set_init(struct msi_set *set, const struct vfio_device *device, unsigned int index,
		    unsigned int size, uint32_t device_id)
{
	set->index = index;
	set->size = size;
	set->device_id = device_id;
	set->resizable = !(device->irqs[index].flags & VFIO_IRQ_INFO_NORESIZE);
	set->vectors = calloc(max(size, 1U), sizeof(*set->vectors));
	if (!set->vectors)
		return -ENOMEM;
	for (unsigned int i = 0; i < size; i++)
		set->vectors[i].gsi = set->vectors[i].eventfd = -1;
	set_reset(set);
	return 0;
}

bool msi_trigger_first(const char *release)
{
	unsigned int major = 0, minor = 0, patch = 0;

	sscanf(release, "%u.%u.%u", &major, &minor, &patch);
	return major == 6 && minor >= 15 && (minor < 18 || (minor == 18 && patch < 10));
}

int msi_init(struct vfio_msi *msi, struct vfio_device *device, const struct msi_config *config)
{
	struct utsname host;
	int error;

	memset(msi, 0, sizeof(*msi));
	msi->device = device;
	msi->vm = config->vm;
	msi->relay = config->relay;
	msi->watch = config->watch;
	msi->intx_gsi = config->intx_gsi;
	msi->intx_eventfd = msi->intx_unmask_eventfd = -1;
	msi->trigger_first = !msi->relay && msi->watch && msi->watch->possible &&
			     uname(&host) == 0 && msi_trigger_first(host.release);
	error = set_init(&msi->msi, device, VFIO_PCI_MSI_IRQ_INDEX, config->msi_size,
			 config->device_id);
	if (error == 0)
		error = set_init(&msi->msix, device, VFIO_PCI_MSIX_IRQ_INDEX, config->msix_size,
				 config->device_id);
	return error;
}

static int vector_attach(struct vfio_msi *msi, struct msi_vector *vector)
{
	int error;

	/*
	 * An ITS drops a posted interrupt that no vCPU has taken yet when posting ends (GICv4,
	 * DISCARD), and does not say so. So may one that is on its way while the trigger is away,
	 * in vector_detach(). Drivers bear an interrupt too many, not one too few.
	 */
	if (!msi->relay && vector->detached && (msi->vm->detach_discards || msi->trigger_first))
		eventfd_signal(vector->eventfd);
	if (msi->relay)
		error = relay_attach(msi->relay, vector->eventfd, &vector->routed);
	else
		error = irqfd_attach(msi->vm, vector->gsi, vector->eventfd, -1);
	if (error < 0)
		return error;
	vector->attached = true;
	/*
	 * KVM injects what was pending but leaves the count as it is (virt/kvm/eventfd.c,
	 * kvm_irqfd_assign()), and takes it only with the next signal. Take it here, or the same
	 * interrupt is pending again when the vector is masked the next time.
	 */
	if (!msi->relay)
		eventfd_take(vector->eventfd);
	return 0;
}

static void vector_detach(struct vfio_msi *msi, struct msi_set *set, unsigned int number)
{
	struct msi_vector *vector = &set->vectors[number];
	bool retie = msi->trigger_first && vector->triggered;
	const int none = -1;

	if (!vector->attached)
		return;
	if (msi->watch)
		irq_watch_detaching(msi, number);
	/* See msi_trigger_first(): VFIO lets go of the eventfd, and so posting ends before it. */
	if (retie)
		vfio_irqs_set(msi->device, set->index, number, 1, &none);
	if (msi->relay)
		vector->relayed += relay_detach(msi->relay, vector->eventfd);
	else
		irqfd_detach(msi->vm, vector->gsi, vector->eventfd);
	/* Back at once: what comes now is to be pending. If that fails, unmasking tries again. */
	if (retie)
		vector->triggered =
			vfio_irqs_set(msi->device, set->index, number, 1, &vector->eventfd) == 0;
	vector->attached = false;
	vector->detached = true;
}

/*
 * How an interrupt gets its way into the guest. Afterwards no code of this process runs for it:
 *
 *   device ──MSI──▶ host vector ──▶ VFIO's handler ──signals──▶ eventfd
 *                                                                 │ irqfd (in KVM)
 *   guest's vector ◀── APIC or GIC ◀── route of the GSI ◀─────── GSI
 *
 * and where the hardware can (VT-d posted interrupts, AVIC, GICv4), KVM and VFIO recognise by the
 * common eventfd that they are two ends of one thing, and the IOMMU or ITS delivers straight to
 * the vCPU. With irq-path=userspace a thread of this process (kvm/relay.h) stands in for the irqfd.
 *
 * The order matters: a route before the irqfd that uses it, and the trigger last, so that the first
 * interrupt finds the whole chain.
 */
static int msi_vector_connect(struct vfio_msi *msi, struct msi_set *set, unsigned int number)
{
	struct msi_vector *vector = &set->vectors[number];
	bool was_attached = vector->attached;
	int error = 0;

	/*
	 * KVM and VFIO recognise each other when the irqfd is attached, and on arm64 they look then
	 * where the route leads: a message that changes is a new pair, and the former one ends
	 * while its route is still there.
	 */
	if (memcmp(&vector->routed, &vector->message, sizeof(vector->message)) != 0)
		vector_detach(msi, set, number);
	/* 1. a GSI of its own, routed to the message that the guest asked for */
	error = irq_route_set(msi->vm, vector->gsi, &vector->message);
	if (error < 0) {
		if (was_attached && !vector->attached && vector_attach(msi, vector) == 0 &&
		    msi->watch)
			irq_watch_connected(msi, number);
		return error;
	}
	vector->routed = vector->message;
	/* 2. the eventfd raises the GSI; one that was signalled while masked does so at once */
	if (!vector->attached)
		error = vector_attach(msi, vector);
	if (error < 0)
		return error;
	/* 3. the device's interrupt signals the eventfd */
	if (!vector->triggered) {
		error = vfio_irqs_set(msi->device, set->index, number, 1, &vector->eventfd);
		if (error > 0)
			error = -ENOSPC;
		vector->triggered = error == 0;
		if (error == 0)
			set->host_count = max(set->host_count, number + 1);
	}
	if (error == 0 && msi->watch)
		irq_watch_connected(msi, number);
	return error;
}

static int vector_acquire(struct vfio_msi *msi, struct msi_vector *vector)
{
	if (vector->gsi >= 0)
		return 0;
	vector->eventfd = eventfd_create();
	if (vector->eventfd < 0)
		return vector->eventfd;
	vector->gsi = irq_gsi_alloc(msi->vm);
	if (vector->gsi >= 0)
		return 0;
	fd_close(&vector->eventfd);
	return -ENOSPC;
}

static void vector_release(struct vfio_msi *msi, struct msi_set *set, unsigned int number)
{
	struct msi_vector *vector = &set->vectors[number];

	vector->triggered = false;
	if (vector->gsi < 0)
		return;
	vector_detach(msi, set, number);
	vector->detached = false;
	irq_route_clear(msi->vm, vector->gsi);
	irq_gsi_free(msi->vm, vector->gsi);
	vector->gsi = -1;
	fd_close(&vector->eventfd);
}

/* Tie the triggers of vectors [0, @count) in one call, which turns the kind on. */
static int host_enable(struct vfio_msi *msi, struct msi_set *set, unsigned int count)
{
	int *eventfds;
	int result;

	if (!count)
		return 0;
	eventfds = calloc(count, sizeof(*eventfds));
	if (!eventfds)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++)
		eventfds[i] = set->vectors[i].eventfd;
	result = vfio_irqs_set(msi->device, set->index, 0, count, eventfds);
	free(eventfds);
	if (result != 0)
		return result;
	set->host_count = count;
	for (unsigned int i = 0; i < count; i++)
		set->vectors[i].triggered = set->vectors[i].eventfd >= 0;
	return 0;
}

/*
 * Without dynamic MSI-X (kernels before 6.4 or so) the number of vectors is fixed when the kind is
 * turned on: off and on again with more. What the device sent in between may be gone, so every
 * vector that was live is signalled once: drivers bear an interrupt too many, not one too few.
 */
static int host_enlarge(struct vfio_msi *msi, struct msi_set *set, unsigned int count)
{
	unsigned int former = set->host_count;
	int result;

	if (former && msi->watch)
		irq_watch_disabling(msi);
	if (former)
		vfio_irqs_disable(msi->device, set->index);
	set->host_count = 0;
	result = host_enable(msi, set, count);
	/* Rather the vectors that there were than none. */
	if (result != 0 && host_enable(msi, set, former) != 0)
		for (unsigned int i = 0; i < former; i++)
			set->vectors[i].triggered = false;
	for (unsigned int i = 0; i < former; i++)
		if (set->vectors[i].triggered)
			eventfd_signal(set->vectors[i].eventfd);
	if (msi->watch)
		irq_watch_enlarged(msi, set);
	return result > 0 ? -ENOSPC : result;
}

/* Make VFIO able to take a trigger for @vector of MSI-X. MSI had all of them when it came on. */
static int host_prepare(struct vfio_msi *msi, struct msi_set *set, unsigned int vector)
{
	if (vector < set->host_count)
		return 0;
	if (set->index == VFIO_PCI_MSI_IRQ_INDEX)
		return -ENOSPC;
	if (!set->resizable)
		return host_enlarge(msi, set, vector + 1);
	/* The kernel allocates a vector when its trigger is tied. */
	return 0;
}

void msi_vector_sync(struct vfio_msi *msi, struct msi_set *set, unsigned int number)
{
	struct msi_vector *vector = &set->vectors[number];
	enum irq_kind kind = set == &msi->msix ? IRQ_KIND_MSIX : IRQ_KIND_MSI;
	int error;

	if (msi->asleep || msi->active != kind || number >= set->count)
		return;
	if (vector->masked || set->all_masked) {
		vector_detach(msi, set, number);
		return;
	}
	if (vector->attached && vector->triggered &&
	    memcmp(&vector->routed, &vector->message, sizeof(vector->message)) == 0)
		return;
	error = vector_acquire(msi, vector);
	if (error == 0)
		error = host_prepare(msi, set, number);
	if (error == 0)
		error = msi_vector_connect(msi, set, number);
	if (error < 0)
		failure_report(msi, set, number, "connect it", error);
}

/* MSI: the number of vectors is fixed now, so each gets its trigger now, masked or not. */
static void msi_enable(struct vfio_msi *msi)
{
	struct msi_set *set = &msi->msi;
	unsigned int count = set->count;
	int result = 0;

	set->asked = count;
	for (unsigned int i = 0; i < count && result == 0; i++)
		result = vector_acquire(msi, &set->vectors[i]);
	if (result == 0)
		result = host_enable(msi, set, count);
	if (result > 0) {
		if (!set->scarce)
			log_warn("%s: the host has %d of the %u MSI vectors that the guest turned "
				 "on",
				 msi->device->bdf, result, count);
		set->scarce = true;
		result = host_enable(msi, set, min((unsigned int)result, count));
	}
	if (result != 0)
		failure_report(msi, set, 0, "turn MSI on", result < 0 ? result : -ENOSPC);
}

/*
 * MSI-X: a driver turns it on with all vectors masked and expects the hardware to be on, and not to
 * fall back to INTx. Vector 0 without an eventfd does that.
 */
static void msix_enable(struct vfio_msi *msi)
{
	int result = host_enable(msi, &msi->msix, 1);

	if (result != 0)
		failure_report(msi, &msi->msix, 0, "turn MSI-X on", result < 0 ? result : -ENOSPC);
}

static void set_disable(struct vfio_msi *msi, struct msi_set *set)
{
	/* Triggers first: some kernels leave posting on if the irqfd goes before its trigger. */
	if (set->host_count)
		vfio_irqs_disable(msi->device, set->index);
	set->host_count = 0;
	for (unsigned int i = 0; i < set->size; i++)
		vector_release(msi, set, i);
}

static void intx_disable(struct vfio_msi *msi)
{
	vfio_irqs_disable(msi->device, VFIO_PCI_INTX_IRQ_INDEX);
	irqfd_detach(msi->vm, (int)msi->intx_gsi, msi->intx_eventfd);
	fd_close(&msi->intx_eventfd);
	fd_close(&msi->intx_unmask_eventfd);
}

/*
 * INTx is a level. VFIO masks it when it fires; KVM holds the IOAPIC's pin up until the guest
 * acknowledges, then signals the second eventfd, at which VFIO unmasks, and finds out whether the
 * device still wants attention. All of that is in the kernel.
 */
static int intx_connect(struct vfio_msi *msi)
{
	int error;

	error = irq_route_set_pin(msi->vm, (int)msi->intx_gsi);
	if (error == 0)
		error = irqfd_attach(msi->vm, (int)msi->intx_gsi, msi->intx_eventfd,
				     msi->intx_unmask_eventfd);
	if (error < 0)
		return error;
	error = vfio_irqs_set(msi->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &msi->intx_eventfd);
	if (error == 0) {
		error = vfio_intx_unmask_set(msi->device, msi->intx_unmask_eventfd);
		if (error != 0)
			vfio_irqs_disable(msi->device, VFIO_PCI_INTX_IRQ_INDEX);
	}
	if (error != 0)
		irqfd_detach(msi->vm, (int)msi->intx_gsi, msi->intx_eventfd);
	/* A positive answer means that fewer are available than the one. */
	return error > 0 ? -ENOSPC : error;
}

static void intx_enable(struct vfio_msi *msi)
{
	int error;

	msi->intx_eventfd = eventfd_create();
	msi->intx_unmask_eventfd = eventfd_create();
	error = min(msi->intx_eventfd, msi->intx_unmask_eventfd);
	if (error >= 0)
		error = intx_connect(msi);
	if (error >= 0) {
		if (msi->watch)
			irq_watch_connected(msi, 0);
		return;
	}
	log_warn("%s: INTx (GSI %u) cannot be used: %s%s; its interrupts do not reach the guest, "
		 "those of MSI and MSI-X do",
		 msi->device->bdf, msi->intx_gsi, strerror(-error),
		 error == -EBUSY ? ": the host's line has another device, and this one cannot share"
				 : "");
	fd_close(&msi->intx_eventfd);
	fd_close(&msi->intx_unmask_eventfd);
	msi->active = IRQ_KIND_NONE;
	msi->intx_gsi = 0;
}

static enum irq_kind kind_wanted(const struct vfio_msi *msi)
{
	/* PCI Local Bus 3.0, 6.8.3: enabling both MSI and MSI-X is undefined; MSI-X wins here. */
	if (msi->msix.enabled)
		return IRQ_KIND_MSIX;
	if (msi->msi.enabled)
		return IRQ_KIND_MSI;
	return msi->intx_gsi && msi->intx_usable ? IRQ_KIND_INTX : IRQ_KIND_NONE;
}

static void kind_disable(struct vfio_msi *msi)
{
	if (msi->watch)
		irq_watch_disabling(msi);
	switch (msi->active) {
	case IRQ_KIND_NONE:
		break;
	case IRQ_KIND_INTX:
		intx_disable(msi);
		break;
	case IRQ_KIND_MSI:
		set_disable(msi, &msi->msi);
		break;
	case IRQ_KIND_MSIX:
		set_disable(msi, &msi->msix);
		break;
	}
	msi->active = IRQ_KIND_NONE;
}

static void kind_enable(struct vfio_msi *msi, enum irq_kind kind)
{
	msi->active = kind;
	switch (kind) {
	case IRQ_KIND_NONE:
		break;
	case IRQ_KIND_INTX:
		intx_enable(msi);
		break;
	case IRQ_KIND_MSI:
		msi_enable(msi);
		break;
	case IRQ_KIND_MSIX:
		msix_enable(msi);
		break;
	}
}

void msi_sync(struct vfio_msi *msi)
{
	enum irq_kind kind = kind_wanted(msi);
	struct msi_set *set = kind == IRQ_KIND_MSIX ? &msi->msix : &msi->msi;
	/* The number of vectors of MSI is fixed while it is on. */
	bool recount = kind == IRQ_KIND_MSI && set->asked != set->count;

	if (msi->asleep)
		return;
	if (kind != msi->active || recount) {
		kind_disable(msi);
		kind_enable(msi, kind);
	}
	if (kind != IRQ_KIND_MSI && kind != IRQ_KIND_MSIX)
		return;
	for (unsigned int i = 0; i < set->count; i++)
		msi_vector_sync(msi, set, i);
}

bool msi_vector_pending(const struct msi_set *set, unsigned int number)
{
	const struct msi_vector *vector = &set->vectors[number];

	return vector->triggered && !vector->attached && eventfd_pending(vector->eventfd);
}

void msi_reset(struct vfio_msi *msi)
{
	set_reset(&msi->msi);
	set_reset(&msi->msix);
	msi->intx_usable = msi->asleep = false;
	msi_sync(msi);
}

static void set_cleanup(struct msi_set *set)
{
	for (unsigned int i = 0; i < set->size; i++)
		free(set->vectors[i].record);
	free(set->vectors);
}

void msi_cleanup(struct vfio_msi *msi)
{
	kind_disable(msi);
	set_cleanup(&msi->msi);
	set_cleanup(&msi->msix);
	free(msi->intx_record);
}
