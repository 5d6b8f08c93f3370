/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what a driver would find of each function but the host bridge: the sizes of its BARs, how
 * many messages it can send, and its interrupt pin. A line each, for scripts/lab.d/agree:
 * "slot 1 bar 0 20000 memory" (hexadecimal), "slot 1 MSI 1 MSI-X 5 pin 1".
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define BARS	    6
#define BAR(index)  (0x10 + 4 * (index))
#define BAR_PORTS   0x1
#define BAR_IS_64   0x4
#define BAR_FLAGS   0xfu
#define PORTS_FLAGS 0x3u

#define CAPABILITY_MSIX 0x11
#define STATUS		0x06
#define STATUS_LIST	0x10

/* PCI Local Bus 3.0, 6.2.5.1: ones that are written come back where the size leaves them. */
static uint64_t bar_size(uint64_t address, uint32_t flags)
{
	uint32_t mask = flags & BAR_PORTS ? PORTS_FLAGS : BAR_FLAGS;
	uint64_t ones = ~0ull << 32;

	mmio_write32(address, UINT32_MAX);
	if (!(flags & BAR_PORTS) && flags & BAR_IS_64) {
		mmio_write32(address + 4, UINT32_MAX);
		ones = (uint64_t)mmio_read32(address + 4) << 32;
	}
	ones |= mmio_read32(address) & ~mask;
	/* One that is not there reads as zero. */
	return (uint32_t)ones || ones != ~0ull << 32 ? -ones : 0;
}

static void bars_print(unsigned int slot, uint64_t config)
{
	for (unsigned int i = 0; i < BARS; i++) {
		uint64_t address = config + BAR(i);
		uint32_t flags = mmio_read32(address);
		uint64_t size = bar_size(address, flags);

		/* The type is there before a size is asked for, and with it. */
		flags = mmio_read32(address);
		if (size)
			print("slot %u bar %u %lx %s\n", slot, i, size,
			      flags & BAR_PORTS ? "ports" : "memory");
		if (!(flags & BAR_PORTS) && flags & BAR_IS_64)
			i++;
	}
}

static uint64_t capability_find(uint64_t config, uint8_t id)
{
	uint8_t at = mmio_read8(config + PCI_CAPABILITIES) & 0xfc;

	if (!(mmio_read16(config + STATUS) & STATUS_LIST))
		return 0;
	for (unsigned int left = 48; left && at; left--) {
		if (mmio_read8(config + at) == id)
			return config + at;
		at = mmio_read8(config + at + 1) & 0xfc;
	}
	return 0;
}

static void interrupts_print(unsigned int slot, uint64_t config)
{
	uint64_t msi = capability_find(config, PCI_CAPABILITY_MSI);
	uint64_t msix = capability_find(config, CAPABILITY_MSIX);

	print("slot %u MSI %u MSI-X %u pin %u\n", slot,
	      msi ? 1u << (mmio_read16(msi + 2) >> 1 & 7) : 0,
	      msix ? (mmio_read16(msix + 2) & 0x7ff) + 1u : 0,
	      mmio_read8(config + PCI_INTERRUPT_PIN));
}

void payload_main(void)
{
	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++) {
		uint64_t config = pci_config(slot, 0);

		if (mmio_read32(config) == UINT32_MAX)
			continue;
		mmio_write16(config + PCI_COMMAND, 0);
		bars_print(slot, config);
		interrupts_print(slot, config);
	}
}
