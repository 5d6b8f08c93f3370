/* SPDX-License-Identifier: BSD-2-Clause */
/* Says hello and powers off. */
#include "guest/payload/payload.h"

void payload_main(void)
{
	print("hello from the guest\n");
}
