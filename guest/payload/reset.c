/* SPDX-License-Identifier: BSD-2-Clause */
/* Restarts the machine through its reset register. */
#include "guest/payload/payload.h"

void payload_main(void)
{
	print("resetting\n");
	machine_reset();
}
