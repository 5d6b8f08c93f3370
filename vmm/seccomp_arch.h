/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the filters of vmm/seccomp.c differ between architectures: arm64 has only the new calls. */
#ifndef POSTHORN_VMM_SECCOMP_ARCH_H
#define POSTHORN_VMM_SECCOMP_ARCH_H

#include <ucontext.h>

#if defined(__x86_64__)
#define SECCOMP_EPOLL_WAIT epoll_wait
/* The requests of vcpu_pc() and vcpu_bus_error(). */
#define SECCOMP_VCPU_REQUESTS \
	REQUEST(KVM_GET_REGS, "the guest crashes, or KVM cannot run it: where was it?")
/* The second argument of the system call that a signal interrupted. */
#define SECCOMP_ARGUMENT(context) ((unsigned long)(context)->uc_mcontext.gregs[REG_RSI])
#elif defined(__aarch64__)
#define SECCOMP_EPOLL_WAIT epoll_pwait
#define SECCOMP_VCPU_REQUESTS                                                               \
	REQUEST(KVM_GET_ONE_REG, "the guest crashes, or KVM cannot run it: where was it?"), \
		REQUEST(KVM_SET_VCPU_EVENTS,                                                \
			"an access by an instruction that KVM cannot carry out: a bus error")
#define SECCOMP_ARGUMENT(context) ((unsigned long)(context)->uc_mcontext.regs[1])
#endif

#endif
