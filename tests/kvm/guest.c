/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/kvm/guest.h"

#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/util.h"

#define TIMEOUT	  30	     /* seconds: nothing here takes long, whatever the machine */
#define MSI_FIXED 0xfee00000 /* to the CPU with APIC id 0 (Intel SDM volume 3, 11.11.1) */

/* ---- what the vCPU leaves the guest for ---- */

static void doorbell_ring(struct guest *guest, uint32_t what)
{
	if (what < GUEST_VECTORS && guest->on_interrupt)
		guest->on_interrupt(guest->opaque, what);
	pthread_mutex_lock(&guest->lock);
	if (what < GUEST_VECTORS)
		guest->interrupts[what]++;
	else
		guest->done++;
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
}

static int mmio_handle(struct guest *guest)
{
	struct kvm_run *run = guest->vcpu.run;
	struct guest_access access = {
		.address = run->mmio.phys_addr,
		.is_write = run->mmio.is_write,
	};

	if (access.is_write)
		access.data = (uint32_t)le_load(run->mmio.data, min(run->mmio.len, 4U));
	else
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	if (access.is_write && access.address == AGENT_DOORBELL) {
		doorbell_ring(guest, access.data);
		return 0;
	}
	pthread_mutex_lock(&guest->lock);
	if (guest->access_count < GUEST_ACCESSES)
		guest->accesses[guest->access_count] = access;
	guest->access_count++;
	pthread_mutex_unlock(&guest->lock);
	return 0;
}

static bool output_put(void *opaque, uint64_t port, uint8_t data)
{
	struct guest *guest = opaque;

	if (port != LAYOUT_PORT_SERIAL)
		return true;
	pthread_mutex_lock(&guest->lock);
	if (guest->output_size < GUEST_OUTPUT_SIZE)
		guest->output[guest->output_size++] = data;
	pthread_mutex_unlock(&guest->lock);
	return true;
}

static int io_handle(struct guest *guest)
{
	struct kvm_run *run = guest->vcpu.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		memset(data, 0xff, run->io.size * run->io.count);
		return 0;
	}
	output_put(guest, run->io.port, *data);
	pthread_mutex_lock(&guest->lock);
	guest->output_exits++;
	pthread_mutex_unlock(&guest->lock);
	return 0;
}

static void kick_count(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
	guest->kicks++;
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
}

int guest_exit_handle(struct guest *guest, int error)
{
	/* There is one vCPU, and so nobody else is at the ring of gathered writes. */
	vcpu_coalesced_drain(&guest->vcpu, output_put, guest);
	if (error == -EINTR) {
		kick_count(guest);
		return 0;
	}
	if (error < 0)
		return error;
	switch (guest->vcpu.run->exit_reason) {
	case KVM_EXIT_MMIO:
		return mmio_handle(guest);
	case KVM_EXIT_IO:
		return io_handle(guest);
	default:
		return (int)guest->vcpu.run->exit_reason;
	}
}

static void *vcpu_thread(void *opaque)
{
	struct guest *guest = opaque;
	int failure = 0;

	while (!atomic_load(&guest->stopping) && !failure)
		failure = guest_exit_handle(guest, vcpu_run(&guest->vcpu));
	pthread_mutex_lock(&guest->lock);
	guest->failure = failure;
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
	return NULL;
}

/* ---- making and ending it ---- */

static void kick_handler(int signal_number)
{
	(void)signal_number;
}

static void agent_load(struct guest *guest)
{
	const char *build = getenv("POSTHORN_BUILD");
	struct vcpu_entry entry = { 0 };
	char path[4096], why[WHY_SIZE] = "";
	struct image image;

	snprintf(path, sizeof(path), "%s/guest/payload/agent.elf", build ? build : "build/x86_64");
	if (image_kernel_load(&guest->vm, path, &image, why) < 0)
		fail_msg("%s", why);
	/* The start info can be all zero: the agent looks at nothing but its magic number. */
	memcpy(vm_gpa_to_hva(&guest->vm, LAYOUT_PVH_INFO, 4), "\x78\xc5\x6e\x33", 4);
	entry.rip = image.entry;
	entry.rbx = LAYOUT_PVH_INFO;
	if (vcpu_entry_set(&guest->vcpu, &entry, why) < 0)
		fail_msg("%s", why);
}

int guest_setup_without_thread(void **state)
{
	const struct sigaction kick = { .sa_handler = kick_handler };
	const struct vm_ram ram = { .gpa = 0, .size = GUEST_RAM_SIZE };
	const struct vm_config config = {
		.ram = &ram,
		.ram_count = 1,
		.cpus = 1,
		.halt_poll_ns = VM_HALT_POLL_HOST,
		.hole = { GUEST_HOLE, GUEST_HOLE_SIZE },
	};
	struct guest *guest;
	char why[WHY_SIZE];

	*state = NULL;
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return 0; /* guest_get() skips the test */
	guest = calloc(1, sizeof(*guest));
	assert_non_null(guest);
	pthread_mutex_init(&guest->lock, NULL);
	pthread_cond_init(&guest->changed, NULL);
	sigaction(VCPU_KICK_SIGNAL, &kick, NULL);
	if (vm_open(&guest->vm, 0, why) < 0 || vm_init(&guest->vm, &config, why) < 0 ||
	    vcpu_init(&guest->vcpu, &guest->vm, 0, why) < 0)
		fail_msg("%s", why);
	guest->vcpu.thread = pthread_self();
	guest->mailbox = vm_gpa_to_hva(&guest->vm, AGENT_MAILBOX, sizeof(*guest->mailbox));
	agent_load(guest);
	*state = guest;
	return 0;
}

int guest_setup(void **state)
{
	struct guest *guest;

	guest_setup_without_thread(state);
	guest = *state;
	if (!guest)
		return 0;
	if (pthread_create(&guest->vcpu.thread, NULL, vcpu_thread, guest))
		return -1;
	guest->has_thread = true;
	guest_call_wait(guest);
	return 0;
}

int guest_teardown(void **state)
{
	struct guest *guest = *state;

	if (!guest)
		return 0;
	atomic_store(&guest->stopping, true);
	if (guest->has_thread) {
		vcpu_kick(&guest->vcpu);
		pthread_join(guest->vcpu.thread, NULL);
	}
	vcpu_cleanup(&guest->vcpu);
	vm_cleanup(&guest->vm);
	pthread_cond_destroy(&guest->changed);
	pthread_mutex_destroy(&guest->lock);
	free(guest);
	return 0;
}

struct guest *guest_get(void **state)
{
	if (!*state) {
		print_message("skipped: no /dev/kvm that this user may read and write\n");
		skip();
	}
	return *state;
}

/* ---- what a test does ---- */

/* Wait until *@counter, under the lock, reaches @count. */
static void counter_wait(struct guest *guest, const char *what, const unsigned int *counter,
			 unsigned int count)
{
	unsigned int reached;
	struct timespec until;
	int failure, late = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT;
	pthread_mutex_lock(&guest->lock);
	while (*counter < count && !guest->failure && !late)
		late = pthread_cond_timedwait(&guest->changed, &guest->lock, &until);
	reached = *counter;
	failure = guest->failure;
	pthread_mutex_unlock(&guest->lock);
	if (failure)
		fail_msg("the vCPU ended: %s %d", failure < 0 ? "error" : "exit reason", failure);
	if (reached < count)
		fail_msg("%s: %u of %u came within %u seconds", what, reached, count, TIMEOUT);
}

void guest_call_start(struct guest *guest, enum agent_command command, uint64_t address,
		      uint64_t value)
{
	struct kvm_msi msi = { .address_lo = MSI_FIXED, .data = AGENT_VECTOR_CALL };

	guest->mailbox->command = command;
	guest->mailbox->address = address;
	guest->mailbox->value = value;
	/* Not by what is being tested: this has neither a GSI nor an eventfd. */
	assert_true(ioctl_call(guest->vm.fd, KVM_SIGNAL_MSI, &msi) > 0);
}

/* The agent is ready, or has done everything that it was told. */
void guest_call_wait(struct guest *guest)
{
	guest->calls++;
	counter_wait(guest, "answers of the agent", &guest->done, guest->calls);
}

uint64_t guest_call(struct guest *guest, enum agent_command command, uint64_t address,
		    uint64_t value)
{
	guest_call_start(guest, command, address, value);
	guest_call_wait(guest);
	return guest->mailbox->value;
}

void guest_interrupts_wait(struct guest *guest, unsigned int vector, unsigned int count)
{
	counter_wait(guest, "interrupts", &guest->interrupts[vector], count);
}

/* The agent copies posted to seen in its handler. */
void guest_signals_send(struct guest *guest, int eventfd, unsigned int vector, unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		guest->mailbox->posted = i;
		eventfd_signal(eventfd);
		guest_interrupts_wait(guest, vector, i);
		assert_int_equal(guest->mailbox->seen, i);
	}
}

unsigned int guest_interrupts_count(struct guest *guest, unsigned int vector)
{
	unsigned int count;

	guest_call(guest, AGENT_NOTHING, 0, 0);
	pthread_mutex_lock(&guest->lock);
	count = guest->interrupts[vector];
	pthread_mutex_unlock(&guest->lock);
	return count;
}

void guest_kicks_wait(struct guest *guest, unsigned int count)
{
	counter_wait(guest, "kicks", &guest->kicks, count);
}
