/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/fake_kvm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/util.h"

static struct fake_kvm *kvm_of(struct vm *vm)
{
	return container_of(vm, struct fake_kvm, vm);
}

/* ---- what happened ----------------------------------------------------------------------------
 */

void fake_log(struct fake_kvm *kvm, const char *format, ...)
{
	size_t used = strlen(kvm->log);
	va_list args;

	va_start(args, format);
	vsnprintf(kvm->log + used, sizeof(kvm->log) - used, format, args);
	va_end(args);
	used = strlen(kvm->log);
	snprintf(kvm->log + used, sizeof(kvm->log) - used, "\n");
}

const char *fake_log_take(struct fake_kvm *kvm)
{
	memcpy(kvm->taken, kvm->log, sizeof(kvm->taken));
	kvm->log[0] = '\0';
	return kvm->taken;
}

void fake_violation(struct fake_kvm *kvm, const char *format, ...)
{
	va_list args;

	kvm->violations++;
	va_start(args, format);
	fprintf(stderr, "violation: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

void fake_fail(struct fake_kvm *kvm, const char *call, unsigned int skip, int result)
{
	if (kvm->failure_count == FAKE_FAILURES_MAX)
		abort();
	kvm->failures[kvm->failure_count++] = (struct fake_failure){ call, skip, result };
}

int fake_failing(struct fake_kvm *kvm, const char *call)
{
	unsigned int i = 0;
	int result;

	while (i < kvm->failure_count && strcmp(kvm->failures[i].call, call) != 0)
		i++;
	if (i == kvm->failure_count)
		return 0;
	if (kvm->failures[i].skip) {
		kvm->failures[i].skip--;
		return 0;
	}
	result = kvm->failures[i].result;
	kvm->failure_count--;
	memmove(&kvm->failures[i], &kvm->failures[i + 1],
		(kvm->failure_count - i) * sizeof(kvm->failures[0]));
	return result;
}

static unsigned int open_fds_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	if (!directory)
		abort();
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

unsigned int fake_kvm_end(struct fake_kvm *kvm)
{
	unsigned int fds = open_fds_count(), violations;

	for (int gsi = IRQ_PINS; gsi < IRQ_GSI_MAX; gsi++)
		if (kvm->routes[gsi].used)
			fake_violation(kvm, "GSI %d is still routed", gsi);
	if (fake_kvm_gsis(kvm))
		fake_violation(kvm, "%u GSIs are still allocated", fake_kvm_gsis(kvm));
	if (fake_kvm_irqfds(kvm))
		fake_violation(kvm, "%u irqfds are still attached", fake_kvm_irqfds(kvm));
	if (fake_kvm_sources(kvm))
		fake_violation(kvm, "the relay still has %u eventfds", fake_kvm_sources(kvm));
	if (fake_kvm_slots(kvm))
		fake_violation(kvm, "%u memslots are still there", fake_kvm_slots(kvm));
	if (fake_kvm_maps(kvm))
		fake_violation(kvm, "%u DMA maps are still there", fake_kvm_maps(kvm));
	if (fds != kvm->open_fds)
		fake_violation(kvm, "%u files were open at the start, %u are at the end",
			       kvm->open_fds, fds);
	for (unsigned int i = 0; i < kvm->failure_count; i++)
		fake_violation(kvm, "%s was to fail, and was not called", kvm->failures[i].call);
	violations = kvm->violations;
	free(kvm);
	return violations;
}

/* ---- ranges: memslots and DMA maps ------------------------------------------------------------
 */

static unsigned int ranges_count(const struct fake_range *ranges)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_SLOTS_MAX; i++)
		count += ranges[i].used;
	return count;
}

static bool ranges_touch(const struct fake_range *ranges, const void *hva, uint64_t size)
{
	for (unsigned int i = 0; i < FAKE_SLOTS_MAX; i++)
		if (ranges[i].used &&
		    ranges_overlap((uintptr_t)ranges[i].hva, ranges[i].size, (uintptr_t)hva, size))
			return true;
	return false;
}

static int range_add(struct fake_kvm *kvm, struct fake_range *ranges, const char *kind,
		     const struct fake_range *range)
{
	int free_slot = -ENOSPC;

	if (!range->size || (range->base | range->size | (uintptr_t)range->hva) % 4096)
		fake_violation(kvm, "%s %llx %llx is not made of pages", kind,
			       (unsigned long long)range->base, (unsigned long long)range->size);
	for (int i = FAKE_SLOTS_MAX - 1; i >= 0; i--) {
		if (!ranges[i].used) {
			free_slot = i;
			continue;
		}
		if (!ranges_overlap(ranges[i].base, ranges[i].size, range->base, range->size))
			continue;
		fake_violation(kvm, "%s %llx %llx overlaps another", kind,
			       (unsigned long long)range->base, (unsigned long long)range->size);
		return -EEXIST;
	}
	if (free_slot >= 0)
		ranges[free_slot] = *range;
	return free_slot;
}

int vm_memslot_add(struct vm *vm, uint64_t gpa, uint64_t size, void *hva, bool read_only)
{
	struct fake_kvm *kvm = kvm_of(vm);
	const struct fake_range range = { true, read_only, gpa, size, hva };
	int failure = fake_failing(kvm, "memslot_add");

	fake_log(kvm, "memslot_add %llx %llx%s%s", (unsigned long long)gpa,
		 (unsigned long long)size, read_only ? " read-only" : "", failure ? " fails" : "");
	return failure ? failure : range_add(kvm, kvm->slots, "memslot", &range);
}

void vm_memslot_remove(struct vm *vm, int slot)
{
	struct fake_kvm *kvm = kvm_of(vm);

	if (slot < 0 || slot >= FAKE_SLOTS_MAX || !kvm->slots[slot].used) {
		fake_violation(kvm, "memslot %d is removed, and there is none", slot);
		return;
	}
	fake_log(kvm, "memslot_remove %llx", (unsigned long long)kvm->slots[slot].base);
	kvm->slots[slot].used = false;
}

bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device)
{
	(void)iommu;
	return device->group_id == FAKE_GROUP;
}

unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_FILES_MAX])
{
	(void)iommu;
	(void)info;
	fds[0] = FAKE_GROUP_FD;
	return 1;
}

int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva)
{
	struct fake_kvm *kvm = container_of(iommu, struct fake_kvm, iommu);
	const struct fake_range range = { true, false, iova, size, hva };
	int failure = fake_failing(kvm, "iommu_map"), slot;

	fake_log(kvm, "iommu_map %llx %llx%s", (unsigned long long)iova, (unsigned long long)size,
		 failure ? " fails" : "");
	if (failure)
		return failure;
	slot = range_add(kvm, kvm->maps, "DMA map", &range);
	return min(slot, 0);
}

void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size)
{
	struct fake_kvm *kvm = container_of(iommu, struct fake_kvm, iommu);

	fake_log(kvm, "iommu_unmap %llx", (unsigned long long)iova);
	for (unsigned int i = 0; i < FAKE_SLOTS_MAX; i++) {
		struct fake_range *map = &kvm->maps[i];

		if (!map->used || map->base != iova || map->size != size)
			continue;
		map->used = false;
		return;
	}
	fake_violation(kvm, "DMA at %llx is unmapped, and was not mapped",
		       (unsigned long long)iova);
}

int vm_vfio_add(struct vm *vm, int file_fd)
{
	fake_log(kvm_of(vm), "vfio_add");
	return file_fd < 0 ? -EBADF : 0;
}

bool fake_kvm_slot_touches(const struct fake_kvm *kvm, const void *hva, uint64_t size)
{
	return ranges_touch(kvm->slots, hva, size);
}

bool fake_kvm_map_touches(const struct fake_kvm *kvm, const void *hva, uint64_t size)
{
	return ranges_touch(kvm->maps, hva, size);
}

char *fake_kvm_hva(const struct fake_kvm *kvm, uint64_t gpa)
{
	for (unsigned int i = 0; i < FAKE_SLOTS_MAX; i++) {
		const struct fake_range *slot = &kvm->slots[i];

		if (slot->used && range_within(gpa, 1, slot->base, slot->size))
			return slot->hva + (gpa - slot->base);
	}
	return NULL;
}

unsigned int fake_kvm_slots(const struct fake_kvm *kvm)
{
	return ranges_count(kvm->slots);
}

unsigned int fake_kvm_maps(const struct fake_kvm *kvm)
{
	return ranges_count(kvm->maps);
}

/* ---- GSIs and routes --------------------------------------------------------------------------
 */

static struct fake_kvm *kvm_of_router(struct irq_router *router)
{
	return container_of(router, struct fake_kvm, vm.irq);
}

int irq_gsi_alloc(struct irq_router *router)
{
	struct fake_kvm *kvm = kvm_of_router(router);
	int failure = fake_failing(kvm, "gsi_alloc");

	if (kvm->in_routes)
		fake_violation(kvm, "a GSI is allocated between begin and commit");
	for (int gsi = IRQ_PINS; gsi < IRQ_GSI_MAX && !failure; gsi++) {
		if (kvm->allocated[gsi])
			continue;
		kvm->allocated[gsi] = true;
		return gsi;
	}
	return failure ? failure : -ENOSPC;
}

static bool gsi_is_live(const struct fake_kvm *kvm, int gsi)
{
	for (unsigned int i = 0; i < kvm->irqfd_top; i++)
		if (kvm->irqfds[i].used && kvm->irqfds[i].gsi == gsi)
			return true;
	return false;
}

void irq_routes_begin(struct irq_router *router)
{
	struct fake_kvm *kvm = kvm_of_router(router);

	fake_kvm_deliver(kvm);
	if (kvm->in_routes)
		fake_violation(kvm, "changes of routes begin twice");
	kvm->in_routes = true;
	kvm->changes = 0;
	memcpy(kvm->former, kvm->routes, sizeof(kvm->routes));
}

static bool route_equal(const struct irq_route *a, const struct irq_route *b)
{
	return a->used == b->used && a->is_msi == b->is_msi &&
	       memcmp(&a->message, &b->message, sizeof(a->message)) == 0;
}

/* A change that is to fail does so at the commit, and again where it is tried alone. */
static void route_change(struct fake_kvm *kvm, const char *call, int gsi,
			 const struct irq_route *route)
{
	int failure;

	if (!kvm->in_routes)
		fake_violation(kvm, "GSI %d is routed outside of begin and commit", gsi);
	if (route_equal(&kvm->routes[gsi], route))
		return;
	failure = fake_failing(kvm, call);
	if (failure) {
		kvm->refused_gsi = gsi;
		kvm->refusal = failure;
	}
	if (route->is_msi)
		fake_log(kvm, "route %d %llx %x%s", gsi, (unsigned long long)route->message.address,
			 route->message.data, failure ? " fails" : "");
	kvm->routes[gsi] = *route;
	kvm->changes++;
}

void irq_route_set(struct irq_router *router, int gsi, const struct msi_message *message)
{
	const struct irq_route route = { .used = true, .is_msi = true, .message = *message };
	struct fake_kvm *kvm = kvm_of_router(router);

	if (gsi < IRQ_PINS || gsi >= IRQ_GSI_MAX || !kvm->allocated[gsi]) {
		fake_violation(kvm, "GSI %d is routed, and was not allocated", gsi);
		return;
	}
	route_change(kvm, "route_set", gsi, &route);
}

void irq_route_set_pin(struct irq_router *router, int gsi)
{
	const struct irq_route route = { .used = true };
	struct fake_kvm *kvm = kvm_of_router(router);

	if (gsi < 0 || gsi >= IRQ_PINS)
		fake_violation(kvm, "GSI %d is no pin", gsi);
	else
		route_change(kvm, "route_set_pin", gsi, &route);
}

void irq_gsi_free(struct irq_router *router, int gsi)
{
	const struct irq_route none = { .used = false };
	struct fake_kvm *kvm = kvm_of_router(router);

	if (gsi < IRQ_PINS || gsi >= IRQ_GSI_MAX || !kvm->allocated[gsi]) {
		fake_violation(kvm, "GSI %d is freed, and was not allocated", gsi);
		return;
	}
	if (gsi_is_live(kvm, gsi))
		fake_violation(kvm, "GSI %d is freed under its irqfd", gsi);
	route_change(kvm, "gsi_free", gsi, &none);
	kvm->allocated[gsi] = false;
}

int irq_routes_commit(struct irq_router *router)
{
	struct fake_kvm *kvm = kvm_of_router(router);
	int refusal = 0;

	if (!kvm->in_routes)
		fake_violation(kvm, "changes of routes end that did not begin");
	kvm->in_routes = false;
	if (!kvm->changes)
		return 0;
	kvm->commits++;
	if (kvm->refusal &&
	    !route_equal(&kvm->routes[kvm->refused_gsi], &kvm->former[kvm->refused_gsi])) {
		refusal = kvm->refusal;
		for (int gsi = 0; gsi < IRQ_GSI_MAX; gsi++)
			if (gsi < IRQ_PINS || kvm->allocated[gsi])
				kvm->routes[gsi] = kvm->former[gsi];
	}
	if (refusal && kvm->changes == 1)
		kvm->refusal = 0;
	return refusal;
}

bool irq_route_get(struct irq_router *router, int gsi, struct msi_message *message)
{
	const struct irq_route *route = &kvm_of_router(router)->routes[gsi];

	*message = route->message;
	return route->used && route->is_msi;
}

unsigned int fake_kvm_gsis(const struct fake_kvm *kvm)
{
	unsigned int count = 0;

	for (int gsi = 0; gsi < IRQ_GSI_MAX; gsi++)
		count += kvm->allocated[gsi];
	return count;
}

/* ---- irqfds -----------------------------------------------------------------------------------
 */

static void injection_note(struct fake_kvm *kvm, int gsi, const struct irq_route *route)
{
	if (kvm->injection_count == FAKE_INJECTIONS_MAX)
		abort();
	kvm->injections[kvm->injection_count].gsi = gsi;
	kvm->injections[kvm->injection_count++].route = *route;
}

static void inject(struct fake_kvm *kvm, struct fake_irqfd *irqfd)
{
	irqfd->asserted = irqfd->resample >= 0;
	injection_note(kvm, irqfd->gsi, &kvm->routes[irqfd->gsi]);
}

/* What was there when the irqfd was attached is not injected again, and stays in the count. */
static void irqfd_deliver(struct fake_kvm *kvm, struct fake_irqfd *irqfd)
{
	uint64_t count = eventfd_take(irqfd->eventfd);

	if (count > irqfd->left)
		inject(kvm, irqfd);
	else if (count && write(irqfd->eventfd, &count, sizeof(count)) < 0)
		abort();
	irqfd->left = count > irqfd->left ? 0 : count;
}

static void source_deliver(struct fake_kvm *kvm, struct fake_source *source)
{
	const struct irq_route route = { true, true, source->message };

	if (!source->used || !eventfd_take(source->eventfd))
		return;
	injection_note(kvm, -1, &route);
	source->count++;
}

void fake_kvm_deliver(struct fake_kvm *kvm)
{
	for (unsigned int i = 0; i < kvm->irqfd_top; i++)
		if (kvm->irqfds[i].used)
			irqfd_deliver(kvm, &kvm->irqfds[i]);
	for (unsigned int i = 0; i < FAKE_SOURCES_MAX && !kvm->relay_sleeps; i++)
		source_deliver(kvm, &kvm->sources[i]);
}

static struct fake_irqfd *irqfd_find(struct fake_kvm *kvm, int eventfd)
{
	for (unsigned int i = 0; i < kvm->irqfd_top; i++)
		if (kvm->irqfds[i].used && kvm->irqfds[i].given == eventfd)
			return &kvm->irqfds[i];
	return NULL;
}

static struct fake_irqfd *irqfd_free_find(struct fake_kvm *kvm)
{
	for (unsigned int i = 0; i < FAKE_IRQFDS_MAX; i++) {
		if (kvm->irqfds[i].used)
			continue;
		kvm->irqfd_top = max(kvm->irqfd_top, i + 1);
		return &kvm->irqfds[i];
	}
	abort();
}

int irqfd_attach(struct irq_router *router, int gsi, int eventfd, int resample_eventfd)
{
	struct fake_kvm *kvm = kvm_of_router(router);
	int failure = fake_failing(kvm, "irqfd_attach");
	struct fake_irqfd *irqfd;

	fake_kvm_deliver(kvm);
	fake_log(kvm, "irqfd_attach %d%s%s", gsi, resample_eventfd >= 0 ? " resample" : "",
		 failure ? " fails" : "");
	if (failure)
		return failure;
	if (irqfd_find(kvm, eventfd)) {
		fake_violation(kvm, "the eventfd of GSI %d has an irqfd already", gsi);
		return -EBUSY;
	}
	if (!kvm->routes[gsi].used)
		fake_violation(kvm, "GSI %d gets an irqfd, and has no route", gsi);
	if (gsi >= IRQ_PINS && gsi_is_live(kvm, gsi))
		fake_violation(kvm, "GSI %d gets a second irqfd", gsi);
	irqfd = irqfd_free_find(kvm);
	*irqfd = (struct fake_irqfd){ .used = true, .gsi = gsi, .given = eventfd };
	irqfd->eventfd = dup(eventfd);
	irqfd->resample = resample_eventfd >= 0 ? dup(resample_eventfd) : -1;
	if (irqfd->eventfd < 0)
		abort();
	if (eventfd_pending(eventfd)) {
		irqfd->left = eventfd_take(eventfd);
		if (write(eventfd, &irqfd->left, sizeof(irqfd->left)) < 0)
			abort();
		inject(kvm, irqfd);
	}
	return 0;
}

void irqfd_detach(struct irq_router *router, int gsi, int eventfd)
{
	struct fake_kvm *kvm = kvm_of_router(router);
	struct fake_irqfd *irqfd = irqfd_find(kvm, eventfd);

	fake_kvm_deliver(kvm);
	fake_log(kvm, "irqfd_detach %d", gsi);
	if (!irqfd || irqfd->gsi != gsi) {
		fake_violation(kvm, "GSI %d loses an irqfd that it did not have", gsi);
		return;
	}
	irqfd->used = false;
	fd_close(&irqfd->eventfd);
	fd_close(&irqfd->resample);
}

unsigned int fake_kvm_irqfds(const struct fake_kvm *kvm)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < kvm->irqfd_top; i++)
		count += kvm->irqfds[i].used;
	return count;
}

/* ---- relay ------------------------------------------------------------------------------------
 */

static struct fake_kvm *kvm_of_relay(struct irq_relay *relay)
{
	return container_of(relay, struct fake_kvm, relay);
}

static struct fake_source *source_find(struct fake_kvm *kvm, int eventfd)
{
	for (unsigned int i = 0; i < FAKE_SOURCES_MAX; i++)
		if (kvm->sources[i].used && kvm->sources[i].eventfd == eventfd)
			return &kvm->sources[i];
	return NULL;
}

static struct fake_source *source_free_find(struct fake_kvm *kvm)
{
	for (unsigned int i = 0; i < FAKE_SOURCES_MAX; i++)
		if (!kvm->sources[i].used)
			return &kvm->sources[i];
	abort();
}

static int relay_attach(struct irq_relay *relay, int eventfd, const struct msi_message *message)
{
	struct fake_kvm *kvm = kvm_of_relay(relay);
	int failure = fake_failing(kvm, "relay_attach");
	struct fake_source *source;

	fake_kvm_deliver(kvm);
	fake_log(kvm, "relay_attach %llx %x%s", (unsigned long long)message->address, message->data,
		 failure ? " fails" : "");
	if (failure)
		return failure;
	if (source_find(kvm, eventfd) || irqfd_find(kvm, eventfd)) {
		fake_violation(kvm, "the relay gets an eventfd that is attached already");
		return -EBUSY;
	}
	source = source_free_find(kvm);
	*source = (struct fake_source){ true, eventfd, *message, 0 };
	source_deliver(kvm, source);
	if (kvm->relay_late)
		eventfd_signal(eventfd);
	return 0;
}

static uint64_t relay_detach(struct irq_relay *relay, int eventfd)
{
	struct fake_kvm *kvm = kvm_of_relay(relay);
	struct fake_source *source = source_find(kvm, eventfd);

	fake_kvm_deliver(kvm);
	fake_log(kvm, "relay_detach");
	if (!source || fcntl(eventfd, F_GETFD) < 0) {
		fake_violation(kvm, "the relay loses an eventfd that it did not have");
		return 0;
	}
	source->used = false;
	return source->count;
}

static uint64_t relay_count(struct irq_relay *relay, int eventfd)
{
	struct fake_kvm *kvm = kvm_of_relay(relay);
	const struct fake_source *source;

	fake_kvm_deliver(kvm);
	source = source_find(kvm, eventfd);
	return source ? source->count : 0;
}

unsigned int fake_kvm_sources(const struct fake_kvm *kvm)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_SOURCES_MAX; i++)
		count += kvm->sources[i].used;
	return count;
}

struct fake_kvm *fake_kvm_new(void)
{
	struct fake_kvm *kvm = calloc(1, sizeof(*kvm));

	if (!kvm)
		abort();
	kvm->open_fds = open_fds_count();
	kvm->relay = (struct irq_relay){ relay_attach, relay_detach, relay_count };
	return kvm;
}

/* ---- what the guest got -----------------------------------------------------------------------
 */

unsigned int fake_kvm_injected(struct fake_kvm *kvm, uint64_t address, uint32_t data)
{
	unsigned int count = 0;

	fake_kvm_deliver(kvm);
	for (unsigned int i = 0; i < kvm->injection_count; i++) {
		const struct irq_route *route = &kvm->injections[i].route;

		count += route->is_msi && route->message.address == address &&
			 route->message.data == data;
	}
	return count;
}

unsigned int fake_kvm_injected_all(struct fake_kvm *kvm)
{
	fake_kvm_deliver(kvm);
	return kvm->injection_count;
}

bool fake_kvm_pin_asserted(struct fake_kvm *kvm, int gsi)
{
	bool asserted = false;

	fake_kvm_deliver(kvm);
	for (unsigned int i = 0; i < kvm->irqfd_top; i++)
		asserted |=
			kvm->irqfds[i].used && kvm->irqfds[i].gsi == gsi && kvm->irqfds[i].asserted;
	return asserted;
}

void fake_kvm_pin_acknowledge(struct fake_kvm *kvm, int gsi)
{
	fake_kvm_deliver(kvm);
	for (unsigned int i = 0; i < kvm->irqfd_top; i++) {
		struct fake_irqfd *irqfd = &kvm->irqfds[i];

		if (!irqfd->used || irqfd->gsi != gsi || irqfd->resample < 0)
			continue;
		irqfd->asserted = false;
		eventfd_signal(irqfd->resample);
	}
}
