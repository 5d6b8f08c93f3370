/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A UART (National Semiconductor PC16550D data sheet): 8 byte-wide registers, 16-byte
 * FIFOs. No line is too fast. Output waits in a queue for whoever takes it; when there is no room
 * left for what a FIFO holds, the transmitter is not empty (THRE), until there is. Nothing is lost:
 * who sends without looking waits when the queue is full. Towards the guest, input beyond the FIFO
 * waits in the caller. Since bytes arrive in no time, received data interrupts
 * whatever the trigger level is. The other side of the line is always there: DCD, DSR and CTS are
 * asserted and never change. OUT2 does not gate the interrupt, as on PCs, so that small programs
 * need not know about it.
 *
 * Transmitted bytes are told of in runs, not one at a time: while the guest has the FIFO enabled
 * they are gathered until it touches any register but THR, or until serial_flush(). The caller can
 * so let KVM coalesce the writes to THR (KVM_REGISTER_COALESCED_MMIO) and replay them.
 */
#ifndef POSTHORN_DEVICES_SERIAL_H
#define POSTHORN_DEVICES_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/bus.h"

#define SERIAL_REGISTERS   8 /* bytes of address space */
#define SERIAL_FIFO_SIZE   16
#define SERIAL_OUTPUT_SIZE 4096 /* bytes of output that wait to be taken */

struct serial {
	pthread_mutex_t lock;
	pthread_cond_t room; /* the queue is no longer full, or abandoned */
	int irq_eventfd;     /* signalled when the interrupt line rises */
	/*
	 * Signalled when there is output to take, once until serial_output(); or room for what
	 * serial_input() did not take.
	 */
	int attention_eventfd;
	bool line;	    /* level of the interrupt output */
	bool thre_pending;  /* the transmitter ran empty and IIR has not told so yet */
	bool overrun;	    /* OE of the line status register, which sends a byte to itself only */
	bool input_starved; /* serial_input() refused bytes since the last attention */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t rx[SERIAL_FIFO_SIZE];
	unsigned int rx_head, rx_count;
	uint8_t tx[SERIAL_OUTPUT_SIZE];
	size_t tx_head, tx_count;
	bool tx_gathers; /* a run of bytes has begun */
	bool tx_told;	 /* attention was asked for since serial_output() */
	bool abandoned;
};

/* Make a port in its reset state: FIFO off. The eventfds stay the caller's. */
void serial_init(struct serial *serial, int irq_eventfd, int attention_eventfd);

/* What is still in the queue is gone. */
void serial_cleanup(struct serial *serial);

/*
 * A bus_handler: @opaque is the struct serial. Wider accesses than a byte are dropped. A write to
 * THR waits while the queue is full; other accesses go on meanwhile.
 */
void serial_access(void *opaque, uint64_t offset, struct access *access);

/*
 * A write of @data to the register at offset 0, which came by another way than serial_access() and
 * does not wait. Returns whether it was carried out: false when the queue is full.
 */
bool serial_write_gathered(struct serial *serial, uint8_t data);

/* Wait until the queue is no longer full. Any thread but the one that takes output. */
void serial_room_wait(struct serial *serial);

/* Tell of gathered bytes now. Any thread. */
void serial_flush(struct serial *serial);

/*
 * Copy the oldest bytes of output, at most @size, to @data, and return how many there were.
 * serial_output_taken() takes @count of them out of the queue. One thread.
 */
size_t serial_output(struct serial *serial, uint8_t *data, size_t size);
void serial_output_taken(struct serial *serial, size_t count);

/* Nobody takes output any more: what finds no room is dropped from now on. Any thread. */
void serial_abandon(struct serial *serial);

/*
 * Offer received bytes to the guest; returns how many were taken: what fits in the FIFO, one when
 * it is off, none in loopback mode. When that is less than @size, attention is asked for as soon as
 * there is room. One thread at a time.
 */
size_t serial_input(struct serial *serial, const uint8_t *data, size_t size);

#endif
