/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupts of a made-up device, for tests of vfio/irqs.c, and what a guest does with them. */
#ifndef POSTHORN_TESTS_UNIT_IRQS_MACHINE_H
#define POSTHORN_TESTS_UNIT_IRQS_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/fake_vfio.h"

#define ADDRESS	  0xfee01000ULL
#define DATA(n)	  (0x4000U + (n))
#define INTX_GSI  17
#define DEVICE_ID 0x18

struct machine {
	struct fake_kvm *kvm;
	struct fake_vfio *fake;
	struct vfio_irqs *irqs;
	/* for machine_start() */
	bool is_relayed;		     /* the relay stands in for irqfds */
	const struct irq_observer *observer; /* NULL: none */
	char why[WHY_SIZE];
};

static inline struct machine *machine_of(void **state)
{
	return *state;
}

/* Close what is open, and begin anew with other numbers of vectors. */
static inline void machine_end(struct machine *machine)
{
	irqs_cleanup(machine->irqs);
	vfio_device_cleanup(&machine->fake->function.device);
	fake_vfio_free(machine->fake);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
}

static inline void machine_start(struct machine *machine, unsigned int msi_size,
				 unsigned int msix_size, bool is_dynamic)
{
	struct fake_vfio *fake;

	machine->kvm = fake_kvm_new();
	machine->fake = fake = fake_vfio_new(machine->kvm);
	machine->irqs = &fake->function.irqs;
	fake->irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	fake->irqs[VFIO_PCI_MSI_IRQ_INDEX] = msi_size;
	fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = msix_size;
	fake->is_dynamic = is_dynamic;
	assert_int_equal(vfio_device_init(&fake->function.device, &machine->kvm->iommu,
					  &(struct iommu_device){ .bdf = "0000:01:00.0" },
					  machine->why),
			 0);
	assert_int_equal(
		irqs_init(machine->irqs, &fake->function.device,
			  &(struct irqs_config){
				  .router = &machine->kvm->vm.irq,
				  .relay = machine->is_relayed ? &machine->kvm->relay : NULL,
				  .observer = machine->observer,
				  .msi_size = msi_size,
				  .msix_size = msix_size,
				  .intx_gsi = INTX_GSI,
				  .device_id = DEVICE_ID,
			  }),
		0);
}

static inline void machine_restart(struct machine *machine, unsigned int msi_size,
				   unsigned int msix_size, bool is_dynamic)
{
	machine_end(machine);
	machine_start(machine, msi_size, msix_size, is_dynamic);
}

static inline int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	machine_start(machine, 8, 16, true);
	*state = machine;
	return 0;
}

/* The same on a kernel that cannot add vectors to MSI-X. */
static inline int setup_fixed(void **state)
{
	setup(state);
	machine_restart(*state, 8, 16, false);
	return 0;
}

/* The same with irq-path=userspace. */
static inline int setup_relayed(void **state)
{
	struct machine *machine;

	setup(state);
	machine = *state;
	machine->is_relayed = true;
	machine_restart(machine, 8, 16, true);
	return 0;
}

static inline int teardown(void **state)
{
	machine_end(*state);
	free(*state);
	return 0;
}

static inline void log_expect(struct machine *machine, const char *log)
{
	assert_string_equal(fake_log_take(machine->kvm), log);
}

static inline unsigned int injected(struct machine *machine, unsigned int vector)
{
	return fake_kvm_injected(machine->kvm, ADDRESS, DATA(vector));
}

/* ---- what the guest does ---- */

static inline void message_set(struct irq_set *set, unsigned int vector)
{
	set->vectors[vector].message.address = ADDRESS;
	set->vectors[vector].message.data = DATA(vector);
}

static inline void msix_mask(struct machine *machine, unsigned int vector, bool masked)
{
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[vector].masked = masked;
	irqs_vectors_sync(machine->irqs, IRQ_KIND_MSIX, vector, vector + 1);
}

/* Fill in an entry of the table and unmask it. */
static inline void msix_unmask(struct machine *machine, unsigned int vector)
{
	message_set(&machine->irqs->sets[IRQ_KIND_MSIX], vector);
	msix_mask(machine, vector, false);
}

static inline void msix_enable(struct machine *machine, bool enabled)
{
	machine->irqs->sets[IRQ_KIND_MSIX].enabled = enabled;
	irqs_sync(machine->irqs);
}

/* Turn MSI-X on and connect a vector: only the second is in the log then. */
static inline void msix_begin(struct machine *machine, unsigned int vector)
{
	msix_enable(machine, true);
	fake_log_take(machine->kvm);
	msix_unmask(machine, vector);
}

/* And mask it again. */
static inline void msix_begin_masked(struct machine *machine, unsigned int vector)
{
	msix_begin(machine, vector);
	msix_mask(machine, vector, true);
}

static inline void msix_mask_all(struct machine *machine, bool masked)
{
	machine->irqs->sets[IRQ_KIND_MSIX].all_masked = masked;
	irqs_sync(machine->irqs);
}

static inline bool msix_pending(struct machine *machine, unsigned int vector)
{
	return irqs_vector_pending(machine->irqs, IRQ_KIND_MSIX, vector);
}

static inline void msi_enable(struct machine *machine, unsigned int count)
{
	struct irq_set *set = &machine->irqs->sets[IRQ_KIND_MSI];

	set->enabled = count;
	set->count = max(count, 1U);
	for (unsigned int i = 0; i < set->count; i++)
		message_set(set, i);
	irqs_sync(machine->irqs);
}

static inline void intx_use(struct machine *machine)
{
	machine->irqs->sets[IRQ_KIND_INTX].enabled = true;
	irqs_sync(machine->irqs);
}

/* ---- a walk over masks and interrupts ---- */

#define WALK_VECTORS 8
#define WALK_STEPS   4000

/* The first vectors are live. @step is called with one of so many @choices, and with a vector. */
static inline void vectors_walk(struct machine *machine, unsigned int choices,
				void (*step)(struct machine *machine, unsigned int choice,
					     unsigned int vector))
{
	unsigned int seed = 1;

	msix_enable(machine, true);
	for (unsigned int i = 0; i < WALK_VECTORS; i++)
		msix_unmask(machine, i);
	for (unsigned int i = 0; i < WALK_STEPS; i++) {
		seed = seed * 1103515245 + 12345;
		step(machine, (seed >> 16) % choices, (seed >> 24) % WALK_VECTORS);
		fake_log_take(machine->kvm);
	}
}

#define DYNAMIC(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define FIXED(name)   cmocka_unit_test_setup_teardown(name, setup_fixed, teardown)
#define RELAYED(name) cmocka_unit_test_setup_teardown(name, setup_relayed, teardown)

#endif
