/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AMD's Advanced Virtual Interrupt Controller (AVIC) for TCG's SVM.
 *
 * Sections and tables are those of the AMD64 Architecture Programmer's Manual,
 * volume 2 (24593), revision 3.44.
 */
#ifndef I386_TCG_AVIC_H
#define I386_TCG_AVIC_H

#include "exec/hwaddr.h"

/* Look at the virtual APIC, or take the #VMEXIT that is due */
#define CPU_INTERRUPT_AVIC CPU_INTERRUPT_TGT_EXT_0

/*
 * A guest's accesses to its APIC's registers are sent to a memory region at
 * this address, which is above the physical addresses of the CPU models that
 * TCG emulates.
 */
#define AVIC_WINDOW_BASE (1ULL << 51)

/* Of a CPU, while it runs a guest with AVIC; all zero otherwise */
typedef struct AvicState {
    uint8_t *page;          /* the virtual APIC's backing page, or NULL */
    hwaddr bar;             /* where the guest sees its APIC */
    uint64_t exit_code;     /* #VMEXIT due behind this instruction, or 0 */
    uint64_t exit_info_1;
    uint64_t exit_info_2;
} AvicState;

/*
 * VMRUN has loaded the guest's state. Turns AVIC on for this guest if its VMCB
 * says so. @retaddr is for a #VMEXIT when the VMCB is not valid.
 */
void avic_vmrun(CPUArchState *env, uintptr_t retaddr);

/* #VMEXIT, with the BQL */
void avic_vmexit(CPUArchState *env);

/* Is a #VMEXIT due before anything else? */
bool avic_exit_is_due(CPUArchState *env);

/* Has the guest's APIC an interrupt that its priorities let through? */
bool avic_interrupt_is_pending(CPUArchState *env);

/* Takes CPU_INTERRUPT_AVIC, for one of the two reasons above; with the BQL */
void avic_interrupt(CPUArchState *env);

/* Is this guest-physical address in the page of the guest's APIC? */
bool avic_has_address(CPUArchState *env, hwaddr address);

/* The guest has written V_TPR by way of CR8 */
void avic_cr8_written(CPUArchState *env);

/* Is WRMSR one of AVIC's, and so done? */
bool avic_wrmsr(CPUArchState *env);

/* ---- for the IOMMU; with the BQL ---- */

typedef enum AvicPost {
    AVIC_POST_NO_PAGE,      /* there is no memory at that address */
    AVIC_POST_SET,
    AVIC_POST_MERGED,       /* the interrupt was pending already */
} AvicPost;

/* Sets IRR's bit of @vector in the backing page at the physical address @page */
AvicPost avic_post(hwaddr page, uint8_t vector);

/* Has the CPU look at the virtual APIC of the guest that it runs, if any */
void avic_doorbell(uint32_t apic_id);

#endif
