/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine with one assigned function, for tests that go the way of a guest's access: bus,
 * PCI root, vfio/function.c. KVM and VFIO are made up (fake_kvm.h, fake_vfio.h).
 */
#ifndef POSTHORN_TESTS_UNIT_ASSIGNED_MACHINE_H
#define POSTHORN_TESTS_UNIT_ASSIGNED_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/bus.h"
#include "lib/util.h"
#include "tests/unit/fake_vfio.h"
#include "vfio/vga.h"

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
	struct vfio_function *function; /* of fake */
	struct pci_root root;
	struct bus memory, ports;
	const struct irq_observer *observer;  /* NULL: none */
	struct vfio_function_options options; /* of the function */
	uint64_t page_size;		      /* the host's */
	bool vga;			      /* with the legacy ranges of VGA */
	char why[WHY_SIZE];
};

/* Without a device yet: make one of machine->fake, then machine_start(). */
static inline struct machine *machine_new(void)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	machine->kvm = fake_kvm_new();
	machine->fake = fake_vfio_new(machine->kvm);
	machine->function = &machine->fake->function;
	/* Alone in its slot. */
	machine->page_size = 0x1000;
	machine->options = (struct vfio_function_options){ .device = { .bdf = BDF },
							   .devfn = PCI_DEVFN(1, 0) };
	pci_root_init(&machine->root);
	bus_init(&machine->memory, "memory");
	bus_init(&machine->ports, "I/O port");
	return machine;
}

static inline int function_init(struct machine *machine, struct vfio_function *function,
				const struct vfio_function_options *options)
{
	return vfio_function_init(function,
				  &(struct vfio_function_config){
					  .vm = &machine->kvm->vm,
					  .iommu = &machine->kvm->iommu,
					  .root = &machine->root,
					  .observer = machine->observer,
					  .page_size = machine->page_size,
					  .peers = true,
				  },
				  options, machine->why);
}

static inline void machine_start(struct machine *machine)
{
	const struct pci_window mem32 = { MEM32, MEM32_SIZE }, mem64 = { MEM64, MEM64_SIZE };
	const struct pci_window io = { IO_BASE, 0xf000 };

	assert_int_equal(function_init(machine, machine->function, &machine->options), 0);
	vfio_function_reset_init(machine->function);
	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &mem64, &io),
			 0);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	if (machine->vga)
		assert_int_equal(
			vfio_vga_attach(machine->function, &machine->memory, &machine->ports), 0);
	bus_freeze(&machine->memory);
	bus_freeze(&machine->ports);
	fake_log_take(machine->kvm);
	machine->fake->reads = machine->fake->writes = 0;
}

/* As machine_cleanup() of vmm/machine.c does. Nothing may be left, nothing may have gone wrong. */
static inline void machine_end(struct machine *machine)
{
	pci_root_cleanup(&machine->root);
	vfio_function_cleanup(machine->function);
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

static inline void memory_write(struct machine *machine, uint64_t addr, uint8_t size,
				uint64_t value)
{
	struct access access = { .addr = addr, .size = size, .data = value, .is_write = true };

	bus_access(&machine->memory, &access);
}

static inline uint64_t ecam_of(struct machine *machine, unsigned int offset)
{
	return ECAM + (machine->function->pci.devfn << 12) + offset;
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

/* ---- what cmocka calls, and what tests begin with ---- */

static inline int setup(void **state)
{
	*state = machine_new();
	return 0;
}

static inline int teardown(void **state)
{
	if (*state)
		machine_end(*state);
	return 0;
}

/* End the machine, and begin again with a device to be made. */
static inline void machine_renew(void **state)
{
	struct machine *machine = *state;

	*state = NULL; /* whatever machine_end() finds, it is not to be ended again */
	machine_end(machine);
	*state = machine_new();
}

static inline struct fake_vfio *fake_of(void **state)
{
	struct machine *machine = *state;

	return machine->fake;
}

/* Start the machine with the device that was made. */
static inline struct machine *start(void **state)
{
	machine_start(*state);
	return *state;
}

static inline struct machine *start_with(void **state, void (*make)(struct fake_vfio *fake))
{
	make(fake_of(state));
	return start(state);
}

/* "1@40 11@50": ids and offsets of the guest's capabilities, in their order. */
static inline void capabilities_expect(struct machine *machine, const char *expected)
{
	unsigned int link = PCI_CAPABILITY_LIST, left = 64, at;
	char text[512] = "";

	for (; (at = guest_read(machine, link, 1)) && left; left--, link = at + PCI_CAP_LIST_NEXT)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%x@%x",
			 *text ? " " : "", guest_read(machine, at, 1), at);
	assert_string_equal(text, expected);
}

/* The same for the extended ones, a null capability at the head included. */
static inline void extended_expect(struct machine *machine, const char *expected)
{
	unsigned int at = PCI_CFG_SPACE_SIZE, left = 512;
	char text[512] = "";

	for (; at && left; left--) {
		uint32_t header = guest_read(machine, at, 4);

		if (header)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%x@%x",
				 *text ? " " : "", PCI_EXT_CAP_ID(header), at);
		at = PCI_EXT_CAP_NEXT(header);
	}
	assert_string_equal(text, expected);
}

static inline void zero_expect(struct machine *machine, unsigned int from, unsigned int to)
{
	for (unsigned int offset = from; offset < to; offset++)
		if (guest_read(machine, offset, 1))
			fail_msg("byte 0x%x is not hidden: 0x%x", offset,
				 guest_read(machine, offset, 1));
}

#define BAR(n)	   (PCI_BASE_ADDRESS_0 + 4 * (n))
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
