/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `make bench-irqs`: what connecting and taking down many vectors costs, with KVM's real interrupt
 * routes and irqfds, where there is a /dev/kvm, and a made-up VFIO device, which takes no time.
 * Times are the least of several rounds; the calls are counted, and are the same everywhere.
 *
 * "In turn" is what a driver does that unmasks one entry of the table after the other: each is a
 * sync of its own. "At once" is one sync, as when the guest turns MSI-X on with all entries set.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/util.h"
#include "vfio/device.h"
#include "vfio/irqs.h"

#define VECTORS	      2048
#define VECTORS_FIXED 64
#define ROUNDS	      5
#define DEVICE_FD     (-2) /* of the made-up device */

/* ---- what is called ---- */

static struct calls {
	unsigned int routes, irqfds, triggers; /* KVM_SET_GSI_ROUTING, KVM_IRQFD, SET_IRQS */
	unsigned int turned_on;		       /* MSI-X, in the device */
	unsigned int signals;		       /* interrupts that posthorn makes up */
} calls;

static bool device_is_on;

int __real_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
void __real_eventfd_signal(int fd);
void __wrap_eventfd_signal(int fd);

static int device_ioctl(const struct vfio_irq_set *set)
{
	calls.triggers++;
	if (set->count && !device_is_on)
		calls.turned_on++;
	device_is_on = set->count;
	return 0;
}

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	if (fd == DEVICE_FD)
		return device_ioctl(argument);
	calls.routes += request == KVM_SET_GSI_ROUTING;
	calls.irqfds += request == KVM_IRQFD;
	return fd < 0 ? 0 : __real_ioctl_named(fd, request, argument, name);
}

void __wrap_eventfd_signal(int fd)
{
	calls.signals++;
	__real_eventfd_signal(fd);
}

/* ---- a device and its guest ---- */

struct subject {
	struct irq_router router;
	struct vfio_device device;
	struct vfio_irqs irqs;
};

/* A VM with interrupt controllers and nothing else; -1: there is no KVM. */
static int vm_create(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0)
		return -1;
	vm = ioctl_value(kvm, KVM_CREATE_VM, 0);
	fd_close(&kvm);
	if (vm >= 0 && ioctl_value(vm, KVM_CREATE_IRQCHIP, 0) < 0)
		fd_close(&vm);
	return vm;
}

static void subject_init(struct subject *subject, unsigned int vectors, bool is_dynamic)
{
	struct irqs_config config = { .router = &subject->router, .msix_size = vectors };

	memset(subject, 0, sizeof(*subject));
	subject->device.fd = DEVICE_FD;
	if (!is_dynamic)
		subject->device.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_NORESIZE;
	if (irq_router_init(&subject->router, vm_create()) < 0 ||
	    irqs_init(&subject->irqs, &subject->device, &config) < 0) {
		fprintf(stderr, "no memory\n");
		exit(1);
	}
}

static void subject_cleanup(struct subject *subject)
{
	irqs_cleanup(&subject->irqs);
	fd_close(&subject->router.vm_fd);
	irq_router_cleanup(&subject->router);
}

static void entry_unmask(struct subject *subject, unsigned int vector)
{
	struct irq_vector *entry = &subject->irqs.sets[IRQ_KIND_MSIX].vectors[vector];

	entry->message.address = 0xfee00000;
	entry->message.data = 0x4000 + vector;
	entry->masked = false;
}

static void msix_turn(struct subject *subject, bool on)
{
	subject->irqs.sets[IRQ_KIND_MSIX].enabled = on;
	irqs_sync(&subject->irqs);
}

/* ---- what is measured ---- */

struct result {
	double ms;
	struct calls calls;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void part_end(struct result *result, double start)
{
	double ms = now_ms() - start;

	result->ms = result->ms == 0 ? ms : min(result->ms, ms);
	result->calls = calls;
	memset(&calls, 0, sizeof(calls));
}

static void at_once(struct subject *subject, struct result *up, struct result *down)
{
	double start;

	for (unsigned int i = 0; i < VECTORS; i++)
		entry_unmask(subject, i);
	start = now_ms();
	msix_turn(subject, true);
	part_end(up, start);
	start = now_ms();
	msix_turn(subject, false);
	part_end(down, start);
}

static void in_turn(struct subject *subject, unsigned int vectors, struct result *up)
{
	double start = now_ms();

	msix_turn(subject, true);
	for (unsigned int i = 0; i < vectors; i++) {
		entry_unmask(subject, i);
		irqs_vectors_sync(&subject->irqs, IRQ_KIND_MSIX, i, i + 1);
	}
	part_end(up, start);
	msix_turn(subject, false);
	memset(&calls, 0, sizeof(calls));
}

static void line(const char *what, const struct result *result)
{
	printf("%-44s %9.1f %8u %8u %8u %6u %8u\n", what, result->ms, result->calls.routes,
	       result->calls.irqfds, result->calls.triggers, result->calls.turned_on,
	       result->calls.signals);
}

static void files_limit_raise(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
	struct result up = { 0 }, down = { 0 }, turn = { 0 }, fixed = { 0 };
	struct subject subject;

	files_limit_raise();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		subject_init(&subject, VECTORS, true);
		if (!round && subject.router.vm_fd < 0)
			printf("There is no /dev/kvm: calls are counted, times mean nothing.\n");
		at_once(&subject, &up, &down);
		subject_cleanup(&subject);
		subject_init(&subject, VECTORS, true);
		in_turn(&subject, VECTORS, &turn);
		subject_cleanup(&subject);
		subject_init(&subject, VECTORS_FIXED, false);
		in_turn(&subject, VECTORS_FIXED, &fixed);
		subject_cleanup(&subject);
	}
	printf("%-44s %9s %8s %8s %8s %6s %8s\n", "", "ms", "routes", "irqfds", "triggers", "on",
	       "made up");
	line("connect 2,048 vectors at once", &up);
	line("take down 2,048 vectors", &down);
	line("connect 2,048 vectors in turn", &turn);
	line("connect 64 in turn, without dynamic MSI-X", &fixed);
	printf("in turn / at once: %.1f times as long\n", turn.ms / up.ms);
	return 0;
}
