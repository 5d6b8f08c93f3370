/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/reset.c: functions that have no reset of their own, on made-up buses. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

#define OTHER "0000:01:00.1"

static struct vfio_pci_dependent_device on_bus(uint8_t devfn, uint32_t group)
{
	return (struct vfio_pci_dependent_device){ .group_id = group, .bus = 1, .devfn = devfn };
}

/* The kernel can reset it with its bus, where function 1 is too. */
static void function_make(struct fake_vfio *fake)
{
	fake_vfio_nvme(fake);
	fake->can_reset = false;
	fake->bus[0] = on_bus(0, FAKE_GROUP);
	fake->bus[1] = on_bus(1, FAKE_GROUP);
	fake->bus_count = 2;
}

/* Start the machine; all that was said is in @text. */
static void start_listening(struct machine *machine, char text[512])
{
	struct capture capture = capture_start();

	machine_start(machine);
	capture_text(capture, text, 512);
}

static void flr(struct machine *machine)
{
	guest_write(machine, 0x80 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

static bool flr_is_offered(struct machine *machine)
{
	return guest_read(machine, 0x80 + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR;
}

static void test_bus_that_is_all_the_guests_is_reset_for_it(void **state)
{
	struct machine *machine = start_with(state, function_make);

	assert_int_equal(machine->fake->bus_resets, 1);
	assert_true(flr_is_offered(machine));
	command_set(machine, PCI_COMMAND_MEMORY);
	flr(machine);
	assert_int_equal(machine->fake->bus_resets, 2);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	/* The offer outlives it. */
	assert_true(flr_is_offered(machine));
	assert_int_equal(machine->fake->resets, 0);
}

static void test_function_with_a_reset_of_its_own_is_left_to_it(void **state)
{
	struct machine *machine = *state;

	function_make(machine->fake);
	machine->fake->can_reset = true;
	machine_start(machine);
	flr(machine);
	assert_int_equal(machine->fake->bus_resets, 0);
	assert_int_equal(machine->fake->resets, 1);
}

static void test_bus_with_somebody_elses_function_is_not_reset(void **state)
{
	struct machine *machine = *state;
	char text[512];

	function_make(machine->fake);
	machine->fake->bus[1].group_id = FAKE_GROUP + 1;
	start_listening(machine, text);
	assert_non_null(strstr(text, BDF ": it can be reset with its bus only, and " OTHER));
	assert_non_null(strstr(text, "posthorn bind " OTHER));
	assert_false(flr_is_offered(machine));
	flr(machine);
	assert_int_equal(machine->fake->bus_resets, 0);
}

static void test_host_that_can_reset_nothing_says_so(void **state)
{
	static const int errors[] = { 0, -ENOMEM };

	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		struct machine *machine = *state;
		char text[512];

		function_make(machine->fake);
		if (errors[i])
			fake_fail(machine->kvm, "hot_reset_info", 0, errors[i]);
		else
			machine->fake->bus_count = 0;
		start_listening(machine, text);
		assert_non_null(strstr(text, BDF ": the host knows no way to reset this function"));
		assert_non_null(strstr(text, strerror(errors[i] ? ENOMEM : ENODEV)));
		assert_false(flr_is_offered(machine));
		machine_renew(state);
	}
}

static void test_reset_at_the_start_that_fails_is_not_offered(void **state)
{
	struct machine *machine = *state;
	char text[512];

	function_make(machine->fake);
	fake_fail(machine->kvm, "hot_reset", 0, -EIO);
	start_listening(machine, text);
	assert_non_null(strstr(text, BDF ": its bus cannot be reset: Input/output error"));
	assert_false(flr_is_offered(machine));
}

/* Somebody reads sysfs at the moment: twice at the start, and once for each kind of reset later. */
static void test_reset_that_is_put_off_is_tried_again(void **state)
{
	struct machine *machine = *state;

	function_make(machine->fake);
	fake_fail(machine->kvm, "hot_reset", 0, -EAGAIN);
	fake_fail(machine->kvm, "hot_reset", 0, -EAGAIN);
	machine_start(machine);
	assert_int_equal(machine->fake->bus_resets, 1);
	fake_fail(machine->kvm, "hot_reset", 0, -EAGAIN);
	/* Another vCPU writes the command register. */
	fake_fail(machine->kvm, "hot_reset", 0, -EBUSY);
	flr(machine);
	assert_int_equal(machine->fake->bus_resets, 2);
	machine_renew(state);
	machine = start_with(state, fake_vfio_nvme);
	fake_fail(machine->kvm, "reset", 0, -EAGAIN);
	flr(machine);
	assert_int_equal(machine->fake->resets, 1);
	assert_false(machine->function->reset_failed);
}

/* ---- two functions of one bus ---- */

static struct fake_vfio *other_add(struct machine *machine, bool can_reset)
{
	const struct vfio_function_options options = { .device = { .bdf = OTHER },
						       .devfn = PCI_DEVFN(1, 1) };
	struct fake_vfio *other = fake_vfio_new(machine->kvm);

	function_make(other);
	other->can_reset = can_reset;
	assert_int_equal(function_init(machine, &other->function, &options), 0);
	return other;
}

/* As machine_end(), with both. */
static void end(void **state, struct fake_vfio *other)
{
	struct machine *machine = *state;

	*state = NULL;
	pci_root_cleanup(&machine->root);
	vfio_function_cleanup(&other->function);
	vfio_function_cleanup(machine->function);
	fake_vfio_free(machine->fake);
	fake_vfio_free(other);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
}

static void other_command_set(struct machine *machine, uint16_t command)
{
	memory_write(machine, ECAM + (PCI_DEVFN(1, 1) << 12) + PCI_COMMAND, 2, command);
}

static void test_bus_is_reset_once_for_all_of_it(void **state)
{
	struct machine *machine = *state;
	struct fake_vfio *other;

	function_make(machine->fake);
	other = other_add(machine, false);
	machine_start(machine);
	vfio_function_reset_init(&other->function);
	assert_int_equal(machine->fake->bus_resets + other->bus_resets, 1);
	assert_true(other->function.bus_resets);
	end(state, other);
}

/* The other one's state would be gone, and its driver not know. */
static void test_bus_is_not_reset_while_the_guest_uses_others_of_it(void **state)
{
	static const uint16_t commands[] = { PCI_COMMAND_IO, PCI_COMMAND_MEMORY,
					     PCI_COMMAND_MASTER };
	struct machine *machine = *state;
	struct fake_vfio *other;
	struct capture capture;
	char text[512];

	function_make(machine->fake);
	other = other_add(machine, true);
	machine_start(machine);
	assert_int_equal(machine->fake->bus_resets, 1);
	capture = capture_start();
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++) {
		other_command_set(machine, commands[i]);
		flr(machine);
	}
	/* Said once. */
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(
		strstr(text, BDF ": the guest asked for a reset, which would reset " OTHER));
	assert_int_equal(machine->fake->bus_resets, 1);
	other_command_set(machine, PCI_COMMAND_INTX_DISABLE);
	flr(machine);
	assert_int_equal(machine->fake->bus_resets, 2);
	end(state, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bus_that_is_all_the_guests_is_reset_for_it),
		TEST(test_function_with_a_reset_of_its_own_is_left_to_it),
		TEST(test_bus_with_somebody_elses_function_is_not_reset),
		TEST(test_host_that_can_reset_nothing_says_so),
		TEST(test_reset_at_the_start_that_fails_is_not_offered),
		TEST(test_reset_that_is_put_off_is_tried_again),
		TEST(test_bus_is_reset_once_for_all_of_it),
		TEST(test_bus_is_not_reset_while_the_guest_uses_others_of_it),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
