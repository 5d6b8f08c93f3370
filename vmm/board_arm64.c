/* SPDX-License-Identifier: BSD-2-Clause */
/* The board of an arm64 machine: everything is in memory, and PSCI (in KVM) has the power switch.
 */
#include "vmm/board.h"

#include "vmm/machine.h"

/* There are no port instructions: PCI's ports are a range of memory (PCI Bus Binding, 2.2.1.1). */
static void ports_access(void *opaque, uint64_t offset, struct access *access)
{
	const struct bus *ports = opaque;

	access->addr = offset;
	bus_access(ports, access);
}

void board_devices_init(struct machine *machine)
{
	machine_serial_init(machine, &machine->memory, LAYOUT_SERIAL);
	pl031_init(&machine->pl031, NULL);
	machine_range_add(&machine->memory, "RTC", LAYOUT_RTC, PL031_REGISTERS, pl031_access,
			  &machine->pl031);
	machine_range_add(&machine->memory, "I/O ports", LAYOUT_PORTS, LAYOUT_PORTS_SIZE,
			  ports_access, &machine->ports);
}
