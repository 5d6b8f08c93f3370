/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes a vCPU leave the guest, and what is done about it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/irq_report.h"
#include "vmm/machine.h"
#include "vmm/timeline.h"

#define PC_RESET 0xfff0 /* an x86's rip after INIT: Intel SDM volume 3, 10.1.4 */

/* KVM gathers at one address: that of the serial port's transmit register. */
static bool gathered_write(void *opaque, uint64_t address, uint8_t data)
{
	struct serial *serial = opaque;

	(void)address;
	return serial_write_gathered(serial, data);
}

bool machine_coalesced_drain(struct machine *machine, struct vcpu *vcpu)
{
	bool done;

	if (!vcpu_coalesced_pending(vcpu))
		return true;
	pthread_mutex_lock(&machine->ring_lock);
	done = vcpu_coalesced_drain(vcpu, gathered_write, &machine->serial);
	pthread_mutex_unlock(&machine->ring_lock);
	serial_flush(&machine->serial);
	return done;
}

static void exit_io(struct machine *machine, struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	/* A string instruction (INS, OUTS) is one exit for several accesses to the same port. */
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		struct access access = {
			.addr = run->io.port,
			.size = run->io.size,
			.is_write = run->io.direction == KVM_EXIT_IO_OUT,
		};

		if (access.is_write)
			access.data = le_load(data, access.size);
		bus_access(&machine->ports, &access);
		if (!access.is_write)
			le_store(data, access.size, access.data);
	}
}

static void exit_mmio(struct machine *machine, struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct access access = {
		.addr = run->mmio.phys_addr,
		.size = (uint8_t)run->mmio.len,
		.is_write = run->mmio.is_write,
	};

	if (access.is_write)
		access.data = le_load(run->mmio.data, access.size);
	bus_access(&machine->memory, &access);
	if (!access.is_write)
		le_store(run->mmio.data, access.size, access.data);
}

/* x86-64. KVM on AMD has reset the vCPU by now (shutdown_interception()): where is not known. */
static void exit_shutdown(struct machine *machine, struct vcpu *vcpu)
{
	uint64_t pc = vcpu_pc(vcpu);

	if (pc == PC_RESET)
		log_error("the guest crashed: triple fault on vCPU %u", vcpu->index);
	else
		log_error("the guest crashed: triple fault on vCPU %u at 0x%llx", vcpu->index,
			  (unsigned long long)pc);
	machine_stop(machine, EXIT_GUEST_CRASH);
}

static void exit_fail_entry(struct machine *machine, struct vcpu *vcpu)
{
	log_error("the CPU refuses to run vCPU %u: hardware reason 0x%llx", vcpu->index,
		  (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
	machine_stop(machine, EXIT_GUEST_CRASH);
}

static void exit_internal_error(struct machine *machine, struct vcpu *vcpu)
{
	log_error("KVM cannot run vCPU %u on: internal error %u at 0x%llx", vcpu->index,
		  vcpu->run->internal.suberror, (unsigned long long)vcpu_pc(vcpu));
	machine_stop(machine, EXIT_GUEST_CRASH);
}

/*
 * KVM_RUN says EIO for a VM that KVM has given up, for all of its vCPUs. A guest can have that: on
 * x86-64 by putting the memory for system management where there is none (enter_smm()).
 */
static void exit_dead(struct machine *machine, struct vcpu *vcpu)
{
	if (!atomic_load(&machine->stopping))
		log_error("KVM has given the VM up, on vCPU %u at 0x%llx", vcpu->index,
			  (unsigned long long)vcpu_pc(vcpu));
	machine_stop(machine, EXIT_GUEST_CRASH);
}

/*
 * KVM_RUN says EFAULT where the memory behind the guest's is gone. Behind a BAR it is when a device
 * has fallen off the bus, or does not wake from D3hot: VFIO takes it away without an event.
 */
static void exit_memory_gone(struct machine *machine, struct vcpu *vcpu)
{
	log_error("vCPU %u: KVM_RUN: %s: what the guest uses at 0x%llx is gone%s", vcpu->index,
		  strerror(EFAULT), (unsigned long long)vcpu_pc(vcpu),
		  machine->function_count ? "; is it a device that does not answer any more? "
					    "See the kernel's messages (dmesg)"
					  : "");
	machine_stop(machine, machine->function_count ? EXIT_DEVICE : EXIT_INTERNAL);
}

static void exit_system_event(struct machine *machine, struct vcpu *vcpu)
{
	if (vcpu->run->system_event.type != KVM_SYSTEM_EVENT_CRASH) {
		log_info("the guest %s", vcpu->run->system_event.type == KVM_SYSTEM_EVENT_RESET
						 ? "reset the machine"
						 : "powered off");
		machine_stop(machine, EXIT_OK);
		return;
	}
	log_error("the guest reports that it crashed");
	machine_stop(machine, EXIT_GUEST_CRASH);
}

/*
 * arm64: an access to an address where only a device could be, by an instruction that KVM cannot
 * take apart (it moves two registers, say). Hardware would not take it for a device either.
 */
static void exit_unknown_access(struct machine *machine, struct vcpu *vcpu)
{
	int error = vcpu_bus_error(vcpu);

	if (error < 0) {
		log_error("vCPU %u: KVM_SET_VCPU_EVENTS: %s: an access by an instruction that KVM "
			  "cannot carry out cannot be answered",
			  vcpu->index, strerror(-error));
		machine_stop(machine, EXIT_INTERNAL);
		return;
	}
	if (!atomic_exchange(&machine->access_warned, true))
		log_warn("vCPU %u: an access to 0x%llx by an instruction that KVM cannot carry "
			 "out, at 0x%llx: the guest gets a bus error",
			 vcpu->index, (unsigned long long)vcpu->run->arm_nisv.fault_ipa,
			 (unsigned long long)vcpu_pc(vcpu));
}

static void exit_nothing(struct machine *machine, struct vcpu *vcpu)
{
	(void)machine;
	(void)vcpu;
}

static void (*const exit_handlers[])(struct machine *, struct vcpu *) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_INTR] = exit_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_nothing,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_ARM_NISV] = exit_unknown_access,
};

static void exit_handle(struct machine *machine, struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason < ARRAY_SIZE(exit_handlers) && exit_handlers[reason]) {
		exit_handlers[reason](machine, vcpu);
		return;
	}
	log_error("vCPU %u: KVM leaves the guest for reason %u, which posthorn does not know",
		  vcpu->index, reason);
	machine_stop(machine, EXIT_INTERNAL);
}

void *vcpu_loop(void *opaque)
{
	const struct vcpu_context *context = opaque;
	struct machine *machine = context->machine;
	struct vcpu *vcpu = context->vcpu;
	char name[16];

	snprintf(name, sizeof(name), "vcpu %u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	if (machine->report)
		irq_report_thread_add(machine->report);
	seccomp_thread_enter(machine->seccomp, SECCOMP_THREAD_VCPU);
	pthread_barrier_wait(&machine->start);
	timeline_event(machine->timeline, TIMELINE_EVENT_RUN);
	while (!atomic_load_explicit(&machine->stopping, memory_order_relaxed)) {
		int error = vcpu_run(vcpu);

		timeline_event(machine->timeline, TIMELINE_EVENT_EXIT);
		/* Gathered writes are older than what KVM left the guest for. */
		machine_coalesced_drain(machine, vcpu);
		if (error == 0) {
			exit_handle(machine, vcpu);
		} else if (error == -EIO) {
			exit_dead(machine, vcpu);
		} else if (error == -EFAULT) {
			exit_memory_gone(machine, vcpu);
		} else if (error != -EINTR && error != -EAGAIN) {
			log_error("vCPU %u: KVM_RUN: %s", vcpu->index, strerror(-error));
			machine_stop(machine, EXIT_INTERNAL);
		}
	}
	/* Not by way of the C library, which would take three more system calls to tidy up. */
	syscall(SYS_exit, 0);
	return NULL;
}
