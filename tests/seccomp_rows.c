/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the lists of vmm/seccomp.h, a row a line: the thread, the system call, the request of
 * ioctl(2) or 0, and which test sees it made ("-": none). For tests/seccomp.bash.
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/seccomp.h"

static void row_print(const char *thread, const struct seccomp_row *row)
{
	static const char *const shown[] = {
		[SHOWN_RUN] = "run",
		[SHOWN_LATENCY] = "latency",
		[SHOWN_DEVICE] = "device",
		[NOT_SHOWN] = "-",
	};
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, row->number);

	printf("%s %s %#lx %s\n", thread, name, row->request, shown[row->shown]);
	free(name);
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
			row_print(threads[thread], row);
	return 0;
}
