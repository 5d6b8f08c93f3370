/* SPDX-License-Identifier: BSD-2-Clause */
/* The bare-metal program of `posthorn latency`, ready to boot: guest/payload/latency.c, and its size. */
	.section .rodata.latency_program, "a"
	.balign 16
	.globl latency_program
latency_program:
	.incbin "vmm/latency/program.bin"
program_end:
	.balign 8
	.globl latency_program_size
latency_program_size:
	.quad program_end - latency_program
	.section .note.GNU-stack, "", %progbits
