/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine with one assigned function, for tests that go the way of a guest's access: bus,
 * PCI root, vfio/pci.c. KVM and VFIO are made up (fake_kvm.h, fake_vfio.h).
 */
#ifndef POSTHORN_TESTS_UNIT_ASSIGNED_MACHINE_H
#define POSTHORN_TESTS_UNIT_ASSIGNED_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "devices/bus.h"
#include "lib/util.h"
#include "tests/unit/fake_vfio.h"

#define ECAM	   0xe0000000ULL
#define MEM32	   0xc0000000ULL
#define MEM32_SIZE 0x20000000ULL
#define MEM64	   0x800000000ULL
#define MEM64_SIZE 0x100000000ULL
#define IO_BASE	   0x1000
#define BDF	   "0000:01:00.0"

struct machine {
	struct fake_kvm *kvm;
	struct fake_vfio *fake;
	struct vfio_pci *function; /* of fake */
	struct pci_root root;
	struct bus memory, ports;
};

/* Without a device yet: make one of machine->fake, then machine_start(). */
static inline struct machine *machine_new(void)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	machine->kvm = fake_kvm_new();
	machine->fake = fake_vfio_new(machine->kvm);
	machine->function = &machine->fake->function;
	pci_root_init(&machine->root);
	bus_init(&machine->memory, "memory");
	bus_init(&machine->ports, "I/O port");
	return machine;
}

static inline void machine_start(struct machine *machine)
{
	const struct pci_window mem32 = { MEM32, MEM32_SIZE }, mem64 = { MEM64, MEM64_SIZE };
	const struct pci_window io = { IO_BASE, 0xf000 };

	vfio_pci_init(machine->function, &machine->kvm->vm, &machine->kvm->iommu, &machine->root,
		      BDF, 0x1000);
	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &mem64, &io),
			 0);
	assert_int_equal(pci_bars_place(&machine->root, 0x1000), 0);
	bus_freeze(&machine->memory);
	bus_freeze(&machine->ports);
	fake_log_take(machine->kvm);
	machine->fake->reads = machine->fake->writes = 0;
}

/* As machine_cleanup() of vmm/machine.c does. Nothing may be left, nothing may have gone wrong. */
static inline void machine_end(struct machine *machine)
{
	pci_root_cleanup(&machine->root);
	vfio_pci_cleanup(machine->function);
	fake_vfio_free(machine->fake);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
}

static inline uint64_t memory_read(struct machine *machine, uint64_t addr, uint8_t size)
{
	struct access access = { .addr = addr, .size = size };

	bus_access(&machine->memory, &access);
	return access.data;
}

static inline void memory_write(struct machine *machine, uint64_t addr, uint8_t size, uint64_t value)
{
	struct access access = { .addr = addr, .size = size, .data = value, .is_write = true };

	bus_access(&machine->memory, &access);
}

static inline uint64_t ecam_of(struct machine *machine, unsigned int offset)
{
	return ECAM + (machine->function->pci.slot << 15) + offset;
}

/* The guest reads and writes configuration space of the function. */
static inline uint32_t guest_read(struct machine *machine, unsigned int offset, uint8_t size)
{
	return (uint32_t)memory_read(machine, ecam_of(machine, offset), size);
}

static inline void guest_write(struct machine *machine, unsigned int offset, uint8_t size,
			       uint32_t value)
{
	memory_write(machine, ecam_of(machine, offset), size, value);
}

static inline void command_set(struct machine *machine, uint16_t command)
{
	guest_write(machine, PCI_COMMAND, 2, command);
}

static inline void log_expect(struct machine *machine, const char *log)
{
	assert_string_equal(fake_log_take(machine->kvm), log);
}

/* Where a capability is in the guest's list, as Linux looks for it; 0: nowhere. */
static inline unsigned int capability_find(struct machine *machine, unsigned int id)
{
	unsigned int at = PCI_CAPABILITY_LIST;

	for (unsigned int left = 48; left; left--) {
		at = guest_read(machine, at, 1) & ~3U;
		if (at < PCI_STD_HEADER_SIZEOF)
			return 0;
		if (guest_read(machine, at, 1) == id)
			return at;
		at += PCI_CAP_LIST_NEXT;
	}
	fail_msg("the list of capabilities goes in circles");
	return 0;
}

#endif
