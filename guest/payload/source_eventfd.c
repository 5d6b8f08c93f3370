/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The doorbell of posthorn (vmm/latency/doorbell.h), which has no hardware behind it, in three
 *ways:
 *
 *   eventfd	store --> KVM signals an eventfd --> irqfd
 *   thread	store --> KVM signals an eventfd --> a thread signals another one --> irqfd
 *   loopback	store --> KVM signals an eventfd --> a thread asks VFIO --> VFIO signals the eventfd
 *		of the assigned device's vector 0 --> irqfd
 *
 * The device of the last one does nothing, and may be any that has MSI-X or MSI.
 */
#include "guest/payload/doorbell.h"
#include "guest/payload/latency.h"
#include "guest/payload/msix.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define CAPABILITY_MSIX	    0x11
#define STATUS		    0x06 /* PCI Local Bus 3.0, 6.2.3 */
#define STATUS_CAPABILITIES 0x10
#define NOTHING		    UINT32_MAX /* what is read where no function is */

static uint64_t doorbell;

static void doorbell_find(void)
{
	doorbell = latency_doorbell();
	if (!doorbell)
		payload_fail("this source is there in posthorn latency only");
}

static void doorbell_move(unsigned int vector)
{
	struct message message = message_for(DOORBELL_DEVICE_ID, vector);

	mmio_write32(doorbell + DOORBELL_ADDRESS_LOW, (uint32_t)message.address);
	mmio_write32(doorbell + DOORBELL_ADDRESS_HIGH, (uint32_t)(message.address >> 32));
	mmio_write32(doorbell + DOORBELL_DATA, message.data);
	mmio_write32(doorbell + DOORBELL_CONTROL, 1);
}

static void doorbell_init(unsigned int vector)
{
	doorbell_find();
	doorbell_move(vector);
	if (!(mmio_read32(doorbell + DOORBELL_CONTROL) & 1))
		payload_fail("the doorbell could not be connected");
}

/* Where the capability @id of the function at @config is; 0: it has none. */
static uint64_t capability_find(uint64_t config, uint8_t id)
{
	unsigned int at = 0;

	if (mmio_read16(config + STATUS) & STATUS_CAPABILITIES)
		at = mmio_read8(config + PCI_CAPABILITIES);
	while (at && mmio_read8(config + at) != id)
		at = mmio_read8(config + at + 1);
	return at ? config + at : 0;
}

/* Turn on what the function at @config has. Returns whether it has any. */
static bool messages_init(uint64_t config, unsigned int vector)
{
	uint64_t msi = capability_find(config, PCI_CAPABILITY_MSI);
	struct msix msix;

	if (capability_find(config, CAPABILITY_MSIX)) {
		mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY);
		msix_init(&msix, config);
		msix_vector_set(&msix, vector);
		msix_mask(&msix, false);
		return true;
	}
	if (msi) {
		pci_msi_vector_set(config, msi, vector);
		pci_msi_enable(msi, true);
	}
	return msi;
}

static void loopback_init(unsigned int vector)
{
	doorbell_find();
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		uint64_t config = pci_config(slot, 0);

		if (mmio_read32(config) != NOTHING && messages_init(config, vector))
			return;
	}
	payload_fail("the device has neither MSI-X nor MSI");
}

static void doorbell_raise(void)
{
	mmio_write32(doorbell + DOORBELL_RAISE, 1);
}

static void thread_raise(void)
{
	mmio_write32(doorbell + DOORBELL_RAISE_THREAD, 1);
}

static uint64_t nothing(void)
{
	return 0;
}

const struct source source_eventfd = {
	.name = "eventfd",
	.init = doorbell_init,
	.raise = doorbell_raise,
	.config = nothing,
	.scratch = nothing,
};

const struct source source_thread = {
	.name = "thread",
	.init = doorbell_init,
	.raise = thread_raise,
	.config = nothing,
	.scratch = nothing,
};

const struct source source_loopback = {
	.name = "loopback",
	.init = loopback_init,
	.raise = thread_raise,
	.config = nothing,
	.scratch = nothing,
};
