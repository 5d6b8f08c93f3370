/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters of a VM and of its vCPUs: KVM API 4.133, KVM_GET_STATS_FD (Linux 5.14). */
#ifndef POSTHORN_VMM_LATENCY_KVM_STATS_H
#define POSTHORN_VMM_LATENCY_KVM_STATS_H

#include <stdint.h>

/*
 * Open the counters of @fd, of a VM or a vCPU (struct vm and struct vcpu), while it does not run.
 * The descriptor, the caller's to close, or -errno: -ENOTTY or -EINVAL from kernels without them.
 */
int stats_open(int fd);

/*
 * Call @visit for every counter in @stats_fd (stats_open(), or its error) that is one number;
 * histograms are left out. Names are those of the kernel, "exits" and "halt_exits" say. 0, or
 * -errno: what @stats_fd is when that is an error, -EPROTO when the counters are not as they should
 * be. Any thread.
 */
int stats_read(int stats_fd, void (*visit)(void *opaque, const char *name, uint64_t value),
	       void *opaque);

#endif
