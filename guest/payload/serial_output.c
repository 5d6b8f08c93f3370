/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends 2000 numbered lines of 50 bytes, and nothing after them. With the option "fifo" the FIFO is
 * on. With "burst" it powers off at once after the last bytes, which it writes without looking at
 * the port again. With "second" the second CPU sends, and the first one powers off when the port
 * has no room for more.
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

static void send(uint32_t id)
{
	bool burst = payload_option("burst");
	char line[LINE_LENGTH];

	(void)id;
	for (unsigned int i = 0; i < LINES; i++) {
		line_make(line, i);
		for (unsigned int j = 0; burst && j < LINE_LENGTH; j++)
			serial_put((uint8_t)line[j]);
		if (!burst)
			serial_write(line, LINE_LENGTH);
	}
}

void payload_main(void)
{
	uint32_t ids[CPUS_MAX];

	if (payload_option("fifo"))
		serial_fifo_enable();
	if (!payload_option("second")) {
		send(0);
		machine_power_off();
	}
	payload_check(cpu_ids(ids) > 1 && cpu_start(ids[1], send));
	while (serial_has_room())
		;
	machine_power_off();
}
