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
	int irq;
	char output[2048];
	size_t output_size;
	unsigned int output_calls, fifo_calls, ready_calls;
	bool fifo;
	bool typing; /* while output is written, somebody types */
};

static inline size_t input_text(struct port *port, const char *text)
{
	return serial_input(&port->serial, (const uint8_t *)text, strlen(text));
}

static inline void on_output(void *opaque, const uint8_t *data, size_t size)
{
	struct port *port = opaque;

	assert_true(size > 0 && port->output_size + size < sizeof(port->output));
	memcpy(port->output + port->output_size, data, size);
	port->output_size += size;
	port->output_calls++;
	if (port->typing)
		assert_int_equal(input_text(port, "x"), 0);
	port->typing = false;
}

static inline void on_fifo_enabled(void *opaque, bool enabled)
{
	struct port *port = opaque;

	port->fifo_calls++;
	port->fifo = enabled;
}

static inline void on_input_ready(void *opaque)
{
	struct port *port = opaque;

	port->ready_calls++;
}

static const struct serial_ops port_ops = {
	.output = on_output,
	.fifo_enabled = on_fifo_enabled,
	.input_ready = on_input_ready,
};

static inline int setup(void **state)
{
	static struct port port;

	memset(&port, 0, sizeof(port));
	port.irq = eventfd_create();
	assert_true(port.irq >= 0);
	serial_init(&port.serial, &port_ops, &port, port.irq);
	*state = &port;
	return 0;
}

static inline int teardown(void **state)
{
	struct port *port = *state;

	serial_cleanup(&port->serial);
	fd_close(&port->irq);
	return 0;
}

static inline void out(struct port *port, unsigned int offset, uint8_t value)
{
	struct access access = { .data = value, .size = 1, .is_write = true };

	serial_access(&port->serial, offset, &access);
}

static inline uint8_t in(struct port *port, unsigned int offset)
{
	struct access access = { .data = 0xff, .size = 1 };

	serial_access(&port->serial, offset, &access);
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
	assert_int_equal(port->output_size, strlen(text));
	assert_memory_equal(port->output, text, port->output_size);
	assert_int_equal(port->output_calls, calls);
	port->output_size = 0;
	port->output_calls = 0;
}

#define serial_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
