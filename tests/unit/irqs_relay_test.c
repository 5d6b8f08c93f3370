/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/irqs.c with irq-path=userspace: the relay in the place of irqfds. */
#include "tests/unit/irqs_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

/* ---- wiring ---- */

static void test_relay_stands_where_the_irqfd_was(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 2);
	log_expect(machine, "route 24 fee01000 4002\n"
			    "relay_attach fee01000 4002\n"
			    "irqs_set msix 2 1 [fd]\n");
	assert_int_equal(machine->kvm->sources[0].message.device_id, DEVICE_ID);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(injected(machine, 2), 1);
	msix_enable(machine, false);
	log_expect(machine, "irqs_disable msix\n"
			    "relay_detach\n");
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
}

static void test_no_vector_of_msix_gets_an_irqfd(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	for (unsigned int i = 0; i < 16; i++)
		msix_unmask(machine, i);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	assert_int_equal(fake_kvm_sources(machine->kvm), 16);
	for (unsigned int i = 0; i < 16; i++)
		fake_vfio_fire(machine->fake, i);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(injected(machine, i), 1);
}

static void test_no_vector_of_msi_gets_an_irqfd(void **state)
{
	struct machine *machine = machine_of(state);

	msi_enable(machine, 4);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	assert_int_equal(fake_kvm_sources(machine->kvm), 4);
	fake_vfio_fire(machine->fake, 3);
	assert_int_equal(injected(machine, 3), 1);
}

/* A level has an end, which only a resample irqfd sees. */
static void test_intx_keeps_its_resample_irqfd(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	log_expect(machine, "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, INTX_GSI));
	msix_begin(machine, 4);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	fake_log_take(machine->kvm);
	msix_enable(machine, false);
	log_expect(machine, "irqs_disable msix\n"
			    "relay_detach\n"
			    "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
	assert_int_equal(fake_kvm_sources(machine->kvm), 0);
}

/* ---- masks and messages ---- */

static void test_mask_takes_the_eventfd_from_the_relay(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 4);
	fake_log_take(machine->kvm);
	msix_mask(machine, 4, true);
	log_expect(machine, "relay_detach\n");
	fake_vfio_fire(machine->fake, 4);
	assert_true(msix_pending(machine, 4));
	assert_int_equal(injected(machine, 4), 0);
	msix_mask(machine, 4, false);
	log_expect(machine, "relay_attach fee01000 4004\n");
	assert_int_equal(injected(machine, 4), 1);
	msix_mask(machine, 4, true);
	assert_false(msix_pending(machine, 4));
}

static void test_change_of_a_live_message_tells_the_relay(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	fake_log_take(machine->kvm);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	msix_mask(machine, 4, false);
	log_expect(machine, "relay_detach\n"
			    "route 24 fee01000 77\n"
			    "relay_attach fee01000 77\n");
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 1);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x77), 1);
}

/* What the thread had not come to when the guest masked is pending, and sent at unmask. */
static void test_what_the_relay_had_not_come_to_is_pending(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 4);
	machine->kvm->relay_sleeps = true;
	fake_vfio_fire(machine->fake, 4);
	msix_mask(machine, 4, true);
	assert_true(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 1);
}

static void test_what_the_relay_had_not_come_to_goes_by_the_new_message(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 4);
	machine->kvm->relay_sleeps = true;
	fake_vfio_fire(machine->fake, 4);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	msix_mask(machine, 4, false);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x77), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

/* The count of an attached eventfd is the relay's alone: with an irqfd, msi.c takes it here. */
static void test_what_comes_right_after_attach_is_left_to_the_relay(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin_masked(machine, 4);
	machine->kvm->relay_sleeps = machine->kvm->relay_late = true;
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 0);
	machine->kvm->relay_sleeps = false;
	assert_int_equal(injected(machine, 4), 1);
}

/* ---- what was relayed ---- */

static void test_relayed_adds_up_over_detaches(void **state)
{
	struct machine *machine = machine_of(state);
	const struct irq_vector *vector = &machine->irqs->sets[IRQ_KIND_MSIX].vectors[4];

	msix_begin(machine, 4);
	assert_int_equal(irq_wire_relayed(&vector->wire), 0);
	for (unsigned int i = 0; i < 3; i++)
		fake_vfio_fire(machine->fake, 4);
	msix_mask(machine, 4, true);
	assert_int_equal(irq_wire_relayed(&vector->wire), 3);
	fake_vfio_fire(machine->fake, 4);
	msix_mask(machine, 4, false);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	msix_mask(machine, 4, false);
	assert_int_equal(irq_wire_relayed(&vector->wire), 4);
	fake_vfio_fire(machine->fake, 4);
	msix_enable(machine, false);
	assert_int_equal(irq_wire_relayed(&vector->wire), 5);
	msix_enable(machine, true);
	fake_vfio_fire(machine->fake, 4);
	msix_enable(machine, false);
	assert_int_equal(irq_wire_relayed(&vector->wire), 6);
	assert_int_equal(irq_wire_relayed(&machine->irqs->sets[IRQ_KIND_MSIX].vectors[3].wire), 0);
}

/* Without an irqfd nothing was posted, and so nothing was dropped (vm.irq.detach_discards). */
static void test_where_posting_may_drop_one_nothing_is_made_up(void **state)
{
	struct machine *machine = machine_of(state);

	machine->kvm->vm.irq.detach_discards = true;
	msix_begin_masked(machine, 4);
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 0);
}

static void test_without_a_relay_nothing_is_relayed(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	msix_mask(machine, 4, true);
	assert_int_equal(irq_wire_relayed(&machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].wire), 0);
}

/* ---- failures ---- */

static void test_relay_that_refuses_is_reported_once_and_tried_again(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	msix_enable(machine, true);
	fake_log_take(machine->kvm);
	fake_fail(machine->kvm, "relay_attach", 0, -ENOMEM);
	fake_fail(machine->kvm, "relay_attach", 0, -ENOMEM);
	capture = capture_start();
	msix_unmask(machine, 4);
	msix_mask(machine, 4, false);
	assert_int_equal(capture_lines(capture), 1);
	log_expect(machine, "route 24 fee01000 4004\n"
			    "relay_attach fee01000 4004 fails\n"
			    "relay_attach fee01000 4004 fails\n");
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	msix_mask(machine, 4, false);
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 1);
}

/* The guest's interrupt stays in the count, which a failed attach leaves alone. */
static void test_what_came_before_a_refusal_is_sent_after_it(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	msix_begin_masked(machine, 4);
	fake_vfio_fire(machine->fake, 4);
	fake_fail(machine->kvm, "relay_attach", 0, -EMFILE);
	capture = capture_start();
	msix_mask(machine, 4, false);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(injected(machine, 4), 0);
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 1);
}

/* ---- endurance ---- */

static struct {
	bool owed[WALK_VECTORS];	 /* sent by the device, not injected so far */
	unsigned int seen[WALK_VECTORS]; /* injected so far */
} walked;

static void walk_check(struct machine *machine, unsigned int vector)
{
	unsigned int count = injected(machine, vector);

	if (count != walked.seen[vector]) {
		assert_int_equal(count, walked.seen[vector] + 1);
		assert_true(walked.owed[vector]);
		walked.owed[vector] = false;
		walked.seen[vector] = count;
	}
	if (!machine->irqs->sets[IRQ_KIND_MSIX].vectors[vector].masked &&
	    !machine->kvm->relay_sleeps)
		assert_false(walked.owed[vector]);
}

static void walk_step(struct machine *machine, unsigned int choice, unsigned int vector)
{
	if (choice < 4) {
		walked.owed[vector] = true;
		fake_vfio_fire(machine->fake, vector);
	} else if (choice < 7) {
		msix_mask(machine, vector,
			  !machine->irqs->sets[IRQ_KIND_MSIX].vectors[vector].masked);
	} else {
		machine->kvm->relay_sleeps = !machine->kvm->relay_sleeps;
	}
	for (unsigned int i = 0; i < WALK_VECTORS; i++)
		walk_check(machine, i);
}

/*
 * However the guest masks, and however late the thread is: what the device sent reaches the guest,
 * and what it did not send does not.
 */
static void test_no_interrupt_is_lost_or_made_up_on_any_way(void **state)
{
	memset(&walked, 0, sizeof(walked));
	vectors_walk(machine_of(state), 8, walk_step);
	for (unsigned int i = 0; i < WALK_VECTORS; i++)
		assert_true(walked.seen[i] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAYED(test_relay_stands_where_the_irqfd_was),
		RELAYED(test_no_vector_of_msix_gets_an_irqfd),
		RELAYED(test_no_vector_of_msi_gets_an_irqfd),
		RELAYED(test_intx_keeps_its_resample_irqfd),
		RELAYED(test_mask_takes_the_eventfd_from_the_relay),
		RELAYED(test_change_of_a_live_message_tells_the_relay),
		RELAYED(test_what_the_relay_had_not_come_to_is_pending),
		RELAYED(test_what_the_relay_had_not_come_to_goes_by_the_new_message),
		RELAYED(test_what_comes_right_after_attach_is_left_to_the_relay),
		RELAYED(test_relayed_adds_up_over_detaches),
		RELAYED(test_where_posting_may_drop_one_nothing_is_made_up),
		DYNAMIC(test_without_a_relay_nothing_is_relayed),
		RELAYED(test_relay_that_refuses_is_reported_once_and_tried_again),
		RELAYED(test_what_came_before_a_refusal_is_sent_after_it),
		RELAYED(test_no_interrupt_is_lost_or_made_up_on_any_way),
	};

	return cmocka_run_group_tests_name("irqs_relay", tests, NULL, NULL);
}
