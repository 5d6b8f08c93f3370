/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is particular to a VM on arm64: where KVM emulates the interrupt controller, GICv3 with an
 * ITS (Arm IHI 0069), and which private interrupts its timers and performance counters have.
 * guest/layout.h draws the map that these addresses are part of, guest/fdt.c tells the guest.
 */
#ifndef POSTHORN_KVM_ARM64_H
#define POSTHORN_KVM_ARM64_H

#include <stdint.h>

/* Guest-physical addresses and sizes in bytes; all are multiples of 64 KiB. */
#define ARM64_GIC_DISTRIBUTOR	     0x09000000ULL
#define ARM64_GIC_DISTRIBUTOR_SIZE   0x10000ULL
#define ARM64_GIC_ITS		     0x09020000ULL
#define ARM64_GIC_ITS_SIZE	     0x20000ULL
#define ARM64_GIC_REDISTRIBUTOR	     0x09100000ULL /* the first CPU's; the others' follow */
#define ARM64_GIC_REDISTRIBUTOR_SIZE 0x20000ULL	   /* for each CPU */

/* The register that a device writes its event number to: GITS_TRANSLATER. */
#define ARM64_GIC_ITS_DOORBELL (ARM64_GIC_ITS + 0x10040)

/* Interrupt numbers (INTID). GSI n of kvm/irq.h is the shared peripheral interrupt n. */
#define ARM64_INTID_SPI		   32
#define ARM64_INTID_PMU		   23
#define ARM64_INTID_TIMER_SECURE   29
#define ARM64_INTID_TIMER_PHYSICAL 30
#define ARM64_INTID_TIMER_VIRTUAL  27
#define ARM64_INTID_TIMER_HYP	   26

/* MPIDR_EL1 of vCPU @index as KVM makes it (arch/arm64/kvm/sys_regs.c, reset_mpidr()). */
static inline uint64_t arm64_mpidr(unsigned int index)
{
	return (index & 0xf) | (uint64_t)((index >> 4) & 0xff) << 8 |
	       (uint64_t)((index >> 12) & 0xff) << 16;
}

#endif
