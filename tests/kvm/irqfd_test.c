/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm/irq.h against the host's KVM: do signals of an eventfd arrive in a guest as often, and only
 * as often, as they should? "Handled" is what the guest's handler says.
 *
 * KVM may hand an interrupt over by a work queue. It is flushed when an irqfd is detached: where a
 * test says that there are no more interrupts, it detaches before it counts.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "guest/layout.h"
#include "kvm/irq.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/util.h"
#include "tests/kvm/guest.h"

#define VECTOR	     0x50
#define VECTOR_OTHER 0x61
#define PIN	     17
#define MANY	     1000
#define TIMEOUT_MS   30000

/* An MSI to the CPU with APIC id 0 (Intel SDM volume 3, 11.11). */
static struct msi_message message_make(unsigned int vector)
{
	return (struct msi_message){ .address = 0xfee00000, .data = vector };
}

/* A GSI with a route to a vector, and an eventfd that is not attached yet. */
struct source {
	struct guest *guest;
	int gsi, eventfd;
};

static void source_route(const struct source *source, unsigned int vector)
{
	const struct msi_message message = message_make(vector);

	irq_routes_begin(&source->guest->vm.irq);
	irq_route_set(&source->guest->vm.irq, source->gsi, &message);
	assert_int_equal(irq_routes_commit(&source->guest->vm.irq), 0);
}

static void gsi_free(struct guest *guest, int gsi)
{
	irq_routes_begin(&guest->vm.irq);
	irq_gsi_free(&guest->vm.irq, gsi);
	assert_int_equal(irq_routes_commit(&guest->vm.irq), 0);
}

static struct source source_make(struct guest *guest, unsigned int vector)
{
	struct source source = { guest, irq_gsi_alloc(&guest->vm.irq), eventfd_create() };

	assert_true(source.gsi >= IRQ_PINS && source.eventfd >= 0);
	source_route(&source, vector);
	return source;
}

static void source_attach(const struct source *source)
{
	assert_int_equal(irqfd_attach(&source->guest->vm.irq, source->gsi, source->eventfd, -1), 0);
}

static void source_detach(const struct source *source)
{
	irqfd_detach(&source->guest->vm.irq, source->gsi, source->eventfd);
}

/* ---- delivery ---- */

static void a_signal_raises_the_vector_of_its_route(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	source_attach(&source);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	fd_close(&source.eventfd);
}

static void as_many_interrupts_as_signals(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	source_attach(&source);
	for (unsigned int i = 1; i <= MANY; i++) {
		eventfd_signal(source.eventfd);
		guest_interrupts_wait(guest, VECTOR, i);
	}
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), MANY);
	fd_close(&source.eventfd);
}

static void each_gsi_has_a_route_of_its_own(void **state)
{
	struct guest *guest = guest_get(state);
	struct source sources[64];

	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
		sources[i] = source_make(guest, VECTOR + i);
		source_attach(&sources[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++)
		for (unsigned int j = 1; j <= i % 3; j++) {
			eventfd_signal(sources[i].eventfd);
			guest_interrupts_wait(guest, VECTOR + i, j);
		}
	for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
		source_detach(&sources[i]);
		assert_int_equal(guest_interrupts_count(guest, VECTOR + i), i % 3);
		fd_close(&sources[i].eventfd);
	}
}

static void an_eventfd_has_one_irqfd(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);
	struct source other = source_make(guest, VECTOR_OTHER);

	source_attach(&source);
	assert_true(irqfd_attach(&guest->vm.irq, other.gsi, source.eventfd, -1) < 0);
	source_detach(&source);
	assert_int_equal(irqfd_attach(&guest->vm.irq, other.gsi, source.eventfd, -1), 0);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR_OTHER, 1);
	irqfd_detach(&guest->vm.irq, other.gsi, source.eventfd);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 0);
	fd_close(&source.eventfd);
	fd_close(&other.eventfd);
}

/* ---- masking by detaching, as vfio/irqs.c does it ---- */

static void signals_while_detached_wait_and_come_as_one(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	source_attach(&source);
	source_detach(&source);
	assert_false(eventfd_pending(source.eventfd));
	for (unsigned int i = 0; i < 3; i++)
		eventfd_signal(source.eventfd);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 0);
	assert_true(eventfd_pending(source.eventfd));

	source_attach(&source);
	eventfd_take(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);

	source_detach(&source);
	assert_false(eventfd_pending(source.eventfd));
	source_attach(&source);
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	fd_close(&source.eventfd);
}

static void delivery_goes_on_after_what_was_pending(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	eventfd_signal(source.eventfd);
	source_attach(&source);
	eventfd_take(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 2);
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 2);
	fd_close(&source.eventfd);
}

/* A guest that masks and unmasks all the time, while the device sends. */
struct masker {
	struct source source;
	atomic_bool stop;
	atomic_uint rounds;
};

static void *masker_thread(void *opaque)
{
	struct masker *masker = opaque;
	const struct source *source = &masker->source;

	while (!atomic_load(&masker->stop)) {
		irqfd_detach(&source->guest->vm.irq, source->gsi, source->eventfd);
		irqfd_attach(&source->guest->vm.irq, source->gsi, source->eventfd, -1);
		eventfd_take(source->eventfd);
		atomic_fetch_add(&masker->rounds, 1);
	}
	return NULL;
}

static void nothing_is_lost_or_doubled_while_masks_change(void **state)
{
	struct guest *guest = guest_get(state);
	struct masker masker = { .source = source_make(guest, VECTOR) };
	pthread_t thread;

	source_attach(&masker.source);
	assert_int_equal(pthread_create(&thread, NULL, masker_thread, &masker), 0);
	guest_signals_send(guest, masker.source.eventfd, VECTOR, MANY / 4);
	atomic_store(&masker.stop, true);
	pthread_join(thread, NULL);
	source_detach(&masker.source);
	assert_true(atomic_load(&masker.rounds) > 0);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), MANY / 4);
	fd_close(&masker.source.eventfd);
}

/* ---- routes ---- */

static void a_new_route_counts_for_a_live_irqfd(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	source_attach(&source);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);
	source_route(&source, VECTOR_OTHER);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR_OTHER, 1);
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	assert_int_equal(guest_interrupts_count(guest, VECTOR_OTHER), 1);
	fd_close(&source.eventfd);
}

static void a_gsi_without_a_route_raises_nothing(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);
	struct source other = source_make(guest, VECTOR_OTHER);

	source_attach(&source);
	source_attach(&other);
	gsi_free(guest, source.gsi);
	eventfd_signal(source.eventfd);
	eventfd_signal(other.eventfd);
	guest_interrupts_wait(guest, VECTOR_OTHER, 1);
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 0);

	source.gsi = irq_gsi_alloc(&guest->vm.irq);
	source_route(&source, VECTOR);
	source_attach(&source);
	eventfd_take(source.eventfd);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR, 1);
	source_detach(&source);
	source_detach(&other);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 1);
	fd_close(&source.eventfd);
	fd_close(&other.eventfd);
}

/* What KVM refuses must not stay behind in the table, or every later change would fail too. */
static void a_refused_route_leaves_the_others_alone(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = source_make(guest, VECTOR);

	/* The IOAPIC has no such pin. */
	irq_routes_begin(&guest->vm.irq);
	irq_route_set_pin(&guest->vm.irq, IRQ_PINS + 8);
	assert_true(irq_routes_commit(&guest->vm.irq) < 0);
	source_route(&source, VECTOR_OTHER);
	source_attach(&source);
	eventfd_signal(source.eventfd);
	guest_interrupts_wait(guest, VECTOR_OTHER, 1);
	source_detach(&source);
	fd_close(&source.eventfd);
}

/* ---- pins of the IOAPIC ---- */

#define REDIRECTION(pin)  (0x10 + 2 * (pin)) /* 82093AA data sheet, 3.2.4 */
#define REDIRECTION_LEVEL 0x8000

static void ioapic_write(struct guest *guest, uint32_t index, uint32_t value)
{
	guest_call(guest, AGENT_WRITE, LAYOUT_IOAPIC, index);
	guest_call(guest, AGENT_WRITE, LAYOUT_IOAPIC + 0x10, value);
}

static void pin_setup(struct guest *guest, uint32_t flags)
{
	ioapic_write(guest, REDIRECTION(PIN) + 1, 0 /* APIC id */);
	ioapic_write(guest, REDIRECTION(PIN), VECTOR | flags);
	irq_routes_begin(&guest->vm.irq);
	irq_route_set_pin(&guest->vm.irq, PIN);
	assert_int_equal(irq_routes_commit(&guest->vm.irq), 0);
}

static void an_edge_on_a_pin_is_one_interrupt(void **state)
{
	struct guest *guest = guest_get(state);
	struct source source = { guest, PIN, eventfd_create() };

	pin_setup(guest, 0);
	source_attach(&source);
	for (unsigned int i = 1; i <= 10; i++) {
		eventfd_signal(source.eventfd);
		guest_interrupts_wait(guest, VECTOR, i);
	}
	source_detach(&source);
	assert_int_equal(guest_interrupts_count(guest, VECTOR), 10);
	fd_close(&source.eventfd);
}

#define LAPIC_IN_SERVICE 0x100 /* 8 registers of 32 vectors (Intel SDM volume 3, table 11-1) */

struct level {
	struct guest *guest;
	int resample;
	atomic_bool in_service; /* the guest has not acknowledged it yet, says KVM */
	atomic_bool too_early;
};

/* In the guest's handler, which acknowledges the interrupt afterwards. */
static void level_interrupt(void *opaque, unsigned int vector)
{
	struct level *level = opaque;
	struct kvm_lapic_state lapic = { 0 };
	uint32_t in_service;

	ioctl_call(level->guest->vcpu.fd, KVM_GET_LAPIC, &lapic);
	in_service = (uint32_t)le_load(&lapic.regs[LAPIC_IN_SERVICE + vector / 32 * 16], 4);
	atomic_store(&level->in_service, in_service & BIT(vector % 32));
	atomic_store(&level->too_early, eventfd_pending(level->resample));
}

static void level_round(struct level *level, const struct source *source, unsigned int round)
{
	struct pollfd resampled = { .fd = level->resample, .events = POLLIN };

	eventfd_signal(source->eventfd);
	guest_interrupts_wait(source->guest, VECTOR, round);
	assert_int_equal(poll(&resampled, 1, TIMEOUT_MS), 1);
	assert_int_equal(eventfd_take(level->resample), 1);
	/* PVM acknowledges every interrupt as it delivers it, and so can only resample early. */
	if (atomic_load(&level->in_service))
		assert_false(atomic_load(&level->too_early));
	else if (round == 1)
		print_message("not checked: this KVM does not wait for the acknowledgement\n");
	/* The pin is down again: nobody signalled since. */
	assert_int_equal(guest_interrupts_count(source->guest, VECTOR), round);
}

static void a_level_is_resampled_when_it_is_acknowledged(void **state)
{
	struct guest *guest = guest_get(state);
	struct level level = { .guest = guest, .resample = eventfd_create() };
	struct source source = { guest, PIN, eventfd_create() };

	pin_setup(guest, REDIRECTION_LEVEL);
	guest->opaque = &level;
	guest->on_interrupt = level_interrupt;
	assert_int_equal(irqfd_attach(&guest->vm.irq, PIN, source.eventfd, level.resample), 0);
	for (unsigned int round = 1; round <= 10; round++)
		level_round(&level, &source, round);
	source_detach(&source);
	fd_close(&source.eventfd);
	fd_close(&level.resample);
}

/* ---- GSIs ---- */

static void gsis_start_above_the_pins_and_are_used_again(void **state)
{
	struct irq_router router;

	(void)state;
	assert_int_equal(irq_router_init(&router, -1), 0);
	for (int gsi = IRQ_PINS; gsi < IRQ_GSI_MAX; gsi++)
		assert_int_equal(irq_gsi_alloc(&router), gsi);
	assert_int_equal(irq_gsi_alloc(&router), -ENOSPC);
	irq_routes_begin(&router);
	irq_gsi_free(&router, 1000);
	irq_gsi_free(&router, 100);
	assert_int_equal(irq_routes_commit(&router), 0);
	assert_int_equal(irq_gsi_alloc(&router), 100);
	assert_int_equal(irq_gsi_alloc(&router), 1000);
	assert_int_equal(irq_gsi_alloc(&router), -ENOSPC);
	irq_router_cleanup(&router);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_guest(a_signal_raises_the_vector_of_its_route),
		with_guest(as_many_interrupts_as_signals),
		with_guest(each_gsi_has_a_route_of_its_own),
		with_guest(an_eventfd_has_one_irqfd),
		with_guest(signals_while_detached_wait_and_come_as_one),
		with_guest(delivery_goes_on_after_what_was_pending),
		with_guest(nothing_is_lost_or_doubled_while_masks_change),
		with_guest(a_new_route_counts_for_a_live_irqfd),
		with_guest(a_gsi_without_a_route_raises_nothing),
		with_guest(a_refused_route_leaves_the_others_alone),
		with_guest(an_edge_on_a_pin_is_one_interrupt),
		with_guest(a_level_is_resampled_when_it_is_acknowledged),
		cmocka_unit_test(gsis_start_above_the_pins_and_are_used_again),
	};

	return cmocka_run_group_tests_name("irqfd", tests, NULL, NULL);
}
