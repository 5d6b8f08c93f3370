/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile guest: what hostile.c, which knows PCI, and hostile_$(ARCH).c, which knows the board,
 * have from each other.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_HOSTILE_H
#define POSTHORN_GUEST_PAYLOAD_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/payload/payload.h"

#define KINDS_MAX 32

/* A CPU of the guest, with its own stream of numbers, so that what it does depends on the seed. */
struct hostile_cpu {
	uint64_t random;	    /* state of the generator */
	volatile uint64_t done;	    /* operations */
	uint64_t counts[KINDS_MAX]; /* the same by kind */
};

/* One kind of operation. */
struct hostile_kind {
	const char *name;
	unsigned int weight; /* how often it is chosen, beside the others */
	void (*run)(struct hostile_cpu *cpu);
};

/* ---- hostile.c and hostile_random.c ---- */

uint64_t random_next(struct hostile_cpu *cpu);
uint64_t random_below(struct hostile_cpu *cpu, uint64_t limit);

/* One in @count times. */
bool random_one_in(struct hostile_cpu *cpu, uint64_t count);

/* A value that somebody may have forgotten: no bits, all, one, few, an address, or any. */
uint64_t random_value(struct hostile_cpu *cpu);

/* An address where something is, was or ends, or any. */
uint64_t random_address(struct hostile_cpu *cpu);

/*
 * One access of 1, 2, 4 or 8 bytes, aligned where the architecture wants it; none where it would
 * destroy this program. A read is a write of @write false.
 */
void memory_poke(struct hostile_cpu *cpu, uint64_t address, unsigned int size, bool write,
		 uint64_t value);

/* What may be written to a port of PCI's in place of @value. */
uint64_t port_write_tame(uint64_t value);

/*
 * One CPU at a time uses the serial port, so that what the program has to say arrives whole. A CPU
 * that is gone holds it for a limited time.
 */
void serial_lock(void);
void serial_unlock(void);

/* ---- hostile_$(ARCH).c ---- */

/* What there is beside PCI; ends with a kind without a name. */
extern const struct hostile_kind arch_kinds[];

/* Is an access across its natural boundary one that the CPU makes? */
extern const bool arch_unaligned;

/* Interrupts that nobody asked for, beside vectors from 32: NMIs, or lines without a vector. */
extern const unsigned int arch_vector_other;

/* How many ticks a CPU may rest before it must be gone. */
uint64_t arch_patience(void);

/* Get ready, and map what there is to map. @cpu is for random choices. */
void arch_init(struct hostile_cpu *cpu);

/* Start the CPU @id again with @function if an operation has turned it off; see cpu_start(). */
void arch_cpu_revive(uint32_t id, void (*function)(uint32_t id));

/* Let the device @requester interrupt: it may send the messages of random_message(). */
void arch_device_init(uint32_t requester);

/*
 * A message with which an interrupt arrives, most times. @device counts those of
 * arch_device_init(), and its @vector sends it.
 */
struct message random_message(struct hostile_cpu *cpu, unsigned int device, unsigned int vector);

/* Data that no message has with which an interrupt arrives, where arch_messages_distinct is set. */
#define DATA_WILD (1ULL << 56 | 1ULL << 24)

/* Must no two vectors have the same message? */
extern bool arch_messages_distinct;

/* Does no IOMMU of a lab keep a device from what it does by a write to [@address, + @size)? */
bool arch_dma_harms(uint64_t address, uint64_t size);

/* Is [@address, @address + 8) mapped, and is it no register that must be handled with care? */
bool arch_reachable(uint64_t address);

/* One of the addresses of the board. */
uint64_t arch_address(struct hostile_cpu *cpu);

/* Have the serial port print again, whatever was written to it. */
void arch_serial_restore(void);

/* What may end the VM, in one of its ways. */
void arch_end(struct hostile_cpu *cpu);

#endif
