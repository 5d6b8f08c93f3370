/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device without hardware, for `posthorn latency`. When the guest writes to its register RAISE,
 * KVM signals an eventfd by itself (KVM_IOEVENTFD), and that eventfd is tied to a message of the
 * guest as the eventfd of an assigned device is. So what is measured is what KVM does from the
 * signal of the eventfd on, and one exit that does not leave the kernel before it. Its registers:
 * guest/payload/doorbell.h.
 */
#ifndef POSTHORN_VMM_DOORBELL_H
#define POSTHORN_VMM_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"
#include "guest/payload/doorbell.h"
#include "kvm/irq.h"

struct relay;
struct vm;

/* All of it stays the caller's, and must outlive the doorbell. */
struct doorbell_config {
	struct vm *vm;
	uint64_t address;    /* guest-physical, of the registers */
	struct relay *relay; /* injects in place of an irqfd; NULL: no */
	/* Called for a write to MARK, by the vCPU's thread, which waits meanwhile. NULL: nobody. */
	void (*mark)(void *opaque, bool begins);
	void *opaque;
};

struct doorbell {
	struct doorbell_config config;
	struct msi_message message;
	int gsi, eventfd;
	bool connected;
	bool warned; /* that it cannot be connected */
};

/* Start-up only, after vm_init(): dies with EXIT_HOST when KVM refuses. */
void doorbell_init(struct doorbell *doorbell, const struct doorbell_config *config);

/* The vCPUs are gone. */
void doorbell_cleanup(struct doorbell *doorbell);

/* A bus_handler: @opaque is the struct doorbell. For one vCPU: it has no lock. */
void doorbell_access(void *opaque, uint64_t offset, struct access *access);

#endif
