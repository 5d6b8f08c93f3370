/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What system calls are left once the guest runs: a list for each kind of thread, with a reason for
 * each row (docs/security.md). What is not in the list ends the VM at once, with a message that
 * names the call. So nothing can be opened, mapped or executed after the start: what is read later
 * is opened by machine_init(). All functions are for the start-up only.
 */
#ifndef POSTHORN_VMM_SECCOMP_H
#define POSTHORN_VMM_SECCOMP_H

enum seccomp_thread {
	SECCOMP_THREAD_VCPU,
	SECCOMP_THREAD_MAIN,
	SECCOMP_THREAD_RELAY,	 /* of vmm/relay.h */
	SECCOMP_THREAD_DOORBELL, /* of vmm/latency/doorbell.h */
	SECCOMP_THREADS
};

/* --seccomp */
enum seccomp_mode {
	SECCOMP_MODE_ON,
	SECCOMP_MODE_LOG, /* the kernel writes into its log what the list does not have */
	SECCOMP_MODE_OFF,
	SECCOMP_MODES
};

enum seccomp_check {
	CHECK_NOTHING,
	CHECK_REQUEST, /* of ioctl(2): only this one */
	CHECK_REFUSE,  /* not allowed, but no end of the VM either: it fails with ENOMEM */
};

struct seccomp_row {
	const char *name; /* of the system call, or of the request of ioctl(2) */
	int number;
	enum seccomp_check check;
	unsigned long request;
	const char *reason;
};

/* The rows for a kind of thread; the last has no name. */
const struct seccomp_row *seccomp_rows(enum seccomp_thread thread);

/*
 * Look whether the kernel has filters, and catch what they catch. Dies with EXIT_HOST when it has
 * none. In the main thread, before the first seccomp_thread_enter().
 */
void seccomp_prepare(enum seccomp_mode mode);

/*
 * Put the calling thread under the filter of its list, for ever: after privileges_drop(). Dies when
 * that cannot be; no guest runs yet: threads_start() in vmm/run.c, relay_init() and doorbell_init()
 * wait for each thread to get here.
 */
void seccomp_thread_enter(enum seccomp_mode mode, enum seccomp_thread thread);

#endif
