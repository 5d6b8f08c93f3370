/* SPDX-License-Identifier: BSD-2-Clause */
/* Says hello and powers off. With mark=0xADDRESS it writes a mark there first: vmm/timeline.h. */
#include "guest/payload/payload.h"

void payload_main(void)
{
	uint64_t mark = payload_number("mark", 0);

	if (mark)
		mmio_write32(mark, 7);
	print("hello from the guest\n");
}
