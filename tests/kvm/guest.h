/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM for tests of kvm/ against the host's KVM: one vCPU in a thread of its own, running the agent
 * (guest/payload/agent.h), which does what the test tells it. What makes the vCPU leave the guest
 * is recorded here, and answered as if there were no devices.
 *
 * guest_setup() and guest_teardown() are for cmocka_unit_test_setup_teardown(). Where there is no
 * usable /dev/kvm, guest_get() skips the test.
 *
 * The agent is $POSTHORN_BUILD/guest/payload/agent.elf; without the variable, below build/x86_64.
 */
#ifndef POSTHORN_TESTS_KVM_GUEST_H
#define POSTHORN_TESTS_KVM_GUEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/payload/agent.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"

#define GUEST_RAM_SIZE	  0x1000000ULL
#define GUEST_HOLE	  0xa0000ULL /* RAM that does not answer: vm_config.hole */
#define GUEST_HOLE_SIZE	  0x20000ULL
#define GUEST_FREE	  0x10000000ULL /* from here up to 0xc0000000 there is nothing */
#define GUEST_ACCESSES	  16
#define GUEST_OUTPUT_SIZE 4096
#define GUEST_VECTORS	  256

struct guest_access {
	uint64_t address;
	uint32_t data;
	bool is_write;
};

struct guest {
	struct vm vm;
	struct vcpu vcpu;
	volatile struct agent_mailbox *mailbox;
	bool has_thread;
	unsigned int calls; /* guest_call_wait() so far */
	atomic_bool stopping;
	/* Called by the vCPU's thread when the agent handles an interrupt, not yet acknowledged. */
	void (*on_interrupt)(void *opaque, unsigned int vector);
	void *opaque;

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	unsigned int done;			/* commands, and 1 for being ready */
	unsigned int interrupts[GUEST_VECTORS]; /* by vector */
	unsigned int kicks;			/* vcpu_run() returned -EINTR */
	struct guest_access accesses[GUEST_ACCESSES];
	unsigned int access_count; /* of memory, but for the doorbell; the first are recorded */
	uint8_t output[GUEST_OUTPUT_SIZE]; /* of the serial port */
	unsigned int output_size;
	unsigned int output_exits; /* exits of the vCPU for it */
	int failure;		   /* the exit reason or -errno that ended the vCPU's thread */
};

int guest_setup(void **state);
int guest_teardown(void **state);

#define with_guest(test) cmocka_unit_test_setup_teardown(test, guest_setup, guest_teardown)

/* The same, but there is no thread: the test calls vcpu_run() and guest_exit_handle(). */
int guest_setup_without_thread(void **state);

/* The guest that the setup made; skips the test when there is no KVM. */
struct guest *guest_get(void **state);

/* Record and answer what vcpu_run() returned for. Returns 0, or what goes to guest->failure. */
int guest_exit_handle(struct guest *guest, int error);

/*
 * Let the agent carry out @command and return the mailbox's value. Every interrupt that KVM had
 * taken on before is handled then. Fails the test when nothing happens for 30 seconds, as do all
 * functions that wait.
 */
uint64_t guest_call(struct guest *guest, enum agent_command command, uint64_t address,
		    uint64_t value);

/* The two halves of guest_call(): for commands that end when the test wants it. */
void guest_call_start(struct guest *guest, enum agent_command command, uint64_t address,
		      uint64_t value);
void guest_call_wait(struct guest *guest);

/* Wait until @vector was handled @count times, counted from the start. */
void guest_interrupts_wait(struct guest *guest, unsigned int vector, unsigned int count);

/*
 * Signal @eventfd @count times, the next after the guest's handler of @vector ran for the last one.
 * The handler must see what this process wrote before it signalled. The vector was not handled
 * before.
 */
void guest_signals_send(struct guest *guest, int eventfd, unsigned int vector, unsigned int count);

/* How often @vector was handled, once nothing that KVM had taken on is left. */
unsigned int guest_interrupts_count(struct guest *guest, unsigned int vector);

/* Wait until vcpu_run() was interrupted @count times, counted from the start. */
void guest_kicks_wait(struct guest *guest, unsigned int count);

#endif
