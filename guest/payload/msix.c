/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/msix.h"

#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define CAPABILITY_MSIX 0x11

#define MSIX_FLAGS	  0x02
#define MSIX_FLAGS_ENABLE 0x8000
#define MSIX_TABLE	  0x04
#define MSIX_TABLE_BIR	  0x7u

/* An entry of the table: PCI Local Bus 3.0, 6.8.2.6 to 6.8.2.9. */
#define ENTRY_ADDRESS 0x0
#define ENTRY_DATA    0x8
#define ENTRY_CONTROL 0xc
#define ENTRY_MASKED  0x1

void msix_init(struct msix *msix, uint64_t config)
{
	uint64_t capability = pci_capability(config, CAPABILITY_MSIX);
	uint32_t table = mmio_read32(capability + MSIX_TABLE);

	msix->config = config;
	msix->entry = pci_bar(config, table & MSIX_TABLE_BIR) + (table & ~MSIX_TABLE_BIR);
	msix_mask(msix, true);
	mmio_write16(capability + MSIX_FLAGS, MSIX_FLAGS_ENABLE);
}

void msix_vector_set(const struct msix *msix, unsigned int vector)
{
	struct message message = message_for(pci_requester(msix->config), vector);

	mmio_write32(msix->entry + ENTRY_ADDRESS, (uint32_t)message.address);
	mmio_write32(msix->entry + ENTRY_ADDRESS + 4, (uint32_t)(message.address >> 32));
	mmio_write32(msix->entry + ENTRY_DATA, message.data);
}

void msix_mask(const struct msix *msix, bool masked)
{
	mmio_write32(msix->entry + ENTRY_CONTROL, masked ? ENTRY_MASKED : 0);
}

void msix_move(const struct msix *msix, unsigned int vector)
{
	msix_mask(msix, true);
	msix_vector_set(msix, vector);
	msix_mask(msix, false);
}
