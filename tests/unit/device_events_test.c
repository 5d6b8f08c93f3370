/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host's kernel says of a device while the guest runs: device request and error. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

#include "lib/file.h"

static void fake_express(struct fake_vfio *fake)
{
	fake_vfio_e1000e(fake);
	fake->irqs[VFIO_PCI_ERR_IRQ_INDEX] = fake->irqs[VFIO_PCI_REQ_IRQ_INDEX] = 1;
}

static int eventfd_of(struct machine *machine, enum vfio_event event)
{
	return machine->function->events[event];
}

static void test_each_index_signals_its_own_event(void **state)
{
	struct machine *machine = start_with(state, fake_express);

	eventfd_signal(machine->fake->events[VFIO_PCI_REQ_IRQ_INDEX]);
	assert_int_equal(eventfd_take(eventfd_of(machine, VFIO_EVENT_REQUEST)), 1);
	assert_int_equal(eventfd_take(eventfd_of(machine, VFIO_EVENT_ERROR)), 0);
	eventfd_signal(machine->fake->events[VFIO_PCI_ERR_IRQ_INDEX]);
	assert_int_equal(eventfd_take(eventfd_of(machine, VFIO_EVENT_REQUEST)), 0);
	assert_int_equal(eventfd_take(eventfd_of(machine, VFIO_EVENT_ERROR)), 1);
}

static void test_a_device_that_is_not_pci_express_has_no_error_event(void **state)
{
	struct machine *machine;

	fake_vfio_e1000e(fake_of(state));
	fake_of(state)->irqs[VFIO_PCI_REQ_IRQ_INDEX] = 1;
	machine = start(state);
	assert_true(eventfd_of(machine, VFIO_EVENT_REQUEST) >= 0);
	assert_int_equal(eventfd_of(machine, VFIO_EVENT_ERROR), -1);
	assert_int_equal(machine->fake->events[VFIO_PCI_ERR_IRQ_INDEX], -1);
}

static void test_an_interrupt_kind_comes_and_goes_beside_them(void **state)
{
	struct machine *machine = start_with(state, fake_express);

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	mutex_lock(&machine->function->pci.lock);
	vfio_config_reset(machine->function);
	mutex_unlock(&machine->function->pci.lock);
	assert_true(machine->fake->events[VFIO_PCI_REQ_IRQ_INDEX] >= 0);
	assert_true(machine->fake->events[VFIO_PCI_ERR_IRQ_INDEX] >= 0);
}

/* Of two, the first is taken back by the cleanup when the second cannot be had: teardown() looks.
 */
static void test_a_failure_leaves_nothing(void **state)
{
	struct machine *machine = *state;

	fake_express(machine->fake);
	fake_fail(machine->kvm, "irqs_set", 1, -EMFILE);
	assert_int_equal(function_init(machine, machine->function, &machine->options), -ENODEV);
	assert_non_null(strstr(machine->why, BDF ": cannot ask to be told of its removal"));
	assert_true(eventfd_of(machine, VFIO_EVENT_REQUEST) >= 0);
	assert_int_equal(eventfd_of(machine, VFIO_EVENT_ERROR), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_index_signals_its_own_event),
		TEST(test_a_device_that_is_not_pci_express_has_no_error_event),
		TEST(test_an_interrupt_kind_comes_and_goes_beside_them),
		TEST(test_a_failure_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
