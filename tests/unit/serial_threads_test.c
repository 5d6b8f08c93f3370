/* SPDX-License-Identifier: BSD-2-Clause */
/* devices/serial.c with two threads: one types, the other is the guest's. */
#include "tests/unit/serial_port.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define THREAD_BYTES 20000

struct sender {
	struct port *port;
	bool stop;
};

static void *sender_thread(void *opaque)
{
	struct sender *sender = opaque;
	unsigned int sent = 0;

	while (sent < THREAD_BYTES && !__atomic_load_n(&sender->stop, __ATOMIC_RELAXED)) {
		uint8_t byte = (uint8_t)sent;

		sent += (unsigned int)serial_input(&sender->port->serial, &byte, 1);
	}
	return NULL;
}

/* A guest that does nothing until an edge comes: it would wait for one that was lost for ever. */
static void no_edge_is_lost_between_threads(void **state)
{
	struct port *port = *state;
	struct pollfd irq = { .fd = port->irq, .events = POLLIN };
	struct sender sender = { .port = port };
	unsigned int received = 0, wrong = 0;
	pthread_t thread;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(port, UART_IER, UART_IER_RDI);
	assert_int_equal(pthread_create(&thread, NULL, sender_thread, &sender), 0);
	while (received < THREAD_BYTES && poll(&irq, 1, 5000) == 1) {
		edges(port);
		while (in(port, UART_IIR) == (IIR_FIFO | UART_IIR_RDI))
			wrong += in(port, UART_RX) != (uint8_t)received++;
	}
	__atomic_store_n(&sender.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(received, THREAD_BYTES);
	assert_int_equal(wrong, 0);
}

/* A guest that sends without looking: three times what finds room. */
static void *blind_thread(void *opaque)
{
	struct serial *serial = opaque;

	for (unsigned int i = 0; i < 3 * SERIAL_OUTPUT_SIZE; i++) {
		struct access access = { .data = (uint8_t)(i * 7), .size = 1, .is_write = true };

		serial_access(serial, UART_TX, &access);
	}
	return NULL;
}

static bool is_empty(struct port *port)
{
	struct access access = { .size = 1 };

	serial_access(&port->serial, UART_LSR, &access);
	return access.data & UART_LSR_THRE;
}

static void who_sends_without_looking_waits_and_nobody_else(void **state)
{
	struct port *port = *state;
	struct access access = { .data = 0x5a, .size = 1, .is_write = true };
	unsigned int received = 0;
	uint8_t data[100];
	pthread_t thread;

	port->stuck = true;
	assert_int_equal(pthread_create(&thread, NULL, blind_thread, &port->serial), 0);
	while (is_empty(port))
		sched_yield();
	/* The other's write may be waiting now, or is about to. */
	serial_access(&port->serial, UART_SCR, &access);
	access.is_write = false;
	serial_access(&port->serial, UART_SCR, &access);
	assert_int_equal(access.data, 0x5a);
	while (received < 3 * SERIAL_OUTPUT_SIZE) {
		size_t count = serial_output(&port->serial, data, sizeof(data));

		for (size_t i = 0; i < count; i++)
			assert_int_equal(data[i], (uint8_t)(received++ * 7));
		serial_output_taken(&port->serial, count);
	}
	pthread_join(thread, NULL);
}

static void *waiting_thread(void *opaque)
{
	serial_room_wait(opaque);
	return NULL;
}

/* A write, and somebody who waits for room, both of which nobody will take anything from. */
static void who_waits_goes_on_when_output_is_abandoned(void **state)
{
	struct port *port = *state;
	pthread_t writer, waiter;

	port->stuck = true;
	assert_int_equal(pthread_create(&writer, NULL, blind_thread, &port->serial), 0);
	while (is_empty(port))
		sched_yield();
	assert_int_equal(pthread_create(&waiter, NULL, waiting_thread, &port->serial), 0);
	serial_abandon(&port->serial);
	pthread_join(writer, NULL);
	pthread_join(waiter, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(no_edge_is_lost_between_threads),
		serial_test(who_sends_without_looking_waits_and_nobody_else),
		serial_test(who_waits_goes_on_when_output_is_abandoned),
	};

	return cmocka_run_group_tests_name("serial_threads", tests, NULL, NULL);
}
