/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the functions on PCI bus 0, and checks that the two ways to configuration space (ECAM in
 * memory, and the ports 0xCF8 and 0xCFC) show the same, whatever the size of the access; and that
 * what does not exist reads as all-ones.
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"
#include "guest/payload/payload_x86_64.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define SLOTS	       32
#define FUNCTIONS      8
#define CLASS_REVISION 0x08

static uint64_t ecam_address(unsigned int slot, unsigned int function, unsigned int offset)
{
	return LAYOUT_ECAM + (slot << 15 | function << 12 | offset);
}

static void port_select(unsigned int slot, unsigned int function, unsigned int offset)
{
	port_write32(CONFIG_ADDRESS, CONFIG_ENABLE | slot << 11 | function << 8 | (offset & 0xfc));
}

static void bytes_check(unsigned int slot, unsigned int offset, uint32_t value)
{
	const uint16_t port = CONFIG_DATA + offset % 4;

	port_select(slot, 0, offset);
	payload_check(mmio_read8(ecam_address(slot, 0, offset)) == (uint8_t)value);
	payload_check(port_read8(port) == (uint8_t)value);
	if (offset % 2 == 0) {
		payload_check(mmio_read16(ecam_address(slot, 0, offset)) == (uint16_t)value);
		payload_check(port_read16(port) == (uint16_t)value);
	}
}

static void function_check(unsigned int slot)
{
	for (unsigned int offset = 0; offset < 256; offset += 4) {
		uint32_t value = mmio_read32(ecam_address(slot, 0, offset));

		port_select(slot, 0, offset);
		payload_check(port_read32(CONFIG_DATA) == value);
		for (unsigned int byte = 0; byte < 4; byte++)
			bytes_check(slot, offset + byte, value >> 8 * byte);
	}
}

static void absent_check(unsigned int slot, unsigned int function)
{
	payload_check(mmio_read32(ecam_address(slot, function, 0)) == UINT32_MAX);
	payload_check(mmio_read8(ecam_address(slot, function, 0xfff)) == UINT8_MAX);
	port_select(slot, function, 0);
	payload_check(port_read32(CONFIG_DATA) == UINT32_MAX);
	mmio_write32(ecam_address(slot, function, 0), 0);
	payload_check(mmio_read32(ecam_address(slot, function, 0)) == UINT32_MAX);
}

/* What the address register does: enable bit, bus number, reserved bits, access size. */
static void address_register_check(void)
{
	uint32_t id = mmio_read32(ecam_address(0, 0, 0));

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
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		uint32_t id = mmio_read32(ecam_address(slot, 0, 0));

		for (unsigned int function = id == UINT32_MAX ? 0 : 1; function < FUNCTIONS;
		     function++)
			absent_check(slot, function);
		if (id == UINT32_MAX)
			continue;
		print("00:%x.0 %x:%x class %x\n", slot, id & 0xffff, id >> 16,
		      mmio_read32(ecam_address(slot, 0, CLASS_REVISION)) >> 8);
		function_check(slot);
	}
	address_register_check();
}
