/* SPDX-License-Identifier: BSD-2-Clause */
/* kvm/vcpu.h against the host's KVM: kicks, and writes that KVM gathers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "guest/layout.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "lib/util.h"
#include "tests/kvm/guest.h"

/* ---- kicks ---- */

static void a_kick_before_a_run_makes_it_return_once(void **state)
{
	struct guest *guest = guest_get(state);

	vcpu_kick(&guest->vcpu);
	assert_int_equal(vcpu_run(&guest->vcpu), -EINTR);
	/* The next one runs, to the agent's first word. */
	assert_int_equal(guest_exit_handle(guest, vcpu_run(&guest->vcpu)), 0);
	assert_int_equal(guest->done, 1);
	/* There is nothing for the guest to do: without the kick this would sleep for good. */
	vcpu_kick(&guest->vcpu);
	assert_int_equal(vcpu_run(&guest->vcpu), -EINTR);
}

static void a_kick_ends_the_sleep_of_a_guest_and_it_goes_on(void **state)
{
	struct guest *guest = guest_get(state);

	for (unsigned int i = 1; i <= 100; i++) {
		vcpu_kick(&guest->vcpu);
		guest_kicks_wait(guest, i);
	}
	assert_int_equal(guest_call(guest, AGENT_READ, AGENT_MAILBOX, 0), AGENT_READ);
}

static void a_kick_interrupts_a_guest_that_runs_and_it_goes_on(void **state)
{
	struct guest *guest = guest_get(state);

	guest_call_start(guest, AGENT_SPIN, 0, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		vcpu_kick(&guest->vcpu);
		guest_kicks_wait(guest, i);
	}
	guest->mailbox->value = 1;
	guest_call_wait(guest);
}

/* ---- gathered writes ---- */

static void output_check(const struct guest *guest, unsigned int size)
{
	assert_int_equal(guest->output_size, size);
	for (unsigned int i = 0; i < size; i++)
		assert_int_equal(guest->output[i], (uint8_t)i);
}

static void without_gathering_each_write_leaves_the_guest(void **state)
{
	struct guest *guest = guest_get(state);

	guest_call(guest, AGENT_SEND, 0, 1000);
	output_check(guest, 1000);
	assert_int_equal(guest->output_exits, 1000);
}

static void guest_gather(struct guest *guest)
{
	int error = vm_write_coalesce(&guest->vm, LAYOUT_PORT_SERIAL, true);

	if (error == -ENOTSUP) {
		print_message("skipped: this KVM does not gather port writes\n");
		skip();
	}
	assert_int_equal(error, 0);
}

static void gathered_writes_arrive_in_order_without_an_exit(void **state)
{
	struct guest *guest = guest_get(state);

	guest_gather(guest);
	assert_false(vcpu_coalesced_pending(&guest->vcpu));
	guest_call(guest, AGENT_SEND, 0, 100);
	output_check(guest, 100);
	assert_int_equal(guest->output_exits, 0);
	assert_false(vcpu_coalesced_pending(&guest->vcpu));
}

/* The ring is a page: with 24 bytes for a write it holds fewer than 180. */
static void what_the_ring_cannot_hold_arrives_in_order_too(void **state)
{
	struct guest *guest = guest_get(state);

	guest_gather(guest);
	guest_call(guest, AGENT_SEND, 0, 4000);
	output_check(guest, 4000);
	assert_in_range(guest->output_exits, 1, 4000 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_kick_before_a_run_makes_it_return_once,
						guest_setup_without_thread, guest_teardown),
		with_guest(a_kick_ends_the_sleep_of_a_guest_and_it_goes_on),
		with_guest(a_kick_interrupts_a_guest_that_runs_and_it_goes_on),
		with_guest(without_gathering_each_write_leaves_the_guest),
		with_guest(gathered_writes_arrive_in_order_without_an_exit),
		with_guest(what_the_ring_cannot_hold_arrives_in_order_too),
	};

	return cmocka_run_group_tests_name("vcpu", tests, NULL, NULL);
}
