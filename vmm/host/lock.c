/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/lock.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/host.h"

/* Does this process have CAP_IPC_LOCK, in its user namespace? */
static bool has_ipc_lock(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK));
}

/* The first user namespace has this inode number in every kernel (PROC_USER_INIT_INO). */
#define USER_NAMESPACE_INITIAL 0xeffffffd

static bool in_initial_user_namespace(void)
{
	struct stat status;

	/* Without /proc, or in a kernel without user namespaces, there is no other. */
	return stat("/proc/self/ns/user", &status) < 0 || status.st_ino == USER_NAMESPACE_INITIAL;
}

/* VFIO does not count what a process pins that has CAP_IPC_LOCK where the kernel asks for it. */
uint64_t host_lock_limit(void)
{
	struct rlimit limit;

	if ((has_ipc_lock() && in_initial_user_namespace()) ||
	    getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

void host_lock_remedy(uint64_t size, char *remedy, size_t room)
{
	unsigned long long kib = size / KIB;

	if (in_initial_user_namespace())
		snprintf(remedy, room, "ulimit -l %llu, or memlock in /etc/security/limits.conf",
			 kib);
	else
		snprintf(remedy, room,
			 "ulimit -l %llu where this user namespace is made (or docker run "
			 "--ulimit memlock=, systemd's LimitMEMLOCK=): VFIO wants CAP_IPC_LOCK in "
			 "the initial user namespace, and no other counts",
			 kib);
}

int host_lock_check(uint64_t size)
{
	uint64_t limit = host_lock_limit();
	char remedy[512];

	if (limit >= size)
		return EXIT_OK;
	host_lock_remedy(size, remedy, sizeof(remedy));
	log_error("the memory lock limit is too low to pin the guest's memory for DMA: needed "
		  "%llu KiB, allowed %llu KiB; raise it: %s",
		  (unsigned long long)(size / KIB), (unsigned long long)(limit / KIB), remedy);
	return EXIT_HOST;
}
