/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"

bool irq_deassign_defect(const char *release)
{
	unsigned int major = 0, minor = 0, patch = 0;

	sscanf(release, "%u.%u.%u", &major, &minor, &patch);
	return major == 6 && minor >= 15 && (minor < 18 || (minor == 18 && patch < 10));
}

void irq_wire_init(struct irq_wire *wire, struct irq_router *router, struct irq_relay *relay)
{
	*wire = (struct irq_wire){
		.router = router,
		.relay = relay,
		.gsi = -1,
		.eventfd = -1,
		.resample_eventfd = -1,
	};
}

int irq_wire_open(struct irq_wire *wire)
{
	int eventfd, gsi;

	if (wire->gsi >= 0)
		return 0;
	eventfd = eventfd_create();
	if (eventfd < 0)
		return eventfd;
	gsi = irq_gsi_alloc(wire->router);
	if (gsi < 0) {
		fd_close(&eventfd);
		return gsi;
	}
	wire->eventfd = eventfd;
	wire->gsi = gsi;
	return 0;
}

static void resample_close(struct irq_wire *wire)
{
	if (wire->resample_is_lent)
		wire->resample_eventfd = -1;
	fd_close(&wire->resample_eventfd);
}

int irq_wire_open_pin(struct irq_wire *wire, int pin, int resample)
{
	int error;

	wire->eventfd = eventfd_create();
	wire->resample_is_lent = resample >= 0;
	wire->resample_eventfd = wire->resample_is_lent ? resample : eventfd_create();
	error = min(wire->eventfd, wire->resample_eventfd);
	if (error < 0) {
		fd_close(&wire->eventfd);
		resample_close(wire);
		return error;
	}
	wire->gsi = pin;
	return 0;
}

static bool is_pin(const struct irq_wire *wire)
{
	return wire->resample_eventfd >= 0;
}

bool irq_wire_is_routed(const struct irq_wire *wire, const struct msi_message *message)
{
	struct msi_message routed;

	if (is_pin(wire))
		return wire->attached;
	return irq_route_get(wire->router, wire->gsi, &routed) &&
	       memcmp(&routed, message, sizeof(routed)) == 0;
}

void irq_wire_route(struct irq_wire *wire, const struct msi_message *message)
{
	if (is_pin(wire))
		irq_route_set_pin(wire->router, wire->gsi);
	else
		irq_route_set(wire->router, wire->gsi, message);
}

static int relay_wire_attach(struct irq_wire *wire)
{
	struct msi_message message;
	int error = -ENOENT;

	if (irq_route_get(wire->router, wire->gsi, &message))
		error = wire->relay->attach(wire->relay, wire->eventfd, &message);
	wire->attached = error == 0;
	return error;
}

int irq_wire_attach(struct irq_wire *wire)
{
	const struct irq_router *router = wire->router;
	int error;

	if (wire->relay)
		return relay_wire_attach(wire);
	/*
	 * An ITS drops a posted interrupt that no vCPU has taken yet when posting ends (GICv4,
	 * DISCARD), and does not say so. So may one that is on its way while nobody signals the
	 * eventfd, where that has to be. Drivers bear an interrupt too many, not one too few.
	 */
	if (wire->was_attached && (router->detach_discards || router->deassign_defect))
		eventfd_signal(wire->eventfd);
	error = irqfd_attach(wire->router, wire->gsi, wire->eventfd, wire->resample_eventfd);
	if (error < 0)
		return error;
	wire->attached = wire->was_attached = true;
	/*
	 * KVM injects what was pending but leaves the count as it is (virt/kvm/eventfd.c,
	 * kvm_irqfd_assign()), and takes it only with the next signal. Take it here, or the same
	 * interrupt is pending again when the wire is detached the next time.
	 */
	eventfd_take(wire->eventfd);
	return 0;
}

bool irq_wire_detach_wants_silence(const struct irq_wire *wire)
{
	return wire->attached && !wire->relay && wire->router->deassign_defect;
}

void irq_wire_detach(struct irq_wire *wire)
{
	if (!wire->attached)
		return;
	wire->attached = false;
	if (wire->relay)
		wire->relayed += wire->relay->detach(wire->relay, wire->eventfd);
	else
		irqfd_detach(wire->router, wire->gsi, wire->eventfd);
}

bool irq_wire_pending(const struct irq_wire *wire)
{
	return !wire->attached && wire->eventfd >= 0 && eventfd_pending(wire->eventfd);
}

void irq_wire_close(struct irq_wire *wire)
{
	if (wire->gsi >= 0 && !is_pin(wire))
		irq_gsi_free(wire->router, wire->gsi);
	wire->gsi = -1;
	wire->was_attached = false;
	fd_close(&wire->eventfd);
	resample_close(wire);
}

uint64_t irq_wire_relayed(const struct irq_wire *wire)
{
	bool live = wire->relay && wire->attached;

	return wire->relayed + (live ? wire->relay->count(wire->relay, wire->eventfd) : 0);
}
