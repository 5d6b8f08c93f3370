/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime of the payloads: small programs that run in the guest with nothing below them, and
 * try one thing each. A payload ends by saying "payload: pass" or "payload: fail: WHY" on the
 * serial port and powering off; what else it prints is for the test that runs it.
 *
 * Only integer instructions are used, so that payloads run on every /dev/kvm, also on those that
 * emulate what they cannot let the CPU run.
 *
 * Functions that are declared here and are not in payload.c are in payload_$(ARCH).c, or inline in
 * payload_$(ARCH).h.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_PAYLOAD_H
#define POSTHORN_GUEST_PAYLOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "guest/payload/payload_x86_64.h"
#elif defined(__aarch64__)
#include "guest/payload/payload_arm64.h"
#endif

/* ---- the program ---- */

/* What each payload defines. Interrupts are off; returning is the same as payload_pass(). */
void payload_main(void);

_Noreturn void payload_pass(void);
_Noreturn void payload_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define payload_check(condition)                                                   \
	do {                                                                       \
		if (!(condition))                                                  \
			payload_fail("%s:%u: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* Is @word one of the words of the kernel command line? */
bool payload_option(const char *word);

/* What is behind @name= on the kernel command line, to its end, or NULL. */
const char *payload_value(const char *name);

/* The same as a number, decimal or with 0x before it; @otherwise when it is not there. */
uint64_t payload_number(const char *name, uint64_t otherwise);

/* ---- memory ---- */

/* A range of the memory map that the guest was given. */
struct memory_range {
	uint64_t base, size;
	uint32_t type;
};

#define MEMORY_TYPE_RAM 1

/* Range number @index, in the order of the map. Returns whether there is one. */
bool memory_range_get(unsigned int index, struct memory_range *range);

/*
 * Make [@base, @base + @size) readable and writable where it is. Fails the payload when it runs out
 * of page tables. x86-64: the first 4 GiB are so from the start, and 8 can be added. arm64: for
 * RAM; up to 1 TiB all is a device's from the start, but for the GiB that this program is in.
 */
void memory_map(uint64_t base, uint64_t size);

/* The same for the registers of a device at @base, @size bytes. */
void mmio_map(uint64_t base, uint64_t size);

/*
 * An address that the compiler knows nothing about: then it takes the plainest instruction for the
 * access. KVM on arm64 cannot carry out others for a device, such as those that also add to the
 * address.
 */
static inline uint64_t mmio_address(uint64_t address)
{
	__asm__("" : "+r"(address));
	return address;
}

/* Accesses of exactly that many bytes, in program order. */
static inline uint8_t mmio_read8(uint64_t address)
{
	return *(volatile uint8_t *)mmio_address(address);
}

static inline uint16_t mmio_read16(uint64_t address)
{
	return *(volatile uint16_t *)mmio_address(address);
}

static inline uint32_t mmio_read32(uint64_t address)
{
	return *(volatile uint32_t *)mmio_address(address);
}

static inline uint64_t mmio_read64(uint64_t address)
{
	return *(volatile uint64_t *)mmio_address(address);
}

static inline void mmio_write8(uint64_t address, uint8_t value)
{
	*(volatile uint8_t *)mmio_address(address) = value;
}

static inline void mmio_write16(uint64_t address, uint16_t value)
{
	*(volatile uint16_t *)mmio_address(address) = value;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	*(volatile uint32_t *)mmio_address(address) = value;
}

static inline void mmio_write64(uint64_t address, uint64_t value)
{
	*(volatile uint64_t *)mmio_address(address) = value;
}

/* ---- the serial port ---- */

/* Understands %s, %u, %x (both also with l) and %%. Writes CR LF for a newline. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Send bytes as they are, looking each time whether the transmitter has room. */
void serial_write(const void *data, size_t size);

/* Does the transmitter take a byte, with FIFO 16? */
bool serial_has_room(void);

/* Send a byte without looking. */
void serial_put(uint8_t byte);

/* The next received byte, or -1 for none. */
int serial_get(void);

/* The FIFOs are off at first. */
void serial_fifo_enable(void);

/* Raise @vector, on this CPU, when there is something to receive. */
void serial_interrupt_enable(unsigned int vector);

/* ---- interrupts and power ---- */

/*
 * Call @handler when interrupt @vector comes, and acknowledge it afterwards. Interrupts 32 to 255
 * are free. One without a handler fails the payload.
 */
void interrupt_handler_set(unsigned int vector, void (*handler)(unsigned int vector));

/*
 * Let an interrupt in that waits, without sleeping:
 *	void interrupts_take(void);
 */

/* Sleep until an interrupt came and was handled. One that comes just before wakes it as well. */
void interrupt_wait(void);

/*
 * Raise @vector on this CPU, once, in a quarter of a second; with an x86-64 CPU's own timer it can
 * be some seconds. Starting it again, also in the handler, starts from the beginning.
 */
void timer_start(unsigned int vector);
void timer_stop(void);

/* What a device writes where to raise an interrupt: an MSI. */
struct message {
	uint64_t address;
	uint32_t data;
};

/*
 * The message by which the device @requester (a PCI requester id) raises @vector on this CPU. On
 * arm64, where the interrupt controller looks at who sends it, it is let in from now on, for up
 * to 4 devices.
 */
struct message message_for(uint32_t requester, unsigned int vector);

/*
 * The clock when interrupt @vector came last, the first thing that its entry reads; on arm64 when
 * any one came:
 *	uint64_t interrupt_ticks_of(unsigned int vector);
 */

/*
 * Let interrupts in, until they are kept out again, without sleeping:
 *	void interrupts_on(void);
 *	void interrupts_off(void);
 */

/* On posthorn, or on QEMU: x86-64 resets there when it cannot power off (-no-reboot ends QEMU). */
_Noreturn void machine_power_off(void);
_Noreturn void machine_reset(void);

/* Sleep for good. Interrupts do not wake it. */
_Noreturn void cpu_halt(void);

/* ---- time ---- */

/*
 * A counter of this CPU, which counts at the same rate whatever the CPU does:
 *	uint64_t ticks_now(void);
 */

/* How fast it counts. x86-64: fails the payload without a clock to compare with, takes 1 to 2 s. */
uint64_t ticks_per_second(void);

/* ---- CPUs ---- */

#define CPUS_MAX 64

/*
 * Start the CPU @id, one of those of cpu_ids() and below CPUS_MAX, and let it call
 * @function, then halt. Returns whether it came up within some seconds. One caller at a time.
 */
bool cpu_start(uint32_t id, void (*function)(uint32_t id));

/*
 * The ids of all CPUs that the guest was told of, this one first; returns how many there are.
 * x86-64: the ids of their local APICs; arm64: their places in the device tree.
 */
unsigned int cpu_ids(uint32_t ids[CPUS_MAX]);

/* ---- for the architecture's file ---- */

extern const char *payload_cmdline;

/* No header of a C library is needed; the compiler calls these by itself. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
