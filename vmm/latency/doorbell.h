/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device without hardware, for `posthorn latency`. When the guest writes to its register RAISE,
 * KVM signals an eventfd by itself (KVM_IOEVENTFD), and that eventfd is tied to a message of the
 * guest as the eventfd of an assigned device is. So what is measured is what KVM does from the
 * signal of the eventfd on, and one exit that does not leave the kernel before it. Its registers:
 * guest/payload/doorbell.h.
 *
 * RAISE_THREAD goes the way of an interrupt that a process makes: KVM signals another eventfd, for
 * which a thread waits (read(2)). It then signals the first eventfd (write(2)), or lets VFIO do it
 * in place of a device's interrupt (ioctl(2) with VFIO_DEVICE_SET_IRQS).
 */
#ifndef POSTHORN_VMM_LATENCY_DOORBELL_H
#define POSTHORN_VMM_LATENCY_DOORBELL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "guest/payload/doorbell.h"
#include "kvm/wire.h"

struct irq_relay;
struct vfio_device;
struct vm;

/* All of it stays the caller's, and must outlive the doorbell. */
struct doorbell_config {
	struct vm *vm;
	uint64_t address;	 /* guest-physical, of the registers */
	struct irq_relay *relay; /* injects in place of an irqfd; NULL: no */
	bool thread;		 /* there is a RAISE_THREAD */
	/* Its vector 0, of the kind that the guest has on, is what the thread raises; NULL: none.
	 */
	struct vfio_device *loopback;
	/* Called for a write to MARK, by the vCPU's thread, which waits meanwhile. NULL: nobody. */
	void (*mark)(void *opaque, bool begins);
	/* The same for BREAK: an interrupt took so many microseconds. */
	void (*broken)(void *opaque, uint32_t us);
	/* The same for LOOK: what was written there. */
	void (*look)(void *opaque, uint32_t value);
	void *opaque;
	/* What the thread does first, while doorbell_init() waits; NULL: nothing. */
	void (*begin)(void *opaque);
	void *begin_opaque;
};

struct doorbell {
	struct doorbell_config config;
	struct msi_message message;
	struct irq_wire wire;
	bool warned;	   /* that it cannot be connected */
	atomic_uint taken; /* the register: how many of the source's interrupts came */
	/* with config.thread */
	pthread_t thread;
	pthread_barrier_t begun; /* of the thread and who starts it */
	int thread_eventfd;	 /* what it waits for; blocking; -1: there is none */
	atomic_bool stopping;	 /* the next signal is the end */
	unsigned int kind;	 /* the thread's: of loopback, which kind was on at last */
};

/* Start-up only, after vm_init(): dies with EXIT_HOST when KVM refuses. */
void doorbell_init(struct doorbell *doorbell, const struct doorbell_config *config);

/* The vCPUs are gone. */
void doorbell_cleanup(struct doorbell *doorbell);

/* A bus_handler: @opaque is the struct doorbell. For one vCPU: it has no lock. */
void doorbell_access(void *opaque, uint64_t offset, struct access *access);

#endif
