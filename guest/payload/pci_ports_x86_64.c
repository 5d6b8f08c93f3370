/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that the ports 0xCF8 and 0xCFC show the same configuration space as ECAM does, whatever
 * the size of the access, and what the address register does with what it does not take.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

static void port_select(unsigned int slot, unsigned int function, unsigned int offset)
{
	port_write32(CONFIG_ADDRESS, CONFIG_ENABLE | slot << 11 | function << 8 | (offset & 0xfc));
}

static void function_check(unsigned int slot, unsigned int function)
{
	for (unsigned int offset = 0; offset < 256; offset += 4) {
		uint32_t value = mmio_read32(pci_config(slot, function) + offset);

		port_select(slot, function, offset);
		payload_check(port_read32(CONFIG_DATA) == value);
		for (uint16_t byte = 0; byte < 4; byte++)
			payload_check(port_read8(CONFIG_DATA + byte) ==
				      (uint8_t)(value >> 8 * byte));
		for (uint16_t byte = 0; byte < 4; byte += 2)
			payload_check(port_read16(CONFIG_DATA + byte) ==
				      (uint16_t)(value >> 8 * byte));
	}
}

/* What the address register does: enable bit, bus number, reserved bits, access size. */
static void address_register_check(void)
{
	uint32_t id = mmio_read32(pci_config(0, 0));

	port_select(0, 0, 0);
	payload_check(port_read32(CONFIG_ADDRESS) == CONFIG_ENABLE);
	port_write8(CONFIG_ADDRESS, 0x40); /* another register's address, were it as wide */
	payload_check(port_read32(CONFIG_ADDRESS) == CONFIG_ENABLE);
	payload_check(port_read32(CONFIG_DATA) == id);
	port_write32(CONFIG_ADDRESS, 0);
	payload_check(port_read32(CONFIG_DATA) == UINT32_MAX);
	port_write32(CONFIG_ADDRESS, CONFIG_ENABLE | 1 << 16 /* bus 1 */);
	payload_check(port_read32(CONFIG_DATA) == UINT32_MAX);
}

void payload_main(void)
{
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		function_check(slot, 0);
		function_check(slot, 1); /* none */
	}
	address_register_check();
}
