/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread waits without the lock, and holds it from looking whether an eventfd is attached until
 * its message is sent: so relay_detach(), which takes the lock, is a barrier. What the thread has
 * been woken for is but a hint, and may be out of date by then: the eventfd may be detached, or its
 * number may be that of another one. The count says the truth.
 */
#include "vmm/relay.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/util.h"

#define EVENTS_MAX 64 /* that are taken from the kernel at a time */

/* The source of @eventfd, or NULL when it is not attached. Called with the lock. */
static struct relay_source *source_find(struct relay *relay, int eventfd)
{
	if (eventfd < 0 || (unsigned int)eventfd >= relay->size)
		return NULL;
	return relay->sources[eventfd].attached ? &relay->sources[eventfd] : NULL;
}

/* Called with the lock. */
static void source_deliver(struct relay *relay, int eventfd, struct relay_source *source)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)source->message.address,
		.address_hi = (uint32_t)(source->message.address >> 32),
		.data = source->message.data,
		/* An ITS refuses messages without it; x86-64 accepts it and does not look. */
		.flags = KVM_MSI_VALID_DEVID,
		.devid = source->message.device_id,
	};

	if (!eventfd_take(eventfd))
		return;
	/*
	 * 0 or an error: there is no such CPU, or its interrupt controller is off. What a device
	 * sends there is lost in the same way, and an irqfd says nothing either.
	 */
	if (ioctl_call(relay->vm_fd, KVM_SIGNAL_MSI, &msi) > 0)
		source->count++;
}

static void *relay_thread(void *opaque)
{
	struct relay *relay = opaque;
	struct epoll_event events[EVENTS_MAX];

	if (relay->begin)
		relay->begin(relay->opaque);
	pthread_barrier_wait(&relay->begun);
	for (;;) {
		/* -1 is EINTR, from a debugger: signals are blocked. */
		int count = epoll_wait(relay->epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct relay_source *source;

			if (events[i].data.fd == relay->stop_eventfd)
				return NULL;
			pthread_mutex_lock(&relay->lock);
			source = source_find(relay, events[i].data.fd);
			if (source)
				source_deliver(relay, events[i].data.fd, source);
			pthread_mutex_unlock(&relay->lock);
		}
	}
}

static int epoll_add(struct relay *relay, int eventfd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = eventfd };

	return epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, eventfd, &event) < 0 ? -errno : 0;
}

/* The main thread waits for signals; one that this thread took would be missing there. */
static int thread_start(struct relay *relay)
{
	sigset_t all, former;
	int error;

	sigfillset(&all);
	/* What a seccomp filter catches: blocked, it would end the process without a word. */
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	pthread_barrier_init(&relay->begun, NULL, 2);
	error = pthread_create(&relay->thread, NULL, relay_thread, relay);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (error == 0)
		pthread_barrier_wait(&relay->begun);
	else
		pthread_barrier_destroy(&relay->begun);
	return -error;
}

/* Make room for @eventfd. The kernel gives out the lowest free number: the array stays short. */
static int sources_grow(struct relay *relay, int eventfd)
{
	unsigned int size = max(relay->size, 64U);
	struct relay_source *sources;

	while (size <= (unsigned int)eventfd)
		size *= 2;
	if (size == relay->size)
		return 0;
	sources = realloc(relay->sources, size * sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	memset(sources + relay->size, 0, (size - relay->size) * sizeof(*sources));
	relay->sources = sources;
	relay->size = size;
	return 0;
}

int relay_attach(struct relay *relay, int eventfd, const struct msi_message *message)
{
	int error;

	pthread_mutex_lock(&relay->lock);
	error = source_find(relay, eventfd) ? -EBUSY : epoll_add(relay, eventfd);
	if (error < 0)
		goto out;
	error = sources_grow(relay, eventfd);
	if (error < 0) {
		epoll_ctl(relay->epoll_fd, EPOLL_CTL_DEL, eventfd, NULL);
		goto out;
	}
	relay->sources[eventfd] = (struct relay_source){ .attached = true, .message = *message };
	/* The thread would, but later: the guest that unmasks may look for it at once. */
	source_deliver(relay, eventfd, &relay->sources[eventfd]);
out:
	pthread_mutex_unlock(&relay->lock);
	return error;
}

uint64_t relay_detach(struct relay *relay, int eventfd)
{
	struct relay_source *source;
	uint64_t count = 0;

	pthread_mutex_lock(&relay->lock);
	source = source_find(relay, eventfd);
	if (source) {
		epoll_ctl(relay->epoll_fd, EPOLL_CTL_DEL, eventfd, NULL);
		source->attached = false;
		count = source->count;
	}
	pthread_mutex_unlock(&relay->lock);
	return count;
}

uint64_t relay_count(struct relay *relay, int eventfd)
{
	struct relay_source *source;
	uint64_t count;

	pthread_mutex_lock(&relay->lock);
	source = source_find(relay, eventfd);
	count = source ? source->count : 0;
	pthread_mutex_unlock(&relay->lock);
	return count;
}

/* ---- as wires see it ---- */

static struct relay *relay_of(struct irq_relay *wires)
{
	return container_of(wires, struct relay, wires);
}

static int wire_attach(struct irq_relay *wires, int eventfd, const struct msi_message *message)
{
	return relay_attach(relay_of(wires), eventfd, message);
}

static uint64_t wire_detach(struct irq_relay *wires, int eventfd)
{
	return relay_detach(relay_of(wires), eventfd);
}

static uint64_t wire_count(struct irq_relay *wires, int eventfd)
{
	return relay_count(relay_of(wires), eventfd);
}

/* ---- start and end ---- */

int relay_init(struct relay *relay, int vm_fd, void (*begin)(void *opaque), void *opaque)
{
	int error;

	memset(relay, 0, sizeof(*relay));
	relay->wires = (struct irq_relay){ wire_attach, wire_detach, wire_count };
	relay->vm_fd = vm_fd;
	relay->begin = begin;
	relay->opaque = opaque;
	relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (relay->epoll_fd < 0)
		return -errno;
	relay->stop_eventfd = eventfd_create();
	if (relay->stop_eventfd < 0) {
		error = relay->stop_eventfd;
		goto err_epoll;
	}
	error = epoll_add(relay, relay->stop_eventfd);
	if (error < 0)
		goto err_stop;
	pthread_mutex_init(&relay->lock, NULL);
	error = thread_start(relay);
	if (error < 0)
		goto err_lock;
	return 0;

err_lock:
	pthread_mutex_destroy(&relay->lock);
err_stop:
	fd_close(&relay->stop_eventfd);
err_epoll:
	fd_close(&relay->epoll_fd);
	return error;
}

void relay_cleanup(struct relay *relay)
{
	eventfd_signal(relay->stop_eventfd);
	pthread_join(relay->thread, NULL);
	/* Not before: the thread may still have been on its way out of it. */
	pthread_barrier_destroy(&relay->begun);
	free(relay->sources);
	pthread_mutex_destroy(&relay->lock);
	fd_close(&relay->stop_eventfd);
	/* Takes what is still in it out of it. */
	fd_close(&relay->epoll_fd);
}
