/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fuzz/fuzz_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/vga.h"

#define FILE_BASE 1000		/* the first eventfd's number */
#define ROM_MAX	  (1024 * KIB)	/* of copies of ROMs, for all devices */
#define AREA_BASE 0x10000000000 /* the made-up addresses of areas begin here ... */
#define AREA_STEP 0x10000000000 /* ... and are so far apart */

struct fuzz_host fuzz_host;

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static struct fuzz_host *const host = &fuzz_host;
static char rom_pool[ROM_MAX];
static size_t rom_used;

void fuzz_violation(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "violation: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	abort();
}

void fuzz_fail(enum fuzz_call call, unsigned int skip, int result)
{
	host->failures[call].skip = skip;
	host->failures[call].result = result;
}

void fuzz_fail_any(struct fuzz_input *in)
{
	enum fuzz_call call = (enum fuzz_call)fuzz_range(in, 0, FUZZ_CALLS - 1);
	unsigned int skip = (unsigned int)fuzz_range(in, 0, 7);
	int result = (int)fuzz_range(in, 0, 64) - 32;

	fuzz_fail(call, skip, call == FUZZ_IRQS_SET ? result : -max(abs(result), 1));
}

int fuzz_failing(enum fuzz_call call)
{
	int result = host->failures[call].result;

	if (!result)
		return 0;
	if (host->failures[call].skip) {
		host->failures[call].skip--;
		return 0;
	}
	host->failures[call].result = 0;
	host->failed++;
	return result;
}

/* ---- what the linker puts in place of lib/ and the C library ---- */

void __wrap_log_write(enum log_level level, const char *format, ...);
void __wrap_die(enum exit_code code, const char *format, ...);
void __wrap_exit(int code);
_Noreturn void __real_exit(int code);
void *__wrap_mmap(void *addr, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mmap(void *addr, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_calloc(size_t count, size_t size);
void *__real_calloc(size_t count, size_t size);
int __wrap_eventfd_create(void);
void __wrap_eventfd_signal(int fd);
uint64_t __wrap_eventfd_take(int fd);
int __wrap_eventfd_pending(int fd);
void __wrap_fd_close(int *fd);

void __wrap_log_write(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

void __wrap_exit(int code)
{
	if (!host->armed)
		__real_exit(code);
	fuzz_violation("posthorn exits with %d", code);
}

void __wrap_die(enum exit_code code, const char *format, ...)
{
	(void)format;
	__wrap_exit((int)code);
}

/* Of posthorn's code that is fuzzed only bar.c maps anything by itself: copies of ROMs. */
void *__wrap_mmap(void *addr, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *copy = rom_pool + rom_used;

	if (!host->armed)
		return __real_mmap(addr, size, protection, flags, fd, offset);
	if (fuzz_failing(FUZZ_MMAP) || size > ROM_MAX - rom_used)
		return MAP_FAILED;
	rom_used += size;
	host->rom_copies++;
	return copy;
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (host->armed && fuzz_failing(FUZZ_CALLOC))
		return NULL;
	return __real_calloc(count, size);
}

/* ---- eventfds ---- */

struct fuzz_eventfd *fuzz_eventfd_of(int eventfd)
{
	unsigned int i = (unsigned int)eventfd - FILE_BASE;

	if (i >= host->file_top || !host->files[i].used)
		fuzz_violation("eventfd %d is used, and is not open", eventfd);
	return &host->files[i];
}

int __wrap_eventfd_create(void)
{
	int failure = fuzz_failing(FUZZ_EVENTFD_CREATE);
	unsigned int i = 0;

	if (failure)
		return failure;
	while (i < host->file_top && host->files[i].used)
		i++;
	if (i == FUZZ_FILES_MAX) {
		host->exhausted++;
		return -EMFILE;
	}
	host->files[i] = (struct fuzz_eventfd){ .used = true, .gsi = -1, .resample = -1 };
	host->file_top = max(host->file_top, i + 1);
	return FILE_BASE + (int)i;
}

static void injection_note(const struct msi_message *message)
{
	if (host->injection_count < FUZZ_INJECTIONS_MAX)
		host->injections[host->injection_count++] = *message;
}

static void inject(struct fuzz_eventfd *file)
{
	const struct irq_route *route = &host->gsis[file->gsi].route;

	file->asserted = file->resample >= 0;
	if (route->is_msi)
		injection_note(&route->message);
	else
		host->pin_injections++;
}

/* KVM and the relay take the count at once; KVM also what an irqfd found and left there. */
void fuzz_eventfd_signal(int eventfd)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(eventfd);

	file->count++;
	if (file->gsi < 0 && !file->relayed)
		return;
	file->count = 0;
	if (file->gsi >= 0) {
		inject(file);
	} else {
		injection_note(&file->message);
		file->relay_count++;
	}
}

void __wrap_eventfd_signal(int fd)
{
	host->signals++;
	fuzz_eventfd_signal(fd);
}

uint64_t __wrap_eventfd_take(int fd)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(fd);
	uint64_t count = file->count;

	file->count = 0;
	return count;
}

int __wrap_eventfd_pending(int fd)
{
	return fuzz_eventfd_of(fd)->count > 0;
}

void __wrap_fd_close(int *fd)
{
	struct fuzz_eventfd *file;

	if (*fd < 0)
		return;
	file = fuzz_eventfd_of(*fd);
	if (file->gsi >= 0 || file->relayed || file->ties)
		fuzz_violation("eventfd %d is closed with an irqfd, the relay or a vector on it",
			       *fd);
	file->used = false;
	*fd = -1;
}

/* ---- kvm/irq.h ---- */

static struct fuzz_gsi *gsi_of(int gsi)
{
	if (gsi < 0 || (gsi >= IRQ_PINS && !host->gsis[gsi].allocated))
		fuzz_violation("GSI %d is used, and is not allocated", gsi);
	return &host->gsis[gsi];
}

int irq_gsi_alloc(struct irq_router *router)
{
	int failure = fuzz_failing(FUZZ_GSI_ALLOC);
	unsigned int gsi = IRQ_PINS;

	(void)router;
	if (host->in_routes)
		fuzz_violation("a GSI is allocated between begin and commit");
	if (failure)
		return failure;
	while (gsi < host->gsi_top && host->gsis[gsi].allocated)
		gsi++;
	if (gsi == ARRAY_SIZE(host->gsis)) {
		host->exhausted++;
		return -ENOSPC;
	}
	host->gsis[gsi] = (struct fuzz_gsi){ .allocated = true };
	host->gsi_top = max(host->gsi_top, gsi + 1);
	return (int)gsi;
}

void irq_routes_begin(struct irq_router *router)
{
	(void)router;
	if (host->in_routes)
		fuzz_violation("changes of routes begin twice");
	host->in_routes = true;
}

static void route_change(struct fuzz_gsi *entry, const struct irq_route *route)
{
	if (!host->in_routes)
		fuzz_violation("a route changes outside of begin and commit");
	if (!entry->changed)
		entry->former = entry->route;
	entry->changed = true;
	entry->route = *route;
}

void irq_gsi_free(struct irq_router *router, int gsi)
{
	struct fuzz_gsi *entry = gsi_of(gsi);

	(void)router;
	if (gsi < IRQ_PINS || entry->irqfds)
		fuzz_violation("GSI %d is freed with an irqfd", gsi);
	route_change(entry, &(struct irq_route){ .used = false });
	entry->allocated = false;
}

void irq_route_set(struct irq_router *router, int gsi, const struct msi_message *message)
{
	(void)router;
	if (gsi < IRQ_PINS)
		fuzz_violation("pin %d is routed as an MSI", gsi);
	route_change(gsi_of(gsi),
		     &(struct irq_route){ .used = true, .is_msi = true, .message = *message });
}

void irq_route_set_pin(struct irq_router *router, int gsi)
{
	(void)router;
	if (gsi >= IRQ_PINS)
		fuzz_violation("GSI %d is no pin", gsi);
	route_change(gsi_of(gsi), &(struct irq_route){ .used = true });
}

int irq_routes_commit(struct irq_router *router)
{
	unsigned int top = max(host->gsi_top, (unsigned int)IRQ_PINS);
	int failure = 0;

	(void)router;
	if (!host->in_routes)
		fuzz_violation("changes of routes end that did not begin");
	host->in_routes = false;
	for (unsigned int i = 0; i < top && !failure; i++)
		if (host->gsis[i].changed)
			failure = fuzz_failing(FUZZ_ROUTE_SET);
	for (unsigned int i = 0; i < top; i++) {
		struct fuzz_gsi *entry = &host->gsis[i];

		if (entry->changed && failure && (i < IRQ_PINS || entry->allocated))
			entry->route = entry->former;
		entry->changed = false;
	}
	return failure;
}

bool irq_route_get(struct irq_router *router, int gsi, struct msi_message *message)
{
	const struct irq_route *route = &gsi_of(gsi)->route;

	(void)router;
	*message = route->message;
	return route->used && route->is_msi;
}

/* KVM injects what an eventfd holds when it comes, and leaves the count as it is. */
int irqfd_attach(struct irq_router *router, int gsi, int eventfd, int resample_eventfd)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(eventfd);
	struct fuzz_gsi *entry = gsi_of(gsi);
	int failure = fuzz_failing(FUZZ_IRQFD_ATTACH);

	(void)router;
	if (failure)
		return failure;
	if (file->gsi >= 0 || file->relayed)
		fuzz_violation("the eventfd of GSI %d has an irqfd already", gsi);
	if (!entry->route.used)
		fuzz_violation("GSI %d gets an irqfd, and has no route", gsi);
	if (gsi >= IRQ_PINS && entry->irqfds)
		fuzz_violation("GSI %d gets a second irqfd", gsi);
	if (resample_eventfd >= 0)
		fuzz_eventfd_of(resample_eventfd);
	file->gsi = gsi;
	file->resample = resample_eventfd;
	entry->irqfds++;
	if (file->count)
		inject(file);
	return 0;
}

void irqfd_detach(struct irq_router *router, int gsi, int eventfd)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(eventfd);

	(void)router;
	if (file->gsi < 0 || file->gsi != gsi)
		fuzz_violation("GSI %d loses an irqfd that it did not have", gsi);
	gsi_of(gsi)->irqfds--;
	file->gsi = file->resample = -1;
	file->asserted = false;
}

bool fuzz_pin_asserted(unsigned int gsi)
{
	for (unsigned int i = 0; i < host->file_top; i++)
		if (host->files[i].used && host->files[i].gsi == (int)gsi &&
		    host->files[i].asserted)
			return true;
	return false;
}

void fuzz_pin_acknowledge(unsigned int gsi)
{
	for (unsigned int i = 0; i < host->file_top; i++) {
		struct fuzz_eventfd *file = &host->files[i];

		if (!file->used || file->gsi != (int)gsi || !file->asserted)
			continue;
		file->asserted = false;
		fuzz_eventfd_of(file->resample)->count++;
	}
	/* VFIO listens to the other end. */
	for (unsigned int i = 0; i < host->device_count; i++)
		fuzz_intx_set(&host->devices[i], host->devices[i].intx_level);
}

/* ---- the relay ---- */

static int relay_attach(struct irq_relay *relay, int eventfd, const struct msi_message *message)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(eventfd);
	int failure = fuzz_failing(FUZZ_RELAY_ATTACH);

	(void)relay;
	if (failure)
		return failure;
	if (file->gsi >= 0 || file->relayed)
		fuzz_violation("the relay gets an eventfd that is attached already");
	file->relayed = true;
	file->message = *message;
	file->relay_count = 0;
	if (file->count) {
		file->count--;
		fuzz_eventfd_signal(eventfd);
	}
	return 0;
}

static uint64_t relay_detach(struct irq_relay *relay, int eventfd)
{
	struct fuzz_eventfd *file = fuzz_eventfd_of(eventfd);

	(void)relay;
	if (!file->relayed)
		fuzz_violation("the relay loses an eventfd that it did not have");
	file->relayed = false;
	return file->relay_count;
}

static uint64_t relay_count(struct irq_relay *relay, int eventfd)
{
	(void)relay;
	return fuzz_eventfd_of(eventfd)->relay_count;
}

/* ---- memslots and DMA maps ---- */

void *fuzz_area_hva(const struct fuzz_area *area)
{
	return (void *)(AREA_BASE + (uintptr_t)(area - host->areas) * AREA_STEP);
}

struct fuzz_area *fuzz_area_of(const void *hva)
{
	uintptr_t i = ((uintptr_t)hva - AREA_BASE) / AREA_STEP;

	if (i >= FUZZ_RANGES_MAX || fuzz_area_hva(&host->areas[i]) != hva || !host->areas[i].device)
		return NULL;
	return &host->areas[i];
}

static bool is_rom_copy(const void *hva)
{
	return (const char *)hva >= rom_pool && (const char *)hva < rom_pool + ROM_MAX;
}

static struct fuzz_range *range_add(struct fuzz_range *ranges, const struct fuzz_range *range)
{
	unsigned int i = FUZZ_RANGES_MAX;

	if (!range->size || (range->base | range->size) % host->page_size)
		fuzz_violation("%llx, %llx bytes, is not made of pages",
			       (unsigned long long)range->base, (unsigned long long)range->size);
	for (unsigned int j = host->slot_top; j--;) {
		if (!ranges[j].used)
			i = j;
		else if (ranges_overlap(ranges[j].base, ranges[j].size, range->base, range->size))
			fuzz_violation("%llx, %llx bytes, overlaps another memslot or map",
				       (unsigned long long)range->base,
				       (unsigned long long)range->size);
	}
	if (i == FUZZ_RANGES_MAX)
		i = host->slot_top;
	if (i == FUZZ_RANGES_MAX)
		return NULL;
	host->slot_top = max(host->slot_top, i + 1);
	ranges[i] = *range;
	return &ranges[i];
}

static void slot_check(const struct fuzz_range *slot)
{
	const struct fuzz_area *area = fuzz_area_of(slot->hva);

	if (!range_within(slot->base, slot->size, FUZZ_MEM32, FUZZ_MEM32_SIZE) &&
	    !range_within(slot->base, slot->size, FUZZ_MEM64, FUZZ_MEM64_SIZE))
		fuzz_violation("memslot %llx, %llx bytes, is in no window",
			       (unsigned long long)slot->base, (unsigned long long)slot->size);
	if (slot->read_only) {
		if (!is_rom_copy(slot->hva))
			fuzz_violation("a read-only memslot that is no ROM");
		return;
	}
	if (!area || area->size != slot->size)
		fuzz_violation("a memslot of memory that is not mapped");
	if (!fuzz_device_decodes(area->device))
		fuzz_violation("the guest reaches BAR %u, which does not decode", area->index);
}

int vm_memslot_add(struct vm *vm, uint64_t gpa, uint64_t size, void *hva, bool read_only)
{
	const struct fuzz_range range = { true, read_only, gpa, size, hva };
	int failure = fuzz_failing(FUZZ_MEMSLOT_ADD);
	struct fuzz_range *slot;

	(void)vm;
	if (failure)
		return failure;
	slot_check(&range);
	slot = range_add(host->slots, &range);
	if (!slot)
		host->exhausted++;
	return slot ? (int)(slot - host->slots) : -ENOSPC;
}

void vm_memslot_remove(struct vm *vm, int slot)
{
	(void)vm;
	if (slot < 0 || slot >= FUZZ_RANGES_MAX || !host->slots[slot].used)
		fuzz_violation("memslot %d is removed, and there is none", slot);
	host->slots[slot].used = false;
	for (unsigned int i = 0; i < host->slot_top; i++)
		if (host->maps[i].used && host->maps[i].hva == host->slots[slot].hva)
			fuzz_violation("DMA reaches a BAR that the guest does not");
}

bool iommu_owns(const struct iommu *iommu, const struct vfio_pci_dependent_device *device)
{
	(void)iommu;
	return device->group_id == FUZZ_GROUP;
}

unsigned int iommu_reset_proof(const struct iommu *iommu,
			       const struct vfio_pci_hot_reset_info *info,
			       int32_t fds[IOMMU_FILES_MAX])
{
	(void)iommu;
	(void)info;
	(void)fds;
	return 0;
}

int iommu_map(struct iommu *iommu, uint64_t iova, uint64_t size, void *hva)
{
	const struct fuzz_range range = { true, false, iova, size, hva };
	int failure = fuzz_failing(FUZZ_IOMMU_MAP);
	bool is_guest = false;

	(void)iommu;
	if (failure)
		return failure;
	for (unsigned int i = 0; i < host->slot_top; i++) {
		const struct fuzz_range *slot = &host->slots[i];

		is_guest |= slot->used && !slot->read_only && slot->base == iova &&
			    slot->size == size && slot->hva == hva;
	}
	if (!is_guest)
		fuzz_violation("DMA is to reach what the guest does not");
	return range_add(host->maps, &range) ? 0 : -ENOSPC;
}

void iommu_unmap(struct iommu *iommu, uint64_t iova, uint64_t size)
{
	(void)iommu;
	for (unsigned int i = 0; i < host->slot_top; i++) {
		struct fuzz_range *map = &host->maps[i];

		if (!map->used || map->base != iova || map->size != size)
			continue;
		map->used = false;
		return;
	}
	fuzz_violation("DMA at %llx is unmapped, and was not mapped", (unsigned long long)iova);
}

void vfio_area_unmap(void *hva, uint64_t size)
{
	struct fuzz_area *area = fuzz_area_of(hva);

	for (unsigned int i = 0; i < host->slot_top; i++)
		if (host->slots[i].used && host->slots[i].hva == hva)
			fuzz_violation("memory is unmapped that the guest reaches");
	if (is_rom_copy(hva)) {
		host->rom_copies--;
		return;
	}
	if (!area || area->size != size)
		fuzz_violation("memory is unmapped that was not mapped");
	area->device = NULL;
}

/* ---- the machine ---- */

void fuzz_host_reset(void)
{
	static struct irq_watch watch;
	unsigned int files = host->file_top, gsis = host->gsi_top, slots = host->slot_top;

	/* Once: it asks the real host. */
	if (!watch.observer.opaque)
		irq_watch_init(&watch, IRQ_WATCH_LAZY);

	memset(host, 0, offsetof(struct fuzz_host, devices));
	memset(&host->armed, 0,
	       offsetof(struct fuzz_host, files) - offsetof(struct fuzz_host, armed));
	memset(host->files, 0, files * sizeof(host->files[0]));
	memset(host->gsis, 0, max(gsis, (unsigned int)IRQ_PINS) * sizeof(host->gsis[0]));
	memset(host->slots, 0, slots * sizeof(host->slots[0]));
	memset(host->maps, 0, slots * sizeof(host->maps[0]));
	memset(host->areas, 0, sizeof(host->areas));
	host->injection_count = host->pin_injections = 0;
	host->watch = watch;
	host->watch.observer.opaque = &host->watch;
	host->page_size = 4096;
	host->relay = (struct irq_relay){ relay_attach, relay_detach, relay_count };
	rom_used = 0;
}

/*
 * The guest's capability leads to what is emulated: where the device has it, or in a BAR that the
 * device does not have, with room for both.
 */
static void msix_place_check(const struct fuzz_device *device)
{
	const struct vfio_function *function = &device->function;
	const uint8_t *capability = &function->pci.config[function->policy.msix];
	uint32_t table = (uint32_t)le_load(capability + PCI_MSIX_TABLE, 4);
	unsigned int index = table & PCI_MSIX_TABLE_BIR;
	const struct vfio_bar *bar = &function->bars[index];
	bool is_own = !device->regions[index].size;
	uint64_t size = is_own ? function->pci.bars[index].size : device->regions[index].size;

	if (!function->policy.msix_vectors)
		return;
	if (is_own ? host->msix_table == MSIX_TABLE_DEVICE : host->msix_table == MSIX_TABLE_OWN)
		fuzz_violation("the MSI-X table is not where it is asked for");
	if (bar->table.offset != (table & PCI_MSIX_TABLE_OFFSET) ||
	    bar->table.size != 16ULL * function->policy.msix_vectors ||
	    !range_within(bar->table.offset, bar->table.size, 0, size))
		fuzz_violation("the MSI-X table of the guest is none");
	if (is_own && (!range_within(bar->pba.offset, bar->pba.size, bar->table.size,
				     size - bar->table.size) ||
		       le_load(capability + PCI_MSIX_PBA, 4) != (bar->pba.offset | index)))
		fuzz_violation("the pending bits are not with the MSI-X table");
}

static bool machine_start(void)
{
	const struct pci_window mem32 = { FUZZ_MEM32, FUZZ_MEM32_SIZE };
	const struct pci_window mem64 = { FUZZ_MEM64, FUZZ_MEM64_SIZE };
	const struct pci_window io = { FUZZ_IO, FUZZ_IO_SIZE };
	const struct vfio_function_config config = {
		.vm = &host->vm,
		.iommu = &host->iommu,
		.root = &host->root,
		.observer = host->watched ? &host->watch.observer : NULL,
		.page_size = host->page_size,
		.peers = true,
	};
	char why[WHY_SIZE];

	for (unsigned int i = 0; i < host->device_count; i++) {
		const struct vfio_function_options options = {
			.device = { .bdf = i ? "0000:01:00.1" : "0000:01:00.0" },
			.relay = host->relayed ? &host->relay : NULL,
			.devfn = PCI_DEVFN(1, i),
			.is_multifunction = host->device_count > 1,
			.msix_table = host->msix_table,
		};

		host->devices[i].started = true;
		if (vfio_function_init(&host->devices[i].function, &config, &options, why) < 0)
			return false;
		msix_place_check(&host->devices[i]);
	}
	for (unsigned int i = 0; i < host->device_count; i++) {
		const struct fuzz_device *device = &host->devices[i];
		unsigned int failed = host->failed;

		vfio_function_reset_init(&host->devices[i].function);
		if (host->failed == failed &&
		    device->function.bus_resets !=
			    (!device->can_reset && device->has_bus && !device->has_foreigner))
			fuzz_violation("a bus is reset, or not, against the rules");
	}
	if (pci_root_attach(&host->root, &host->memory, &host->ports, FUZZ_ECAM, &mem32, &mem64,
			    &io) != 0)
		fuzz_violation("the buses refuse what PCI adds");
	if (host->vga && vfio_vga_attach(host->vga, &host->memory, &host->ports) != 0)
		fuzz_violation("the buses refuse what VGA adds");
	if (pci_mem64_needed(&host->root) > FUZZ_MEM64_SIZE)
		return false;
	bus_freeze(&host->memory);
	bus_freeze(&host->ports);
	return pci_bars_place(&host->root, why) == 0;
}

bool fuzz_machine_start(void)
{
	pci_root_init(&host->root);
	bus_init(&host->memory, "memory");
	bus_init(&host->ports, "I/O port");
	host->armed = true;
	host->running = machine_start();
	return host->running;
}

static void left_check(void)
{
	for (unsigned int i = 0; i < host->file_top; i++)
		if (host->files[i].used)
			fuzz_violation("an eventfd is still open at the end");
	for (unsigned int i = IRQ_PINS; i < host->gsi_top; i++)
		if (host->gsis[i].allocated || host->gsis[i].route.used)
			fuzz_violation("GSI %u is still allocated at the end", i);
	for (unsigned int i = 0; i < host->slot_top; i++)
		if (host->slots[i].used || host->maps[i].used)
			fuzz_violation("a memslot or DMA map is still there at the end");
	for (unsigned int i = 0; i < FUZZ_RANGES_MAX; i++)
		if (host->areas[i].device)
			fuzz_violation("an area of a device is still mapped at the end");
	if (host->rom_copies)
		fuzz_violation("%u copies of ROMs are still mapped at the end", host->rom_copies);
	if (host->watch.connected)
		fuzz_violation("%u vectors are still watched at the end", host->watch.connected);
}

void fuzz_machine_end(void)
{
	memset(host->failures, 0, sizeof(host->failures));
	pci_root_cleanup(&host->root);
	for (unsigned int i = 0; i < host->device_count; i++)
		if (host->devices[i].started)
			vfio_function_cleanup(&host->devices[i].function);
	host->armed = host->running = false;
	left_check();
}

uint64_t fuzz_memory_read(uint64_t addr, unsigned int size)
{
	struct access access = { .addr = addr, .size = (uint8_t)size };

	bus_access(&host->memory, &access);
	return access.data;
}

void fuzz_memory_write(uint64_t addr, unsigned int size, uint64_t value)
{
	struct access access = {
		.addr = addr, .size = (uint8_t)size, .data = value, .is_write = true
	};

	bus_access(&host->memory, &access);
}

uint64_t fuzz_port_read(uint64_t port, unsigned int size)
{
	struct access access = { .addr = port, .size = (uint8_t)size };

	bus_access(&host->ports, &access);
	return access.data;
}

void fuzz_port_write(uint64_t port, unsigned int size, uint64_t value)
{
	struct access access = {
		.addr = port, .size = (uint8_t)size, .data = value, .is_write = true
	};

	bus_access(&host->ports, &access);
}

static uint64_t ecam_of(const struct fuzz_device *device, unsigned int offset)
{
	return FUZZ_ECAM + (device->function.pci.devfn << 12) + offset;
}

uint32_t fuzz_config_read(struct fuzz_device *device, unsigned int offset, unsigned int size)
{
	return (uint32_t)fuzz_memory_read(ecam_of(device, offset), size);
}

void fuzz_config_write(struct fuzz_device *device, unsigned int offset, unsigned int size,
		       uint32_t value)
{
	fuzz_memory_write(ecam_of(device, offset), size, value);
}

#pragma clang attribute pop
