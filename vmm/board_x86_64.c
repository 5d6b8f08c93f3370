/* SPDX-License-Identifier: BSD-2-Clause */
/* The board of a PC without legacy: serial port, clock and power registers at I/O ports. */
#include "vmm/board.h"

#include "lib/log.h"
#include "vmm/machine.h"

static void power_requested(void *opaque, enum power_request request)
{
	struct machine *machine = opaque;

	log_info("the guest %s", request == POWER_OFF ? "powered off" : "reset the machine");
	machine_stop(machine, EXIT_OK);
}

void board_devices_init(struct machine *machine)
{
	machine_serial_init(machine, &machine->ports, LAYOUT_PORT_SERIAL);
	rtc_init(&machine->rtc, NULL);
	machine_range_add(&machine->ports, "RTC", LAYOUT_PORT_RTC, RTC_PORTS, rtc_access,
			  &machine->rtc);
	machine->power = (struct power){ .request = power_requested, .opaque = machine };
	machine_range_add(&machine->ports, "power registers", LAYOUT_PORT_POWER, POWER_REGISTERS,
			  power_access, &machine->power);
}
