/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same card as in source_e1000e.c, which here raises an interrupt because data came: a frame is
 * sent, the card's MAC gives it back (RCTL.LBM), and it is received. The store is that of the
 * transmit queue's tail. What follows until the interrupt is the card's: it reads a descriptor and
 * the frame, and writes the frame and a descriptor, by DMA. Numbers are of the 82574 data sheet
 * (Intel 317694).
 *
 * Tried on QEMU's e1000e. For a real 82574 Linux's driver uses the loopback of the PHY instead
 * (e1000_integrated_phy_loopback()).
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define REGISTER_STATUS 0x0008
#define REGISTER_RCTL	0x0100
#define REGISTER_TCTL	0x0400
#define REGISTER_RDBAL	0x2800
#define REGISTER_RDBAH	0x2804
#define REGISTER_RDLEN	0x2808
#define REGISTER_RDH	0x2810
#define REGISTER_RDT	0x2818
#define REGISTER_TDBAL	0x3800
#define REGISTER_TDBAH	0x3804
#define REGISTER_TDLEN	0x3808
#define REGISTER_TDH	0x3810
#define REGISTER_TDT	0x3818

#define STATUS_LINK_UP (1u << 1)
#define RCTL_ENABLE    (1u << 1)
#define RCTL_BROADCAST (1u << 15) /* frames to all are received */
#define RCTL_LOOPBACK  (1u << 6)
#define TCTL_ENABLE    (1u << 1)

#define DESCRIPTORS   8	 /* of 16 bytes: 128 is the least that a queue can have */
#define FRAME_SIZE    64 /* without the checksum, which the card adds */
#define BUFFER_SIZE   2048
#define COMMAND_FRAME 0x3 /* the whole frame, and its checksum is the card's */
#define STATUS_DONE   0x1

/* Legacy ones. */
struct descriptor {
	uint64_t address;
	uint16_t length;
	uint8_t offset, command; /* of a frame that is sent; else a checksum */
	uint8_t status, more;
	uint16_t special;
};

static struct {
	struct descriptor transmit[DESCRIPTORS] __attribute__((aligned(128)));
	struct descriptor receive[DESCRIPTORS] __attribute__((aligned(128)));
	uint8_t frame[FRAME_SIZE];
	uint8_t buffers[DESCRIPTORS][BUFFER_SIZE];
} memory __attribute__((aligned(4096)));

#define LINK_PATIENCE 5000000 /* reads of the register, each a microsecond or less */

static uint64_t bar;
static uint32_t next; /* descriptor, of both queues */

static void queue_set(uint64_t base_register, const struct descriptor *queue)
{
	uint64_t address = (uintptr_t)queue;

	mmio_write32(bar + base_register, (uint32_t)address);
	mmio_write32(bar + base_register + 4, (uint32_t)(address >> 32));
	mmio_write32(bar + base_register + 8, sizeof(memory.receive));
}

static void queues_init(void)
{
	bar = pci_bar(source_e1000e.config(), 0);
	memset(memory.frame, 0xff,
	       6); /* to all, from 02:00:00:00:00:01, of a kind for experiments */
	memory.frame[6] = 0x02;
	memory.frame[11] = 0x01;
	memory.frame[12] = 0x88;
	memory.frame[13] = 0xb5;
	for (unsigned int i = 0; i < DESCRIPTORS; i++)
		memory.receive[i].address = (uintptr_t)memory.buffers[i];
	queue_set(REGISTER_RDBAL, memory.receive);
	queue_set(REGISTER_TDBAL, memory.transmit);
	mmio_write32(bar + REGISTER_RDH, 0);
	mmio_write32(bar + REGISTER_TDH, 0);
	mmio_write32(bar + REGISTER_TDT, 0);
	mmio_write32(bar + REGISTER_TCTL, TCTL_ENABLE);
	mmio_write32(bar + REGISTER_RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_LOOPBACK);
	/* Without a link it receives nothing, and the driver before may have asked for a new one.
	 */
	for (unsigned int i = 0; !(mmio_read32(bar + REGISTER_STATUS) & STATUS_LINK_UP); i++)
		if (i == LINK_PATIENCE)
			payload_fail("e1000e-traffic: the card has no link");
	/* All but one are the card's: with all, its queue would be an empty one. */
	mmio_write32(bar + REGISTER_RDT, DESCRIPTORS - 1);
}

static void traffic_init(unsigned int vector)
{
	source_e1000e.init(vector);
	queues_init();
}

static void traffic_intx_init(unsigned int vector)
{
	source_e1000e.intx_init(vector);
	queues_init();
}

/* The descriptor of the frame that came last becomes the card's again, and the next one is filled.
 */
static void traffic_prepare(void)
{
	struct descriptor *received = &memory.receive[(next + DESCRIPTORS - 1) % DESCRIPTORS];

	if (*(volatile uint8_t *)&received->status & STATUS_DONE) {
		received->status = 0;
		mmio_write32(bar + REGISTER_RDT, (next + DESCRIPTORS - 1) % DESCRIPTORS);
	}
	memory.transmit[next] = (struct descriptor){
		.address = (uintptr_t)memory.frame,
		.length = FRAME_SIZE,
		.command = COMMAND_FRAME,
	};
	next = (next + 1) % DESCRIPTORS;
	/* The card reads it after the store, and not before. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void traffic_raise(void)
{
	mmio_write32(bar + REGISTER_TDT, next);
}

static void traffic_acknowledge(void)
{
	source_e1000e.intx_acknowledge();
}

static uint64_t traffic_config(void)
{
	return source_e1000e.config();
}

/* Masking and the like are measured with the card's other source. */
const struct source source_e1000e_traffic = {
	.name = "e1000e-traffic",
	.interval = 200, /* as of the other source */
	.init = traffic_init,
	.intx_init = traffic_intx_init,
	.prepare = traffic_prepare,
	.raise = traffic_raise,
	.intx_acknowledge = traffic_acknowledge,
	.config = traffic_config,
};
