/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/relay.h against the host's KVM: what tests/kvm/irqfd_test.c asks of an irqfd.
 *
 * relay_detach() is a barrier: where a test says that there are no more interrupts, it detaches
 * before it counts.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/relay.h"
#include "lib/file.h"
#include "lib/util.h"
#include "tests/kvm/guest.h"

#define VECTOR	     0x50
#define VECTOR_OTHER 0x61
#define MANY	     1000

/* An MSI to the CPU with APIC id 0 (Intel SDM volume 3, 11.11). */
static struct msi_message message_make(unsigned int vector)
{
	/* The device id is nothing to a local APIC, and KVM must not mind it. */
	return (struct msi_message){ .address = 0xfee00000, .data = vector, .device_id = 0x18 };
}

struct source {
	struct relay relay;
	int eventfd;
};

static void source_attach(struct source *source, unsigned int vector)
{
	struct msi_message message = message_make(vector);

	assert_int_equal(relay_attach(&source->relay, source->eventfd, &message), 0);
}

/* A relay with an eventfd that is not attached yet. */
static void source_init(struct source *source, struct guest *guest)
{
	source->eventfd = eventfd_create();
	assert_true(source->eventfd >= 0);
	assert_int_equal(relay_init(&source->relay, guest->vm.fd, NULL, NULL), 0);
}

static void source_cleanup(struct source *source)
{
	relay_cleanup(&source->relay);
	fd_close(&source->eventfd);
}

static void as_many_interrupts_as_signals(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source;

	source_init(&source, guest);
	source_attach(&source, VECTOR);
	guest_signals_send(guest, source.eventfd, VECTOR, MANY);
	assert_int_equal(relay_count(&source.relay, source.eventfd), MANY);
	assert_int_equal(relay_detach(&source.relay, source.eventfd), MANY);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), MANY);
	source_cleanup(&source);
}

static void signals_while_detached_wait_and_come_as_one(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source;

	source_init(&source, guest);
	source_attach(&source, VECTOR);
	relay_detach(&source.relay, source.eventfd);
	for (unsigned int i = 0; i < 3; i++)
		eventfd_signal(source.eventfd);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 0);
	assert_true(eventfd_pending(source.eventfd));
	/* It is on its way when relay_attach() returns: nothing has to be waited for. */
	source_attach(&source, VECTOR);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	assert_int_equal(relay_detach(&source.relay, source.eventfd), 1);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	source_cleanup(&source);
}

static void a_new_message_counts_from_the_next_attach(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source;

	source_init(&source, guest);
	source_attach(&source, VECTOR);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);
	relay_detach(&source.relay, source.eventfd);
	eventfd_signal(source.eventfd);
	source_attach(&source, VECTOR_OTHER);
	guest_interrupts_wait(guest, VECTOR_OTHER, 1);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR_OTHER, 2);
	relay_detach(&source.relay, source.eventfd);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	assert_int_equal(guest_interrupts_count(guest, VECTOR_OTHER), 2);
	source_cleanup(&source);
}

/* A guest that masks and unmasks all the time, while the device sends. */
struct masker {
	struct source source;
	atomic_bool stop;
	atomic_uint rounds;
	uint64_t sent;
};

static void *masker_thread(void *opaque)
{
	struct masker *masker = opaque;
	struct source *source = &masker->source;
	struct msi_message message = message_make(VECTOR);

	while (!atomic_load(&masker->stop)) {
		masker->sent += relay_detach(&source->relay, source->eventfd);
		relay_attach(&source->relay, source->eventfd, &message);
		atomic_fetch_add(&masker->rounds, 1);
	}
	return NULL;
}

static void nothing_is_lost_or_doubled_while_masks_change(void **state)
{
	struct guest *guest = guest_get(state);
	struct masker masker = { .sent = 0 };
	pthread_t thread;

	source_init(&masker.source, guest);
	source_attach(&masker.source, VECTOR);
	assert_int_equal(pthread_create(&thread, NULL, masker_thread, &masker), 0);
	guest_signals_send(guest, masker.source.eventfd, VECTOR, MANY);
	atomic_store(&masker.stop, true);
	pthread_join(thread, NULL);
	masker.sent += relay_detach(&masker.source.relay, masker.source.eventfd);
	assert_true(atomic_load(&masker.rounds) > 0);
	assert_int_equal(masker.sent, MANY);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), MANY);
	source_cleanup(&masker.source);
}

static void a_message_to_nobody_is_not_counted(void **state)
{
	struct guest *guest = guest_get(state);
	struct msi_message nobody = { .address = 0xfee00000 | 7 << 12 /* APIC id */,
				      .data = VECTOR };
	struct source source;

	source_init(&source, guest);
	eventfd_signal(source.eventfd);
	assert_int_equal(relay_attach(&source.relay, source.eventfd, &nobody), 0);
	assert_int_equal(relay_detach(&source.relay, source.eventfd), 0);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 0);
	source_cleanup(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_guest(as_many_interrupts_as_signals),
		with_guest(signals_while_detached_wait_and_come_as_one),
		with_guest(a_new_message_counts_from_the_next_attach),
		with_guest(nothing_is_lost_or_doubled_while_masks_change),
		with_guest(a_message_to_nobody_is_not_counted),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
