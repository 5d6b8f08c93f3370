/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends every line that it receives back, sleeping until the serial port's interrupt says that
 * there is something. The line "quit" ends it. With the option "fifo" the FIFO is on.
 */
#include "guest/payload/payload.h"

#define VECTOR 0x40

static void received(unsigned int vector)
{
	(void)vector; /* it ended the sleep: that is all */
}

static void line_handle(const char *line, size_t length)
{
	print("got %u: ", (unsigned int)length);
	serial_write(line, length);
	print("\n");
	if (length == 4 && memcmp(line, "quit", 4) == 0)
		payload_pass();
}

void payload_main(void)
{
	static char line[8192];
	size_t length = 0;

	if (payload_option("fifo"))
		serial_fifo_enable();
	interrupt_handler_set(VECTOR, received);
	serial_interrupt_enable(VECTOR);
	print("ready\n");
	for (;;) {
		int byte = serial_get();

		if (byte < 0) {
			interrupt_wait();
		} else if (byte == '\r' || byte == '\n') {
			line_handle(line, length);
			length = 0;
		} else {
			payload_check(length < sizeof(line));
			line[length++] = (char)byte;
		}
	}
}
