/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends text by a string instruction: KVM may leave the guest once for many bytes. */
#include "guest/layout.h"
#include "guest/payload/payload.h"

void payload_main(void)
{
	static const char text[] = "every byte of this line went through one instruction\n";

	port_write_string(LAYOUT_PORT_SERIAL, text, sizeof(text) - 1);
}
