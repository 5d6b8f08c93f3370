/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restarts the machine as Linux does when it knows no other way: by a jump in real mode to where
 * a BIOS would be. A second CPU is in real mode when it starts, so that is the one that jumps.
 */
#include "guest/payload/payload.h"

#define PAGE 0x9000 /* any below 1 MiB */

void payload_main(void)
{
	const uint8_t jump[] = { 0xea, 0xf0, 0xff, 0x00, 0xf0 }; /* ljmp $0xf000, $0xfff0 */
	uint32_t ids[CPUS_MAX];

	payload_check(cpu_ids(ids) == 2);
	memcpy((void *)PAGE, jump, sizeof(jump));
	print("resetting\n");
	apic_command_send(ids[1], ICR_INIT);
	apic_command_send(ids[1], ICR_STARTUP(PAGE / 4096));
	cpu_halt();
}
