/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/doorbell.h: what the guest's writes do to KVM, and what they cannot do. */
#include "vmm/latency/doorbell.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "tests/unit/fake_kvm.h"
#include "tests/unit/stderr_capture.h"
#include "vfio/device.h"
#include "vmm/latency/probe.h"

#define ADDRESS 0xe0200000

/* What a test has: a VM, its doorbell, and what the doorbell told. */
struct bell {
	struct fake_kvm *kvm;
	struct doorbell doorbell;
	atomic_bool begun; /* the thread, if there is one */
	char marks[16];	   /* '1' and '0' in the order of their coming */
};

/* The eventfds that KVM signals for RAISE and RAISE_THREAD: the fake takes no part in it. */
static struct ioeventfd {
	uint64_t address;
	unsigned int size;
	int eventfd;
} ioeventfd, ioeventfd_thread;

int vm_ioeventfd_add(struct vm *vm, uint64_t address, unsigned int size, int eventfd)
{
	(void)vm;
	*(address == ADDRESS + DOORBELL_RAISE ? &ioeventfd : &ioeventfd_thread) =
		(struct ioeventfd){ address, size, eventfd };
	return 0;
}

/* The device for loopback: which kind it has on, what it was asked, and an eventfd to wait for. */
static struct {
	unsigned int index;
	char asked[16]; /* 'x' for MSI-X, 'm' for MSI */
	int eventfd;
} device;

int vfio_irq_trigger(struct vfio_device *vfio, unsigned int index, unsigned int vector)
{
	assert_ptr_equal(vfio, &device);
	assert_int_equal(vector, 0);
	strcat(device.asked, index == VFIO_PCI_MSIX_IRQ_INDEX ? "x" : "m");
	if (index != device.index)
		return -EINVAL;
	eventfd_signal(device.eventfd);
	return 0;
}

static void mark_note(void *opaque, bool begins)
{
	struct bell *bell = opaque;

	strcat(bell->marks, begins ? "1" : "0");
}

static void slowly_begun(void *opaque)
{
	usleep(200000);
	atomic_store((atomic_bool *)opaque, true);
}

static struct bell *bell_make(void **state, bool relay, bool thread, bool loopback)
{
	struct bell *bell = calloc(1, sizeof(*bell));
	struct doorbell_config config = { .address = ADDRESS, .mark = mark_note, .opaque = bell };

	ioeventfd_thread = (struct ioeventfd){ .eventfd = -1 };
	config.thread = thread;
	config.begin = slowly_begun;
	config.begin_opaque = &bell->begun;
	config.loopback = loopback ? (struct vfio_device *)&device : NULL;
	bell->kvm = fake_kvm_new();
	config.vm = &bell->kvm->vm;
	config.relay = relay ? &bell->kvm->relay : NULL;
	doorbell_init(&bell->doorbell, &config);
	*state = bell;
	return bell;
}

static int setup(void **state)
{
	bell_make(state, false, false, false);
	return 0;
}

static int setup_relay(void **state)
{
	bell_make(state, true, false, false);
	return 0;
}

static int setup_thread(void **state)
{
	bell_make(state, false, true, false);
	return 0;
}

static int setup_loopback(void **state)
{
	memset(&device, 0, sizeof(device));
	bell_make(state, false, true, true);
	device.eventfd = eventfd_create();
	return device.eventfd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct bell *bell = *state;
	unsigned int violations;

	doorbell_cleanup(&bell->doorbell);
	assert_int_equal(fake_kvm_gsis(bell->kvm), 0);
	assert_int_equal(fake_kvm_irqfds(bell->kvm), 0);
	assert_int_equal(fake_kvm_sources(bell->kvm), 0);
	violations = fake_kvm_end(bell->kvm);
	free(bell);
	return (int)violations;
}

static void write_sized(struct bell *bell, uint64_t offset, uint64_t value, uint8_t size)
{
	struct access access = { ADDRESS + offset, value, size, true };

	doorbell_access(&bell->doorbell, offset, &access);
}

static void write32(struct bell *bell, uint64_t offset, uint32_t value)
{
	write_sized(bell, offset, value, 4);
}

static uint64_t read_sized(struct bell *bell, uint64_t offset, uint8_t size)
{
	struct access access = { ADDRESS + offset, 0xffffffff, size, false };

	doorbell_access(&bell->doorbell, offset, &access);
	return access.data;
}

static void message_write(struct bell *bell, uint64_t address, uint32_t data)
{
	write32(bell, DOORBELL_ADDRESS_LOW, (uint32_t)address);
	write32(bell, DOORBELL_ADDRESS_HIGH, (uint32_t)(address >> 32));
	write32(bell, DOORBELL_DATA, data);
}

static void ring(struct bell *bell)
{
	eventfd_signal(ioeventfd.eventfd);
	fake_kvm_deliver(bell->kvm);
}

static void test_raise_is_an_eventfd_that_kvm_signals(void **state)
{
	struct bell *bell = *state;

	assert_int_equal(ioeventfd.address, ADDRESS + DOORBELL_RAISE);
	assert_int_equal(ioeventfd.size, 4);
	assert_int_equal(ioeventfd.eventfd, bell->doorbell.wire.eventfd);
}

static void test_nothing_comes_before_it_is_connected(void **state)
{
	struct bell *bell = *state;

	message_write(bell, 0xfee01000, 0x60);
	ring(bell);
	assert_int_equal(fake_kvm_injected_all(bell->kvm), 0);
	assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 0);
}

static void rings_reach_the_message(struct bell *bell)
{
	message_write(bell, 0x1234567800080040, 0x61);
	write32(bell, DOORBELL_CONTROL, 1);
	assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 1);
	for (int i = 0; i < 3; i++)
		ring(bell);
	assert_int_equal(fake_kvm_injected(bell->kvm, 0x1234567800080040, 0x61), 3);
	write32(bell, DOORBELL_CONTROL, 0);
	assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 0);
	ring(bell);
	assert_int_equal(fake_kvm_injected_all(bell->kvm), 3);
}

static void test_rings_reach_the_message_through_an_irqfd(void **state)
{
	struct bell *bell = *state;

	rings_reach_the_message(bell);
	write32(bell, DOORBELL_CONTROL, 1);
	assert_int_equal(fake_kvm_irqfds(bell->kvm), 1);
	assert_int_equal(fake_kvm_sources(bell->kvm), 0);
	assert_int_equal(bell->kvm->routes[bell->doorbell.wire.gsi].message.device_id,
			 DOORBELL_DEVICE_ID);
}

static void test_rings_reach_the_message_through_the_relay(void **state)
{
	struct bell *bell = *state;

	rings_reach_the_message(bell);
	write32(bell, DOORBELL_CONTROL, 1);
	assert_int_equal(fake_kvm_irqfds(bell->kvm), 0);
	assert_int_equal(fake_kvm_sources(bell->kvm), 1);
	assert_int_equal(bell->kvm->sources[0].message.device_id, DOORBELL_DEVICE_ID);
}

static void test_a_new_message_holds_when_it_is_connected_again(void **state)
{
	struct bell *bell = *state;

	message_write(bell, 0xfee00000, 0x60);
	write32(bell, DOORBELL_CONTROL, 1);
	message_write(bell, 0xfee01000, 0x61);
	ring(bell);
	write32(bell, DOORBELL_CONTROL, 1);
	ring(bell);
	assert_int_equal(fake_kvm_injected(bell->kvm, 0xfee00000, 0x60), 1);
	assert_int_equal(fake_kvm_injected(bell->kvm, 0xfee01000, 0x61), 1);
}

/* Wait until somebody has signalled @eventfd; what it counted stays. */
static void signal_wait(int eventfd)
{
	struct pollfd fd = { .fd = eventfd, .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 60000), 1);
}

static void test_there_is_no_thread_unless_it_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(ioeventfd_thread.eventfd, -1);
}

/* What it does first may die(), and so is done before any vCPU runs. */
static void test_the_thread_has_begun_when_init_returns(void **state)
{
	struct bell *bell = *state;

	assert_true(atomic_load(&bell->begun));
}

static void test_a_thread_signals_the_eventfd_of_the_message(void **state)
{
	struct bell *bell = *state;

	assert_int_equal(ioeventfd_thread.address, ADDRESS + DOORBELL_RAISE_THREAD);
	assert_int_equal(ioeventfd_thread.size, 4);
	message_write(bell, 0xfee00000, 0x60);
	write32(bell, DOORBELL_CONTROL, 1);
	for (unsigned int i = 1; i <= 3; i++) {
		eventfd_signal(ioeventfd_thread.eventfd);
		signal_wait(bell->doorbell.wire.eventfd);
		fake_kvm_deliver(bell->kvm);
		assert_int_equal(fake_kvm_injected(bell->kvm, 0xfee00000, 0x60), i);
	}
}

static void loopback_ring(void)
{
	eventfd_signal(ioeventfd_thread.eventfd);
	signal_wait(device.eventfd);
	eventfd_take(device.eventfd);
}

static void test_loopback_raises_the_kind_that_is_on_and_remembers_it(void **state)
{
	struct bell *bell = *state;

	device.index = VFIO_PCI_MSI_IRQ_INDEX;
	loopback_ring();
	assert_string_equal(device.asked, "xm");
	loopback_ring();
	assert_string_equal(device.asked, "xmm");
	device.index = VFIO_PCI_MSIX_IRQ_INDEX;
	loopback_ring();
	loopback_ring();
	assert_string_equal(device.asked, "xmmmxx");
	/* The message is the device's: the doorbell's own eventfd has no part in it. */
	assert_false(eventfd_take(bell->doorbell.wire.eventfd));
	fd_close(&device.eventfd);
}

static void test_marks_are_passed_on(void **state)
{
	struct bell *bell = *state;

	write32(bell, DOORBELL_MARK, 1);
	write32(bell, DOORBELL_MARK, 0);
	write32(bell, DOORBELL_MARK, 1);
	assert_string_equal(bell->marks, "101");
}

/* The bell's doorbell tells the probe, whose files are pipes. */
static void test_a_break_stops_the_trace_and_marks_it(void **state)
{
	struct latency_probe probe = { .stats_fd = -1, .migrations_fd = -1 };
	int marker[2], tracing[2];
	struct bell *bell = *state;
	char text[256] = "", on[4] = "";
	struct capture capture;

	write32(bell, DOORBELL_BREAK, 61); /* nobody waits for it */
	assert_int_equal(pipe(marker), 0);
	assert_int_equal(pipe(tracing), 0);
	probe.marker_fd = marker[1];
	probe.tracing_fd = tracing[1];
	bell->doorbell.config.broken = latency_probe_break;
	bell->doorbell.config.opaque = &probe;
	capture = capture_start();
	write32(bell, DOORBELL_BREAK, 61);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "an interrupt took 61 us"));
	assert_non_null(strstr(text, "and so does the kernel's trace"));
	assert_true(read(marker[0], text, sizeof(text)) > 0);
	assert_memory_equal(text, "posthorn: an interrupt took 61 us\n", 34);
	assert_int_equal(read(tracing[0], on, sizeof(on)), 1);
	assert_string_equal(on, "0");
	latency_probe_cleanup(&probe);
	assert_int_equal(probe.tracing_fd, -1);
	close(marker[0]);
	close(tracing[0]);
	/* Without the files the run stops all the same. */
	capture = capture_start();
	write32(bell, DOORBELL_BREAK, 62);
	capture_text(capture, text, sizeof(text));
	assert_non_null(strstr(text, "an interrupt took 62 us"));
	assert_null(strstr(text, "trace"));
}

static void test_what_the_guest_took_is_kept(void **state)
{
	struct bell *bell = *state;

	assert_int_equal(bell->doorbell.taken, 0);
	write32(bell, DOORBELL_TAKEN, 7);
	write_sized(bell, DOORBELL_TAKEN, 1, 8);
	assert_int_equal(bell->doorbell.taken, 7);
	write32(bell, DOORBELL_TAKEN, 9);
	assert_int_equal(bell->doorbell.taken, 9);
}

static void test_a_mark_that_nobody_waits_for_is_dropped(void **state)
{
	struct bell *bell = *state;

	bell->doorbell.config.mark = NULL;
	write32(bell, DOORBELL_MARK, 1);
	assert_string_equal(bell->marks, "");
}

static void test_other_accesses_are_dropped(void **state)
{
	static const uint8_t sizes[] = { 1, 2, 8 };
	struct bell *bell = *state;

	for (unsigned int i = 0; i < sizeof(sizes); i++) {
		write_sized(bell, DOORBELL_CONTROL, 1, sizes[i]);
		write_sized(bell, DOORBELL_MARK, 1, sizes[i]);
		assert_int_equal(read_sized(bell, DOORBELL_CONTROL, sizes[i]), 0xffffffff);
	}
	write32(bell, 0x02, 1);
	assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 0);
	assert_int_equal(read_sized(bell, DOORBELL_DATA, 4), 0xffffffff);
	assert_int_equal(read_sized(bell, DOORBELL_RAISE, 4), 0xffffffff);
	assert_string_equal(bell->marks, "");
}

/* However often the guest tries, it is said once, and the VM goes on. */
static void test_a_message_that_kvm_refuses_is_said_once(void **state)
{
	static const char *const calls[] = { "route_set", "irqfd_attach" };
	struct bell *bell = *state;

	for (unsigned int i = 0; i < 2; i++) {
		struct capture capture = capture_start();
		unsigned int lines;

		for (int j = 0; j < 3; j++) {
			fake_fail(bell->kvm, calls[i], 0, -EINVAL);
			write32(bell, DOORBELL_CONTROL, 1);
			assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 0);
		}
		lines = capture_lines(capture);
		assert_int_equal(lines, i == 0 ? 1 : 0);
	}
	write32(bell, DOORBELL_CONTROL, 1);
	assert_int_equal(read_sized(bell, DOORBELL_CONTROL, 4), 1);
}

#define BELL_TEST(test)	    cmocka_unit_test_setup_teardown(test, setup, teardown)
#define RELAY_TEST(test)    cmocka_unit_test_setup_teardown(test, setup_relay, teardown)
#define THREAD_TEST(test)   cmocka_unit_test_setup_teardown(test, setup_thread, teardown)
#define LOOPBACK_TEST(test) cmocka_unit_test_setup_teardown(test, setup_loopback, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BELL_TEST(test_raise_is_an_eventfd_that_kvm_signals),
		BELL_TEST(test_nothing_comes_before_it_is_connected),
		BELL_TEST(test_rings_reach_the_message_through_an_irqfd),
		RELAY_TEST(test_rings_reach_the_message_through_the_relay),
		BELL_TEST(test_a_new_message_holds_when_it_is_connected_again),
		BELL_TEST(test_there_is_no_thread_unless_it_is_asked_for),
		THREAD_TEST(test_the_thread_has_begun_when_init_returns),
		THREAD_TEST(test_a_thread_signals_the_eventfd_of_the_message),
		LOOPBACK_TEST(test_loopback_raises_the_kind_that_is_on_and_remembers_it),
		BELL_TEST(test_marks_are_passed_on),
		BELL_TEST(test_a_break_stops_the_trace_and_marks_it),
		BELL_TEST(test_what_the_guest_took_is_kept),
		BELL_TEST(test_a_mark_that_nobody_waits_for_is_dropped),
		BELL_TEST(test_other_accesses_are_dropped),
		BELL_TEST(test_a_message_that_kvm_refuses_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
