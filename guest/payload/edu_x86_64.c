/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain MSI, with QEMU's edu device (docs/specs/edu.txt of QEMU) assigned to the guest: no driver
 * of Linux knows it, and the e1000e's own gives MSI up on QEMU. Raises 1,000 interrupts one after
 * the other, moves the live MSI to another vector, and turns it off.
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"
#include "guest/payload/payload_x86_64.h"

#define EDU_ID 0x11e81234 /* device and vendor */

/* Registers in BAR 0. */
#define EDU_IDENTIFICATION 0x00 /* reads as 0x010000ed */
#define EDU_LIVENESS	   0x04 /* reads as the complement of what was written */
#define EDU_STATUS	   0x24 /* interrupt status */
#define EDU_RAISE	   0x60
#define EDU_ACKNOWLEDGE	   0x64

/* Configuration space: PCI Local Bus 3.0, 6.1 and 6.8.1. */
#define CONFIG_COMMAND	    0x04
#define COMMAND_MEMORY	    0x02
#define COMMAND_MASTER	    0x04
#define CONFIG_BAR0	    0x10
#define CONFIG_CAPABILITIES 0x34
#define CAPABILITY_MSI	    0x05
#define MSI_FLAGS	    0x02
#define MSI_FLAGS_ENABLE    0x0001
#define MSI_FLAGS_64BIT	    0x0080
#define MSI_ADDRESS	    0x04

/* Where a write is an interrupt of the first CPU: Intel SDM volume 3, 11.11.1. */
#define MSI_TARGET 0xfee00000

#define VECTOR_FIRST  0x40
#define VECTOR_SECOND 0x51
#define ROUNDS	      1000

static uint64_t config, bar;
static volatile unsigned int counts[256];

static void handler(unsigned int vector)
{
	mmio_write32(bar + EDU_ACKNOWLEDGE, mmio_read32(bar + EDU_STATUS));
	counts[vector]++;
}

static void edu_find(void)
{
	for (unsigned int slot = 0; slot < 32 && !config; slot++)
		if (mmio_read32(LAYOUT_ECAM + (slot << 15)) == EDU_ID)
			config = LAYOUT_ECAM + (slot << 15);
	if (!config)
		payload_fail("there is no edu device");
	bar = mmio_read32(config + CONFIG_BAR0) & ~0xfu;
	mmio_write16(config + CONFIG_COMMAND, COMMAND_MEMORY | COMMAND_MASTER);
	payload_check(mmio_read32(bar + EDU_IDENTIFICATION) == 0x010000ed);
	mmio_write32(bar + EDU_LIVENESS, 0x12345678);
	payload_check(mmio_read32(bar + EDU_LIVENESS) == ~0x12345678u);
}

static uint64_t msi_find(void)
{
	unsigned int at = mmio_read8(config + CONFIG_CAPABILITIES);

	while (at && mmio_read8(config + at) != CAPABILITY_MSI)
		at = mmio_read8(config + at + 1);
	payload_check(at);
	return config + at;
}

static void msi_vector_set(uint64_t msi, unsigned int vector)
{
	uint16_t flags = mmio_read16(msi + MSI_FLAGS);

	mmio_write32(msi + MSI_ADDRESS, MSI_TARGET);
	if (flags & MSI_FLAGS_64BIT)
		mmio_write32(msi + MSI_ADDRESS + 4, 0);
	mmio_write16(msi + MSI_ADDRESS + (flags & MSI_FLAGS_64BIT ? 8 : 4), (uint16_t)vector);
}

static void rounds_run(unsigned int vector, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int before = counts[vector];

		mmio_write32(bar + EDU_RAISE, 1);
		while (counts[vector] == before)
			interrupts_take();
		payload_check(counts[vector] == before + 1);
	}
}

void payload_main(void)
{
	uint64_t msi;

	edu_find();
	msi = msi_find();
	interrupt_handler_set(VECTOR_FIRST, handler);
	interrupt_handler_set(VECTOR_SECOND, handler);
	msi_vector_set(msi, VECTOR_FIRST);
	mmio_write16(msi + MSI_FLAGS, MSI_FLAGS_ENABLE);
	rounds_run(VECTOR_FIRST, ROUNDS);
	print("edu: %u interrupts\n", counts[VECTOR_FIRST]);

	/* MSI stays on: the next interrupt goes to the new vector, none to the old one. */
	msi_vector_set(msi, VECTOR_SECOND);
	rounds_run(VECTOR_SECOND, 100);
	payload_check(counts[VECTOR_FIRST] == ROUNDS);
	print("edu: %u interrupts on another vector\n", counts[VECTOR_SECOND]);

	mmio_write16(msi + MSI_FLAGS, 0);
	payload_check(!(mmio_read16(msi + MSI_FLAGS) & MSI_FLAGS_ENABLE));
}
