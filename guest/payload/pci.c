/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/pci.h"

#include "guest/payload/payload.h"

#define FUNCTION_SHIFT 12
#define SLOT_SHIFT     15

#define BARS		6
#define BAR(index)	(0x10 + 4 * (index))
#define BAR_PORTS	0x1
#define BAR_IS_64	0x4
#define BAR_FLAGS	0xfu
#define BAR_ALIGN_LEAST 0x10000 /* no two in one page, whatever the pages' size */

#define MSI_FLAGS	 0x02
#define MSI_FLAGS_ENABLE 0x0001
#define MSI_FLAGS_64BIT	 0x0080
#define MSI_ADDRESS	 0x04

static const struct pci_host *host_get(void)
{
	static struct pci_host host;

	if (!host.ecam)
		host = pci_host_find();
	return &host;
}

uint64_t pci_config(unsigned int slot, unsigned int function)
{
	return host_get()->ecam + (slot << SLOT_SHIFT | function << FUNCTION_SHIFT);
}

uint64_t pci_find(uint32_t id)
{
	return pci_find_any(&id, 1);
}

uint64_t pci_find_any(const uint32_t *ids, unsigned int count)
{
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++)
		for (unsigned int i = 0; i < count; i++)
			if (mmio_read32(pci_config(slot, 0)) == ids[i])
				return pci_config(slot, 0);
	payload_fail("there is no PCI device %x:%x%s", ids[0] & 0xffff, ids[0] >> 16,
		     count > 1 ? " or another like it" : "");
}

uint32_t pci_requester(uint64_t config)
{
	return (uint32_t)((config - host_get()->ecam) >> FUNCTION_SHIFT);
}

/* PCI Local Bus 3.0, 6.2.5.1: ones that are written come back where the size leaves them. */
static uint64_t bar_place(uint64_t address, bool is_64)
{
	static uint64_t used;
	const struct pci_host *host = host_get();
	uint64_t size, base;

	mmio_write32(address, UINT32_MAX);
	size = -(uint64_t)(mmio_read32(address) & ~BAR_FLAGS) & UINT32_MAX;
	payload_check(size); /* it needs less than 4 GiB */
	if (size < BAR_ALIGN_LEAST)
		size = BAR_ALIGN_LEAST;
	base = (host->window_base + used + size - 1) & -size;
	if (base + size > host->window_base + host->window_size)
		payload_fail("no room for a BAR of 0x%lx bytes", size);
	used = base + size - host->window_base;
	mmio_write32(address, (uint32_t)base);
	if (is_64)
		mmio_write32(address + 4, (uint32_t)(base >> 32));
	return base;
}

uint64_t pci_bar(uint64_t config, unsigned int index)
{
	uint64_t address = config + BAR(index), base;
	uint32_t low = mmio_read32(address);
	bool is_64 = low & BAR_IS_64;

	payload_check(!(low & BAR_PORTS));
	base = low & ~BAR_FLAGS;
	if (is_64)
		base |= (uint64_t)mmio_read32(address + 4) << 32;
	if (!base)
		return bar_place(address, is_64);
	/* Its registers are at its beginning, which may be above what is mapped from the start. */
	mmio_map(base, 1);
	return base;
}

void pci_bars_place(uint64_t config)
{
	for (unsigned int i = 0; i < BARS; i++) {
		uint64_t address = config + BAR(i);
		uint32_t before = mmio_read32(address);

		if (before & BAR_PORTS)
			continue;
		/* A BAR that is not there keeps nothing that is written to it. */
		mmio_write32(address, UINT32_MAX);
		if (mmio_read32(address)) {
			mmio_write32(address, before);
			pci_bar(config, i);
		}
		i += !!(before & BAR_IS_64);
	}
}

uint64_t pci_capability(uint64_t config, uint8_t id)
{
	unsigned int at = mmio_read8(config + PCI_CAPABILITIES);

	while (at && mmio_read8(config + at) != id)
		at = mmio_read8(config + at + 1);
	payload_check(at);
	return config + at;
}

void pci_msi_vector_set(uint64_t config, uint64_t msi, unsigned int vector)
{
	struct message message = message_for(pci_requester(config), vector);
	bool is_64 = mmio_read16(msi + MSI_FLAGS) & MSI_FLAGS_64BIT;

	payload_check(is_64 || message.address <= UINT32_MAX);
	mmio_write32(msi + MSI_ADDRESS, (uint32_t)message.address);
	if (is_64)
		mmio_write32(msi + MSI_ADDRESS + 4, (uint32_t)(message.address >> 32));
	mmio_write16(msi + MSI_ADDRESS + (is_64 ? 8 : 4), (uint16_t)message.data);
}

void pci_msi_enable(uint64_t msi, bool enable)
{
	mmio_write16(msi + MSI_FLAGS, enable ? MSI_FLAGS_ENABLE : 0);
	payload_check((mmio_read16(msi + MSI_FLAGS) & MSI_FLAGS_ENABLE) == enable);
}

void pci_intx_vector_set(uint64_t config, unsigned int vector)
{
	unsigned int slot = (unsigned int)((config - host_get()->ecam) >> SLOT_SHIFT);
	unsigned int pin = mmio_read8(config + PCI_INTERRUPT_PIN);

	if (!pin)
		payload_fail("the PCI device in slot %u has no INTx", slot);
	pci_intx_route(slot, pin, vector);
}
