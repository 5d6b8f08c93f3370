/* SPDX-License-Identifier: BSD-2-Clause */
/* devices/serial.c with two threads: one types, the other is the guest's. */
#include "tests/unit/serial_port.h"

#include <poll.h>
#include <pthread.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(no_edge_is_lost_between_threads),
	};

	return cmocka_run_group_tests_name("serial_threads", tests, NULL, NULL);
}
