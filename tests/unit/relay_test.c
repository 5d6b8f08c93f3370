/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/relay.h with a KVM that writes down what it is sent: __wrap_ioctl_named() stands in for
 * ioctl_named(). tests/vmm/relay_test.c says whether the real one delivers it.
 *
 * That a message does not come cannot be waited for. Where a test says so, something else has
 * happened that comes later, or the relay was detached, which is a barrier.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "vmm/relay.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/util.h"

#define VM_FD	     1000000 /* no file: whoever calls the kernel with it gets an error */
#define MESSAGES_MAX 8192
#define TIMEOUT	     30 /* seconds: nothing here takes long, whatever the machine */
#define MANY	     300

static struct fake_kvm {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct kvm_msi messages[MESSAGES_MAX];
	pthread_t thread; /* that sent the last of them */
	sigset_t blocked; /* in that thread */
	unsigned int count, strays;
	int result;		   /* what the call returns */
	bool held;		   /* calls do not return */
	bool no_thread, no_memory; /* what the C library is to fail with */
} kvm = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *opaque);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *opaque);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	int result;

	(void)name;
	pthread_mutex_lock(&kvm.lock);
	if (fd != VM_FD || request != KVM_SIGNAL_MSI || kvm.count == MESSAGES_MAX)
		kvm.strays++;
	else
		memcpy(&kvm.messages[kvm.count++], argument, sizeof(struct kvm_msi));
	kvm.thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &kvm.blocked);
	pthread_cond_broadcast(&kvm.changed);
	while (kvm.held)
		pthread_cond_wait(&kvm.changed, &kvm.lock);
	result = kvm.result;
	pthread_mutex_unlock(&kvm.lock);
	return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *opaque)
{
	return kvm.no_thread ? EAGAIN : __real_pthread_create(thread, attributes, start, opaque);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return kvm.no_memory ? NULL : __real_realloc(memory, size);
}

static unsigned int kvm_count(void)
{
	unsigned int count;

	pthread_mutex_lock(&kvm.lock);
	count = kvm.count;
	pthread_mutex_unlock(&kvm.lock);
	return count;
}

/* Wait until KVM was sent @count messages, counted from the start. */
static void kvm_wait(unsigned int count)
{
	struct timespec until;
	unsigned int reached;
	int late = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT;
	pthread_mutex_lock(&kvm.lock);
	while (kvm.count < count && !late)
		late = pthread_cond_timedwait(&kvm.changed, &kvm.lock, &until);
	reached = kvm.count;
	pthread_mutex_unlock(&kvm.lock);
	if (reached < count)
		fail_msg("%u of %u messages came within %u seconds", reached, count, TIMEOUT);
}

static void kvm_hold(bool held)
{
	pthread_mutex_lock(&kvm.lock);
	kvm.held = held;
	pthread_cond_broadcast(&kvm.changed);
	pthread_mutex_unlock(&kvm.lock);
}

static void kvm_result_set(int result)
{
	pthread_mutex_lock(&kvm.lock);
	kvm.result = result;
	pthread_mutex_unlock(&kvm.lock);
}

static struct msi_message message_make(unsigned int number)
{
	return (struct msi_message){
		.address = 0x123450000 + 16 * number,
		.data = 0x4000 + number,
		.device_id = 8 * number,
	};
}

/* Was message @index that of message_make(@number)? */
static void message_expect(unsigned int index, unsigned int number)
{
	struct msi_message message = message_make(number);
	struct kvm_msi msi;

	pthread_mutex_lock(&kvm.lock);
	msi = kvm.messages[index];
	pthread_mutex_unlock(&kvm.lock);
	assert_int_equal((uint64_t)msi.address_hi << 32 | msi.address_lo, message.address);
	assert_int_equal(msi.data, message.data);
	assert_int_equal(msi.flags, KVM_MSI_VALID_DEVID);
	assert_int_equal(msi.devid, message.device_id);
}

static int setup(void **state)
{
	static struct relay relay;

	kvm.count = kvm.strays = 0;
	kvm.result = 1;
	*state = &relay;
	return relay_init(&relay, VM_FD, NULL, NULL);
}

static int teardown(void **state)
{
	relay_cleanup(*state);
	assert_int_equal(kvm.strays, 0);
	return 0;
}

/* An eventfd that is attached with message @number. */
static int source_make(struct relay *relay, unsigned int number)
{
	struct msi_message message = message_make(number);
	int eventfd = eventfd_create();

	assert_true(eventfd >= 0);
	assert_int_equal(relay_attach(relay, eventfd, &message), 0);
	return eventfd;
}

static void source_attach(struct relay *relay, int eventfd, unsigned int number)
{
	struct msi_message message = message_make(number);

	assert_int_equal(relay_attach(relay, eventfd, &message), 0);
}

static void source_end(struct relay *relay, int eventfd)
{
	relay_detach(relay, eventfd);
	close(eventfd);
}

/* ---- delivery ---- */

static void each_signal_sends_the_message(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 3);

	for (unsigned int i = 1; i <= MANY; i++) {
		eventfd_signal(eventfd);
		kvm_wait(i);
		message_expect(i - 1, 3);
	}
	assert_int_equal(relay_detach(relay, eventfd), MANY);
	assert_int_equal(kvm_count(), MANY);
	close(eventfd);
}

static void every_eventfd_has_its_own_message(void **state)
{
	struct relay *relay = *state;
	unsigned int seen[MANY] = { 0 };
	int eventfds[MANY];

	for (unsigned int i = 0; i < MANY; i++)
		eventfds[i] = source_make(relay, i);
	for (unsigned int i = 0; i < MANY; i++)
		eventfd_signal(eventfds[i]);
	kvm_wait(MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int number = kvm.messages[i].data - 0x4000;

		assert_in_range(number, 0, MANY - 1);
		message_expect(i, number);
		seen[number]++;
	}
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(seen[i], 1);
		assert_int_equal(relay_detach(relay, eventfds[i]), 1);
		close(eventfds[i]);
	}
	assert_int_equal(kvm_count(), MANY);
}

static void signals_that_the_thread_is_behind_with_merge(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1);

	kvm_hold(true);
	eventfd_signal(eventfd);
	kvm_wait(1);
	for (unsigned int i = 0; i < 5; i++)
		eventfd_signal(eventfd);
	kvm_hold(false);
	kvm_wait(2);
	assert_int_equal(relay_detach(relay, eventfd), 2);
	assert_int_equal(kvm_count(), 2);
	close(eventfd);
}

static void the_thread_takes_no_signals_and_leaves_the_callers_alone(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1);
	sigset_t own;

	eventfd_signal(eventfd);
	kvm_wait(1);
	relay_detach(relay, eventfd);
	assert_false(pthread_equal(kvm.thread, pthread_self()));
	assert_true(sigismember(&kvm.blocked, SIGTERM) == 1);
	assert_true(sigismember(&kvm.blocked, SIGUSR1) == 1);
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	assert_true(sigismember(&own, SIGTERM) == 0);
	close(eventfd);
}

/* ---- attaching and detaching, as kvm/wire.c masks ---- */

static void what_came_before_is_sent_once_before_attach_returns(void **state)
{
	struct relay *relay = *state;
	int eventfd = eventfd_create();

	for (unsigned int i = 0; i < 3; i++)
		eventfd_signal(eventfd);
	source_attach(relay, eventfd, 7);
	assert_int_equal(kvm_count(), 1);
	message_expect(0, 7);
	assert_int_equal(relay_count(relay, eventfd), 1);
	assert_false(eventfd_pending(eventfd));
	eventfd_signal(eventfd);
	kvm_wait(2);
	assert_int_equal(relay_detach(relay, eventfd), 2);
	assert_int_equal(kvm_count(), 2);
	close(eventfd);
}

static void attach_without_a_signal_sends_nothing(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1);

	assert_int_equal(relay_detach(relay, eventfd), 0);
	assert_int_equal(kvm_count(), 0);
	close(eventfd);
}

static void after_detach_signals_stay_in_the_count(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1), other = source_make(relay, 2);

	eventfd_signal(eventfd);
	kvm_wait(1);
	relay_detach(relay, eventfd);
	for (unsigned int i = 0; i < 3; i++)
		eventfd_signal(eventfd);
	/* The thread comes round after them. */
	eventfd_signal(other);
	kvm_wait(2);
	message_expect(1, 2);
	source_end(relay, other);
	assert_int_equal(kvm_count(), 2);
	assert_int_equal(eventfd_take(eventfd), 3);
	close(eventfd);
}

struct detacher {
	struct relay *relay;
	int eventfd;
	atomic_bool done;
};

static void *detacher_thread(void *opaque)
{
	struct detacher *detacher = opaque;

	relay_detach(detacher->relay, detacher->eventfd);
	atomic_store(&detacher->done, true);
	return NULL;
}

static void detach_waits_for_the_message_that_is_on_its_way(void **state)
{
	struct detacher detacher = { .relay = *state };
	pthread_t thread;

	detacher.eventfd = source_make(*state, 1);
	kvm_hold(true);
	eventfd_signal(detacher.eventfd);
	kvm_wait(1);
	assert_int_equal(pthread_create(&thread, NULL, detacher_thread, &detacher), 0);
	/* If it did not wait it would be back long before. */
	usleep(50000);
	assert_false(atomic_load(&detacher.done));
	kvm_hold(false);
	pthread_join(thread, NULL);
	assert_int_equal(kvm_count(), 1);
	close(detacher.eventfd);
}

struct sender {
	int eventfd;
	atomic_bool stop;
};

static void *sender_thread(void *opaque)
{
	struct sender *sender = opaque;

	while (!atomic_load(&sender->stop)) {
		eventfd_signal(sender->eventfd);
		usleep(1);
	}
	return NULL;
}

static void nothing_is_sent_while_detached_however_fast_signals_come(void **state)
{
	struct relay *relay = *state;
	struct sender sender = { .eventfd = eventfd_create() };
	unsigned int sent = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, sender_thread, &sender), 0);
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int before = kvm_count();

		source_attach(relay, sender.eventfd, i);
		kvm_wait(before + 2);
		sent += (unsigned int)relay_detach(relay, sender.eventfd);
		before = kvm_count();
		assert_int_equal(before, sent);
		message_expect(before - 1, i);
		usleep(200);
		assert_int_equal(kvm_count(), before);
	}
	atomic_store(&sender.stop, true);
	pthread_join(thread, NULL);
	close(sender.eventfd);
}

/* One signal at a time, each of which must arrive, while a guest masks and unmasks. */
struct masker {
	struct relay *relay;
	int eventfd;
	atomic_bool stop;
	atomic_uint rounds;
};

static void *masker_thread(void *opaque)
{
	struct masker *masker = opaque;
	struct msi_message message = message_make(5);

	while (!atomic_load(&masker->stop)) {
		relay_detach(masker->relay, masker->eventfd);
		relay_attach(masker->relay, masker->eventfd, &message);
		atomic_fetch_add(&masker->rounds, 1);
	}
	return NULL;
}

static void nothing_is_lost_or_doubled_while_masks_change(void **state)
{
	struct masker masker = { .relay = *state };
	pthread_t thread;

	masker.eventfd = source_make(*state, 5);
	assert_int_equal(pthread_create(&thread, NULL, masker_thread, &masker), 0);
	for (unsigned int i = 1; i <= MANY; i++) {
		/* Each signal meets a guest that masks. */
		while (atomic_load(&masker.rounds) < i)
			usleep(1);
		eventfd_signal(masker.eventfd);
		kvm_wait(i);
	}
	atomic_store(&masker.stop, true);
	pthread_join(thread, NULL);
	source_end(*state, masker.eventfd);
	assert_int_equal(kvm_count(), MANY);
}

static void a_new_message_counts_from_the_next_attach(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1);

	eventfd_signal(eventfd);
	kvm_wait(1);
	relay_detach(relay, eventfd);
	eventfd_signal(eventfd);
	source_attach(relay, eventfd, 2);
	eventfd_signal(eventfd);
	kvm_wait(3);
	source_end(relay, eventfd);
	message_expect(0, 1);
	message_expect(1, 2);
	message_expect(2, 2);
}

static void the_number_of_a_closed_eventfd_can_be_used_again(void **state)
{
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1), again;

	eventfd_signal(eventfd);
	kvm_wait(1);
	source_end(relay, eventfd);
	again = source_make(relay, 2);
	assert_int_equal(again, eventfd);
	assert_int_equal(relay_count(relay, again), 0);
	eventfd_signal(again);
	kvm_wait(2);
	message_expect(1, 2);
	assert_int_equal(relay_detach(relay, again), 1);
	close(again);
}

static void the_count_is_that_of_each_eventfd_since_it_was_attached(void **state)
{
	struct relay *relay = *state;
	int first = source_make(relay, 1), second = source_make(relay, 2);

	for (unsigned int i = 1; i <= 3; i++) {
		eventfd_signal(first);
		kvm_wait(i);
	}
	eventfd_signal(second);
	kvm_wait(4);
	assert_int_equal(relay_count(relay, first), 3);
	assert_int_equal(relay_count(relay, second), 1);
	assert_int_equal(relay_detach(relay, first), 3);
	assert_int_equal(relay_count(relay, first), 0);
	assert_int_equal(relay_detach(relay, first), 0);
	source_attach(relay, first, 1);
	assert_int_equal(relay_count(relay, first), 0);
	assert_int_equal(relay_count(relay, second), 1);
	assert_int_equal(relay_count(relay, -1), 0);
	assert_int_equal(relay_count(relay, 1 << 30), 0);
	source_end(relay, first);
	source_end(relay, second);
}

/* ---- failures ---- */

static void what_kvm_refuses_is_not_counted_and_does_not_stop_the_rest(void **state)
{
	static const int results[] = { 0, -EPERM };
	struct relay *relay = *state;
	int eventfd = source_make(relay, 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(results); i++) {
		kvm_result_set(results[i]);
		eventfd_signal(eventfd);
		kvm_wait(i + 1);
		assert_int_equal(relay_count(relay, eventfd), 0);
		assert_false(eventfd_pending(eventfd));
	}
	kvm_result_set(1);
	eventfd_signal(eventfd);
	kvm_wait(ARRAY_SIZE(results) + 1);
	assert_int_equal(relay_count(relay, eventfd), 1);
	source_end(relay, eventfd);
}

static void an_eventfd_is_attached_once(void **state)
{
	struct relay *relay = *state;
	struct msi_message other = message_make(2);
	int eventfd = source_make(relay, 1);

	assert_int_equal(relay_attach(relay, eventfd, &other), -EBUSY);
	eventfd_signal(eventfd);
	kvm_wait(1);
	message_expect(0, 1);
	source_end(relay, eventfd);
}

static void what_is_no_eventfd_is_refused(void **state)
{
	struct relay *relay = *state;
	struct msi_message message = message_make(1);
	char path[] = "/tmp/posthorn-relay-XXXXXX";
	int file = mkstemp(path);

	assert_true(file >= 0);
	unlink(path);
	assert_int_equal(relay_attach(relay, -1, &message), -EBADF);
	assert_int_equal(relay_attach(relay, 1 << 30, &message), -EBADF);
	assert_int_equal(relay_attach(relay, file, &message), -EPERM);
	assert_int_equal(relay_detach(relay, file), 0);
	close(file);
}

static void without_memory_attach_fails_and_the_count_stays(void **state)
{
	struct relay *relay = *state;
	struct msi_message message = message_make(1);
	int eventfd = eventfd_create();

	eventfd_signal(eventfd);
	kvm.no_memory = true;
	assert_int_equal(relay_attach(relay, eventfd, &message), -ENOMEM);
	kvm.no_memory = false;
	assert_int_equal(kvm_count(), 0);
	assert_int_equal(relay_count(relay, eventfd), 0);
	/* Nothing of it is left: not in epoll either, which would say EEXIST. */
	source_attach(relay, eventfd, 1);
	assert_int_equal(kvm_count(), 1);
	source_end(relay, eventfd);
}

/* ---- beginning and end ---- */

static unsigned int fds_open(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void cleanup_ends_the_thread_with_eventfds_attached(void **state)
{
	struct relay relay;
	unsigned int fds = fds_open();
	int eventfd;

	(void)state;
	kvm.count = 0;
	kvm.result = 1;
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(relay_init(&relay, VM_FD, NULL, NULL), 0);
		eventfd = source_make(&relay, 1);
		eventfd_signal(eventfd);
		relay_cleanup(&relay);
		/* Either the thread came to it in time, or it is there still. */
		assert_int_equal(kvm_count() + eventfd_take(eventfd), i + 1);
		kvm.count = i + 1;
		eventfd_signal(eventfd);
		assert_int_equal(eventfd_take(eventfd), 1);
		close(eventfd);
		assert_int_equal(fds_open(), fds);
	}
}

static void cleanup_of_a_relay_that_was_not_used(void **state)
{
	struct relay relay;
	unsigned int fds = fds_open();

	(void)state;
	assert_int_equal(relay_init(&relay, VM_FD, NULL, NULL), 0);
	relay_cleanup(&relay);
	assert_int_equal(fds_open(), fds);
}

static void slowly_begun(void *opaque)
{
	usleep(200000);
	atomic_store((atomic_bool *)opaque, true);
}

/* What it does first may die(), and so is done before any vCPU runs. */
static void init_waits_until_the_thread_has_begun(void **state)
{
	atomic_bool begun = false;
	struct relay relay;

	(void)state;
	assert_int_equal(relay_init(&relay, VM_FD, slowly_begun, &begun), 0);
	assert_true(atomic_load(&begun));
	relay_cleanup(&relay);
}

static void init_without_files_or_threads_fails_and_leaves_nothing(void **state)
{
	struct rlimit limit, tight;
	struct relay relay;
	unsigned int fds = fds_open();
	int lowest = dup(STDERR_FILENO); /* the lowest that is free */

	(void)state;
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int files = 0; files < 2; files++) {
		int error;

		tight = (struct rlimit){ (rlim_t)(lowest + files), limit.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		error = relay_init(&relay, VM_FD, NULL, NULL);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(error, -EMFILE);
		assert_int_equal(fds_open(), fds);
	}
	kvm.no_thread = true;
	assert_int_equal(relay_init(&relay, VM_FD, NULL, NULL), -EAGAIN);
	kvm.no_thread = false;
	assert_int_equal(fds_open(), fds);
}

#define with_relay(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_relay(each_signal_sends_the_message),
		with_relay(every_eventfd_has_its_own_message),
		with_relay(signals_that_the_thread_is_behind_with_merge),
		with_relay(the_thread_takes_no_signals_and_leaves_the_callers_alone),
		with_relay(what_came_before_is_sent_once_before_attach_returns),
		with_relay(attach_without_a_signal_sends_nothing),
		with_relay(after_detach_signals_stay_in_the_count),
		with_relay(detach_waits_for_the_message_that_is_on_its_way),
		with_relay(nothing_is_sent_while_detached_however_fast_signals_come),
		with_relay(nothing_is_lost_or_doubled_while_masks_change),
		with_relay(a_new_message_counts_from_the_next_attach),
		with_relay(the_number_of_a_closed_eventfd_can_be_used_again),
		with_relay(the_count_is_that_of_each_eventfd_since_it_was_attached),
		with_relay(what_kvm_refuses_is_not_counted_and_does_not_stop_the_rest),
		with_relay(an_eventfd_is_attached_once),
		with_relay(what_is_no_eventfd_is_refused),
		with_relay(without_memory_attach_fails_and_the_count_stays),
		cmocka_unit_test(cleanup_ends_the_thread_with_eventfds_attached),
		cmocka_unit_test(cleanup_of_a_relay_that_was_not_used),
		cmocka_unit_test(init_waits_until_the_thread_has_begun),
		cmocka_unit_test(init_without_files_or_threads_fails_and_leaves_nothing),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
