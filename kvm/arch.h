/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each architecture's file in kvm/ provides to the other files there, beside vm_finish(),
 * vcpu_entry_set(), vcpu_pc(), vcpu_page_sizes() and vcpu_bus_error(). Those that can
 * fail return -errno with the reason in @why.
 */
#ifndef POSTHORN_KVM_ARCH_H
#define POSTHORN_KVM_ARCH_H

#include <stdint.h>

#include "lib/log.h"

struct vcpu;
struct vm;

/* What to do where there is no /dev/kvm; the end of an error message. */
extern const char arch_kvm_remedy[];

/* The interrupt controller whose pins are the GSIs below IRQ_PINS (KVM API 4.52). */
extern const uint32_t arch_pin_irqchip;

/* The argument of KVM_CREATE_VM for a VM with all the address bits that arch_physical_bits() has.
 */
unsigned long arch_vm_type(int kvm_fd);

/*
 * After KVM_CREATE_VM, before any vCPU: interrupt controllers and whatever else must exist first.
 */
int arch_vm_init(struct vm *vm, char why[WHY_SIZE]);

/* After KVM_CREATE_VCPU: CPUID, MSRs and the like. */
int arch_vcpu_init(struct vcpu *vcpu, char why[WHY_SIZE]);

/* Bits of a guest-physical address that a guest of this /dev/kvm can use. */
unsigned int arch_physical_bits(int kvm_fd);

#endif
