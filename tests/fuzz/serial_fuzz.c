/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devices/serial.c. The input is a list of steps, a byte that says which and what it takes:
 * accesses of any size to any register, input from the outside, flushes, output that is taken.
 */
#include <linux/serial_reg.h>
#include <string.h>

#include "devices/serial.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

/* What the guest sent and what came out, each as a number of bytes and a hash of them all. */
struct tally {
	uint64_t count, hash;
};

struct port {
	struct serial serial;
	struct tally sent, came;
	bool starved; /* input was refused, and nobody has asked for more since */
	bool told;    /* of output, since somebody looked */
};

static void tally_add(struct tally *tally, uint8_t byte)
{
	tally->hash = (tally->hash ^ byte) * 0x100000001b3;
	tally->count++;
}

static void attention(struct port *port)
{
	fuzz_check(port->starved || port->serial.tx_count);
	port->starved = port->serial.input_starved;
	port->told |= port->serial.tx_told;
}

/* Made-up descriptors. */
#define IRQ_EVENTFD	  (-1)
#define ATTENTION_EVENTFD (-2)

static struct port *current;
static unsigned int signals; /* of the interrupt */

/* The linker puts this in place of the real one: a system call would be most of the time. */
void __wrap_eventfd_signal(int fd);

void __wrap_eventfd_signal(int fd)
{
	if (fd == ATTENTION_EVENTFD)
		attention(current);
	else
		signals++;
}

static void output_take(struct port *port, size_t size)
{
	uint8_t bytes[SERIAL_OUTPUT_SIZE];
	size_t count = serial_output(&port->serial, bytes, min(size, sizeof(bytes)));

	fuzz_check(count <= size);
	port->told = false;
	for (size_t i = 0; i < count; i++)
		tally_add(&port->came, bytes[i]);
	serial_output_taken(&port->serial, count);
}

static void port_check(const struct port *port)
{
	const struct serial *serial = &port->serial;
	bool is_fifo = serial->fcr & UART_FCR_ENABLE_FIFO;

	fuzz_check(serial->rx_head < SERIAL_FIFO_SIZE && serial->rx_count <= SERIAL_FIFO_SIZE);
	fuzz_check(is_fifo || serial->rx_count <= 1);
	fuzz_check(serial->tx_count <= SERIAL_OUTPUT_SIZE && (is_fifo || !serial->tx_gathers));
	fuzz_check(port->told == serial->tx_told);
	fuzz_check(port->sent.count == port->came.count + serial->tx_count);
	fuzz_check(port->starved == serial->input_starved);
}

/* An interrupt that rises must be told, and one that stays low must not. */
static void interrupt_check(const struct serial *serial, bool before)
{
	fuzz_check(before || !serial->line == !signals);
	signals = 0;
}

static void step_access(struct port *port, struct fuzz_input *in)
{
	struct serial *serial = &port->serial;
	uint8_t what = fuzz_u8(in);
	uint64_t offset = what & 0xf;
	struct access access = {
		.size = (uint8_t)(1 << (what >> 4 & 3)),
		.is_write = what & 0x40,
		.data = UINT64_MAX,
	};

	if (what & 0x80)
		access.size = 1; /* the size that does something, more often */
	if (access.is_write)
		access.data = fuzz_u8(in);
	else
		access.data = bytes_mask(access.size);
	if (access.is_write && offset == UART_TX && access.size == 1 &&
	    !(serial->lcr & UART_LCR_DLAB) && !(serial->mcr & UART_MCR_LOOP)) {
		/* It would wait, as nobody else is there to take anything. */
		if (serial->tx_count == SERIAL_OUTPUT_SIZE)
			return;
		tally_add(&port->sent, (uint8_t)access.data);
	}
	serial_access(serial, offset, &access);
	fuzz_check(access.is_write || access.data <= bytes_mask(access.size));
	if (!access.is_write && access.size == 1 && offset == UART_LSR)
		fuzz_check(!(access.data & UART_LSR_THRE) ==
			   (SERIAL_OUTPUT_SIZE - serial->tx_count < SERIAL_FIFO_SIZE));
}

/* As KVM's ring is emptied: many bytes, as far as there is room. */
static void step_gathered(struct port *port, struct fuzz_input *in)
{
	struct serial *serial = &port->serial;
	bool is_output = !(serial->lcr & UART_LCR_DLAB) && !(serial->mcr & UART_MCR_LOOP);
	uint8_t byte = fuzz_u8(in);

	for (unsigned int left = 4 * fuzz_u8(in); left; left--) {
		bool fits = serial->tx_count < SERIAL_OUTPUT_SIZE, before = serial->line;

		fuzz_check(serial_write_gathered(serial, byte) == (fits || !is_output));
		if (is_output && fits)
			tally_add(&port->sent, byte);
		interrupt_check(serial, before);
		byte++;
	}
}

static void step_input(struct port *port, struct fuzz_input *in)
{
	uint8_t bytes[40];
	size_t size = fuzz_range(in, 0, sizeof(bytes)), taken;

	fuzz_bytes(in, bytes, size);
	taken = serial_input(&port->serial, bytes, size);
	fuzz_check(taken <= size);
	port->starved = taken < size;
}

static void step(struct port *port, struct fuzz_input *in)
{
	bool before = port->serial.line;

	switch (fuzz_range(in, 0, 9)) {
	case 0:
		serial_flush(&port->serial);
		break;
	case 8:
		output_take(port, (size_t)fuzz_u8(in) << 4);
		break;
	case 9:
		step_gathered(port, in);
		before = port->serial.line; /* it looked at each write */
		signals = port->serial.line;
		break;
	case 1:
		step_input(port, in);
		break;
	default:
		step_access(port, in);
	}
	port_check(port);
	interrupt_check(&port->serial, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct port port = { .told = false };

	signals = 0;
	current = &port;
	serial_init(&port.serial, IRQ_EVENTFD, ATTENTION_EVENTFD);
	while (in.size)
		step(&port, &in);
	output_take(&port, SERIAL_OUTPUT_SIZE);
	serial_cleanup(&port.serial);
	fuzz_check(!memcmp(&port.sent, &port.came, sizeof(port.sent)));
	return 0;
}
