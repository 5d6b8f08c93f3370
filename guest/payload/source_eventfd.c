/* SPDX-License-Identifier: BSD-2-Clause */
/* The doorbell of posthorn (vmm/doorbell.h), which has no hardware behind it. */
#include "guest/payload/doorbell.h"
#include "guest/payload/latency.h"
#include "guest/payload/payload.h"
#include "guest/payload/source.h"

static uint64_t doorbell;

static void eventfd_move(unsigned int vector)
{
	struct message message = message_for(DOORBELL_DEVICE_ID, vector);

	mmio_write32(doorbell + DOORBELL_ADDRESS_LOW, (uint32_t)message.address);
	mmio_write32(doorbell + DOORBELL_ADDRESS_HIGH, (uint32_t)(message.address >> 32));
	mmio_write32(doorbell + DOORBELL_DATA, message.data);
	mmio_write32(doorbell + DOORBELL_CONTROL, 1);
}

static void eventfd_init(unsigned int vector)
{
	doorbell = latency_doorbell();
	if (!doorbell)
		payload_fail("the source eventfd is there in posthorn latency only");
	eventfd_move(vector);
	if (!(mmio_read32(doorbell + DOORBELL_CONTROL) & 1))
		payload_fail("the doorbell could not be connected");
}

static void eventfd_raise(void)
{
	mmio_write32(doorbell + DOORBELL_RAISE, 1);
}

static uint64_t nothing(void)
{
	return 0;
}

const struct source source_eventfd = {
	.name = "eventfd",
	.init = eventfd_init,
	.raise = eventfd_raise,
	.config = nothing,
	.scratch = nothing,
};
