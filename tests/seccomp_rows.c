/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the lists of vmm/seccomp.h, a row a line: the thread, the system call, the request of
 * ioctl(2) or 0, and which test sees it made ("-": none, and the row's reason says what it takes).
 * For tests/seccomp.bash.
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/seccomp.h"
#include "vmm/seccomp_arch.h"

#define NAME(macro)	  NAME_OF(macro)
#define NAME_OF(expanded) #expanded

/* Rows by the names that they have. */
static const struct {
	const char *test; /* which sees them made */
	enum seccomp_thread thread;
	const char *names[16]; /* the last is NULL */
} shown[] = {
	/* Each run: tests/kvm/seccomp.bats. */
	{ "run", SECCOMP_THREAD_VCPU, { "KVM_RUN", "write", "futex", "rt_sigreturn", "exit" } },
	{ "run",
	  SECCOMP_THREAD_MAIN,
	  { "ppoll", "read", "write", "futex", "getpid", "tgkill", "rt_sigprocmask", "TCSETS",
	    "TCGETS", "TIOCGPGRP", "munmap", "close", "exit_group" } },
	/* Runs of `posthorn latency`: the same file. */
	{ "latency",
	  SECCOMP_THREAD_DOORBELL,
	  { "read", "write", "rt_sigprocmask", "madvise", "exit" } },
	{ "latency",
	  SECCOMP_THREAD_RELAY,
	  { NAME(SECCOMP_EPOLL_WAIT), "read", "KVM_SIGNAL_MSI", "rt_sigprocmask", "madvise",
	    "exit" } },
	/* Runs with a network card and an irq report: tests/lab/seccomp.bats. */
	{ "device",
	  SECCOMP_THREAD_VCPU,
	  { "KVM_SET_USER_MEMORY_REGION", "KVM_SET_GSI_ROUTING", "KVM_IRQFD",
	    "KVM_REGISTER_COALESCED_MMIO", "VFIO_DEVICE_SET_IRQS", "VFIO_IOMMU_MAP_DMA",
	    "VFIO_IOMMU_UNMAP_DMA", "pread64", "pwrite64", "read", "eventfd2", "close" } },
	{ "device",
	  SECCOMP_THREAD_MAIN,
	  { "VFIO_DEVICE_SET_IRQS", "KVM_IRQFD", "KVM_SET_GSI_ROUTING",
	    "KVM_SET_USER_MEMORY_REGION", "VFIO_IOMMU_UNMAP_DMA", "pread64" } },
};

static const char *test_of(enum seccomp_thread thread, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		for (const char *const *known = shown[i].names; shown[i].thread == thread && *known;
		     known++)
			if (!strcmp(*known, name))
				return shown[i].test;
	return "-";
}

static void row_print(const char *name, enum seccomp_thread thread, const struct seccomp_row *row)
{
	char *call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, row->number);

	printf("%s %s %#lx %s\n", name, call, row->request, test_of(thread, row->name));
	free(call);
}

int main(void)
{
	static const char *const threads[] = {
		[SECCOMP_THREAD_VCPU] = "vcpu",
		[SECCOMP_THREAD_MAIN] = "main",
		[SECCOMP_THREAD_RELAY] = "relay",
		[SECCOMP_THREAD_DOORBELL] = "doorbell",
	};

	for (unsigned int thread = 0; thread < SECCOMP_THREADS; thread++)
		for (const struct seccomp_row *row = seccomp_rows(thread); row->name; row++)
			row_print(threads[thread], thread, row);
	return 0;
}
