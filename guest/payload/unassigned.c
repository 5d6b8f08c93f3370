/* SPDX-License-Identifier: BSD-2-Clause */
/* Where nothing is in memory, reads give all-ones and writes go nowhere, whatever the size. */
#include "guest/layout.h"
#include "guest/payload/payload.h"

static void address_check(uint64_t address)
{
	mmio_write8(address, 0x11);
	payload_check(mmio_read8(address) == UINT8_MAX);
	mmio_write16(address, 0x1111);
	payload_check(mmio_read16(address) == UINT16_MAX);
	mmio_write32(address, 0x11111111);
	payload_check(mmio_read32(address) == UINT32_MAX);
	mmio_write64(address, 0x1111111111111111);
	payload_check(mmio_read64(address) == UINT64_MAX);
}

void payload_main(void)
{
	/* Just above a gigabyte of RAM, in a window without BARs, above ECAM. */
	const uint64_t addresses[] = { LAYOUT_RAM + 0x40000000, LAYOUT_MEM32,
				       LAYOUT_ECAM + LAYOUT_ECAM_SIZE };

	for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		address_check(addresses[i]);
}
