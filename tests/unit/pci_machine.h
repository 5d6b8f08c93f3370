/* SPDX-License-Identifier: BSD-2-Clause */
/* A small machine with PCI devices that write down what is done to them, for the tests of pci.c. */
#ifndef POSTHORN_TESTS_UNIT_PCI_MACHINE_H
#define POSTHORN_TESTS_UNIT_PCI_MACHINE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/pci.h"
#include "lib/util.h"

#define ECAM	 0xe0000000ULL
#define MEM32	 0xc0000000ULL
#define MEM64	 0x800000000ULL
#define IO_BASE	 0x1000
#define TYPE_64	 PCI_BASE_ADDRESS_MEM_TYPE_64
#define TYPE_IO	 PCI_BASE_ADDRESS_SPACE_IO
#define PREFETCH PCI_BASE_ADDRESS_MEM_PREFETCH
#define BAR(n)	 (PCI_BASE_ADDRESS_0 + 4 * (n))

#define COMMAND_ALL (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

struct test_device {
	struct pci_device pci; /* first: the operations find the rest by it */
	char name[16];
	char events[256]; /* "+0@c0000000 " BAR 0 mapped there, "-" unmapped, since last asked */
	unsigned int accesses, last_bar;
	uint64_t last_offset;
	struct access last_access;
	bool lock_was_free; /* an operation was called without the device's lock */
};

struct machine {
	struct bus memory, ports;
	struct pci_root root;
	struct test_device devices[4];
	unsigned int device_count;
	char why[WHY_SIZE];
};

static inline void lock_check(struct test_device *device)
{
	if (!mutex_try(&device->pci.lock))
		return;
	device->lock_was_free = true;
	mutex_unlock(&device->pci.lock);
}

static inline void event_add(struct pci_device *pci, char kind, unsigned int bar)
{
	struct test_device *device = (struct test_device *)pci;
	size_t used = strlen(device->events);

	lock_check(device);
	snprintf(device->events + used, sizeof(device->events) - used, "%c%u@%" PRIx64 " ", kind,
		 bar, pci->bars[bar].addr);
}

static inline void test_bar_map(struct pci_device *pci, unsigned int bar)
{
	event_add(pci, '+', bar);
}

static inline void test_bar_unmap(struct pci_device *pci, unsigned int bar)
{
	event_add(pci, '-', bar);
}

static inline void test_bar_access(struct pci_device *pci, unsigned int bar, uint64_t offset,
				   struct access *access)
{
	struct test_device *device = (struct test_device *)pci;

	lock_check(device);
	device->accesses++;
	device->last_bar = bar;
	device->last_offset = offset;
	device->last_access = *access;
	if (!access->is_write)
		access->data = 0xd0 + bar;
}

#define POWER 0x40 /* a register of the device's own: 1 puts it to sleep (D3hot), 0 wakes it */

static inline void test_cfg_write(struct pci_device *pci, unsigned int offset, unsigned int size,
				  uint32_t value)
{
	mutex_assert_held(&pci->lock);
	if (offset != POWER) {
		pci_header_write(pci, offset, size, value);
		return;
	}
	pci->asleep = value;
	pci_decode_update(pci);
}

static const struct pci_device_ops test_ops = {
	.cfg_write = test_cfg_write,
	.bar_map = test_bar_map,
	.bar_unmap = test_bar_unmap,
	.bar_access = test_bar_access,
};

static inline int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	bus_init(&machine->memory, "memory");
	bus_init(&machine->ports, "I/O port");
	memset(&machine->root, 0xff, sizeof(machine->root));
	pci_root_init(&machine->root);
	*state = machine;
	return 0;
}

static inline int teardown(void **state)
{
	struct machine *machine = *state;
	unsigned int i;

	pci_root_cleanup(&machine->root);
	for (i = 0; i < machine->device_count; i++)
		assert_false(machine->devices[i].lock_was_free);
	free(machine);
	return 0;
}

/* Add a device with @bars, at @devfn; call before machine_start(). */
static inline struct test_device *device_add_at(struct machine *machine, unsigned int devfn,
						const struct pci_bar bars[PCI_BARS_MAX])
{
	struct test_device *device = &machine->devices[machine->device_count++];

	snprintf(device->name, sizeof(device->name), "device %u", machine->device_count);
	device->pci.ops = &test_ops;
	device->pci.name = device->name;
	memcpy(device->pci.bars, bars, sizeof(device->pci.bars));
	le_store(device->pci.config + PCI_VENDOR_ID, 4, 0x56781234);
	le_store(device->pci.config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	assert_int_equal(pci_device_add(&machine->root, &device->pci, devfn, machine->why), 0);
	return device;
}

/* The same, in the lowest free slot. */
static inline struct test_device *device_add(struct machine *machine,
					     const struct pci_bar bars[PCI_BARS_MAX])
{
	return device_add_at(machine, PCI_DEVFN(machine->device_count + 1, 0), bars);
}

static inline void machine_attach(struct machine *machine, uint64_t mem64_size)
{
	const struct pci_window mem32 = { MEM32, 0x20000000 }, mem64 = { MEM64, mem64_size };
	const struct pci_window io = { IO_BASE, 0xf000 };

	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &mem64, &io),
			 0);
	bus_freeze(&machine->memory);
	bus_freeze(&machine->ports);
}

static inline void machine_start(struct machine *machine)
{
	machine_attach(machine, 0x100000000ULL);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
}

static inline uint64_t read_at(const struct bus *bus, uint64_t addr, uint8_t size)
{
	struct access access = { .addr = addr, .size = size };

	bus_access(bus, &access);
	return access.data;
}

static inline void write_at(const struct bus *bus, uint64_t addr, uint8_t size, uint64_t value)
{
	struct access access = { .addr = addr, .data = value, .size = size, .is_write = true };

	bus_access(bus, &access);
}

static inline uint64_t ecam_of(const struct test_device *device, unsigned int offset)
{
	return ECAM + (device->pci.devfn << 12) + offset;
}

static inline uint64_t config_read(struct machine *machine, const struct test_device *device,
				   unsigned int offset, uint8_t size)
{
	return read_at(&machine->memory, ecam_of(device, offset), size);
}

static inline void config_write(struct machine *machine, const struct test_device *device,
				unsigned int offset, uint8_t size, uint64_t value)
{
	write_at(&machine->memory, ecam_of(device, offset), size, value);
}

static inline void command_write(struct machine *machine, const struct test_device *device,
				 uint16_t value)
{
	config_write(machine, device, PCI_COMMAND, 2, value);
}

static inline void events_expect(struct test_device *device, const char *events)
{
	assert_string_equal(device->events, events);
	device->events[0] = '\0';
}

static inline void sleep_set(struct machine *machine, const struct test_device *device, bool asleep)
{
	config_write(machine, device, POWER, 1, asleep);
}

static const struct pci_bar no_bars[PCI_BARS_MAX];
static const struct pci_bar one_page[PCI_BARS_MAX] = { { .size = 0x1000 } };
static const struct pci_bar all_kinds[PCI_BARS_MAX] = {
	[0] = { .size = 0x10000 },
	[1] = { .size = 0x20, .flags = TYPE_IO },
	[2] = { .size = 0x4000, .flags = TYPE_64 | PREFETCH },
	[PCI_BAR_ROM] = { .size = 0x8000 },
};

#endif
