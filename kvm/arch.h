/* SPDX-License-Identifier: BSD-2-Clause */
/* What each architecture's file in kvm/ provides. */
#ifndef POSTHORN_KVM_ARCH_H
#define POSTHORN_KVM_ARCH_H

#include "kvm/vcpu.h"
#include "kvm/vm.h"

/*
 * After KVM_CREATE_VM, before any vCPU: interrupt controllers and whatever else must exist first.
 * Dies when KVM refuses.
 */
void arch_vm_init(struct vm *vm);

/* After KVM_CREATE_VCPU: CPUID, MSRs and the like. Dies when KVM refuses. */
void arch_vcpu_init(struct vcpu *vcpu);

void arch_vcpu_entry_set(struct vcpu *vcpu, const struct vcpu_entry *entry);

/* Bits of a guest-physical address that a guest of this /dev/kvm can use. Dies as above. */
unsigned int arch_physical_bits(int kvm_fd);

#endif
