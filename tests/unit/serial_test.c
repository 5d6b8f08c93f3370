/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sequences that are said to be Linux's follow the order of register accesses in its
 * drivers/tty/serial/8250/8250_port.c.
 */
#include "tests/unit/serial_port.h"

/* ---- registers ---- */

static void registers_start_as_after_a_reset(void **state)
{
	struct port *port = *state;

	assert_int_equal(in(port, UART_IER), 0);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in(port, UART_LCR), 0);
	assert_int_equal(in(port, UART_MCR), 0);
	assert_int_equal(in(port, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(in(port, UART_RX), 0);
	assert_int_equal(edges(port), 0);
}

static void registers_keep_the_bits_that_a_16550a_has(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, 0xff);
	assert_int_equal(in(port, UART_IER), 0x0f);
	out(port, UART_MCR, 0xff);
	assert_int_equal(in(port, UART_MCR), 0x1f);
	out(port, UART_SCR, 0xa5);
	assert_int_equal(in(port, UART_SCR), 0xa5);
	out(port, UART_LCR, 0xbf);
	assert_int_equal(in(port, UART_LCR), 0xbf);
}

static void the_divisor_latch_hides_data_and_ier(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_RDI);
	out(port, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	out(port, UART_DLL, 0x34);
	out(port, UART_DLM, 0x12);
	assert_int_equal(in(port, UART_DLL), 0x34);
	assert_int_equal(in(port, UART_DLM), 0x12);
	out(port, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(in(port, UART_IER), UART_IER_RDI);
	assert_int_equal(in(port, UART_RX), 0);
	output_expect(port, "", 0);
}

static void status_registers_cannot_be_written(void **state)
{
	struct port *port = *state;

	out(port, UART_LSR, 0xff);
	out(port, UART_MSR, 0xff);
	assert_int_equal(in(port, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(in(port, UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

static void wider_accesses_and_others_are_dropped(void **state)
{
	struct port *port = *state;
	struct access write = { .data = 0x4142, .size = 2, .is_write = true };
	struct access read = { .data = 0xffff, .size = 2 };
	struct access beyond = { .data = 0xff, .size = 1 };

	serial_access(&port->serial, UART_TX, &write);
	output_expect(port, "", 0);
	serial_access(&port->serial, UART_LSR, &read);
	assert_int_equal(read.data, 0xffff);
	serial_access(&port->serial, SERIAL_REGISTERS, &beyond);
	assert_int_equal(beyond.data, 0xff);
}

/* ---- output ---- */

static void without_the_fifo_every_byte_goes_out_at_once(void **state)
{
	struct port *port = *state;

	out_text(port, "abc");
	output_expect(port, "abc", 3);
}

static void with_the_fifo_bytes_go_out_in_runs(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out_text(port, "hello");
	output_expect(port, "", 0);
	in(port, UART_LSR);
	output_expect(port, "hello", 1);
}

static void any_register_but_thr_ends_a_run(void **state)
{
	struct port *port = *state;
	unsigned int offset;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	for (offset = 0; offset < SERIAL_REGISTERS; offset++) {
		out_text(port, "x");
		in(port, offset);
		output_expect(port, "x", 1);
		if (offset == UART_TX)
			continue;
		out_text(port, "y");
		out(port, offset, offset == UART_FCR ? UART_FCR_ENABLE_FIFO : 0);
		output_expect(port, "y", 1);
	}
}

static void flush_ends_a_run(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out_text(port, "one");
	serial_flush(&port->serial);
	output_expect(port, "one", 1);
	serial_flush(&port->serial);
	output_expect(port, "", 0);
}

static void output_is_told_of_once_until_somebody_looks(void **state)
{
	struct port *port = *state;
	uint8_t data[2];

	port->stuck = true;
	out_text(port, "abc");
	assert_int_equal(port->output_calls, 1);
	assert_int_equal(serial_output(&port->serial, data, sizeof(data)), 2);
	assert_memory_equal(data, "ab", 2);
	port->told = false;
	serial_output_taken(&port->serial, 1);
	out_text(port, "d");
	assert_int_equal(port->output_calls, 2);
	assert_int_equal(output_take(port, 100), 3);
	assert_memory_equal(port->output, "bcd", 3);
}

/* Nobody takes it: send as drivers do, until the port says that it has no room. */
static unsigned int send_until_full(struct port *port)
{
	unsigned int sent = 0;

	port->stuck = true;
	while (in(port, UART_LSR) & UART_LSR_THRE)
		for (unsigned int i = 0; i < SERIAL_FIFO_SIZE; i++)
			out(port, UART_TX, (uint8_t)(sent++ * 7));
	return sent;
}

static void a_transmitter_that_nobody_empties_is_not_empty(void **state)
{
	struct port *port = *state;
	unsigned int sent;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	sent = send_until_full(port);
	assert_int_equal(sent, SERIAL_OUTPUT_SIZE);
	assert_false(in(port, UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT));
	/* No interrupt says that it is, however drivers ask. */
	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_NO_INT);
	assert_int_equal(edges(port), 0);
	assert_int_equal(output_take(port, SERIAL_FIFO_SIZE - 1), SERIAL_FIFO_SIZE - 1);
	assert_false(in(port, UART_LSR) & UART_LSR_THRE);
	assert_int_equal(edges(port), 0);
	assert_int_equal(output_take(port, 1), 1);
	assert_int_equal(edges(port), 1);
	assert_true(in(port, UART_LSR) & UART_LSR_THRE);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_THRI);
	output_take(port, SERIAL_OUTPUT_SIZE);
	assert_int_equal(port->output_size, sent);
	for (unsigned int i = 0; i < sent; i++)
		assert_int_equal((uint8_t)port->output[i], (uint8_t)(i * 7));
}

static void a_gathered_write_that_has_no_room_stays(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	send_until_full(port);
	assert_false(serial_write_gathered(&port->serial, 'x'));
	/* The other registers go on as ever. */
	out(port, UART_SCR, 0x5a);
	assert_int_equal(in(port, UART_SCR), 0x5a);
	output_take(port, SERIAL_OUTPUT_SIZE);
	port->output_size = 0;
	assert_true(serial_write_gathered(&port->serial, 'x'));
	output_take(port, SERIAL_OUTPUT_SIZE);
	assert_memory_equal(port->output, "x", 1);
	/* It goes where a write of the register goes. */
	out(port, UART_LCR, UART_LCR_DLAB);
	assert_true(serial_write_gathered(&port->serial, 0x34));
	assert_int_equal(in(port, UART_DLL), 0x34);
}

static void what_finds_no_room_is_dropped_when_nobody_will_take_it(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	send_until_full(port);
	serial_abandon(&port->serial);
	out(port, UART_TX, 'x');
	assert_true(serial_write_gathered(&port->serial, 'y'));
	serial_room_wait(&port->serial);
	assert_int_equal(output_take(port, SERIAL_OUTPUT_SIZE), SERIAL_OUTPUT_SIZE);
}

static void clearing_the_transmit_fifo_loses_nothing(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out_text(port, "kept");
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_XMIT);
	output_expect(port, "kept", 1);
}

/* ---- input ---- */

static void without_the_fifo_one_byte_is_taken(void **state)
{
	struct port *port = *state;

	assert_int_equal(input_text(port, "ab"), 1);
	assert_int_equal(input_text(port, "b"), 0);
	assert_true(in(port, UART_LSR) & UART_LSR_DR);
	assert_int_equal(in(port, UART_RX), 'a');
	assert_false(in(port, UART_LSR) & UART_LSR_DR);
	assert_int_equal(in(port, UART_RX), 0);
}

static void with_the_fifo_sixteen_bytes_are_taken_and_come_in_order(void **state)
{
	struct port *port = *state;
	unsigned int round, i;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	for (round = 0; round < 3; round++) {
		assert_int_equal(input_text(port, "0123456789"), 10);
		assert_int_equal(input_text(port, "abcdefghij"), 6);
		for (i = 0; i < 16; i++)
			assert_int_equal(in(port, UART_RX), "0123456789abcdef"[i]);
		assert_false(in(port, UART_LSR) & UART_LSR_DR);
	}
}

static void attention_is_called_once_when_there_is_room_again(void **state)
{
	struct port *port = *state;

	assert_int_equal(input_text(port, "a"), 1);
	in(port, UART_RX);
	assert_int_equal(port->ready_calls, 0); /* nothing was refused */
	assert_int_equal(input_text(port, "bc"), 1);
	in(port, UART_LSR);
	assert_int_equal(port->ready_calls, 0); /* no room yet */
	in(port, UART_RX);
	assert_int_equal(port->ready_calls, 1);
	in(port, UART_RX);
	assert_int_equal(port->ready_calls, 1);
}

/* Output may wait for its reader as long as it likes. */
static void input_comes_while_nobody_takes_output(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	send_until_full(port);
	assert_int_equal(input_text(port, "x"), 1);
	assert_int_equal(in(port, UART_RX), 'x');
}

static void clearing_the_receive_fifo_drops_input_and_makes_room(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(input_text(port, "0123456789abcdefX"), 16);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	assert_true(in(port, UART_LSR) & UART_LSR_DR);
	assert_int_equal(port->ready_calls, 0);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(in(port, UART_LSR) & UART_LSR_DR);
	assert_int_equal(port->ready_calls, 1);
	assert_int_equal(input_text(port, "n"), 1);
	assert_int_equal(in(port, UART_RX), 'n');
}

static void switching_the_fifo_drops_input(void **state)
{
	struct port *port = *state;

	input_text(port, "a");
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_false(in(port, UART_LSR) & UART_LSR_DR);
	input_text(port, "abcdef");
	out(port, UART_FCR, 0);
	assert_false(in(port, UART_LSR) & UART_LSR_DR);
}

static void fcr_bits_without_the_enable_bit_do_nothing(void **state)
{
	struct port *port = *state;

	input_text(port, "a");
	out(port, UART_FCR, UART_FCR_CLEAR_RCVR);
	assert_true(in(port, UART_LSR) & UART_LSR_DR);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
}

/* ---- interrupts ---- */

static void iir_tells_that_the_fifo_is_on(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_NO_INT);
	out(port, UART_FCR, 0);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
}

static void received_data_raises_the_line_until_it_is_read(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_14);
	out(port, UART_IER, UART_IER_RDI);
	assert_int_equal(edges(port), 0);
	input_text(port, "ab");
	assert_int_equal(edges(port), 1);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_RDI);
	input_text(port, "c");
	in(port, UART_RX);
	in(port, UART_RX);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_RDI);
	assert_int_equal(edges(port), 0); /* it was up all the time */
	in(port, UART_RX);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_NO_INT);
	input_text(port, "d");
	assert_int_equal(edges(port), 1);
}

static void input_that_came_while_disabled_interrupts_when_enabled(void **state)
{
	struct port *port = *state;

	input_text(port, "a");
	assert_int_equal(edges(port), 0);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
	out(port, UART_IER, UART_IER_RDI);
	assert_int_equal(edges(port), 1);
	/* Off and on again is a new edge. */
	out(port, UART_IER, 0);
	out(port, UART_IER, UART_IER_RDI);
	assert_int_equal(edges(port), 1);
}

static void enabling_the_transmit_interrupt_raises_it(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(port), 1);
	assert_int_equal(in(port, UART_IIR), UART_IIR_THRI);
}

static void reading_iir_clears_the_transmit_interrupt(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
	/* Writing the same value to IER does not bring it back; enabling anew does. */
	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
	out(port, UART_IER, 0);
	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_THRI);
}

static void iir_does_not_clear_a_transmit_interrupt_that_it_did_not_tell(void **state)
{
	struct port *port = *state;

	input_text(port, "a");
	out(port, UART_IER, UART_IER_THRI | UART_IER_RDI);
	assert_int_equal(edges(port), 1);
	assert_int_equal(in(port, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_RDI);
	in(port, UART_RX);
	/* The line stays up from the one to the other. */
	assert_int_equal(edges(port), 0);
	assert_true(port->serial.line);
	assert_int_equal(in(port, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
	assert_false(port->serial.line);
}

static void every_byte_sent_makes_the_transmitter_interrupt_again(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_THRI);
	in(port, UART_IIR);
	edges(port);
	out_text(port, "a");
	assert_int_equal(edges(port), 1);
	assert_int_equal(in(port, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
}

static void a_driver_that_never_reads_iir_gets_an_edge_for_what_it_sends(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(port), 1);
	out_text(port, "a");
	assert_int_equal(edges(port), 1);
	out_text(port, "b");
	assert_int_equal(edges(port), 1);
	/* With the FIFO on, one for each run. */
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	edges(port);
	out_text(port, "a whole run");
	assert_int_equal(edges(port), 1);
	assert_true(in(port, UART_LSR) & UART_LSR_THRE);
	out_text(port, "another one");
	assert_int_equal(edges(port), 1);
}

static void no_interrupt_comes_without_its_enable_bit(void **state)
{
	struct port *port = *state;

	out(port, UART_IER, UART_IER_MSI | UART_IER_RLSI);
	out_text(port, "abc");
	input_text(port, "a");
	assert_int_equal(edges(port), 0);
	assert_int_equal(in(port, UART_IIR), UART_IIR_NO_INT);
}

static void out2_does_not_gate_the_interrupt(void **state)
{
	struct port *port = *state;

	out(port, UART_MCR, 0);
	out(port, UART_IER, UART_IER_RDI);
	input_text(port, "a");
	assert_int_equal(edges(port), 1);
}

/* ---- loopback ---- */

static void in_loopback_mode_the_port_hears_itself_and_nobody_else(void **state)
{
	struct port *port = *state;

	out(port, UART_MCR, UART_MCR_LOOP);
	out(port, UART_TX, 'l');
	output_expect(port, "", 0);
	assert_int_equal(input_text(port, "outside"), 0);
	assert_int_equal(in(port, UART_RX), 'l');
	assert_int_equal(port->ready_calls, 0);
	out(port, UART_MCR, 0);
	assert_int_equal(port->ready_calls, 1);
	assert_int_equal(input_text(port, "o"), 1);
}

static void what_was_sent_before_loopback_mode_goes_out(void **state)
{
	struct port *port = *state;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out_text(port, "before");
	out(port, UART_MCR, UART_MCR_LOOP);
	output_expect(port, "before", 1);
	assert_int_equal(in(port, UART_LSR) & UART_LSR_DR, 0);
}

static void in_loopback_mode_msr_shows_mcr(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} cases[] = {
		{ 0, 0 },
		{ UART_MCR_DTR, UART_MSR_DSR },
		{ UART_MCR_RTS, UART_MSR_CTS },
		{ UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD },
		{ UART_MCR_OUT2 | UART_MCR_RTS, UART_MSR_DCD | UART_MSR_CTS },
	};
	struct port *port = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		out(port, UART_MCR, UART_MCR_LOOP | cases[i].mcr);
		assert_int_equal(in(port, UART_MSR), cases[i].msr);
	}
}

static void an_overrun_in_loopback_mode_is_told_once(void **state)
{
	struct port *port = *state;

	out(port, UART_MCR, UART_MCR_LOOP);
	out(port, UART_IER, UART_IER_RLSI | UART_IER_RDI);
	out_text(port, "a");
	assert_int_equal(in(port, UART_IIR), UART_IIR_RDI);
	out_text(port, "b");
	out(port, UART_IER, UART_IER_RDI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_RDI);
	out(port, UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(in(port, UART_IIR), UART_IIR_RLSI);
	assert_int_equal(in(port, UART_LSR),
			 UART_LSR_TEMT | UART_LSR_THRE | UART_LSR_OE | UART_LSR_DR);
	assert_int_equal(in(port, UART_IIR), UART_IIR_RDI);
	assert_false(in(port, UART_LSR) & UART_LSR_OE);
	assert_int_equal(in(port, UART_RX), 'b'); /* without a FIFO the later byte wins */
	assert_false(in(port, UART_LSR) & UART_LSR_DR);
}

/* ---- Linux's 8250 driver ---- */

/* autoconfig() decides on the type of the chip. */
static void linux_finds_a_16550a(void **state)
{
	struct port *port = *state;
	uint8_t mcr, lcr, ier;

	ier = in(port, UART_IER);
	out(port, UART_IER, 0);
	assert_int_equal(in(port, UART_IER) & 0x0f, 0);
	out(port, UART_IER, 0x0f);
	assert_int_equal(in(port, UART_IER) & 0x0f, 0x0f);
	out(port, UART_IER, ier);

	mcr = in(port, UART_MCR);
	lcr = in(port, UART_LCR);
	out(port, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(in(port, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(port, UART_MCR, mcr);

	out(port, UART_LCR, UART_LCR_CONF_MODE_B);
	out(port, UART_EFR, 0);
	out(port, UART_LCR, 0);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(port, UART_IIR) >> 6, 3);

	/* No EFR, so not a 16650 or later. */
	out(port, UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(in(port, UART_EFR), 0);
	out(port, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(in(port, UART_EFR), 0);
	/* Not a 16750: bit 5 of IIR never gets set. */
	out(port, UART_LCR, UART_LCR_CONF_MODE_A);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(in(port, UART_IIR) & 0x20, 0);
	out(port, UART_LCR, 0);
	/* Not an XScale UART: bit 6 of IER stays clear. */
	out(port, UART_IER, 0x40);
	assert_int_equal(in(port, UART_IER) & 0x40, 0);

	out(port, UART_LCR, lcr);
	output_expect(port, "", 0);
}

/* size_fifo() counts what a loopback of 256 bytes leaves in the FIFO. */
static void linux_counts_16_bytes_of_fifo(void **state)
{
	struct port *port = *state;
	unsigned int i, count;

	out(port, UART_LCR, 0);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(port, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	out(port, UART_LCR, UART_LCR_CONF_MODE_A);
	out(port, UART_DLL, 1);
	out(port, UART_DLM, 0);
	out(port, UART_LCR, UART_LCR_WLEN8);
	for (i = 0; i < 256; i++)
		out(port, UART_TX, (uint8_t)i);
	for (count = 0; in(port, UART_LSR) & UART_LSR_DR && count < 256; count++)
		assert_int_equal(in(port, UART_RX), count);
	assert_int_equal(count, 16);
	output_expect(port, "", 0);
}

/* The tests of startup for UARTs that do not raise the transmit interrupt when they should. */
static void linux_finds_no_transmit_bug_at_startup(void **state)
{
	struct port *port = *state;
	uint8_t lsr, iir;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	out(port, UART_FCR, 0);
	assert_int_not_equal(in(port, UART_LSR), 0xff);
	in(port, UART_RX);
	in(port, UART_IIR);
	in(port, UART_MSR);

	/* serial8250_THRE_test(): the interrupt comes back although IIR was read. */
	out(port, UART_IER, UART_IER_THRI);
	assert_false(in(port, UART_IIR) & UART_IIR_NO_INT);
	out(port, UART_IER, 0);
	out(port, UART_IER, UART_IER_THRI);
	assert_false(in(port, UART_IIR) & UART_IIR_NO_INT);
	out(port, UART_IER, 0);

	/* The test for UART_BUG_TXEN. */
	out(port, UART_LCR, UART_LCR_WLEN8);
	out(port, UART_MCR, UART_MCR_OUT2);
	out(port, UART_IER, UART_IER_THRI);
	lsr = in(port, UART_LSR);
	iir = in(port, UART_IIR);
	out(port, UART_IER, 0);
	assert_true(lsr & UART_LSR_TEMT);
	assert_false(iir & UART_IIR_NO_INT);
}

/* A tty: what is left to send, and what came. */
struct linux_driver {
	struct port *port;
	const char *sending;
	char received[64];
	size_t received_size;
};

/* serial8250_handle_irq(), repeated until no interrupt is pending. Returns whether one was. */
static bool linux_interrupt(struct linux_driver *driver)
{
	struct port *port = driver->port;
	bool handled = false;
	unsigned int i;

	while (!(in(port, UART_IIR) & UART_IIR_NO_INT)) {
		uint8_t lsr = in(port, UART_LSR);

		handled = true;
		while (lsr & UART_LSR_DR) {
			driver->received[driver->received_size++] = (char)in(port, UART_RX);
			lsr = in(port, UART_LSR);
		}
		if (!(lsr & UART_LSR_THRE) || !(in(port, UART_IER) & UART_IER_THRI))
			continue;
		for (i = 0; i < SERIAL_FIFO_SIZE && *driver->sending; i++)
			out(port, UART_TX, (uint8_t)*driver->sending++);
		if (!*driver->sending)
			out(port, UART_IER, in(port, UART_IER) & ~UART_IER_THRI);
	}
	return handled;
}

static void linux_sends_a_long_text_by_interrupts_alone(void **state)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog, "
				   "as it does on every line that has ever been tested.\n";
	struct port *port = *state;
	struct linux_driver driver = { .port = port, .sending = text };
	unsigned int interrupts = 0;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(port, UART_IER, UART_IER_RDI | UART_IER_RLSI);
	out(port, UART_IER, UART_IER_RDI | UART_IER_RLSI | UART_IER_THRI);
	while (edges(port)) {
		linux_interrupt(&driver);
		assert_true(++interrupts < 100);
	}
	assert_int_equal(port->output_size, strlen(text));
	assert_memory_equal(port->output, text, strlen(text));
	assert_true(port->output_calls <= strlen(text) / SERIAL_FIFO_SIZE + 1);
	assert_false(port->serial.line);
}

static void linux_receives_a_long_text_by_interrupts_alone(void **state)
{
	static const char text[] = "input that is longer than the FIFO of the port";
	struct port *port = *state;
	struct linux_driver driver = { .port = port, .sending = "" };
	size_t sent = 0;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	out(port, UART_IER, UART_IER_RDI | UART_IER_RLSI);
	while (sent < strlen(text)) {
		sent += serial_input(&port->serial, (const uint8_t *)text + sent,
				     strlen(text) - sent);
		assert_int_equal(edges(port), 1);
		assert_true(linux_interrupt(&driver));
		assert_int_equal(port->ready_calls, sent < strlen(text));
		port->ready_calls = 0;
	}
	assert_int_equal(driver.received_size, strlen(text));
	assert_memory_equal(driver.received, text, strlen(text));
}

/* serial8250_console_write(), also when it comes between the interrupts of the tty. */
static void linux_writes_to_the_console_without_losing_the_transmit_interrupt(void **state)
{
	struct port *port = *state;
	const char *text = "panic\n";
	uint8_t ier;

	out(port, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(port, UART_IER, UART_IER_RDI | UART_IER_THRI);
	in(port, UART_IIR);
	edges(port);
	ier = in(port, UART_IER);
	out(port, UART_IER, 0);
	for (; *text; text++) {
		assert_true(in(port, UART_LSR) & UART_LSR_THRE);
		out(port, UART_TX, (uint8_t)*text);
	}
	assert_int_equal(in(port, UART_LSR) & (UART_LSR_TEMT | UART_LSR_THRE),
			 UART_LSR_TEMT | UART_LSR_THRE);
	assert_int_equal(edges(port), 0);
	out(port, UART_IER, ier);
	assert_int_equal(edges(port), 1);
	assert_int_equal(in(port, UART_IIR), IIR_FIFO | UART_IIR_THRI);
	output_expect(port, "panic\n", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		serial_test(registers_start_as_after_a_reset),
		serial_test(registers_keep_the_bits_that_a_16550a_has),
		serial_test(the_divisor_latch_hides_data_and_ier),
		serial_test(status_registers_cannot_be_written),
		serial_test(wider_accesses_and_others_are_dropped),
		serial_test(without_the_fifo_every_byte_goes_out_at_once),
		serial_test(with_the_fifo_bytes_go_out_in_runs),
		serial_test(any_register_but_thr_ends_a_run),
		serial_test(flush_ends_a_run),
		serial_test(output_is_told_of_once_until_somebody_looks),
		serial_test(a_transmitter_that_nobody_empties_is_not_empty),
		serial_test(a_gathered_write_that_has_no_room_stays),
		serial_test(what_finds_no_room_is_dropped_when_nobody_will_take_it),
		serial_test(clearing_the_transmit_fifo_loses_nothing),
		serial_test(without_the_fifo_one_byte_is_taken),
		serial_test(with_the_fifo_sixteen_bytes_are_taken_and_come_in_order),
		serial_test(attention_is_called_once_when_there_is_room_again),
		serial_test(input_comes_while_nobody_takes_output),
		serial_test(clearing_the_receive_fifo_drops_input_and_makes_room),
		serial_test(switching_the_fifo_drops_input),
		serial_test(fcr_bits_without_the_enable_bit_do_nothing),
		serial_test(iir_tells_that_the_fifo_is_on),
		serial_test(received_data_raises_the_line_until_it_is_read),
		serial_test(input_that_came_while_disabled_interrupts_when_enabled),
		serial_test(enabling_the_transmit_interrupt_raises_it),
		serial_test(reading_iir_clears_the_transmit_interrupt),
		serial_test(iir_does_not_clear_a_transmit_interrupt_that_it_did_not_tell),
		serial_test(every_byte_sent_makes_the_transmitter_interrupt_again),
		serial_test(a_driver_that_never_reads_iir_gets_an_edge_for_what_it_sends),
		serial_test(no_interrupt_comes_without_its_enable_bit),
		serial_test(out2_does_not_gate_the_interrupt),
		serial_test(in_loopback_mode_the_port_hears_itself_and_nobody_else),
		serial_test(what_was_sent_before_loopback_mode_goes_out),
		serial_test(in_loopback_mode_msr_shows_mcr),
		serial_test(an_overrun_in_loopback_mode_is_told_once),
		serial_test(linux_finds_a_16550a),
		serial_test(linux_counts_16_bytes_of_fifo),
		serial_test(linux_finds_no_transmit_bug_at_startup),
		serial_test(linux_sends_a_long_text_by_interrupts_alone),
		serial_test(linux_receives_a_long_text_by_interrupts_alone),
		serial_test(linux_writes_to_the_console_without_losing_the_transmit_interrupt),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
