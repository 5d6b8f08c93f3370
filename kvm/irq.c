/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>

#include "kvm/arch.h"
#include "kvm/vm.h"
#include "lib/ioctl.h"
#include "lib/util.h"

int irq_router_init(struct irq_router *router)
{
	pthread_mutex_init(&router->lock, NULL);
	router->top = 0;
	router->routes = calloc(IRQ_GSI_MAX, sizeof(*router->routes));
	router->allocated = calloc(IRQ_GSI_MAX, sizeof(*router->allocated));
	return router->routes && router->allocated ? 0 : -ENOMEM;
}

void irq_router_cleanup(struct irq_router *router)
{
	free(router->routes);
	free(router->allocated);
	pthread_mutex_destroy(&router->lock);
}

int irq_gsi_alloc(struct vm *vm)
{
	struct irq_router *router = &vm->irq;
	int gsi = -ENOSPC;

	pthread_mutex_lock(&router->lock);
	for (int i = IRQ_PINS; i < IRQ_GSI_MAX && gsi < 0; i++)
		if (!router->allocated[i])
			gsi = i;
	if (gsi >= 0)
		router->allocated[gsi] = true;
	pthread_mutex_unlock(&router->lock);
	return gsi;
}

void irq_gsi_free(struct vm *vm, int gsi)
{
	pthread_mutex_lock(&vm->irq.lock);
	vm->irq.allocated[gsi] = false;
	pthread_mutex_unlock(&vm->irq.lock);
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

/* KVM takes the whole table at once, so it is made from what is used: short tables are cheap. */
static int table_commit(struct vm *vm)
{
	struct irq_router *router = &vm->irq;
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
	error = ioctl_array(vm->fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	return error;
}

static void top_update(struct irq_router *router, int gsi)
{
	router->top = max(router->top, (unsigned int)gsi + 1);
	while (router->top && !router->routes[router->top - 1].used)
		router->top--;
}

static bool route_equal(const struct irq_route *a, const struct irq_route *b)
{
	return a->used == b->used && a->is_msi == b->is_msi &&
	       a->message.address == b->message.address && a->message.data == b->message.data &&
	       a->message.device_id == b->message.device_id;
}

static int route_change(struct vm *vm, int gsi, const struct irq_route *route)
{
	struct irq_router *router = &vm->irq;
	struct irq_route former;
	int error = 0;

	pthread_mutex_lock(&router->lock);
	former = router->routes[gsi];
	if (!route_equal(&former, route)) {
		router->routes[gsi] = *route;
		top_update(router, gsi);
		error = table_commit(vm);
		if (error < 0) {
			router->routes[gsi] = former;
			top_update(router, gsi);
		}
	}
	pthread_mutex_unlock(&router->lock);
	return error;
}

int irq_route_set(struct vm *vm, int gsi, const struct msi_message *message)
{
	const struct irq_route route = { .used = true, .is_msi = true, .message = *message };

	return route_change(vm, gsi, &route);
}

int irq_route_set_pin(struct vm *vm, int gsi)
{
	const struct irq_route route = { .used = true };

	return route_change(vm, gsi, &route);
}

void irq_route_clear(struct vm *vm, int gsi)
{
	const struct irq_route route = { .used = false };

	route_change(vm, gsi, &route);
}

int irqfd_attach(struct vm *vm, int gsi, int eventfd, int resample_eventfd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = resample_eventfd >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
		.resamplefd = resample_eventfd >= 0 ? (uint32_t)resample_eventfd : 0,
	};

	return ioctl_call(vm->fd, KVM_IRQFD, &irqfd);
}

void irqfd_detach(struct vm *vm, int gsi, int eventfd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	ioctl_call(vm->fd, KVM_IRQFD, &irqfd);
}
