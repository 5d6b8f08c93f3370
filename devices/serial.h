/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A UART (National Semiconductor PC16550D data sheet): 8 byte-wide registers, 16-byte
 * FIFOs. No line is too fast and nothing is ever lost on the way out; towards the guest, input
 * beyond the FIFO waits in the caller. Since bytes arrive in no time, received data interrupts
 * whatever the trigger level is. The other side of the line is always there: DCD, DSR and CTS are
 * asserted and never change. OUT2 does not gate the interrupt, as on PCs, so that small programs
 * need not know about it.
 *
 * Transmitted bytes are handed to @output in runs, not one at a time: while the guest has the FIFO
 * enabled they are gathered until it touches any register but THR, or until serial_flush(). The
 * caller can so let KVM coalesce the writes to THR (KVM_REGISTER_COALESCED_MMIO) and replay them.
 */
#ifndef POSTHORN_DEVICES_SERIAL_H
#define POSTHORN_DEVICES_SERIAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/bus.h"

#define SERIAL_REGISTERS   8 /* bytes of address space */
#define SERIAL_FIFO_SIZE   16
#define SERIAL_OUTPUT_SIZE 256

/*
 * Called with the lock of the serial port held but for input_ready(), so they must not call
 * serial_*(), serial_input() excepted: by the vCPU thread whose access is the cause, the first and
 * the last also by the caller of serial_flush().
 */
struct serial_ops {
	/* May wait for whoever reads. */
	void (*output)(void *opaque, const uint8_t *data, size_t size);
	/* The guest turned its FIFO on (true) or off. May be NULL. */
	void (*fifo_enabled)(void *opaque, bool enabled);
	/* Offer again what serial_input() did not take: there may be room now. May be NULL. */
	void (*input_ready)(void *opaque);
};

struct serial {
	pthread_mutex_t lock;
	const struct serial_ops *ops;
	void *opaque;
	int irq_eventfd;   /* signalled when the interrupt line rises */
	bool line;	   /* level of the interrupt output */
	bool thre_pending; /* the transmitter ran empty and IIR has not told so yet */
	bool overrun;	   /* OE of the line status register, which sends a byte to itself only */
	/* serial_input() refused bytes since input_ready() was last called; not under the lock */
	atomic_bool input_starved;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t rx[SERIAL_FIFO_SIZE];
	unsigned int rx_head, rx_count;
	uint8_t tx[SERIAL_OUTPUT_SIZE];
	size_t tx_count;
};

/* Make a port in its reset state: FIFO off. @ops, @opaque and @irq_eventfd stay the caller's. */
void serial_init(struct serial *serial, const struct serial_ops *ops, void *opaque,
		 int irq_eventfd);

/* Hand what is still gathered to output. */
void serial_cleanup(struct serial *serial);

/* A bus_handler: @opaque is the struct serial. Wider accesses than a byte are dropped. */
void serial_access(void *opaque, uint64_t offset, struct access *access);

/* Hand gathered bytes to output now. Any thread. */
void serial_flush(struct serial *serial);

/*
 * Offer received bytes to the guest; returns how many were taken: what fits in the FIFO, one when
 * it is off, none in loopback mode or while another thread has the port, which may be waiting for
 * output to be taken: this does not wait. When that is less than @size, input_ready() is called as
 * soon as there may be room. One thread at a time.
 */
size_t serial_input(struct serial *serial, const uint8_t *data, size_t size);

#endif
