/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/irqs.c: from what the guest wants to what the host has, over a made-up KVM and VFIO. */
#include "tests/unit/irqs_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

/* ---- wiring ---- */

static void test_nothing_is_on_before_the_guest_asks(void **state)
{
	struct machine *machine = machine_of(state);

	irqs_sync(machine->irqs);
	log_expect(machine, "");
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	for (unsigned int i = 0; i < 16; i++)
		assert_true(machine->irqs->sets[IRQ_KIND_MSIX].vectors[i].masked);
	for (unsigned int i = 0; i < 8; i++)
		assert_false(machine->irqs->sets[IRQ_KIND_MSI].vectors[i].masked);
}

static void test_msix_with_all_masked_turns_the_hardware_on(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	log_expect(machine, "irqs_set msix 0 1 [-1]\n");
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	msix_enable(machine, false);
	log_expect(machine, "irqs_disable msix\n");
}

static void test_route_comes_first_then_irqfd_then_trigger(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 2);
	log_expect(machine, "route 24 fee01000 4002\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 2 1 [fd]\n");
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(injected(machine, 2), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

static void test_trigger_goes_before_the_irqfd(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1);
	fake_log_take(machine->kvm);
	msix_enable(machine, false);
	log_expect(machine, "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n");
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
}

static void test_every_interrupt_is_delivered_to_its_own_message(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	for (unsigned int i = 0; i < 16; i++)
		msix_unmask(machine, i);
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j <= i; j++)
			fake_vfio_fire(machine->fake, i);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(injected(machine, i), i + 1);
}

static void test_messages_carry_the_requester_id(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 3);
	msi_enable(machine, 2);
	assert_int_equal(machine->kvm->routes[24].message.device_id, DEVICE_ID);
	msix_enable(machine, false);
	assert_int_equal(machine->kvm->routes[24].message.device_id, DEVICE_ID);
	assert_int_equal(machine->kvm->routes[25].message.device_id, DEVICE_ID);
}

static void test_gsis_start_at_24_and_are_used_again(void **state)
{
	struct machine *machine = machine_of(state);

	for (unsigned int round = 0; round < 3; round++) {
		msix_enable(machine, true);
		for (unsigned int i = 0; i < 16; i++)
			msix_unmask(machine, i);
		for (unsigned int gsi = 24; gsi < 40; gsi++)
			assert_true(machine->kvm->allocated[gsi]);
		assert_int_equal(fake_kvm_gsis(machine->kvm), 16);
		msix_enable(machine, false);
		assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	}
}

static void test_big_table_takes_vectors_only_for_what_is_unmasked(void **state)
{
	struct machine *machine = machine_of(state);

	machine_restart(machine, 0, 2048, true);
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1000);
	msix_unmask(machine, 2047);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 3);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 3);
	assert_int_equal(fake_vectors_allocated(machine->fake), 3);
	assert_int_equal(fake_vectors_triggered(machine->fake), 3);
	fake_vfio_fire(machine->fake, 2047);
	assert_int_equal(injected(machine, 2047), 1);
}

static void test_table_is_not_looked_at_while_msix_is_off(void **state)
{
	struct machine *machine = machine_of(state);

	msix_unmask(machine, 1);
	log_expect(machine, "");
	msi_enable(machine, 1);
	fake_log_take(machine->kvm);
	msix_unmask(machine, 2);
	log_expect(machine, "");
}

static void test_entries_unmasked_before_enable_are_connected_by_it(void **state)
{
	struct machine *machine = machine_of(state);

	msix_unmask(machine, 0);
	msix_unmask(machine, 3);
	msix_enable(machine, true);
	log_expect(machine, "irqs_set msix 0 1 [-1]\n"
			    "route 24 fee01000 4000\n"
			    "route 25 fee01000 4003\n"
			    "irqfd_attach 24\n"
			    "irqfd_attach 25\n"
			    "irqs_set msix 0 1 [fd]\n"
			    "irqs_set msix 3 1 [fd]\n");
}

static void test_sync_without_a_change_does_nothing(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 5);
	fake_log_take(machine->kvm);
	irqs_sync(machine->irqs);
	msix_mask(machine, 5, false);
	msix_mask(machine, 6, true);
	log_expect(machine, "");
}

/* KVM takes the table of routes whole, and waits each time: so it gets it once. */
static void test_routes_change_once_for_a_sync_and_once_for_the_end(void **state)
{
	struct machine *machine = machine_of(state);
	unsigned int before;

	machine_restart(machine, 8, 2048, true);
	for (unsigned int i = 0; i < 2048; i++)
		msix_unmask(machine, i);
	msix_enable(machine, true);
	assert_int_equal(machine->kvm->commits, 1);
	assert_int_equal(fake_vectors_triggered(machine->fake), 2048);
	msix_mask_all(machine, true);
	msix_mask_all(machine, false);
	assert_int_equal(machine->kvm->commits, 1);
	msix_enable(machine, false);
	assert_int_equal(machine->kvm->commits, 2);
	before = machine->kvm->commits;
	msi_enable(machine, 8);
	assert_int_equal(machine->kvm->commits, before + 1);
	msi_enable(machine, 0);
	assert_int_equal(machine->kvm->commits, before + 2);
}

static void test_triggers_of_neighbours_are_tied_by_one_call(void **state)
{
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < 6; i++)
		if (i != 3)
			msix_unmask(machine, i);
	msix_enable(machine, true);
	log_expect(machine, "irqs_set msix 0 1 [-1]\n"
			    "route 24 fee01000 4000\n"
			    "route 25 fee01000 4001\n"
			    "route 26 fee01000 4002\n"
			    "route 27 fee01000 4004\n"
			    "route 28 fee01000 4005\n"
			    "irqfd_attach 24\n"
			    "irqfd_attach 25\n"
			    "irqfd_attach 26\n"
			    "irqfd_attach 27\n"
			    "irqfd_attach 28\n"
			    "irqs_set msix 0 3 [fd fd fd]\n"
			    "irqs_set msix 4 2 [fd fd]\n");
}

/* ---- masking ---- */

static void test_mask_takes_the_irqfd_and_nothing_else(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 4);
	fake_log_take(machine->kvm);
	msix_mask(machine, 4, true);
	log_expect(machine, "irqfd_detach 24\n");
	msix_mask(machine, 4, false);
	log_expect(machine, "irqfd_attach 24\n");
	assert_int_equal(fake_kvm_gsis(machine->kvm), 1);
}

static void test_what_came_while_masked_is_pending_and_delivered_once(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 4);
	assert_false(msix_pending(machine, 4));
	fake_vfio_fire(machine->fake, 4);
	fake_vfio_fire(machine->fake, 4);
	assert_true(msix_pending(machine, 4));
	assert_true(msix_pending(machine, 4));
	assert_false(msix_pending(machine, 3));
	assert_int_equal(injected(machine, 4), 0);
	msix_mask(machine, 4, false);
	assert_false(msix_pending(machine, 4));
	assert_int_equal(injected(machine, 4), 1);
}

static void test_delivered_interrupt_is_not_pending_at_the_next_mask(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	for (unsigned int i = 0; i < 3; i++) {
		msix_mask(machine, 4, false);
		msix_mask(machine, 4, true);
		assert_false(msix_pending(machine, 4));
	}
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 1);
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 2);
}

static void test_what_came_while_live_is_not_pending_when_masked(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	assert_false(msix_pending(machine, 4));
	msix_mask(machine, 4, true);
	assert_false(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 1);
}

static void test_pending_survives_writes_of_the_masked_entry(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x5555;
	msix_mask(machine, 4, true);
	assert_true(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 0);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x5555), 1);
}

static void test_function_mask_masks_all_and_keeps_what_comes(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	for (unsigned int i = 0; i < 3; i++)
		msix_unmask(machine, i);
	msix_mask_all(machine, true);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	assert_int_equal(fake_vectors_triggered(machine->fake), 3);
	fake_vfio_fire(machine->fake, 1);
	fake_vfio_fire(machine->fake, 2);
	msix_mask(machine, 2, true);
	assert_true(msix_pending(machine, 1));
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 0);
	msix_mask_all(machine, false);
	assert_int_equal(injected(machine, 0), 0);
	assert_int_equal(injected(machine, 1), 1);
	assert_int_equal(injected(machine, 2), 0);
	assert_true(msix_pending(machine, 2));
	msix_mask(machine, 2, false);
	assert_int_equal(injected(machine, 2), 1);
}

static void test_entry_unmasked_under_the_function_mask_waits_for_it(void **state)
{
	struct machine *machine = machine_of(state);

	machine->irqs->sets[IRQ_KIND_MSIX].all_masked = true;
	msix_enable(machine, true);
	msix_unmask(machine, 7);
	log_expect(machine, "irqs_set msix 0 1 [-1]\n");
	msix_mask_all(machine, false);
	fake_vfio_fire(machine->fake, 7);
	assert_int_equal(injected(machine, 7), 1);
}

/* What the guest never unmasked has no host vector; the hardware's own pending bit keeps it. */
static void test_what_came_before_the_first_unmask_is_delivered(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	fake_vfio_fire(machine->fake, 0);
	fake_vfio_fire(machine->fake, 9);
	msix_unmask(machine, 9);
	msix_unmask(machine, 0);
	assert_int_equal(injected(machine, 0), 1);
	assert_int_equal(injected(machine, 9), 1);
}

static void test_pending_does_not_outlive_the_kind(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	msix_enable(machine, false);
	assert_false(msix_pending(machine, 4));
	msix_enable(machine, true);
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 0);
}

/* ---- messages that change ---- */

static void test_change_of_a_live_message_reroutes_at_once(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 1);
	fake_vfio_fire(machine->fake, 1);
	fake_log_take(machine->kvm);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.address = 0x1fee02000;
	msix_mask(machine, 1, false);
	log_expect(machine, "irqfd_detach 24\nroute 24 1fee02000 4001\nirqfd_attach 24\n");
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.data = 0x77;
	msix_mask(machine, 1, false);
	log_expect(machine, "irqfd_detach 24\nroute 24 1fee02000 77\nirqfd_attach 24\n");
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 1), 1);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0x1fee02000, 0x77), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 2);
}

static void test_change_of_a_masked_message_is_routed_at_unmask(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 1);
	fake_log_take(machine->kvm);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.data = 0x77;
	msix_mask(machine, 1, true);
	log_expect(machine, "");
	fake_vfio_fire(machine->fake, 1);
	msix_mask(machine, 1, false);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x77), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

/* ---- hosts on which the end of posting may drop an interrupt (vm.irq.detach_discards) ---- */

static void discards_begin(struct machine *machine)
{
	machine->kvm->vm.irq.detach_discards = true;
	msix_enable(machine, true);
	msix_unmask(machine, 4);
}

static void test_discards_nothing_is_made_up_at_the_first_attach(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	assert_int_equal(injected(machine, 4), 0);
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 1);
}

static void test_discards_each_unmask_brings_one_more(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	for (unsigned int i = 0; i < 3; i++) {
		msix_mask(machine, 4, true);
		assert_int_equal(injected(machine, 4), i);
		msix_mask(machine, 4, false);
		assert_int_equal(injected(machine, 4), i + 1);
	}
	/* It does not take the place of what comes later. */
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 4);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 4);
}

static void test_discards_pending_bit_tells_of_the_device_only(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	msix_mask(machine, 4, true);
	assert_false(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	msix_mask(machine, 4, true);
	assert_false(msix_pending(machine, 4));
	fake_vfio_fire(machine->fake, 4);
	assert_true(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	assert_false(msix_pending(machine, 4));
	/* What was pending and what is one more are one interrupt. */
	assert_int_equal(injected(machine, 4), 2);
	msix_mask(machine, 4, true);
	assert_false(msix_pending(machine, 4));
}

static void test_discards_change_of_message_brings_one_more_by_the_new_one(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 0);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x77), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

static void test_discards_change_that_fails_brings_one_more_by_the_old_one(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	discards_begin(machine);
	fake_fail(machine->kvm, "route_set", 0, -ENOSPC);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	capture = capture_start();
	msix_mask(machine, 4, false);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(injected(machine, 4), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

static void test_discards_only_vectors_that_were_connected(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	msix_mask_all(machine, true);
	msix_unmask(machine, 5);
	msix_mask_all(machine, false);
	assert_int_equal(injected(machine, 4), 1);
	assert_int_equal(injected(machine, 5), 0);
}

static void test_discards_off_and_on_begins_anew(void **state)
{
	struct machine *machine = machine_of(state);

	discards_begin(machine);
	msix_mask(machine, 4, true);
	msix_enable(machine, false);
	msix_enable(machine, true);
	msix_mask(machine, 4, false);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 0);
}

static void test_discards_msi_too(void **state)
{
	struct machine *machine = machine_of(state);
	struct irq_set *set = &machine->irqs->sets[IRQ_KIND_MSI];

	machine->kvm->vm.irq.detach_discards = true;
	msi_enable(machine, 2);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 0);
	set->vectors[1].masked = true;
	irqs_sync(machine->irqs);
	assert_false(irqs_vector_pending(machine->irqs, IRQ_KIND_MSI, 1));
	set->vectors[1].masked = false;
	irqs_sync(machine->irqs);
	assert_int_equal(injected(machine, 0), 0);
	assert_int_equal(injected(machine, 1), 1);
}

/* ---- MSI ---- */

static void test_msi_gets_all_its_vectors_in_one_call(void **state)
{
	struct machine *machine = machine_of(state);

	msi_enable(machine, 4);
	log_expect(machine, "irqs_set msi 0 4 [fd fd fd fd]\n"
			    "route 24 fee01000 4000\n"
			    "route 25 fee01000 4001\n"
			    "route 26 fee01000 4002\n"
			    "route 27 fee01000 4003\n"
			    "irqfd_attach 24\n"
			    "irqfd_attach 25\n"
			    "irqfd_attach 26\n"
			    "irqfd_attach 27\n");
	for (unsigned int i = 0; i < 4; i++)
		fake_vfio_fire(machine->fake, i);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(injected(machine, i), 1);
}

static void test_msi_vectors_masked_from_the_start_are_kept_pending(void **state)
{
	struct machine *machine = machine_of(state);
	struct irq_set *set = &machine->irqs->sets[IRQ_KIND_MSI];

	set->vectors[0].masked = set->vectors[1].masked = true;
	msi_enable(machine, 2);
	log_expect(machine, "irqs_set msi 0 2 [fd fd]\n");
	fake_vfio_fire(machine->fake, 1);
	assert_true(irqs_vector_pending(machine->irqs, IRQ_KIND_MSI, 1));
	assert_false(irqs_vector_pending(machine->irqs, IRQ_KIND_MSI, 0));
	set->vectors[0].masked = set->vectors[1].masked = false;
	irqs_sync(machine->irqs);
	assert_int_equal(injected(machine, 0), 0);
	assert_int_equal(injected(machine, 1), 1);
	assert_false(irqs_vector_pending(machine->irqs, IRQ_KIND_MSI, 1));
}

static void test_msi_can_be_turned_on_again_with_another_count(void **state)
{
	static const unsigned int counts[] = { 1, 8, 2, 4, 1 };
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		msi_enable(machine, counts[i]);
		assert_int_equal(fake_kvm_gsis(machine->kvm), counts[i]);
		assert_int_equal(fake_vectors_triggered(machine->fake), counts[i]);
		assert_int_equal(fake_kvm_irqfds(machine->kvm), counts[i]);
		msi_enable(machine, 0);
		assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	}
}

static void test_msi_with_another_count_while_on_starts_again_without_intx(void **state)
{
	struct machine *machine = machine_of(state);

	machine->irqs->sets[IRQ_KIND_INTX].enabled = true;
	msi_enable(machine, 4);
	fake_log_take(machine->kvm);
	msi_enable(machine, 1);
	assert_null(strstr(fake_log_take(machine->kvm), "intx"));
	assert_int_equal(machine->irqs->sets[IRQ_KIND_MSI].host_count, 1);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 1);
}

/* A driver that suspends its device may turn MSI off and, for another use, on before it wakes. */
static void test_msi_with_another_count_in_sleep_starts_again_when_awake(void **state)
{
	static const unsigned int counts[] = { 1, 4, 2 };
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(counts); i++) {
		machine->irqs->asleep = true;
		msi_enable(machine, 0);
		msi_enable(machine, counts[i]);
		machine->irqs->asleep = false;
		irqs_sync(machine->irqs);
		assert_int_equal(machine->irqs->sets[IRQ_KIND_MSI].host_count, counts[i]);
		assert_int_equal(fake_kvm_irqfds(machine->kvm), counts[i]);
		fake_vfio_fire(machine->fake, counts[i] - 1);
		assert_int_equal(injected(machine, counts[i] - 1), 1);
	}
}

/* ---- one kind at a time ---- */

static void test_kinds_exclude_each_other(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	fake_log_take(machine->kvm);
	msi_enable(machine, 1);
	log_expect(machine, "irqs_disable intx\n"
			    "irqfd_detach 17\n"
			    "irqs_set msi 0 1 [fd]\n"
			    "route 24 fee01000 4000\n"
			    "irqfd_attach 24\n");
	msix_unmask(machine, 1);
	msix_enable(machine, true);
	log_expect(machine, "irqs_disable msi\n"
			    "irqfd_detach 24\n"
			    "irqs_set msix 0 1 [-1]\n"
			    "route 24 fee01000 4001\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 1 1 [fd]\n");
	msix_enable(machine, false);
	log_expect(machine, "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqs_set msi 0 1 [fd]\n"
			    "route 24 fee01000 4000\n"
			    "irqfd_attach 24\n");
	msi_enable(machine, 0);
	log_expect(machine, "irqs_disable msi\n"
			    "irqfd_detach 24\n"
			    "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
}

static void test_msix_wins_when_both_are_enabled(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	fake_log_take(machine->kvm);
	msi_enable(machine, 2);
	log_expect(machine, "");
	assert_int_equal(machine->irqs->active, IRQ_KIND_MSIX);
}

static void test_device_without_msi_is_none_the_worse(void **state)
{
	struct machine *machine = machine_of(state);

	machine_restart(machine, 0, 0, true);
	intx_use(machine);
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	irqs_reset(machine->irqs);
}

/* ---- INTx ---- */

static void test_intx_waits_until_the_guest_uses_the_device(void **state)
{
	struct machine *machine = machine_of(state);

	irqs_sync(machine->irqs);
	log_expect(machine, "");
	intx_use(machine);
	log_expect(machine, "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
}

static void test_device_without_intx_gets_none(void **state)
{
	struct machine *machine = machine_of(state);

	machine->irqs->sets[IRQ_KIND_INTX].size = 0;
	intx_use(machine);
	log_expect(machine, "");
}

static void test_intx_is_a_level_until_the_device_is_content(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
	/* Acknowledged, and the device still wants something. */
	fake_kvm_pin_acknowledge(machine->kvm, INTX_GSI);
	assert_false(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 2);
	/* Acknowledged, and that was all. */
	fake_vfio_intx_set(machine->fake, false);
	fake_kvm_pin_acknowledge(machine->kvm, INTX_GSI);
	fake_vfio_intx_set(machine->fake, false);
	assert_false(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 2);
}

static void test_intx_comes_back_when_msi_goes(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	msix_enable(machine, true);
	fake_vfio_intx_set(machine->fake, true);
	assert_false(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	msix_enable(machine, false);
	assert_true(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	assert_int_equal(machine->irqs->active, IRQ_KIND_INTX);
}

/* ---- resets and endurance ---- */

static void test_reset_puts_everything_back(void **state)
{
	struct machine *machine = machine_of(state);
	struct irq_set *msix = &machine->irqs->sets[IRQ_KIND_MSIX];

	intx_use(machine);
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 5);
	msix->all_masked = true;
	machine->irqs->sets[IRQ_KIND_MSI].vectors[3].masked = true;
	machine->irqs->sets[IRQ_KIND_MSI].count = 8;
	irqs_reset(machine->irqs);
	assert_int_equal(machine->irqs->active, IRQ_KIND_NONE);
	assert_int_equal(machine->fake->active, VFIO_PCI_NUM_IRQS);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	assert_false(msix->enabled || msix->all_masked ||
		     machine->irqs->sets[IRQ_KIND_INTX].enabled);
	assert_int_equal(machine->irqs->sets[IRQ_KIND_MSI].count, 1);
	assert_false(machine->irqs->sets[IRQ_KIND_MSI].vectors[3].masked);
	for (unsigned int i = 0; i < 16; i++) {
		assert_true(msix->vectors[i].masked);
		assert_int_equal(msix->vectors[i].message.address, 0);
		assert_int_equal(msix->vectors[i].message.data, 0);
	}
}

static struct {
	unsigned int owed[WALK_VECTORS]; /* interrupts that the guest must have got */
	bool pending[WALK_VECTORS];
	bool masked[WALK_VECTORS], all_masked;
} walked;

static bool walk_blocked(unsigned int vector)
{
	return walked.masked[vector] || walked.all_masked;
}

static void walk_unblock(void)
{
	for (unsigned int i = 0; i < WALK_VECTORS; i++) {
		if (walk_blocked(i))
			continue;
		walked.owed[i] += walked.pending[i];
		walked.pending[i] = false;
	}
}

static void walk_step(struct machine *machine, unsigned int choice, unsigned int vector)
{
	switch (choice) {
	case 0:
	case 1:
	case 2:
	case 3:
		fake_vfio_fire(machine->fake, vector);
		if (walk_blocked(vector))
			walked.pending[vector] = true;
		else
			walked.owed[vector]++;
		break;
	case 4:
	case 5:
		walked.masked[vector] = !walked.masked[vector];
		msix_mask(machine, vector, walked.masked[vector]);
		break;
	case 6:
		walked.all_masked = !walked.all_masked;
		msix_mask_all(machine, walked.all_masked);
		break;
	}
	walk_unblock();
	assert_int_equal(injected(machine, vector), walked.owed[vector]);
	assert_int_equal(msix_pending(machine, vector), walked.pending[vector]);
}

/* On any way through masks and interrupts, each is delivered exactly as often as on hardware. */
static void test_no_interrupt_is_lost_or_doubled_on_any_way(void **state)
{
	memset(&walked, 0, sizeof(walked));
	vectors_walk(machine_of(state), 7, walk_step);
	for (unsigned int i = 0; i < WALK_VECTORS; i++)
		assert_true(walked.owed[i] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DYNAMIC(test_nothing_is_on_before_the_guest_asks),
		DYNAMIC(test_msix_with_all_masked_turns_the_hardware_on),
		FIXED(test_msix_with_all_masked_turns_the_hardware_on),
		DYNAMIC(test_route_comes_first_then_irqfd_then_trigger),
		DYNAMIC(test_trigger_goes_before_the_irqfd),
		FIXED(test_trigger_goes_before_the_irqfd),
		DYNAMIC(test_every_interrupt_is_delivered_to_its_own_message),
		DYNAMIC(test_messages_carry_the_requester_id),
		DYNAMIC(test_gsis_start_at_24_and_are_used_again),
		FIXED(test_gsis_start_at_24_and_are_used_again),
		DYNAMIC(test_big_table_takes_vectors_only_for_what_is_unmasked),
		DYNAMIC(test_table_is_not_looked_at_while_msix_is_off),
		DYNAMIC(test_entries_unmasked_before_enable_are_connected_by_it),
		DYNAMIC(test_routes_change_once_for_a_sync_and_once_for_the_end),
		DYNAMIC(test_triggers_of_neighbours_are_tied_by_one_call),
		DYNAMIC(test_sync_without_a_change_does_nothing),
		FIXED(test_sync_without_a_change_does_nothing),
		DYNAMIC(test_mask_takes_the_irqfd_and_nothing_else),
		FIXED(test_mask_takes_the_irqfd_and_nothing_else),
		DYNAMIC(test_what_came_while_masked_is_pending_and_delivered_once),
		FIXED(test_what_came_while_masked_is_pending_and_delivered_once),
		DYNAMIC(test_delivered_interrupt_is_not_pending_at_the_next_mask),
		DYNAMIC(test_what_came_while_live_is_not_pending_when_masked),
		DYNAMIC(test_pending_survives_writes_of_the_masked_entry),
		DYNAMIC(test_function_mask_masks_all_and_keeps_what_comes),
		DYNAMIC(test_entry_unmasked_under_the_function_mask_waits_for_it),
		DYNAMIC(test_what_came_before_the_first_unmask_is_delivered),
		DYNAMIC(test_pending_does_not_outlive_the_kind),
		DYNAMIC(test_change_of_a_live_message_reroutes_at_once),
		DYNAMIC(test_change_of_a_masked_message_is_routed_at_unmask),
		DYNAMIC(test_discards_nothing_is_made_up_at_the_first_attach),
		DYNAMIC(test_discards_each_unmask_brings_one_more),
		DYNAMIC(test_discards_pending_bit_tells_of_the_device_only),
		DYNAMIC(test_discards_change_of_message_brings_one_more_by_the_new_one),
		DYNAMIC(test_discards_change_that_fails_brings_one_more_by_the_old_one),
		DYNAMIC(test_discards_only_vectors_that_were_connected),
		DYNAMIC(test_discards_off_and_on_begins_anew),
		DYNAMIC(test_discards_msi_too),
		DYNAMIC(test_msi_gets_all_its_vectors_in_one_call),
		DYNAMIC(test_msi_vectors_masked_from_the_start_are_kept_pending),
		DYNAMIC(test_msi_can_be_turned_on_again_with_another_count),
		DYNAMIC(test_msi_with_another_count_while_on_starts_again_without_intx),
		DYNAMIC(test_msi_with_another_count_in_sleep_starts_again_when_awake),
		DYNAMIC(test_kinds_exclude_each_other),
		DYNAMIC(test_msix_wins_when_both_are_enabled),
		DYNAMIC(test_device_without_msi_is_none_the_worse),
		DYNAMIC(test_intx_waits_until_the_guest_uses_the_device),
		DYNAMIC(test_device_without_intx_gets_none),
		DYNAMIC(test_intx_is_a_level_until_the_device_is_content),
		DYNAMIC(test_intx_comes_back_when_msi_goes),
		DYNAMIC(test_reset_puts_everything_back),
		DYNAMIC(test_no_interrupt_is_lost_or_doubled_on_any_way),
		RELAYED(test_no_interrupt_is_lost_or_doubled_on_any_way),
	};

	return cmocka_run_group_tests_name("irqs", tests, NULL, NULL);
}
