/* SPDX-License-Identifier: BSD-2-Clause */
/* Where nothing is, reads give all-ones and writes go nowhere, whatever the size. */
#include "guest/layout.h"
#include "guest/payload/payload.h"
#include "guest/payload/payload_x86_64.h"

static void memory_check(uint64_t address)
{
	mmio_write8(address, 0x11);
	payload_check(mmio_read8(address) == UINT8_MAX);
	mmio_write16(address, 0x1111);
	payload_check(mmio_read16(address) == UINT16_MAX);
	mmio_write32(address, 0x11111111);
	payload_check(mmio_read32(address) == UINT32_MAX);
	mmio_write64(address, 0x1111111111111111);
	payload_check(mmio_read64(address) == UINT64_MAX);
	payload_check(mmio_read32(address + 1) == UINT32_MAX);
}

static void port_check(uint16_t port)
{
	port_write8(port, 0x11);
	payload_check(port_read8(port) == UINT8_MAX);
	port_write16(port, 0x1111);
	payload_check(port_read16(port) == UINT16_MAX);
	port_write32(port, 0x11111111);
	payload_check(port_read32(port) == UINT32_MAX);
}

static void string_check(uint16_t port)
{
	uint8_t bytes[64] = { 0 };

	port_read_string(port, bytes, sizeof(bytes));
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		payload_check(bytes[i] == UINT8_MAX);
}

void payload_main(void)
{
	/* Just above a gigabyte of RAM, in a window without BARs, above ECAM, above 4 GiB. */
	const uint64_t addresses[] = { 0x40000000, LAYOUT_MEM32, LAYOUT_ECAM + LAYOUT_ECAM_SIZE,
				       LAYOUT_ABOVE_4G, LAYOUT_ABOVE_4G + 0xfffff000 };
	/* Where PCs have a POST display, a second serial port, a fw_cfg; and the window for PCI. */
	const uint16_t ports[] = { 0x80, 0x2f8, 0x510, LAYOUT_PORT_PCI, 0xfffc };

	memory_map(LAYOUT_ABOVE_4G, 0x100000000);
	for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		memory_check(addresses[i]);
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		port_check(ports[i]);
	string_check(ports[0]);
	/* Half of it is the serial port's last register: nobody answers for both halves. */
	payload_check(port_read16(LAYOUT_PORT_SERIAL + 7) == UINT16_MAX);
}
