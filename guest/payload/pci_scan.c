/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the functions on PCI bus 0, and checks that their configuration space reads the same
 * whatever the size of the access, and that what does not exist reads as all-ones.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

static void function_check(uint64_t config)
{
	for (unsigned int offset = 0; offset < 256; offset += 4) {
		uint32_t value = mmio_read32(config + offset);

		for (unsigned int byte = 0; byte < 4; byte++)
			payload_check(mmio_read8(config + offset + byte) ==
				      (uint8_t)(value >> 8 * byte));
		for (unsigned int byte = 0; byte < 4; byte += 2)
			payload_check(mmio_read16(config + offset + byte) ==
				      (uint16_t)(value >> 8 * byte));
	}
}

static void absent_check(uint64_t config)
{
	payload_check(mmio_read32(config) == UINT32_MAX);
	payload_check(mmio_read8(config + 0xfff) == UINT8_MAX);
	mmio_write32(config, 0);
	payload_check(mmio_read32(config) == UINT32_MAX);
}

void payload_main(void)
{
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		uint64_t config = pci_config(slot, 0);
		uint32_t id = mmio_read32(config);

		for (unsigned int function = id == UINT32_MAX ? 0 : 1; function < PCI_FUNCTIONS;
		     function++)
			absent_check(pci_config(slot, function));
		if (id == UINT32_MAX)
			continue;
		print("00:%x.0 %x:%x class %x\n", slot, id & 0xffff, id >> 16,
		      mmio_read32(config + PCI_CLASS_REVISION) >> 8);
		function_check(config);
	}
}
