/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts the long way: a thread of this process waits for eventfds and sends their messages
 * into the guest, one system call each (KVM API 4.71, KVM_SIGNAL_MSI). An irqfd (kvm/irq.h) does
 * the same in the kernel and faster; this is there to measure by how much, and to find out whether
 * an interrupt is lost before KVM or in it.
 *
 *   irqfd:  eventfd ──▶ KVM ──▶ guest
 *   relay:  eventfd ──▶ wakes the thread ──▶ KVM_SIGNAL_MSI ──▶ guest
 *
 * A signal becomes one message, as with an irqfd. Signals that come faster than the thread runs
 * merge into one, as do messages that reach an interrupt controller before the guest has taken the
 * first: a vector is pending or it is not, so drivers expect that.
 *
 * What differs from an irqfd: the message is given here and not by the route of a GSI, so a new
 * message is a relay_detach() and a relay_attach(). And the count of an attached eventfd is the
 * relay's to take: nobody else may read it, or the interrupt is gone.
 *
 * It is made in vmm/relay/: this is all that posthorn run knows of it.
 */
#ifndef POSTHORN_VMM_RELAY_H
#define POSTHORN_VMM_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "kvm/wire.h"

struct relay_source {
	bool attached;
	struct msi_message message;
	uint64_t count; /* messages since it was attached */
};

struct relay {
	struct irq_relay wires; /* what wires know of it, from relay_init() on */
	int vm_fd;
	void (*begin)(void *opaque);
	void *opaque;
	int epoll_fd;
	int stop_eventfd; /* signalled when the thread is to end */
	pthread_t thread;
	pthread_barrier_t begun;      /* of the thread and who starts it */
	pthread_mutex_t lock;	      /* for what follows, and while a message is sent */
	struct relay_source *sources; /* by the number of the eventfd */
	unsigned int size;	      /* of sources */
};

/*
 * Start the thread, with all signals blocked in it but SIGSYS; the first that it does is
 * @begin(@opaque), if that is not NULL. That is done when this returns, so that it may die(): no
 * guest runs yet. The VM with the descriptor @vm_fd must have its interrupt controller by the time
 * of the first relay_attach(), and must outlive the relay. 0 or -errno: -EMFILE when there are too
 * many open files, -EAGAIN when there are too many threads.
 */
int relay_init(struct relay *relay, int vm_fd, void (*begin)(void *opaque), void *opaque);

/*
 * End the thread and give everything back, also what is attached still: as if relay_detach() had
 * been called for it. No other function may be running.
 */
void relay_cleanup(struct relay *relay);

/*
 * Let signals of @eventfd send @message (copied). If the eventfd is signalled already, the message
 * is sent before this returns, and the count taken: nothing that came before is lost. The eventfd
 * stays the caller's, is non-blocking (eventfd_create()), and must not be closed while it is
 * attached. 0, or -errno with the count left alone: -EBUSY when @eventfd is attached already,
 * -EBADF or -EPERM when it is no eventfd, -ENOMEM. Any thread.
 */
int relay_attach(struct relay *relay, int eventfd, const struct msi_message *message);

/*
 * Undo relay_attach(). When it returns, signals stay in the eventfd's count, those included that
 * the thread had not come to; a message that was on its way has been sent. Waits for one system
 * call at most. Returns how many messages @eventfd has sent since it was attached; 0 when it was
 * not. Any thread.
 */
uint64_t relay_detach(struct relay *relay, int eventfd);

/*
 * How many messages @eventfd has sent since it was attached; 0 when it is not. What the guest did
 * not take (it has not set its interrupt controller up, say) does not count. Any thread.
 */
uint64_t relay_count(struct relay *relay, int eventfd);

#endif
