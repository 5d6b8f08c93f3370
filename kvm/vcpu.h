/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual CPU: the thread that runs it owns everything here but vcpu_kick(). */
#ifndef POSTHORN_KVM_VCPU_H
#define POSTHORN_KVM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/log.h"

struct vm;

/* The signal that vcpu_kick() sends. Its handler does nothing: it makes KVM_RUN return. */
#define VCPU_KICK_SIGNAL SIGUSR2

/* The registers that a vCPU starts with; all else is as after reset (see arch.h). */
struct vcpu_entry {
	uint64_t rip, rsi, rbx; /* x86-64 */
	uint64_t cr3;	   /* x86-64: page tables, guest-physical; 0: protected mode, paging off */
	uint64_t gdt;	   /* x86-64: guest-physical address of the descriptor table */
	uint16_t gdt_size; /* bytes */
	uint64_t pc, x0;   /* arm64 */
};

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread; /* set by whoever starts it; vcpu_kick() uses it */
};

/*
 * Create vCPU number @index of @vm in its reset state: the boot processor is runnable,
 * the others wait for INIT and SIPI (x86-64) or PSCI's CPU_ON (arm64). 0 or -errno with the reason
 * in
 * @why.
 */
int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned int index, char why[WHY_SIZE]);
void vcpu_cleanup(struct vcpu *vcpu);

/* Give the boot processor its first registers. Before its first vcpu_run(). 0 or -errno as above.
 */
int vcpu_entry_set(struct vcpu *vcpu, const struct vcpu_entry *entry, char why[WHY_SIZE]);

/*
 * Run the guest until something needs this process (KVM_RUN). Returns 0 with the reason in
 * vcpu->run->exit_reason, -EINTR after a kick or signal, or another -errno.
 */
int vcpu_run(struct vcpu *vcpu);

/* Where the guest is: the address of the next instruction. For messages. */
uint64_t vcpu_pc(const struct vcpu *vcpu);

/* The sizes in bytes of pages that the CPU can translate, or'ed: 4 KiB, 16 KiB, 64 KiB. */
unsigned int vcpu_page_sizes(const struct vcpu *vcpu);

/*
 * Answer an access that cannot be carried out (KVM_EXIT_ARM_NISV) as hardware would, with a fault
 * that the guest takes when it runs on. 0 or -errno. By the thread of the vCPU.
 */
int vcpu_bus_error(struct vcpu *vcpu);

/*
 * Make the vcpu_run() that is under way, or the next one, return -EINTR. Any thread, once
 * vcpu->thread is set and until it was joined.
 */
void vcpu_kick(struct vcpu *vcpu);

/* Did KVM gather writes? Cheap, and without a lock: a hint for vcpu_coalesced_drain(). */
bool vcpu_coalesced_pending(const struct vcpu *vcpu);

/*
 * Hand the writes that KVM gathered (vm_write_coalesce()) to @write, oldest first, until it returns
 * false: that one stays. Returns whether none is left. Gathered writes belong to the VM, not to one
 * vCPU: the caller holds a lock of the VM. Does nothing where vm_write_coalesce() did not succeed.
 */
bool vcpu_coalesced_drain(struct vcpu *vcpu,
			  bool (*write)(void *opaque, uint64_t address, uint8_t data),
			  void *opaque);

#endif
