/* SPDX-License-Identifier: BSD-2-Clause */
/* What payloads for arm64 can use beside payload.h, which includes this. */
#ifndef POSTHORN_GUEST_PAYLOAD_PAYLOAD_ARM64_H
#define POSTHORN_GUEST_PAYLOAD_PAYLOAD_ARM64_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Set: an exception of an instruction (an access that is refused, above all) skips the instruction.
 * Not set, as at first: it fails the payload.
 */
extern bool exceptions_skip;

/* A system register, by the name or the S3_... that the assembler knows. */
#define sysreg_read(name)                                                    \
	({                                                                   \
		uint64_t value_;                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory"); \
		value_;                                                      \
	})
#define sysreg_write(name, value) \
	__asm__ volatile("msr " #name ", %0; isb" : : "r"((uint64_t)(value)) : "memory")

/* All that was done to memory is done, before anything that follows: devices see it too. */
static inline void memory_barrier(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}

/* See payload.h. With an isb between the two, one that waits is taken there (DDI 0487, D1.3). */
static inline void interrupts_take(void)
{
	__asm__ volatile("msr daifclr, #2; isb; msr daifset, #2" : : : "memory");
}

static inline void interrupts_on(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

extern volatile uint64_t interrupt_ticks;

static inline uint64_t interrupt_ticks_of(unsigned int vector)
{
	(void)vector;
	return interrupt_ticks;
}

#define CLOCK_NAME "cntvct"

/* The virtual counter may be read ahead of what is before it: isb (DDI 0487, D11.2). */
static inline uint64_t ticks_now(void)
{
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

/* The affinity of this CPU, as MPIDR_EL1 has it, without the bits that are something else. */
static inline uint64_t cpu_affinity(void)
{
	return sysreg_read(mpidr_el1) & 0xff00ffffff;
}

#endif
