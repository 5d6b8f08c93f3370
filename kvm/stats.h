/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's own counters of a VM and of its vCPUs: KVM API 4.133, KVM_GET_STATS_FD (Linux 5.14). */
#ifndef POSTHORN_KVM_STATS_H
#define POSTHORN_KVM_STATS_H

#include <stdint.h>

/*
 * Call @visit for every counter behind @fd, of a VM or a vCPU (struct vm and struct vcpu), that is
 * one number; histograms are left out. Names are those of the kernel, "exits" and "halt_exits" say.
 * 0, or -errno: -ENOTTY or -EINVAL from kernels that do not have it, -EPROTO when the counters are
 * not as they should be. A vCPU's must be read by its thread, or while it does not run: KVM makes
 * others wait until then.
 */
int stats_read(int fd, void (*visit)(void *opaque, const char *name, uint64_t value), void *opaque);

#endif
