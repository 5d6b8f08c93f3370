/* SPDX-License-Identifier: BSD-2-Clause */
/* A port of devices/serial.c and everything that comes out of it, for its tests. */
#ifndef POSTHORN_TESTS_UNIT_SERIAL_PORT_H
#define POSTHORN_TESTS_UNIT_SERIAL_PORT_H

#include <linux/serial_reg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "devices/serial.h"
#include "lib/file.h"
#include "lib/util.h"

#define IIR_FIFO 0xc0

struct port {
	struct serial serial;
	int irq, attention;
	char output[2 * SERIAL_OUTPUT_SIZE];
	size_t output_size;
	unsigned int output_calls, ready_calls;
	bool told;  /* of output, which was not taken yet */
	bool stuck; /* nobody takes output */
};

static inline size_t input_text(struct port *port, const char *text)
{
	return serial_input(&port->serial, (const uint8_t *)text, strlen(text));
}

/* What the port asked for attention for since the last time. */
static inline void attention_take(struct port *port)
{
	unsigned int count = (unsigned int)eventfd_take(port->attention);

	if (port->serial.tx_told && !port->told) {
		assert_true(count);
		port->told = true;
		port->output_calls++;
		count--;
	}
	port->ready_calls += count;
}

/* Take at most @size bytes of output. Returns how many there were. */
static inline size_t output_take(struct port *port, size_t size)
{
	size_t room = sizeof(port->output) - port->output_size, count;

	assert_true(size <= room);
	count = serial_output(&port->serial, (uint8_t *)port->output + port->output_size, size);
	port->told = false;
	serial_output_taken(&port->serial, count);
	port->output_size += count;
	return count;
}

static inline void output_collect(struct port *port)
{
	attention_take(port);
	while (port->told && !port->stuck)
		output_take(port, sizeof(port->output) - port->output_size);
}

static inline int setup(void **state)
{
	static struct port port;

	memset(&port, 0, sizeof(port));
	port.irq = eventfd_create();
	port.attention = eventfd_create();
	assert_true(port.irq >= 0 && port.attention >= 0);
	serial_init(&port.serial, port.irq, port.attention);
	*state = &port;
	return 0;
}

static inline int teardown(void **state)
{
	struct port *port = *state;

	serial_cleanup(&port->serial);
	fd_close(&port->irq);
	fd_close(&port->attention);
	return 0;
}

static inline void out(struct port *port, unsigned int offset, uint8_t value)
{
	struct access access = { .data = value, .size = 1, .is_write = true };

	serial_access(&port->serial, offset, &access);
	output_collect(port);
}

static inline uint8_t in(struct port *port, unsigned int offset)
{
	struct access access = { .data = 0xff, .size = 1 };

	serial_access(&port->serial, offset, &access);
	output_collect(port);
	return (uint8_t)access.data;
}

static inline void out_text(struct port *port, const char *text)
{
	while (*text)
		out(port, UART_TX, (uint8_t)*text++);
}

/* How often the interrupt line rose since this was last asked. */
static inline uint64_t edges(struct port *port)
{
	return eventfd_take(port->irq);
}

static inline void output_expect(struct port *port, const char *text, unsigned int calls)
{
	output_collect(port);
	assert_int_equal(port->output_size, strlen(text));
	assert_memory_equal(port->output, text, port->output_size);
	assert_int_equal(port->output_calls, calls);
	port->output_size = 0;
	port->output_calls = 0;
}

#define serial_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
