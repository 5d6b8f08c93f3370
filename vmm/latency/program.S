/* SPDX-License-Identifier: BSD-2-Clause */
/* The bare-metal program of `posthorn latency`, ready to boot: guest/payload/latency.c. */
	.section .rodata.latency_program, "a"
	.balign 16
	.globl latency_program
latency_program:
	.incbin "vmm/latency/program.bin"
	.globl latency_program_end
latency_program_end:
	.section .note.GNU-stack, "", %progbits
