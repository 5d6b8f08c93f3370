/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/e1000e_loopback.h"

#include "guest/payload/payload.h"

#define REGISTER_STATUS 0x0008
#define REGISTER_RCTL	0x0100
#define REGISTER_TCTL	0x0400
#define REGISTER_RDBAL	0x2800
#define REGISTER_RDH	0x2810
#define REGISTER_RDT	0x2818
#define REGISTER_TDBAL	0x3800
#define REGISTER_TDH	0x3810
#define REGISTER_TDT	0x3818

#define STATUS_LINK_UP (1u << 1)
#define RCTL_ENABLE    (1u << 1)
#define RCTL_LOOPBACK  (1u << 6)
#define RCTL_BROADCAST (1u << 15) /* frames to all are received */
#define TCTL_ENABLE    (1u << 1)

#define COMMAND_FRAME 0x3     /* the whole frame, and its checksum is the card's */
#define DONE	      0x1     /* status */
#define LINK_PATIENCE 5000000 /* reads of the register, each a microsecond or less */

static void queue_set(uint64_t registers, const struct e1000e_descriptor *queue)
{
	uint64_t address = (uintptr_t)queue;

	mmio_write32(registers, (uint32_t)address);
	mmio_write32(registers + 4, (uint32_t)(address >> 32));
	mmio_write32(registers + 8, E1000E_DESCRIPTORS * sizeof(*queue));
}

void e1000e_loopback_init(struct e1000e_loopback *loopback, uint64_t bar, uint16_t size)
{
	/* To all, from 02:00:00:00:00:01, of a kind for experiments. */
	static const uint8_t head[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
					0,    0,    0,	  0,	0x01, 0x88, 0xb5 };

	loopback->bar = bar;
	loopback->size = size;
	memcpy(loopback->frame, head, sizeof(head));
	for (unsigned int i = 0; i < E1000E_DESCRIPTORS; i++)
		loopback->receive[i].address = (uintptr_t)loopback->buffers[i];
	queue_set(bar + REGISTER_RDBAL, loopback->receive);
	queue_set(bar + REGISTER_TDBAL, loopback->transmit);
	mmio_write32(bar + REGISTER_RDH, 0);
	mmio_write32(bar + REGISTER_TDH, 0);
	mmio_write32(bar + REGISTER_TDT, 0);
	mmio_write32(bar + REGISTER_TCTL, TCTL_ENABLE);
	mmio_write32(bar + REGISTER_RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_LOOPBACK);
	/* Without a link it receives nothing, and the driver before may have asked for a new one.
	 */
	for (unsigned int i = 0; !(mmio_read32(bar + REGISTER_STATUS) & STATUS_LINK_UP); i++)
		if (i == LINK_PATIENCE)
			payload_fail("the e1000e has no link");
	/* All but one are the card's: with all, its queue would be an empty one. */
	mmio_write32(bar + REGISTER_RDT, E1000E_DESCRIPTORS - 1);
}

unsigned int e1000e_loopback_take(struct e1000e_loopback *loopback)
{
	unsigned int count = 0;

	for (;;) {
		volatile uint8_t *status = &loopback->receive[loopback->received].status;

		if (!(*status & DONE))
			break;
		*status = 0;
		loopback->received = (loopback->received + 1) % E1000E_DESCRIPTORS;
		count++;
	}
	if (count)
		mmio_write32(loopback->bar + REGISTER_RDT,
			     (loopback->received + E1000E_DESCRIPTORS - 1) % E1000E_DESCRIPTORS);
	return count;
}

void e1000e_loopback_fill(struct e1000e_loopback *loopback, unsigned int count)
{
	for (; count; count--) {
		loopback->transmit[loopback->next] = (struct e1000e_descriptor){
			.address = (uintptr_t)loopback->frame,
			.length = loopback->size,
			.command = COMMAND_FRAME,
		};
		loopback->next = (loopback->next + 1) % E1000E_DESCRIPTORS;
	}
	/* The card reads them after the store, and not before. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void e1000e_loopback_send(const struct e1000e_loopback *loopback)
{
	mmio_write32(loopback->bar + REGISTER_TDT, loopback->next);
}
