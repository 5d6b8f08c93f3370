/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/irqs.c on hosts that cannot add vectors, have too few, refuse, or have a defect. */
#include "tests/unit/irqs_machine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/unit/stderr_capture.h"

/* ---- a kernel that cannot add vectors ---- */

static void test_fixed_msix_is_turned_off_and_on_to_grow(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 2);
	log_expect(machine, "irqs_disable msix\n"
			    "irqs_set msix 0 3 [-1 -1 fd]\n"
			    "route 24 fee01000 4002\n"
			    "irqfd_attach 24\n");
	msix_unmask(machine, 1);
	log_expect(machine, "route 25 fee01000 4001\n"
			    "irqfd_attach 25\n"
			    "irqs_set msix 1 1 [fd]\n");
	msix_unmask(machine, 3);
	log_expect(machine, "irqs_disable msix\n"
			    "irqs_set msix 0 6 [-1 fd fd fd -1 -1]\n"
			    "route 26 fee01000 4003\n"
			    "irqfd_attach 26\n");
	for (unsigned int i = 1; i < 4; i++) {
		unsigned int before = injected(machine, i);

		fake_vfio_fire(machine->fake, i);
		assert_int_equal(injected(machine, i), before + 1);
	}
}

static void test_fixed_msix_signals_live_vectors_once_after_growing(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 2);
	msix_mask(machine, 2, true);
	msix_unmask(machine, 1);
	assert_int_equal(injected(machine, 0), 1); /* when 2 came */
	assert_int_equal(injected(machine, 1), 0);
	msix_unmask(machine, 5);
	assert_int_equal(injected(machine, 0), 2);
	assert_int_equal(injected(machine, 1), 1);
	assert_int_equal(injected(machine, 5), 0);
	/* A masked one is owed its interrupt too, but not before it is unmasked. */
	assert_int_equal(injected(machine, 2), 0);
	assert_true(msix_pending(machine, 2));
	msix_mask(machine, 2, false);
	assert_int_equal(injected(machine, 2), 1);
}

/* Twice as many each time: so a driver that unmasks in turn does not have it off for each. */
static void test_fixed_msix_doubles(void **state)
{
	struct machine *machine = machine_of(state);

	machine_restart(machine, 0, 64, false);
	msix_enable(machine, true);
	for (unsigned int i = 0; i < 64; i++)
		msix_unmask(machine, i);
	assert_int_equal(machine->fake->enables, 7);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1 + 2 + 4 + 8 + 16 + 32);
	assert_int_equal(machine->fake->vector_count, 64);
}

static void test_fixed_msix_doubles_only_as_far_as_the_host_has_vectors(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	machine->fake->host_vectors = 3;
	msix_enable(machine, true);
	for (unsigned int i = 0; i < 3; i++)
		msix_unmask(machine, i);
	assert_int_equal(capture_lines(capture), 0);
	assert_int_equal(fake_vectors_triggered(machine->fake), 3);
	capture = capture_start();
	msix_unmask(machine, 3);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_vectors_triggered(machine->fake), 3);
}

static void test_fixed_msix_keeps_what_it_had_when_it_cannot_grow(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	machine->fake->host_vectors = 2;
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1);
	capture = capture_start();
	msix_unmask(machine, 4);
	msix_unmask(machine, 3);
	assert_int_equal(capture_lines(capture), 1);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int before = injected(machine, i);

		fake_vfio_fire(machine->fake, i);
		assert_int_equal(injected(machine, i), before + 1);
	}
	msix_mask(machine, 1, true);
	fake_vfio_fire(machine->fake, 1);
	assert_true(msix_pending(machine, 1));
}

static void test_fixed_msix_that_cannot_come_back_is_dead_but_tidy(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	msix_enable(machine, true);
	msix_unmask(machine, 0);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOMEM);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOMEM);
	capture = capture_start();
	msix_unmask(machine, 4);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_vectors_triggered(machine->fake), 0);
	assert_false(msix_pending(machine, 0));
	/* A write of an entry brings that one back; off and on again, all of them. */
	assert_int_equal(injected(machine, 0), 0);
	msix_mask(machine, 0, false);
	fake_vfio_fire(machine->fake, 0);
	assert_int_equal(injected(machine, 0), 1);
	msix_enable(machine, false);
	msix_enable(machine, true);
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 1);
}

/* ---- what the host refuses ---- */

static void test_refused_trigger_is_reported_once_and_tried_again_on_change(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	msix_enable(machine, true);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOMEM);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOSPC);
	capture = capture_start();
	msix_unmask(machine, 1);
	msix_unmask(machine, 2);
	assert_int_equal(capture_lines(capture), 1);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 1), 0);
	assert_false(msix_pending(machine, 1));
	msix_unmask(machine, 1);
	assert_int_equal(injected(machine, 1), 1);
}

/* A positive count says that there are fewer vectors: for one vector that is none. */
static void test_positive_answer_for_one_vector_is_a_refusal(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	msix_enable(machine, true);
	fake_fail(machine->kvm, "irqs_set", 0, 1);
	msix_unmask(machine, 1);
	assert_int_equal(capture_lines(capture), 1);
	assert_false(machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].triggered);
}

static void test_msix_that_cannot_be_turned_on_is_reported_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture;

	for (unsigned int i = 0; i < 2; i++) {
		machine_restart(machine, 8, 16, i);
		capture = capture_start();
		fake_fail(machine->kvm, "irqs_set", 0, -EBUSY);
		fake_fail(machine->kvm, "irqs_set", 0, -EBUSY);
		msix_enable(machine, true);
		msix_unmask(machine, 3);
		msix_enable(machine, false);
		assert_int_equal(capture_lines(capture), 1);
	}
}

static void test_refused_route_is_reported_once_and_leaves_the_former(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	msix_enable(machine, true);
	fake_fail(machine->kvm, "route_set", 0, -EINVAL);
	msix_unmask(machine, 1);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	msix_unmask(machine, 1);
	fake_fail(machine->kvm, "route_set", 0, -EINVAL);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.data = 0x99;
	msix_mask(machine, 1, false);
	assert_int_equal(capture_lines(capture), 1);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 1), 1);
	/* The next write of the entry brings the new message in. */
	msix_mask(machine, 1, false);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x99), 1);
}

/* Of many that come at once, the one that is refused is dead and no other. */
static void test_refusal_of_one_of_many_is_that_ones_alone(void **state)
{
	static const char *const calls[] = { "route_set", "irqfd_attach", "irqs_set" };
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		bool is_trigger = !strcmp(calls[i], "irqs_set");
		struct capture capture;

		machine_restart(machine, 8, 16, true);
		capture = capture_start();
		for (unsigned int n = 0; n < 8; n++)
			msix_unmask(machine, n);
		/* The first turns MSI-X on, the second is all eight, then each is tried alone. */
		if (is_trigger)
			fake_fail(machine->kvm, calls[i], 1, -ENOSPC);
		fake_fail(machine->kvm, calls[i], 5, -ENOSPC);
		msix_enable(machine, true);
		assert_int_equal(capture_lines(capture), 1);
		for (unsigned int n = 0; n < 8; n++) {
			fake_vfio_fire(machine->fake, n);
			assert_int_equal(injected(machine, n), n != 5);
		}
	}
}

/* What has an irqfd and no trigger, because the host had no vector left, gets no second irqfd. */
static void test_refused_route_of_a_vector_without_trigger_changes_nothing(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	msix_enable(machine, true);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOSPC);
	msix_unmask(machine, 1);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 1);
	fake_fail(machine->kvm, "route_set", 0, -EINVAL);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.data = 0x99;
	irqs_sync(machine->irqs);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 1);
	message_set(&machine->irqs->sets[IRQ_KIND_MSIX], 1);
	irqs_sync(machine->irqs);
	assert_int_equal(capture_lines(capture), 1);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 1), 1);
}

static void test_refused_irqfd_loses_nothing(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	msix_begin_masked(machine, 1);
	fake_vfio_fire(machine->fake, 1);
	fake_fail(machine->kvm, "irqfd_attach", 0, -EBUSY);
	msix_mask(machine, 1, false);
	assert_int_equal(capture_lines(capture), 1);
	assert_true(msix_pending(machine, 1));
	msix_mask(machine, 1, false);
	assert_int_equal(injected(machine, 1), 1);
}

static void test_no_gsi_left_is_reported_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	msix_enable(machine, true);
	fake_fail(machine->kvm, "gsi_alloc", 0, -ENOSPC);
	msix_unmask(machine, 1);
	msix_unmask(machine, 2);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 1);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(injected(machine, 2), 1);
}

/* So many vectors that the file descriptors do not last. */
static void test_no_file_descriptor_left_is_reported_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct rlimit limit, none;
	struct capture capture;

	msix_enable(machine, true);
	capture = capture_start();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 1; /* with 0, ppoll(2) refuses even the message */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	msix_unmask(machine, 1);
	msix_unmask(machine, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	msix_mask(machine, 1, false);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 1), 1);
}

static void test_msi_with_fewer_host_vectors_works_as_far_as_they_go(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	machine->fake->host_vectors = 2;
	msi_enable(machine, 8);
	irqs_sync(machine->irqs);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_vectors_triggered(machine->fake), 2);
	fake_vfio_fire(machine->fake, 0);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 0), 1);
	assert_int_equal(injected(machine, 1), 1);
	/* Nor does that keep back what fails later, of a vector that there is. */
	capture = capture_start();
	machine->irqs->sets[IRQ_KIND_MSI].vectors[0].masked = true;
	irqs_sync(machine->irqs);
	fake_fail(machine->kvm, "irqfd_attach", 0, -EINVAL);
	machine->irqs->sets[IRQ_KIND_MSI].vectors[0].masked = false;
	irqs_sync(machine->irqs);
	assert_int_equal(capture_lines(capture), 1);
}

static void test_msi_that_was_scarce_and_then_fails_is_reported(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	machine->fake->host_vectors = 2;
	msi_enable(machine, 8);
	msi_enable(machine, 0);
	assert_int_equal(capture_lines(capture), 1);
	capture = capture_start();
	fake_fail(machine->kvm, "irqs_set", 0, -EBUSY);
	msi_enable(machine, 8);
	assert_int_equal(capture_lines(capture), 1);
}

static void test_msi_that_the_host_refuses_is_reported_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();

	fake_fail(machine->kvm, "irqs_set", 0, -EBUSY);
	msi_enable(machine, 4);
	irqs_sync(machine->irqs);
	assert_int_equal(capture_lines(capture), 1);
	capture = capture_start();
	msi_enable(machine, 0);
	msi_enable(machine, 4);
	assert_int_equal(capture_lines(capture), 0);
	fake_vfio_fire(machine->fake, 3);
	assert_int_equal(injected(machine, 3), 1);
	capture = capture_start();
	msi_enable(machine, 0);
	fake_fail(machine->kvm, "irqs_set", 0, -EBUSY);
	msi_enable(machine, 4);
	msi_enable(machine, 0);
	assert_int_equal(capture_lines(capture), 0);
	/* Which does not keep a warning of another kind back, once. */
	capture = capture_start();
	machine->fake->host_vectors = 2;
	for (unsigned int i = 0; i < 2; i++) {
		msi_enable(machine, 4);
		msi_enable(machine, 0);
	}
	assert_int_equal(capture_lines(capture), 1);
}

static void test_intx_that_fails_is_reported_once_and_leaves_nothing(void **state)
{
	/* A positive answer of VFIO: it has so many lines, which is fewer than were asked for. */
	static const struct {
		const char *call;
		int answer;
	} failures[] = {
		{ "route_set_pin", -EBUSY },   { "irqfd_attach", -ENOMEM },
		{ "irqs_set", -EBUSY },	       { "intx_unmask_set", -ENOMEM },
		{ "intx_unmask_set", -EBUSY }, { "intx_unmask_set", 1 },
	};
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(failures); i++) {
		struct capture capture = capture_start();
		char text[512];

		fake_fail(machine->kvm, failures[i].call, 0, failures[i].answer);
		intx_use(machine);
		irqs_sync(machine->irqs);
		assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
		assert_non_null(
			strstr(text, "warning: 0000:01:00.0: INTx (GSI 17) cannot be used"));
		assert_non_null(strstr(text, "those of MSI and MSI-X do"));
		assert_int_equal(!strstr(text, "line has another device"),
				 failures[i].answer != -EBUSY);
		assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
		assert_int_equal(machine->fake->active, VFIO_PCI_NUM_IRQS);
		msi_enable(machine, 1);
		fake_vfio_fire(machine->fake, 0);
		assert_int_equal(injected(machine, 0), 1);
		machine_restart(machine, 8, 16, true);
	}
}

/* ---- hosts on which the trigger has to go before the irqfd (irq_deassign_defect()) ---- */

static void test_deassign_defect_is_known_by_the_release(void **state)
{
	static const struct {
		const char *release;
		bool expected;
	} rows[] = {
		{ "6.1.0-44-amd64", false },
		{ "6.12.48+deb13-arm64", false },
		{ "6.14.11", false },
		{ "6.15.0", true },
		{ "6.17-rc3", true },
		{ "6.17.0-19-generic", true },
		{ "6.17.13", true },
		{ "6.18.0", true },
		{ "6.18.9-200.fc43", true },
		{ "6.18.10", false },
		{ "6.18.44", false },
		{ "6.19.0", false },
		{ "7.0.0", false },
		{ "5.17.0", false },
		{ "", false },
		{ "next", false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (irq_deassign_defect(rows[i].release) != rows[i].expected)
			fail_msg("Linux %s", rows[i].release);
}

static void trigger_first_begin(struct machine *machine)
{
	machine->kvm->vm.irq.deassign_defect = true;
	msix_enable(machine, true);
	msix_unmask(machine, 4);
	fake_log_take(machine->kvm);
}

static void test_trigger_first_at_a_mask(void **state)
{
	struct machine *machine = machine_of(state);

	trigger_first_begin(machine);
	msix_mask(machine, 4, true);
	log_expect(machine, "irqs_set msix 4 1 [-1]\n"
			    "irqfd_detach 24\n"
			    "irqs_set msix 4 1 [fd]\n");
	assert_false(msix_pending(machine, 4));
	fake_vfio_fire(machine->fake, 4);
	assert_true(msix_pending(machine, 4));
	msix_mask(machine, 4, false);
	log_expect(machine, "irqfd_attach 24\n");
	assert_int_equal(injected(machine, 4), 1);
}

/* In place of what may have been on its way while there was no trigger. */
static void test_trigger_first_brings_one_more_at_unmask(void **state)
{
	struct machine *machine = machine_of(state);

	trigger_first_begin(machine);
	assert_int_equal(injected(machine, 4), 0);
	msix_mask(machine, 4, true);
	msix_mask(machine, 4, false);
	assert_int_equal(injected(machine, 4), 1);
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 2);
}

static void test_trigger_first_at_a_change_of_message(void **state)
{
	struct machine *machine = machine_of(state);

	trigger_first_begin(machine);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[4].message.data = 0x77;
	msix_mask(machine, 4, false);
	log_expect(machine, "irqs_set msix 4 1 [-1]\n"
			    "irqfd_detach 24\n"
			    "irqs_set msix 4 1 [fd]\n"
			    "route 24 fee01000 77\n"
			    "irqfd_attach 24\n");
	assert_int_equal(fake_kvm_injected(machine->kvm, ADDRESS, 0x77), 1);
}

static void test_trigger_first_that_does_not_come_back_is_tried_again(void **state)
{
	struct machine *machine = machine_of(state);

	trigger_first_begin(machine);
	fake_fail(machine->kvm, "irqs_set", 1, -ENOMEM);
	msix_mask(machine, 4, true);
	assert_int_equal(fake_vectors_triggered(machine->fake), 0);
	/* The device has masked it, and keeps what it has to say. */
	fake_vfio_fire(machine->fake, 4);
	assert_int_equal(injected(machine, 4), 0);
	msix_mask(machine, 4, false);
	assert_int_equal(fake_vectors_triggered(machine->fake), 1);
	assert_true(injected(machine, 4) >= 1);
}

static void test_trigger_first_msi_too(void **state)
{
	struct machine *machine = machine_of(state);
	struct irq_set *set = &machine->irqs->sets[IRQ_KIND_MSI];

	machine->kvm->vm.irq.deassign_defect = true;
	msi_enable(machine, 2);
	fake_log_take(machine->kvm);
	set->vectors[1].masked = true;
	irqs_sync(machine->irqs);
	log_expect(machine, "irqs_set msi 1 1 [-1]\n"
			    "irqfd_detach 25\n"
			    "irqs_set msi 1 1 [fd]\n");
	set->vectors[1].masked = false;
	irqs_sync(machine->irqs);
	assert_int_equal(injected(machine, 0), 0);
	assert_int_equal(injected(machine, 1), 1);
	fake_log_take(machine->kvm);
	msi_enable(machine, 0);
	log_expect(machine, "irqs_disable msi\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n");
}

/* One life with everything in it. */
static void life(struct machine *machine)
{
	intx_use(machine);
	msix_enable(machine, true);
	for (unsigned int i = 0; i < 3; i++)
		msix_unmask(machine, i);
	msix_mask(machine, 1, true);
	for (unsigned int i = 0; i < 3; i++)
		fake_vfio_fire(machine->fake, i);
	msix_mask(machine, 1, false);
	msix_enable(machine, false);
	machine->irqs->sets[IRQ_KIND_MSI].vectors[1].masked = true;
	msi_enable(machine, 4);
	machine->irqs->sets[IRQ_KIND_MSI].vectors[1].masked = false;
	irqs_sync(machine->irqs);
	fake_vfio_fire(machine->fake, 1);
	msi_enable(machine, 0);
	irqs_reset(machine->irqs);
}

/* Whichever call fails, nothing is left behind and nothing forbidden is done: see machine_end(). */
static void test_any_one_failure_leaves_everything_tidy(void **state)
{
	static const struct {
		const char *call;
		unsigned int times; /* that a life calls it */
	} calls[] = {
		{ "gsi_alloc", 7 },	{ "route_set", 7 }, { "route_set_pin", 1 },
		{ "irqfd_attach", 11 }, { "irqs_set", 7 },  { "intx_unmask_set", 3 },
	};
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		for (unsigned int n = 0; n < 2 * calls[i].times; n++) {
			/* MSI-X that cannot be doubled, from 2 to 4, has the 3 that are needed. */
			bool is_mended = !strcmp(calls[i].call, "irqs_set") && n == 2 * 4;
			struct capture capture;
			unsigned int lines;

			machine_end(machine);
			capture = capture_start();
			machine_start(machine, 8, 16, n % 2);
			fake_fail(machine->kvm, calls[i].call, n / 2, -ENOMEM);
			life(machine);
			machine_end(machine);
			lines = capture_lines(capture);
			machine_start(machine, 8, 16, true);
			if (lines != !is_mended)
				fail_msg("%s fails at call %u: %u messages", calls[i].call, n / 2,
					 lines);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXED(test_fixed_msix_is_turned_off_and_on_to_grow),
		FIXED(test_fixed_msix_signals_live_vectors_once_after_growing),
		FIXED(test_fixed_msix_doubles),
		FIXED(test_fixed_msix_doubles_only_as_far_as_the_host_has_vectors),
		FIXED(test_fixed_msix_keeps_what_it_had_when_it_cannot_grow),
		FIXED(test_fixed_msix_that_cannot_come_back_is_dead_but_tidy),
		DYNAMIC(test_msi_with_fewer_host_vectors_works_as_far_as_they_go),
		DYNAMIC(test_msi_that_was_scarce_and_then_fails_is_reported),
		DYNAMIC(test_msi_that_the_host_refuses_is_reported_once),
		DYNAMIC(test_intx_that_fails_is_reported_once_and_leaves_nothing),
		DYNAMIC(test_refused_trigger_is_reported_once_and_tried_again_on_change),
		DYNAMIC(test_positive_answer_for_one_vector_is_a_refusal),
		DYNAMIC(test_msix_that_cannot_be_turned_on_is_reported_once),
		DYNAMIC(test_refused_route_is_reported_once_and_leaves_the_former),
		DYNAMIC(test_refusal_of_one_of_many_is_that_ones_alone),
		DYNAMIC(test_refused_route_of_a_vector_without_trigger_changes_nothing),
		DYNAMIC(test_refused_irqfd_loses_nothing),
		DYNAMIC(test_no_gsi_left_is_reported_once),
		DYNAMIC(test_no_file_descriptor_left_is_reported_once),
		DYNAMIC(test_deassign_defect_is_known_by_the_release),
		DYNAMIC(test_trigger_first_at_a_mask),
		DYNAMIC(test_trigger_first_brings_one_more_at_unmask),
		DYNAMIC(test_trigger_first_at_a_change_of_message),
		DYNAMIC(test_trigger_first_that_does_not_come_back_is_tried_again),
		DYNAMIC(test_trigger_first_msi_too),
		DYNAMIC(test_any_one_failure_leaves_everything_tidy),
	};

	return cmocka_run_group_tests_name("irqs_failures", tests, NULL, NULL);
}
