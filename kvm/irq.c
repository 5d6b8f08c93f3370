/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/arch.h"
#include "lib/ioctl.h"
#include "lib/util.h"

int irq_router_init(struct irq_router *router, int vm_fd)
{
	*router = (struct irq_router){ .vm_fd = vm_fd, .search = IRQ_PINS };
	pthread_mutex_init(&router->lock, NULL);
	router->routes = calloc(IRQ_GSI_MAX, sizeof(*router->routes));
	router->former = calloc(IRQ_GSI_MAX, sizeof(*router->former));
	router->allocated = calloc(IRQ_GSI_MAX, sizeof(*router->allocated));
	return router->routes && router->former && router->allocated ? 0 : -ENOMEM;
}

void irq_router_cleanup(struct irq_router *router)
{
	free(router->routes);
	free(router->former);
	free(router->allocated);
	pthread_mutex_destroy(&router->lock);
}

int irq_gsi_alloc(struct irq_router *router)
{
	int gsi = -ENOSPC;

	pthread_mutex_lock(&router->lock);
	while (router->search < IRQ_GSI_MAX && router->allocated[router->search])
		router->search++;
	if (router->search < IRQ_GSI_MAX) {
		gsi = (int)router->search;
		router->allocated[gsi] = true;
	}
	pthread_mutex_unlock(&router->lock);
	return gsi;
}

static void entry_fill(struct kvm_irq_routing_entry *entry, unsigned int gsi,
		       const struct irq_route *route)
{
	entry->gsi = gsi;
	if (!route->is_msi) {
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = arch_pin_irqchip;
		entry->u.irqchip.pin = gsi;
		return;
	}
	entry->type = KVM_IRQ_ROUTING_MSI;
	entry->u.msi.address_lo = (uint32_t)route->message.address;
	entry->u.msi.address_hi = (uint32_t)(route->message.address >> 32);
	entry->u.msi.data = route->message.data;
	/* Who sends it: an ITS looks at it, a local APIC does not. */
	entry->u.msi.devid = route->message.device_id;
	entry->flags = KVM_MSI_VALID_DEVID;
}

void irq_routes_begin(struct irq_router *router)
{
	pthread_mutex_lock(&router->lock);
}

static bool route_equal(const struct irq_route *a, const struct irq_route *b)
{
	return a->used == b->used && a->is_msi == b->is_msi &&
	       memcmp(&a->message, &b->message, sizeof(a->message)) == 0;
}

static void route_change(struct irq_router *router, int gsi, const struct irq_route *route)
{
	if (route_equal(&router->routes[gsi], route))
		return;
	router->routes[gsi] = *route;
	router->top = max(router->top, (unsigned int)gsi + 1);
	router->changed = true;
}

void irq_route_set(struct irq_router *router, int gsi, const struct msi_message *message)
{
	const struct irq_route route = { .used = true, .is_msi = true, .message = *message };

	route_change(router, gsi, &route);
}

void irq_route_set_pin(struct irq_router *router, int gsi)
{
	const struct irq_route route = { .used = true };

	route_change(router, gsi, &route);
}

void irq_gsi_free(struct irq_router *router, int gsi)
{
	const struct irq_route none = { .used = false };

	route_change(router, gsi, &none);
	router->allocated[gsi] = false;
	router->search = min(router->search, (unsigned int)gsi);
}

/* The table is made from what is used: short tables are cheap. */
static int table_commit(struct irq_router *router)
{
	struct kvm_irq_routing *table;
	unsigned int count = 0;
	int error;

	table = calloc(1, sizeof(*table) + router->top * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (unsigned int gsi = 0; gsi < router->top; gsi++)
		if (router->routes[gsi].used)
			entry_fill(&table->entries[count++], gsi, &router->routes[gsi]);
	table->nr = count;
	error = ioctl_array(router->vm_fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	return error;
}

/* What lost its route is free, and has lost it for good: KVM is told with the next change. */
static void changes_undo(struct irq_router *router)
{
	router->changed = false;
	for (unsigned int gsi = 0; gsi < router->top; gsi++) {
		if (router->routes[gsi].used)
			router->routes[gsi] = router->former[gsi];
		router->changed |= !route_equal(&router->routes[gsi], &router->former[gsi]);
	}
}

int irq_routes_commit(struct irq_router *router)
{
	int error = router->changed ? table_commit(router) : 0;

	if (error < 0) {
		changes_undo(router);
	} else if (router->changed) {
		memcpy(router->former, router->routes, router->top * sizeof(*router->routes));
		router->changed = false;
		while (router->top && !router->routes[router->top - 1].used)
			router->top--;
	}
	pthread_mutex_unlock(&router->lock);
	return error;
}

bool irq_route_get(struct irq_router *router, int gsi, struct msi_message *message)
{
	const struct irq_route *route = &router->routes[gsi];
	bool is_message;

	pthread_mutex_lock(&router->lock);
	is_message = route->used && route->is_msi;
	*message = route->message;
	pthread_mutex_unlock(&router->lock);
	return is_message;
}

int irqfd_attach(struct irq_router *router, int gsi, int eventfd, int resample_eventfd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = resample_eventfd >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
		.resamplefd = resample_eventfd >= 0 ? (uint32_t)resample_eventfd : 0,
	};

	return ioctl_call(router->vm_fd, KVM_IRQFD, &irqfd);
}

void irqfd_detach(struct irq_router *router, int gsi, int eventfd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	ioctl_call(router->vm_fd, KVM_IRQFD, &irqfd);
}
