/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM as a whole: everything that `posthorn run` puts together. */
#ifndef POSTHORN_VMM_MACHINE_H
#define POSTHORN_VMM_MACHINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/bus.h"
#include "devices/pci.h"
#include "devices/pl031.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "guest/layout.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "vfio/function.h"
#include "vfio/iommu.h"
#include "vmm/console.h"
#include "vmm/seccomp.h"

struct irq_report;
struct machine;
struct relay;
struct run_options;
struct timeline;

/*
 * What a tool adds to the machine: devices and threads of its own. The functions are called by the
 * main thread, once each, with @opaque.
 */
struct machine_addition {
	bool relay; /* needs machine->relay, even if no device does */
	/* The machine is complete, but its buses still take ranges: machine_range_add(). */
	void (*init)(void *opaque, struct machine *machine);
	/* Nothing can be opened any more; threads can be started, and must enter their filters. */
	void (*start)(void *opaque, struct machine *machine);
	/*
	 * How many interrupts a device raised and the guest says that it took, of the one vector
	 * that it used; 0: it does not say. Any thread. NULL: nobody knows.
	 */
	uint64_t (*guest_count)(void *opaque);
	/* No vCPU runs any more, and all of the machine is still there. */
	void (*cleanup)(void *opaque);
	void *opaque;
};

struct machine {
	struct vm vm;
	struct layout layout;
	struct iommu iommu;
	struct bus memory, ports;
	struct pci_root pci;
	struct serial serial;
	struct bus *serial_bus; /* where the serial port is: memory or ports, and its address */
	uint64_t serial_address;
	struct rtc rtc;	    /* x86-64 */
	struct power power; /* x86-64 */
	struct pl031 pl031; /* arm64 */
	struct console console;
	struct vfio_function *functions;
	struct vfio_function *vga;		 /* which has vga=on; NULL: none */
	struct irq_report *report;		 /* NULL: there is no device */
	struct relay *relay;			 /* for irq-path=userspace; NULL: nothing has it */
	const struct machine_addition *addition; /* NULL: there is none */
	struct timeline *timeline;		 /* NULL: not asked for */
	enum seccomp_mode seccomp;
	unsigned int function_count;
	struct vcpu *vcpus;
	unsigned int cpus;
	int serial_eventfd;	     /* raises LAYOUT_GSI_SERIAL */
	atomic_bool output_gathered; /* KVM gathers the serial port's output */
	int attention_eventfd;	     /* the serial port has output, or room for input again */
	pthread_mutex_t ring_lock;   /* for vcpu_coalesced_drain() */
	pthread_barrier_t start;     /* no vCPU runs before all have a thread */
	atomic_bool access_warned;   /* see exit_unknown_access() */
	atomic_bool stopping;
	atomic_int exit_code; /* -1 until machine_stop() */
	int stop_eventfd;     /* signalled when stopping becomes true */
};

/*
 * Put the VM together from @options and @addition (NULL: none): everything is opened, checked and
 * mapped, and the guest could run. @timeline (NULL: none) hears of each step. Start-up only: dies
 * with the exit code and the message that fit.
 */
void machine_init(struct machine *machine, const struct run_options *options,
		  const struct machine_addition *addition, struct timeline *timeline);

/*
 * Start the threads besides those of the vCPUs, when they are wanted: the relay's and those of the
 * addition. The filters must be there. Start-up only: dies as machine_init() does.
 */
void machine_helpers_start(struct machine *machine);

/* For board_devices_init() and additions: a chip's handler on a bus; and the serial port. Both die
 * on failure. */
void machine_range_add(struct bus *bus, const char *name, uint64_t base, uint64_t size,
		       bus_handler handler, void *opaque);
void machine_serial_init(struct machine *machine, struct bus *bus, uint64_t address);

/* Undo it all; the vCPU threads must have been joined. */
void machine_cleanup(struct machine *machine);

/*
 * End the VM: the first call decides the exit code. Any thread; returns at once.
 */
void machine_stop(struct machine *machine, int exit_code);

/* The body of a vCPU's thread: runs the guest until machine_stop(). @opaque is struct vcpu_context.
 */
struct vcpu_context {
	struct machine *machine;
	struct vcpu *vcpu;
};
void *vcpu_loop(void *opaque);

/*
 * Carry out the writes to the serial port that KVM gathered, as far as there is room for the
 * output. Returns whether none is left. Does not wait. Any thread.
 */
bool machine_coalesced_drain(struct machine *machine, struct vcpu *vcpu);

#endif
