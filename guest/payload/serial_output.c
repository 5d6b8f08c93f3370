/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends 2000 numbered lines of 50 bytes, and nothing after them. With the option "fifo" the FIFO is
 * on. With "burst" it powers off at once after the last bytes, which it writes without looking at
 * the port again.
 */
#include "guest/payload/payload.h"

#define LINES	    2000
#define LINE_LENGTH 50

static void line_make(char line[LINE_LENGTH], unsigned int number)
{
	memset(line, '.', LINE_LENGTH);
	for (unsigned int i = 4; i-- > 0; number /= 10)
		line[i] = (char)('0' + number % 10);
	line[LINE_LENGTH - 1] = '\n';
}

void payload_main(void)
{
	bool burst = payload_option("burst");
	char line[LINE_LENGTH];

	if (payload_option("fifo"))
		serial_fifo_enable();
	for (unsigned int i = 0; i < LINES; i++) {
		line_make(line, i);
		for (unsigned int j = 0; burst && j < LINE_LENGTH; j++)
			serial_put((uint8_t)line[j]);
		if (!burst)
			serial_write(line, LINE_LENGTH);
	}
	machine_power_off();
}
