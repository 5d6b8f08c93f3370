/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets posthorn do everything once that it does for a guest, and waits for nothing, since whatever
 * it is may be made to fail: gathered output, and with a device in slot 1 all kinds of interrupts,
 * masks, messages that change, BARs and a ROM that come, move and go, sleep and a reset.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define SLOT 1

/* Configuration space: PCI Local Bus 3.0, 6.2 and 6.8; PCI Express Base 5.0, 7.5.3.4. */
#define COMMAND_INTX_OFF      0x400
#define BAR_0		      0x10
#define BAR_MASK	      0xfffffff0u
#define ROM		      0x30
#define CAPABILITY_POWER      0x01
#define POWER_CONTROL	      0x04
#define POWER_SLEEPING	      0x3
#define CAPABILITY_EXPRESS    0x10
#define EXPRESS_CONTROL	      0x08
#define EXPRESS_CONTROL_RESET 0x8000
#define CAPABILITY_MSIX	      0x11
#define MSIX_FLAGS	      0x02
#define MSIX_ENABLE	      0x8000
#define MSIX_ALL_MASKED	      0x4000
#define MSIX_TABLE	      0x04
#define MSIX_TABLE_BIR	      0x7u
#define MSIX_ENTRY_SIZE	      16
#define MSIX_ENTRY_DATA	      0x8
#define MSIX_ENTRY_CONTROL    0xc

#define VECTOR	  0x40
#define BAR_MOVED 0x2000000 /* so far BAR 0 moves: no other BAR is there */

static uint64_t config;

/* 0 if there is none. */
static uint64_t capability_find(uint8_t id)
{
	unsigned int at = mmio_read8(config + PCI_CAPABILITIES);

	while (at && mmio_read8(config + at) != id)
		at = mmio_read8(config + at + 1);
	return at ? config + at : 0;
}

/* Interrupts stay off in this CPU: what comes may wait there for ever. */
static void command_set(uint16_t command)
{
	mmio_write16(config + PCI_COMMAND, command);
}

static void bars_move(void)
{
	uint32_t former = mmio_read32(config + BAR_0);

	command_set(COMMAND_INTX_OFF);
	mmio_write32(config + BAR_0, (former & BAR_MASK) + BAR_MOVED);
	command_set(PCI_COMMAND_MEMORY | COMMAND_INTX_OFF);
	mmio_read32((former & BAR_MASK) + BAR_MOVED);
	command_set(COMMAND_INTX_OFF);
	mmio_write32(config + BAR_0, former);
	command_set(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | COMMAND_INTX_OFF);
}

/* Posthorn has not placed it; where BAR 0 was moved to there is room. */
static void rom_show(void)
{
	uint64_t address = (mmio_read32(config + BAR_0) & BAR_MASK) + BAR_MOVED;

	mmio_write32(config + ROM, (uint32_t)address | 1);
	mmio_read32(address);
	mmio_write32(config + ROM, 0);
}

static void msi_try(bool stays)
{
	uint64_t msi = capability_find(PCI_CAPABILITY_MSI);

	if (!msi)
		return;
	pci_msi_vector_set(config, msi, VECTOR);
	mmio_write16(msi + 2, 1);
	pci_msi_vector_set(config, msi, VECTOR + 1);
	if (!stays)
		mmio_write16(msi + 2, 0);
}

static void entry_set(uint64_t entry, unsigned int vector)
{
	struct message message = message_for(pci_requester(config), vector);

	mmio_write32(entry, (uint32_t)message.address);
	mmio_write32(entry + 4, (uint32_t)(message.address >> 32));
	mmio_write32(entry + MSIX_ENTRY_DATA, message.data);
}

static void msix_try(bool stays)
{
	uint64_t msix = capability_find(CAPABILITY_MSIX), entry;
	uint32_t table;

	if (!msix)
		return;
	table = mmio_read32(msix + MSIX_TABLE);
	entry = pci_bar(config, table & MSIX_TABLE_BIR) + (table & ~MSIX_TABLE_BIR);
	mmio_write16(msix + MSIX_FLAGS, MSIX_ENABLE);
	for (unsigned int i = 0; i < 2; i++) {
		entry_set(entry + i * MSIX_ENTRY_SIZE, VECTOR + i);
		mmio_write32(entry + i * MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL, 0);
	}
	/* One that is live changes, one is masked and comes back, then all are. */
	entry_set(entry, VECTOR + 2);
	mmio_write32(entry + MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL, 1);
	mmio_write32(entry + MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL, 0);
	mmio_write16(msix + MSIX_FLAGS, MSIX_ENABLE | MSIX_ALL_MASKED);
	mmio_write16(msix + MSIX_FLAGS, MSIX_ENABLE);
	if (!stays)
		mmio_write16(msix + MSIX_FLAGS, 0);
}

static void power_try(void)
{
	uint64_t power = capability_find(CAPABILITY_POWER);

	if (!power)
		return;
	mmio_write16(power + POWER_CONTROL, POWER_SLEEPING);
	mmio_write16(power + POWER_CONTROL, 0);
}

static void reset_try(void)
{
	uint64_t express = capability_find(CAPABILITY_EXPRESS);

	if (!express)
		return;
	mmio_write16(express + EXPRESS_CONTROL, EXPRESS_CONTROL_RESET);
	command_set(PCI_COMMAND_MEMORY);
}

void payload_main(void)
{
	serial_fifo_enable();
	print("faults: the output is gathered\n");
	config = pci_config(SLOT, 0);
	if (mmio_read32(config) == UINT32_MAX)
		return;
	command_set(PCI_COMMAND_MEMORY); /* INTx is on */
	command_set(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | COMMAND_INTX_OFF);
	bars_move();
	rom_show();
	msi_try(false);
	msix_try(false);
	power_try();
	reset_try();
	/* BARs and vectors are still there when it ends, for machine_cleanup(). */
	msi_try(true);
	msix_try(true);
	print("faults: all was done\n");
}
