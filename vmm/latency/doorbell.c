/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/doorbell.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "vfio/device.h"

static void ioeventfd_add(struct doorbell *doorbell, uint64_t offset, int eventfd)
{
	const struct doorbell_config *config = &doorbell->config;
	int error = vm_ioeventfd_add(config->vm, config->address + offset, 4, eventfd);

	if (error < 0)
		die(EXIT_HOST, "KVM cannot tie the doorbell to an eventfd (KVM_IOEVENTFD): %s",
		    strerror(-error));
}

/* ---- the thread ---- */

static void loopback_raise(struct doorbell *doorbell)
{
	static const unsigned int kinds[] = { VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX };
	struct vfio_device *device = doorbell->config.loopback;

	if (vfio_irq_trigger(device, kinds[doorbell->kind], 0) == 0)
		return;
	/* The guest has the other kind on; or none, and then it is lost, as a device's would be. */
	doorbell->kind = !doorbell->kind;
	vfio_irq_trigger(device, kinds[doorbell->kind], 0);
}

static void *thread_main(void *opaque)
{
	struct doorbell *doorbell = opaque;
	uint64_t count;

	if (doorbell->config.begin)
		doorbell->config.begin(doorbell->config.begin_opaque);
	pthread_barrier_wait(&doorbell->begun);
	for (;;) {
		/* A debugger interrupts it: signals are blocked. */
		if (read(doorbell->thread_eventfd, &count, sizeof(count)) < 0 && errno == EINTR)
			continue;
		if (atomic_load(&doorbell->stopping))
			return NULL;
		if (doorbell->config.loopback)
			loopback_raise(doorbell);
		else
			eventfd_signal(doorbell->wire.eventfd);
	}
}

static void thread_start(struct doorbell *doorbell)
{
	sigset_t all, former;
	int error;

	/* Not eventfd_create(): to wait for one that does not block takes one more system call. */
	doorbell->thread_eventfd = eventfd(0, EFD_CLOEXEC);
	if (doorbell->thread_eventfd < 0)
		die(EXIT_HOST, "cannot make the doorbell's second eventfd: %s%s", strerror(errno),
		    error_remedy(errno));
	ioeventfd_add(doorbell, DOORBELL_RAISE_THREAD, doorbell->thread_eventfd);
	/* The main thread waits for signals; one that this thread took would be missing there. */
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* of seccomp filters */
	pthread_sigmask(SIG_SETMASK, &all, &former);
	pthread_barrier_init(&doorbell->begun, NULL, 2);
	error = pthread_create(&doorbell->thread, NULL, thread_main, doorbell);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (error)
		die(EXIT_HOST, "cannot start the doorbell's thread: %s%s", strerror(error),
		    error_remedy(error));
	pthread_barrier_wait(&doorbell->begun);
	pthread_barrier_destroy(&doorbell->begun);
}

static void thread_stop(struct doorbell *doorbell)
{
	if (doorbell->thread_eventfd < 0)
		return;
	atomic_store(&doorbell->stopping, true);
	eventfd_signal(doorbell->thread_eventfd);
	pthread_join(doorbell->thread, NULL);
	fd_close(&doorbell->thread_eventfd);
}

/* ---- the doorbell ---- */

void doorbell_init(struct doorbell *doorbell, const struct doorbell_config *config)
{
	int error;

	*doorbell = (struct doorbell){ .config = *config, .thread_eventfd = -1 };
	doorbell->message.device_id = DOORBELL_DEVICE_ID;
	irq_wire_init(&doorbell->wire, &config->vm->irq, config->relay);
	error = irq_wire_open(&doorbell->wire);
	if (error < 0)
		die(EXIT_HOST, "cannot make the doorbell's eventfd: %s%s", strerror(-error),
		    error_remedy(-error));
	ioeventfd_add(doorbell, DOORBELL_RAISE, doorbell->wire.eventfd);
	if (config->thread)
		thread_start(doorbell);
}

static void disconnect(struct doorbell *doorbell)
{
	irq_wire_detach(&doorbell->wire);
	/* No hardware posts what KVM itself signals, so that nothing is owed for the detach. */
	doorbell->wire.was_attached = false;
}

/* The same way as that of an assigned device's message: see vfio/irqs.c. */
static int attach(struct doorbell *doorbell)
{
	int error;

	irq_routes_begin(doorbell->wire.router);
	irq_wire_route(&doorbell->wire, &doorbell->message);
	error = irq_routes_commit(doorbell->wire.router);
	return error < 0 ? error : irq_wire_attach(&doorbell->wire);
}

static void connect_message(struct doorbell *doorbell)
{
	int error = attach(doorbell);

	if (error == 0 || doorbell->warned)
		return;
	doorbell->warned = true;
	log_error("the doorbell cannot be connected to the guest's message 0x%llx=0x%x: %s",
		  (unsigned long long)doorbell->message.address, doorbell->message.data,
		  strerror(-error));
}

void doorbell_cleanup(struct doorbell *doorbell)
{
	thread_stop(doorbell);
	disconnect(doorbell);
	irq_routes_begin(doorbell->wire.router);
	irq_wire_close(&doorbell->wire);
	irq_routes_commit(doorbell->wire.router);
}

static void register_write(struct doorbell *doorbell, uint64_t offset, uint32_t value)
{
	struct msi_message *message = &doorbell->message;

	switch (offset) {
	case DOORBELL_ADDRESS_LOW:
		message->address = (message->address & ~0xffffffffULL) | value;
		break;
	case DOORBELL_ADDRESS_HIGH:
		message->address = (message->address & 0xffffffff) | (uint64_t)value << 32;
		break;
	case DOORBELL_DATA:
		message->data = value;
		break;
	case DOORBELL_CONTROL:
		disconnect(doorbell);
		if (value & 1)
			connect_message(doorbell);
		break;
	case DOORBELL_MARK:
		if (doorbell->config.mark)
			doorbell->config.mark(doorbell->config.opaque, value & 1);
		break;
	case DOORBELL_BREAK:
		if (doorbell->config.broken)
			doorbell->config.broken(doorbell->config.opaque, value);
		break;
	case DOORBELL_LOOK:
		if (doorbell->config.look)
			doorbell->config.look(doorbell->config.opaque, value);
		break;
	case DOORBELL_TAKEN:
		atomic_store(&doorbell->taken, value);
		break;
	}
}

void doorbell_access(void *opaque, uint64_t offset, struct access *access)
{
	struct doorbell *doorbell = opaque;

	if (access->size != 4)
		return;
	if (access->is_write)
		register_write(doorbell, offset, (uint32_t)access->data);
	else if (offset == DOORBELL_CONTROL)
		access->data = doorbell->wire.attached;
}
