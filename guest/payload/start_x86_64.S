/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a payload starts: by PVH in 32-bit protected mode without paging, rbx = start info (Xen's
 * docs/misc/pvh.pandoc). From there into 64-bit mode, with the first 4 GiB mapped where they are.
 * The other CPUs join half-way: a start-up interrupt finds them in real mode.
 */

#define CR0_PE_PG 0x80000001
#define CR4_PAE	  0x20
#define MSR_EFER  0xc0000080
#define EFER_LME  0x100

/* Selectors in the table below. */
#define CODE_32 0x08
#define CODE_64 0x10
#define DATA	0x18

	/* XEN_ELFNOTE_PHYS32_ENTRY: sizes of name and descriptor, type, name, descriptor. */
	.section .note.Xen, "a", @note
	.long	4, 4, 18
	.asciz	"Xen"
	.long	start32

	.text
	.code32
	.globl	start32
start32:
	movl	%ebx, payload_start_info
	movl	$stack_end, %esp
	movl	$payload_start, %edi
/* esp = stack, edi = the C function to call there. */
long_mode_enter:
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$page_map, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PE_PG, %eax
	movl	%eax, %cr0
	lgdt	gdt_register
	ljmpl	$CODE_64, $start64

	.code64
start64:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%esp, %esp	/* a 32-bit move clears the upper half */
	movl	%edi, %edi
	xorl	%ebp, %ebp
	call	*%rdi
1:	hlt
	jmp	1b

/*
 * What cpu_start() copies to a page below 1 MiB: a CPU begins at the page's first byte, in real
 * mode with cs = page / 16. All addresses in here are absolute.
 */
	.globl	cpu_trampoline, cpu_trampoline_end
	.code16
cpu_trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	trampoline_gdt_register - cpu_trampoline
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE_32, $cpu_start32
trampoline_gdt_register:
	.word	gdt_end - gdt - 1
	.long	gdt
cpu_trampoline_end:

	.code32
cpu_start32:
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	cpu_start_stack, %esp
	movl	$cpu_main, %edi
	jmp	long_mode_enter

/*
 * Interrupts and exceptions: 256 entries of 16 bytes, which all go to interrupt_dispatch() with
 * a struct interrupt_frame. Some exceptions come with an error code (Intel SDM volume 3, 6.15);
 * the others get a 0 in its place.
 */
	.code64
	.globl	interrupt_entries
	.balign	16
interrupt_entries:
	.set	number, 0
	.rept	256
	.balign	16
	.if	number != 8 && number != 17 && number != 21 && (number < 10 || number > 14)
	pushq	$0
	.endif
	pushq	$number
	jmp	interrupt_common
	.set	number, number + 1
	.endr

interrupt_common:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	24(%rsp), %rcx		/* the number */
	movq	%rax, interrupt_ticks(,%rcx,8)
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	cld
	/* The CPU aligned the stack and pushed 5 words; with 11 more it is aligned again. */
	movq	%rsp, %rdi
	call	interrupt_dispatch
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	iretq

	.section .rodata
	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 32-bit code */
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
gdt_end:
gdt_register:
	.word	gdt_end - gdt - 1
	.long	gdt

/* Present and writable; the entries of the four directories are pages of 2 MiB as well. */
#define TABLE	0x03
#define PAGE_2M 0x83

	.data
	.globl	page_map_level_3
	.balign	4096
page_map:
	.quad	page_map_level_3 + TABLE
	.fill	511, 8, 0
page_map_level_3:
	.set	number, 0
	.rept	4
	.quad	page_directories + number * 4096 + TABLE
	.set	number, number + 1
	.endr
	.fill	508, 8, 0
page_directories:
	.set	number, 0
	.rept	4 * 512
	.quad	number * 0x200000 + PAGE_2M
	.set	number, number + 1
	.endr

	.bss
	.balign	16
	.skip	16384
stack_end:

	.section .note.GNU-stack, "", @progbits
