/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same for ports and for what is particular to x86-64 in memory: accesses across a boundary,
 * and addresses above 4 GiB.
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"

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

static void memory_check(uint64_t address)
{
	mmio_write32(address + 1, 0x11111111);
	payload_check(mmio_read32(address + 1) == UINT32_MAX);
	mmio_write64(address, 0x1111111111111111);
	payload_check(mmio_read64(address) == UINT64_MAX);
}

void payload_main(void)
{
	/* Where PCs have a POST display, a second serial port, a fw_cfg; and the window for PCI. */
	const uint16_t ports[] = { 0x80, 0x2f8, 0x510, LAYOUT_PORT_PCI, 0xfffc };

	memory_check(LAYOUT_MEM32);
	memory_map(LAYOUT_ABOVE_4G, 0x100000000);
	memory_check(LAYOUT_ABOVE_4G);
	memory_check(LAYOUT_ABOVE_4G + 0xfffff000);
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		port_check(ports[i]);
	string_check(ports[0]);
	/* Half of it is the serial port's last register: nobody answers for both halves. */
	payload_check(port_read16(LAYOUT_PORT_SERIAL + 7) == UINT16_MAX);
}
