/* SPDX-License-Identifier: BSD-2-Clause */
/* What payloads for x86-64 can use beside payload.h, which includes this. */
#ifndef POSTHORN_GUEST_PAYLOAD_PAYLOAD_X86_64_H
#define POSTHORN_GUEST_PAYLOAD_PAYLOAD_X86_64_H

#include <stdbool.h>
#include <stdint.h>

static inline uint8_t port_read8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t port_read16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t port_read32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void port_write8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* The string instructions: @size bytes through one port. */
static inline void port_write_string(uint16_t port, const void *data, uint64_t size)
{
	__asm__ volatile("rep outsb" : "+S"(data), "+c"(size) : "d"(port) : "memory");
}

static inline void port_read_string(uint16_t port, void *data, uint64_t size)
{
	__asm__ volatile("rep insb" : "+D"(data), "+c"(size) : "d"(port) : "memory");
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid id;

	__asm__ volatile("cpuid"
			 : "=a"(id.eax), "=b"(id.ebx), "=c"(id.ecx), "=d"(id.edx)
			 : "0"(leaf), "2"(subleaf));
	return id;
}

/*
 * See payload.h. In the nested lab interrupt_wait() can sleep through an interrupt: QEMU's
 * emulation of SVM was seen to let it in between STI and HLT. This one cannot.
 */
static inline void interrupts_take(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

/* See payload.h: the time-stamp counter. */
static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

extern volatile uint64_t interrupt_ticks[256];

static inline uint64_t interrupt_ticks_of(unsigned int vector)
{
	return interrupt_ticks[vector];
}

#define CLOCK_NAME "tsc"

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* How the local APIC interrupts another one: its ICR (Intel SDM volume 3, 11.6.1). */
#define ICR_INIT	  0x4500
#define ICR_STARTUP(page) (0x4600 | (page))

/* Send @command to the CPU whose local APIC has that id. */
void apic_command_send(uint32_t id, uint32_t command);

#endif
