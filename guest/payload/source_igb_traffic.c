/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same cards as in source_igb.c, which here raise an interrupt because data came, as in
 * source_e1000e_traffic.c: a frame is sent, the card's MAC gives it back, and it is received.
 * These cards have descriptors of their own, the advanced ones, and a queue is turned on by
 * itself. Numbers are of the 82576 data sheet (Intel 320961), chapters 7 and 8.
 *
 * Tried on QEMU's igb. For the real ones Linux's driver uses the loopback of the PHY instead
 * (igb_integrated_phy_loopback()).
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define REGISTER_CTRL	0x0000
#define REGISTER_STATUS 0x0008
#define REGISTER_MDIC	0x0020
#define REGISTER_RCTL	0x0100
#define REGISTER_TCTL	0x0400
#define REGISTER_IVAR0	0x1700
#define REGISTER_RDBAL	0xc000 /* of queue 0, as all below */
#define REGISTER_SRRCTL 0xc00c
#define REGISTER_RDT	0xc018
#define REGISTER_RXDCTL 0xc028
#define REGISTER_TDBAL	0xe000
#define REGISTER_TDT	0xe018
#define REGISTER_TXDCTL 0xe028

#define CTRL_LINK_UP	(1u << 6)
#define MDIC_NEGOTIATE	0x04201200 /* write to the PHY's register 0: find a link anew */
#define STATUS_LINK_UP	(1u << 1)
#define RCTL_ENABLE	(1u << 1)
#define RCTL_LOOPBACK	(1u << 6)
#define RCTL_BROADCAST	(1u << 15)
#define TCTL_ENABLE	(1u << 1)
#define IVAR_RX0_VALID	0x80	       /* vector 0 */
#define SRRCTL_ADVANCED (1u << 25 | 2) /* one buffer for each, of 2 KiB */
#define QUEUE_ENABLE	(1u << 25)

#define DESCRIPTORS   8
#define FRAME_SIZE    64
#define BUFFER_SIZE   2048
#define COMMAND_FRAME 0x2b300000 /* advanced data, a whole frame, the checksum is the card's */
#define STATUS_DONE   0x1
#define LINK_PATIENCE 5000000 /* reads of the register, each a microsecond or less */

/* What the card writes over it, it writes over the address of the buffer too. */
union descriptor {
	struct {
		uint64_t address;
		uint32_t command, size;
	} transmit;
	struct {
		uint64_t address, header;
	} receive;
	struct {
		uint64_t more;
		uint32_t status, length;
	} received;
};

static struct {
	union descriptor transmit[DESCRIPTORS] __attribute__((aligned(128)));
	union descriptor receive[DESCRIPTORS] __attribute__((aligned(128)));
	uint8_t frame[FRAME_SIZE];
	uint8_t buffers[DESCRIPTORS][BUFFER_SIZE];
} memory __attribute__((aligned(4096)));

static uint64_t bar;
static uint32_t next; /* descriptor, of both queues */

static void queue_set(uint64_t base_register, const union descriptor *queue)
{
	uint64_t address = (uintptr_t)queue;

	mmio_write32(bar + base_register, (uint32_t)address);
	mmio_write32(bar + base_register + 4, (uint32_t)(address >> 32));
	mmio_write32(bar + base_register + 8, sizeof(memory.receive));
}

static void receive_fill(unsigned int index)
{
	memory.receive[index].receive.address = (uintptr_t)memory.buffers[index];
	memory.receive[index].receive.header = 0;
}

static void traffic_init(unsigned int vector)
{
	source_igb.init(vector);
	bar = pci_bar(source_igb.config(), 0);
	memset(memory.frame, 0xff,
	       6); /* to all, from 02:00:00:00:00:01, of a kind for experiments */
	memory.frame[6] = 0x02;
	memory.frame[11] = 0x01;
	memory.frame[12] = 0x88;
	memory.frame[13] = 0xb5;
	for (unsigned int i = 0; i < DESCRIPTORS; i++)
		receive_fill(i);
	mmio_write32(bar + REGISTER_IVAR0, IVAR_RX0_VALID);
	queue_set(REGISTER_RDBAL, memory.receive);
	queue_set(REGISTER_TDBAL, memory.transmit);
	mmio_write32(bar + REGISTER_SRRCTL, SRRCTL_ADVANCED);
	mmio_write32(bar + REGISTER_RXDCTL, QUEUE_ENABLE);
	mmio_write32(bar + REGISTER_TXDCTL, QUEUE_ENABLE);
	mmio_write32(bar + REGISTER_TCTL, TCTL_ENABLE);
	mmio_write32(bar + REGISTER_RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_LOOPBACK);
	mmio_write32(bar + REGISTER_CTRL, mmio_read32(bar + REGISTER_CTRL) | CTRL_LINK_UP);
	mmio_write32(bar + REGISTER_MDIC, MDIC_NEGOTIATE);
	for (unsigned int i = 0; !(mmio_read32(bar + REGISTER_STATUS) & STATUS_LINK_UP); i++)
		if (i == LINK_PATIENCE)
			payload_fail("igb-traffic: the card has no link");
	/* All but one are the card's: with all, its queue would be an empty one. */
	mmio_write32(bar + REGISTER_RDT, DESCRIPTORS - 1);
}

/* The descriptor of the frame that came last becomes the card's again, and the next one is filled.
 */
static void traffic_prepare(void)
{
	uint32_t last = (next + DESCRIPTORS - 1) % DESCRIPTORS;

	if (*(volatile uint32_t *)&memory.receive[last].received.status & STATUS_DONE) {
		receive_fill(last);
		mmio_write32(bar + REGISTER_RDT, last);
	}
	memory.transmit[next].transmit.address = (uintptr_t)memory.frame;
	memory.transmit[next].transmit.command = COMMAND_FRAME | FRAME_SIZE;
	memory.transmit[next].transmit.size = FRAME_SIZE << 14;
	next = (next + 1) % DESCRIPTORS;
	/* The card reads it after the store, and not before. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void traffic_raise(void)
{
	mmio_write32(bar + REGISTER_TDT, next);
}

static uint64_t traffic_config(void)
{
	return source_igb.config();
}

/* Masking and the like are measured with the card's other source. */
const struct source source_igb_traffic = {
	.name = "igb-traffic",
	.init = traffic_init,
	.prepare = traffic_prepare,
	.raise = traffic_raise,
	.config = traffic_config,
};
