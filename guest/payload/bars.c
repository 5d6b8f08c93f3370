/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses the large BAR of QEMU's pci-testdev (its property membar): turns it on, which maps all of
 * it, and reads its first and its last bytes.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define TESTDEV_ID  0x00051b36 /* device and vendor */
#define TESTDEV_BAR 2
#define BAR_HIGH    0x1c /* the upper half of BAR 2, in configuration space */

void payload_main(void)
{
	uint64_t config = pci_find(TESTDEV_ID), bar = pci_bar(config, TESTDEV_BAR), size;
	uint32_t high = mmio_read32(config + BAR_HIGH);

	mmio_write32(config + BAR_HIGH - 4, UINT32_MAX);
	mmio_write32(config + BAR_HIGH, UINT32_MAX);
	size = -((uint64_t)mmio_read32(config + BAR_HIGH) << 32 |
		 (mmio_read32(config + BAR_HIGH - 4) & ~0xfu));
	mmio_write32(config + BAR_HIGH - 4, (uint32_t)bar);
	mmio_write32(config + BAR_HIGH, high);
	mmio_map(bar + size - 4, 4);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY);
	mmio_read32(bar);
	mmio_read32(bar + size - 4);
	print("bars: 0x%lx bytes at 0x%lx\n", size, bar);
}
