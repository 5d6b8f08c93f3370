/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a payload starts: as Linux does (Documentation/arch/arm64/booting.rst), with the address of
 * the device tree in x0, at EL1 or EL2, without MMU. From there to C, at EL1, with all of the first
 * TiB mapped where it is. The other CPUs join half-way: PSCI starts them like the first.
 */

/* Entries of the tables for addresses (DDI 0487, D8.3): a next table; blocks of 1 GiB. */
#define TABLE		0x3
#define BLOCK_NORMAL	0x705			/* used, inner shareable, attribute 1 */
#define BLOCK_DEVICE	0x0060000000000401	/* never executed, used, attribute 0 */
#define MAIR		0xff04			/* 1: write-back memory; 0: Device-nGnRE */

/* 48 bits of addresses, 4 KiB pages; the tables are write-back and inner shareable. */
#define TCR		(16 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
#define TCR_IPS_SHIFT	32
#define PARANGE_48	5

#define SCTLR		0x30d01805	/* the bits that are 1, caches and MMU */
#define CPACR		0x300000	/* no trap for vector registers, which libfdt uses */

/* EL2 lets EL1 do everything (the registers are in D19.2 and, of the GIC, in IHI 0069, 12.2). */
#define HCR		0x80000000	/* EL1 has 64 bits */
#define CPTR		0x33ff
#define CNTHCTL		0x3
#define SPSR		0x3c5		/* EL1 with a stack of its own, interrupts masked */
#define ICC_SRE		0x9		/* the GIC by system registers, for EL1 too */
#define ICC_SRE_EL2	S3_4_C12_C9_5
#define ICH_HCR_EL2	S3_4_C12_C11_0

	.section .head, "ax"
	.globl	image_header
image_header:
	b	start
	nop
	/* The rest of it is in link_arm64.ld, which knows the size. */

	.text
start:
	mov	x19, x0
	bl	el1_enter
	bl	tables_fill
	bl	mmu_enable
	bl	relocate
	adrp	x0, stack_end
	add	sp, x0, :lo12:stack_end
	mov	x0, x19
	mov	x29, xzr
	bl	payload_start
1:	wfi
	b	1b

/* Where PSCI starts another CPU; x0 = its stack. */
	.globl	cpu_entry
cpu_entry:
	mov	x19, x0
	bl	el1_enter
	bl	mmu_enable
	mov	sp, x19
	mov	x29, xzr
	bl	cpu_main
1:	wfi
	b	1b

/* Return at EL1. */
el1_enter:
	mrs	x1, CurrentEL
	cmp	x1, #2 << 2
	b.ne	1f
	mov	x1, #HCR
	msr	hcr_el2, x1
	mov	x1, #CPTR
	msr	cptr_el2, x1
	mov	x1, #CNTHCTL
	msr	cnthctl_el2, x1
	msr	cntvoff_el2, xzr
	mrs	x1, midr_el1
	msr	vpidr_el2, x1
	mrs	x1, mpidr_el1
	msr	vmpidr_el2, x1
	mov	x1, #ICC_SRE
	msr	ICC_SRE_EL2, x1
	isb
	msr	ICH_HCR_EL2, xzr
	mov	x1, #SPSR
	msr	spsr_el2, x1
	msr	elr_el2, x30
	eret
1:	ret

/* A TiB of devices, but for the GiB of this program and that of the device tree (x19). */
tables_fill:
	adrp	x1, page_map
	adrp	x2, page_map_level_1
	add	x3, x2, #TABLE
	str	x3, [x1]
	add	x3, x3, #4096
	str	x3, [x1, #8]
	ldr	x3, =BLOCK_DEVICE
	mov	x4, xzr
	mov	x5, #1 << 30
1:	str	x3, [x2, x4, lsl #3]
	add	x3, x3, x5
	add	x4, x4, #1
	cmp	x4, #1024
	b.ne	1b
	adr	x3, image_header
	lsr	x3, x3, #30
	lsr	x4, x19, #30
	mov	x5, #BLOCK_NORMAL
	orr	x6, x5, x3, lsl #30
	str	x6, [x2, x3, lsl #3]
	orr	x6, x5, x4, lsl #30
	str	x6, [x2, x4, lsl #3]
	/* This went around the caches; no line of them may hide it (16: the shortest lines). */
	dsb	sy
	add	x2, x1, #3 * 4096
1:	dc	ivac, x1
	add	x1, x1, #16
	cmp	x1, x2
	b.ne	1b
	dsb	sy
	ret

mmu_enable:
	ldr	x1, =MAIR
	msr	mair_el1, x1
	mrs	x2, id_aa64mmfr0_el1
	and	x2, x2, #0xf
	mov	x3, #PARANGE_48
	cmp	x2, x3
	csel	x2, x2, x3, lo
	ldr	x1, =TCR
	orr	x1, x1, x2, lsl #TCR_IPS_SHIFT
	msr	tcr_el1, x1
	adrp	x1, page_map
	msr	ttbr0_el1, x1
	mov	x1, #CPACR
	msr	cpacr_el1, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x1, =SCTLR
	msr	sctlr_el1, x1
	isb
	ret

/* Every entry is an R_AARCH64_RELATIVE: where, type, and what there is besides the address. */
relocate:
	adr	x1, image_header
	adrp	x2, relocations
	add	x2, x2, :lo12:relocations
	adrp	x3, relocations_end
	add	x3, x3, :lo12:relocations_end
1:	cmp	x2, x3
	b.hs	2f
	ldp	x4, x5, [x2], #16
	ldr	x5, [x2], #8
	add	x5, x5, x1
	str	x5, [x4, x1]
	b	1b
2:	ret

/*
 * Interrupts and exceptions (DDI 0487, D1.3): 16 entries of 128 bytes. The one for interrupts at
 * EL1 goes to interrupt_dispatch(), all others to exception_fail(), but that a program may ask for
 * the instruction to be skipped when it is EL1's own.
 */
	.macro	exception_entry number
	.balign	128
	mov	x0, #\number
	mrs	x1, esr_el1
	mrs	x2, elr_el1
	mrs	x3, far_el1
	b	exception_fail
	.endm

	.macro	skip_entry number
	.balign	128
	stp	x0, x1, [sp, #-16]!
	adrp	x0, exceptions_skip
	ldrb	w0, [x0, :lo12:exceptions_skip]
	mrs	x1, elr_el1
	add	x1, x1, #4
	cbz	w0, 1f
	msr	elr_el1, x1
	ldp	x0, x1, [sp], #16
	eret
1:	b	exception_\number
	.endm

	.macro	interrupt_entry
	.balign	128
	stp	x0, x1, [sp, #-176]!
	mrs	x0, cntvct_el0
	adrp	x1, interrupt_ticks
	str	x0, [x1, :lo12:interrupt_ticks]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x29, [sp, #144]
	str	x30, [sp, #160]
	bl	interrupt_dispatch
	b	interrupt_return
	.endm

	.balign	2048
vectors:
	.set	number, 0
	.rept	16
	.if	number == 4
	skip_entry 4
	.elseif	number == 5
	interrupt_entry
	.else
	exception_entry number
	.endif
	.set	number, number + 1
	.endr

exception_4:
	exception_entry 4

interrupt_return:
	ldr	x30, [sp, #160]
	ldp	x18, x29, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp], #176
	eret

/* Nothing clears .bss: the VM's memory is zero at first. */
	.bss
	.globl	page_map_level_1
	.balign	4096
page_map:
	.skip	4096
page_map_level_1:
	.skip	2 * 4096
	.skip	16384
stack_end:

	.section .note.GNU-stack, "", @progbits
