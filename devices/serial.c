/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Data sheet" is that of National Semiconductor's PC16550D; its sections are named after the
 * registers. Transmission takes no time here: while the queue has room, the transmitter is empty
 * again before the guest can look.
 */
#include "devices/serial.h"

#include <linux/serial_reg.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"

#define IER_WRITABLE (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_WRITABLE (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)
#define IIR_FIFO     0xc0 /* both bits: FIFOs that work, unlike those of the plain 16550 */

static bool fifo_is_on(const struct serial *serial)
{
	return serial->fcr & UART_FCR_ENABLE_FIFO;
}

static bool loopback_is_on(const struct serial *serial)
{
	return serial->mcr & UART_MCR_LOOP;
}

static bool divisor_is_selected(const struct serial *serial)
{
	return serial->lcr & UART_LCR_DLAB;
}

/* ---- interrupts ---- */

/* What IIR says: the pending interrupt of the highest priority (data sheet, IIR). */
static uint8_t interrupt_id(const struct serial *serial)
{
	if (serial->ier & UART_IER_RLSI && serial->overrun)
		return UART_IIR_RLSI;
	if (serial->ier & UART_IER_RDI && serial->rx_count)
		return UART_IIR_RDI;
	if (serial->ier & UART_IER_THRI && serial->thre_pending)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/*
 * To be called after every change. The pin of the interrupt controller is edge-triggered, so only
 * a rise says something. While one condition follows another the line stays up, as on the chip:
 * drivers go on until IIR says that there is no more.
 */
static void interrupt_update(struct serial *serial)
{
	bool line = interrupt_id(serial) != UART_IIR_NO_INT;

	if (line && !serial->line)
		eventfd_signal(serial->irq_eventfd);
	serial->line = line;
}

/* ---- the receiver ---- */

static unsigned int rx_size(const struct serial *serial)
{
	return fifo_is_on(serial) ? SERIAL_FIFO_SIZE : 1;
}

static void rx_clear(struct serial *serial)
{
	serial->rx_head = 0;
	serial->rx_count = 0;
}

static void rx_put(struct serial *serial, uint8_t byte)
{
	serial->rx[(serial->rx_head + serial->rx_count) % SERIAL_FIFO_SIZE] = byte;
	serial->rx_count++;
}

static uint8_t rx_get(struct serial *serial)
{
	uint8_t byte;

	if (!serial->rx_count)
		return 0;
	byte = serial->rx[serial->rx_head];
	serial->rx_head = (serial->rx_head + 1) % SERIAL_FIFO_SIZE;
	serial->rx_count--;
	return byte;
}

/* What the outside may send: in loopback mode the receiver is not connected to it. */
static unsigned int rx_room(const struct serial *serial)
{
	return loopback_is_on(serial) ? 0 : rx_size(serial) - serial->rx_count;
}

/* ---- the transmitter ---- */

static size_t tx_room(const struct serial *serial)
{
	return SERIAL_OUTPUT_SIZE - serial->tx_count;
}

/* Is the transmitter empty? Then the guest may send as much as a FIFO holds without looking. */
static bool tx_is_empty(const struct serial *serial)
{
	return tx_room(serial) >= SERIAL_FIFO_SIZE;
}

/* End a run of bytes, and let somebody know of them who does not yet. */
static void tx_flush(struct serial *serial)
{
	serial->tx_gathers = false;
	if (!serial->tx_count || serial->tx_told)
		return;
	serial->tx_told = true;
	eventfd_signal(serial->attention_eventfd);
}

static void tx_put(struct serial *serial, uint8_t byte)
{
	if (!tx_room(serial)) /* abandoned */
		return;
	serial->tx[(serial->tx_head + serial->tx_count) % SERIAL_OUTPUT_SIZE] = byte;
	serial->tx_count++;
}

/*
 * When the receiver is full, the byte is lost, or without a FIFO the one before it (data sheet,
 * LSR, overrun error).
 */
static void loopback_send(struct serial *serial, uint8_t byte)
{
	if (serial->rx_count == rx_size(serial)) {
		serial->overrun = true;
		if (fifo_is_on(serial))
			return;
		rx_clear(serial);
	}
	rx_put(serial, byte);
}

/*
 * The write clears the interrupt, and the transmitter that runs empty at once sets it again: an
 * edge for drivers that send on every interrupt and never read IIR. Once per run of bytes is
 * enough, as on the chip, whose FIFO runs empty once; each edge costs a system call.
 */
static void thr_write(struct serial *serial, uint8_t byte)
{
	if (!serial->tx_gathers) {
		serial->thre_pending = false;
		interrupt_update(serial);
	}
	if (loopback_is_on(serial)) {
		serial->thre_pending = true;
		loopback_send(serial, byte);
		return;
	}
	serial->tx_gathers = true;
	tx_put(serial, byte);
	serial->thre_pending = tx_is_empty(serial);
	if (!fifo_is_on(serial) || !serial->thre_pending)
		tx_flush(serial);
}

/* ---- the registers, in the order of their addresses ---- */

static uint8_t data_read(struct serial *serial)
{
	return divisor_is_selected(serial) ? serial->dll : rx_get(serial);
}

static void data_write(struct serial *serial, uint8_t value)
{
	if (divisor_is_selected(serial))
		serial->dll = value;
	else
		thr_write(serial, value);
}

static uint8_t ier_read(struct serial *serial)
{
	return divisor_is_selected(serial) ? serial->dlm : serial->ier;
}

/* Enabling the transmitter's interrupt while it is empty raises it: drivers start so. */
static void ier_write(struct serial *serial, uint8_t value)
{
	if (divisor_is_selected(serial)) {
		serial->dlm = value;
		return;
	}
	if (value & ~serial->ier & UART_IER_THRI)
		serial->thre_pending = tx_is_empty(serial);
	serial->ier = value & IER_WRITABLE;
}

/* Only the read that says "transmitter empty" clears it (data sheet, IIR). */
static uint8_t iir_read(struct serial *serial)
{
	uint8_t id = interrupt_id(serial);

	if (id == UART_IIR_THRI)
		serial->thre_pending = false;
	return id | (fifo_is_on(serial) ? IIR_FIFO : 0);
}

/*
 * The other bits count only when the enable bit is written with them, and changing that empties
 * the FIFOs (data sheet, FCR). Of the transmitter's nothing is cleared: what was sent is on its
 * way.
 */
static void fcr_write(struct serial *serial, uint8_t value)
{
	bool enable = value & UART_FCR_ENABLE_FIFO;

	if (enable != fifo_is_on(serial) || (enable && value & UART_FCR_CLEAR_RCVR))
		rx_clear(serial);
	serial->fcr = enable ? UART_FCR_ENABLE_FIFO : 0;
}

static uint8_t lcr_read(struct serial *serial)
{
	return serial->lcr;
}

static void lcr_write(struct serial *serial, uint8_t value)
{
	serial->lcr = value;
}

static uint8_t mcr_read(struct serial *serial)
{
	return serial->mcr;
}

static void mcr_write(struct serial *serial, uint8_t value)
{
	serial->mcr = value & MCR_WRITABLE;
}

static uint8_t lsr_read(struct serial *serial)
{
	uint8_t lsr = tx_is_empty(serial) ? UART_LSR_TEMT | UART_LSR_THRE : 0;

	if (serial->rx_count)
		lsr |= UART_LSR_DR;
	if (serial->overrun)
		lsr |= UART_LSR_OE;
	serial->overrun = false;
	return lsr;
}

/* In loopback mode the outputs of MCR are the inputs that MSR shows (data sheet, MCR). */
static uint8_t msr_read(struct serial *serial)
{
	static const struct {
		uint8_t mcr, msr;
	} wires[] = {
		{ UART_MCR_RTS, UART_MSR_CTS },
		{ UART_MCR_DTR, UART_MSR_DSR },
		{ UART_MCR_OUT1, UART_MSR_RI },
		{ UART_MCR_OUT2, UART_MSR_DCD },
	};
	uint8_t msr = 0;
	unsigned int i;

	if (!loopback_is_on(serial))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	for (i = 0; i < ARRAY_SIZE(wires); i++) {
		if (serial->mcr & wires[i].mcr)
			msr |= wires[i].msr;
	}
	return msr;
}

static uint8_t scr_read(struct serial *serial)
{
	return serial->scr;
}

static void scr_write(struct serial *serial, uint8_t value)
{
	serial->scr = value;
}

static const struct {
	uint8_t (*read)(struct serial *serial);
	void (*write)(struct serial *serial, uint8_t value); /* NULL: writes are dropped */
} serial_registers[SERIAL_REGISTERS] = {
	[UART_RX] = { data_read, data_write }, [UART_IER] = { ier_read, ier_write },
	[UART_IIR] = { iir_read, fcr_write },  [UART_LCR] = { lcr_read, lcr_write },
	[UART_MCR] = { mcr_read, mcr_write },  [UART_LSR] = { lsr_read, NULL },
	[UART_MSR] = { msr_read, NULL },       [UART_SCR] = { scr_read, scr_write },
};

/* After every access: the interrupt, and input that was refused, if there is room now. */
static void access_finish(struct serial *serial)
{
	interrupt_update(serial);
	if (!serial->input_starved || !rx_room(serial))
		return;
	serial->input_starved = false;
	eventfd_signal(serial->attention_eventfd);
}

/* Would this be a byte that has no room in the queue? */
static bool is_too_much(const struct serial *serial, uint64_t offset)
{
	return offset == UART_TX && !divisor_is_selected(serial) && !loopback_is_on(serial) &&
	       !tx_room(serial) && !serial->abandoned;
}

static bool is_thr_write(const struct serial *serial, uint64_t offset, const struct access *access)
{
	return offset == UART_TX && access->is_write && !divisor_is_selected(serial);
}

void serial_access(void *opaque, uint64_t offset, struct access *access)
{
	struct serial *serial = opaque;

	if (access->size != 1 || offset >= SERIAL_REGISTERS)
		return;
	pthread_mutex_lock(&serial->lock);
	while (access->is_write && is_too_much(serial, offset))
		pthread_cond_wait(&serial->room, &serial->lock);
	if (!is_thr_write(serial, offset, access))
		tx_flush(serial);
	if (!access->is_write)
		access->data = serial_registers[offset].read(serial);
	else if (serial_registers[offset].write)
		serial_registers[offset].write(serial, (uint8_t)access->data);
	access_finish(serial);
	pthread_mutex_unlock(&serial->lock);
}

bool serial_write_gathered(struct serial *serial, uint8_t data)
{
	bool fits;

	pthread_mutex_lock(&serial->lock);
	fits = !is_too_much(serial, UART_TX);
	if (fits)
		data_write(serial, data);
	access_finish(serial);
	pthread_mutex_unlock(&serial->lock);
	return fits;
}

/* ---- the outside ---- */

void serial_init(struct serial *serial, int irq_eventfd, int attention_eventfd)
{
	memset(serial, 0, sizeof(*serial));
	pthread_mutex_init(&serial->lock, NULL);
	pthread_cond_init(&serial->room, NULL);
	serial->irq_eventfd = irq_eventfd;
	serial->attention_eventfd = attention_eventfd;
}

void serial_cleanup(struct serial *serial)
{
	pthread_cond_destroy(&serial->room);
	pthread_mutex_destroy(&serial->lock);
}

void serial_flush(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	tx_flush(serial);
	pthread_mutex_unlock(&serial->lock);
}

void serial_room_wait(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	while (!tx_room(serial) && !serial->abandoned)
		pthread_cond_wait(&serial->room, &serial->lock);
	pthread_mutex_unlock(&serial->lock);
}

size_t serial_output(struct serial *serial, uint8_t *data, size_t size)
{
	size_t count;

	pthread_mutex_lock(&serial->lock);
	count = min(size, serial->tx_count);
	for (size_t i = 0; i < count; i++)
		data[i] = serial->tx[(serial->tx_head + i) % SERIAL_OUTPUT_SIZE];
	serial->tx_told = false;
	pthread_mutex_unlock(&serial->lock);
	return count;
}

void serial_output_taken(struct serial *serial, size_t count)
{
	bool was_empty;

	pthread_mutex_lock(&serial->lock);
	was_empty = tx_is_empty(serial);
	serial->tx_head = (serial->tx_head + count) % SERIAL_OUTPUT_SIZE;
	serial->tx_count -= count;
	if (!was_empty && tx_is_empty(serial)) {
		serial->thre_pending = true;
		interrupt_update(serial);
	}
	pthread_cond_broadcast(&serial->room);
	pthread_mutex_unlock(&serial->lock);
}

void serial_abandon(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	serial->abandoned = true;
	pthread_cond_broadcast(&serial->room);
	pthread_mutex_unlock(&serial->lock);
}

size_t serial_input(struct serial *serial, const uint8_t *data, size_t size)
{
	size_t taken;

	pthread_mutex_lock(&serial->lock);
	for (taken = 0; taken < size && rx_room(serial); taken++)
		rx_put(serial, data[taken]);
	serial->input_starved = taken < size;
	interrupt_update(serial);
	pthread_mutex_unlock(&serial->lock);
	return taken;
}
