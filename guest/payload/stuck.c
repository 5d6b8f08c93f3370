/* SPDX-License-Identifier: BSD-2-Clause */
/* Never ends: halts with interrupts off, or with the option "spin" runs in a circle. */
#include "guest/payload/payload.h"

void payload_main(void)
{
	bool spin = payload_option("spin");

	print("ready\n");
	while (spin)
		__asm__ volatile("" : : : "memory");
	cpu_halt();
}
