/* SPDX-License-Identifier: BSD-2-Clause */
/* What made-up devices consist of: BARs, capabilities, and some devices as they are in the wild. */
#include "tests/unit/fake_vfio.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"

void fake_bar_add(struct fake_vfio *fake, unsigned int index, uint64_t size, uint32_t flags)
{
	struct vfio_region *region = &fake->regions[index];

	region->size = size;
	region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	le_store(&fake->config[PCI_BASE_ADDRESS_0 + 4 * index], 4,
		 (0xe0000000 + 0x1000000 * index) | flags);
	if (flags & PCI_BASE_ADDRESS_SPACE_IO)
		return;
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->areas[0] = (struct vfio_area){ 0, size };
	region->area_count = 1;
}

void fake_rom_add(struct fake_vfio *fake, uint64_t size)
{
	fake->regions[VFIO_PCI_ROM_REGION_INDEX].size = size;
	fake->regions[VFIO_PCI_ROM_REGION_INDEX].flags = VFIO_REGION_INFO_FLAG_READ;
	le_store(&fake->config[PCI_ROM_ADDRESS], 4, 0xef000000);
}

void fake_rom_image_add(struct fake_vfio *fake)
{
	/* PCI Firmware 3.3, 5.1: signature, length; where the PCI data structure is; that one. */
	fake_memory_store(fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0x0000aa55);
	fake_memory_store(fake, VFIO_PCI_ROM_REGION_INDEX, 0x18, 0x1c);
	fake_memory_store(fake, VFIO_PCI_ROM_REGION_INDEX, 0x1c, 0x52494350);
	fake_memory_store(fake, VFIO_PCI_ROM_REGION_INDEX, 0x2c, 2);
}

void fake_vga_add(struct fake_vfio *fake)
{
	struct vfio_region *region = &fake->regions[VFIO_PCI_VGA_REGION_INDEX];

	le_store(&fake->config[PCI_CLASS_DEVICE], 2, 0x0300);
	region->size = 0xc0000; /* where the memory ends */
	region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
}

uint8_t *fake_capability_add(struct fake_vfio *fake, unsigned int id, unsigned int at)
{
	fake->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	fake->config[fake->last_capability] = (uint8_t)at;
	fake->last_capability = at + PCI_CAP_LIST_NEXT;
	le_store(&fake->config[at], 2, id);
	return &fake->config[at];
}

uint8_t *fake_extended_add(struct fake_vfio *fake, unsigned int id, unsigned int version,
			   unsigned int at)
{
	uint8_t *last = &fake->config[fake->last_extended];

	if (fake->last_extended)
		le_store(last, 4, (le_load(last, 4) & 0xfffff) | at << 20);
	fake->last_extended = at;
	le_store(&fake->config[at], 4, id | version << 16);
	return &fake->config[at];
}

void fake_pm_add(struct fake_vfio *fake, unsigned int at)
{
	uint8_t *bytes = fake_capability_add(fake, PCI_CAP_ID_PM, at);

	fake->pm = at;
	le_store(bytes + PCI_PM_PMC, 2,
		 3 | PCI_PM_CAP_PME_MASK | PCI_PM_CAP_D1 | PCI_PM_CAP_D2 | PCI_PM_CAP_DSI);
	le_store(bytes + PCI_PM_CTRL, 4, 0x12000000 | PCI_PM_CTRL_PME_ENABLE);
}

void fake_msi_add(struct fake_vfio *fake, unsigned int at, unsigned int flags)
{
	uint8_t *bytes = fake_capability_add(fake, PCI_CAP_ID_MSI, at);

	le_store(bytes + PCI_MSI_FLAGS, 2, flags);
	/* What the host's driver left in it. */
	le_store(bytes + PCI_MSI_ADDRESS_LO, 4, 0xfee01000);
	fake->irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1U << ((flags & PCI_MSI_FLAGS_QMASK) >> 1);
}

void fake_msix_add(struct fake_vfio *fake, unsigned int at, unsigned int vectors, uint32_t table,
		   uint32_t pba)
{
	uint8_t *bytes = fake_capability_add(fake, PCI_CAP_ID_MSIX, at);

	le_store(bytes + PCI_MSIX_FLAGS, 2, vectors - 1);
	le_store(bytes + PCI_MSIX_TABLE, 4, table);
	le_store(bytes + PCI_MSIX_PBA, 4, pba);
	fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = vectors;
}

/* Every register is filled, so that what is not hidden is found. */
void fake_express_add(struct fake_vfio *fake, unsigned int at, unsigned int version)
{
	uint8_t *bytes = fake_capability_add(fake, PCI_CAP_ID_EXP, at);
	unsigned int length = version >= 2 ? 0x3c : 0x14;

	memset(bytes + 2, 0x5a, length - 2);
	fake->express = at;
	le_store(bytes + PCI_EXP_FLAGS, 2, version | PCI_EXP_TYPE_ENDPOINT << 4 | 0x0200);
	le_store(bytes + PCI_EXP_DEVCAP, 4, 0x05008fe2);
	le_store(bytes + PCI_EXP_DEVCTL, 2, 0x2810);
	le_store(bytes + PCI_EXP_DEVSTA, 2, PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_URD);
	if (version >= 2)
		le_store(bytes + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_LTR_EN);
}

static void serial_number_add(struct fake_vfio *fake, unsigned int at)
{
	uint8_t *bytes = fake_extended_add(fake, PCI_EXT_CAP_ID_DSN, 1, at);

	le_store(bytes + 4, 8, 0x0123456789abcdefULL);
}

/* A capability that is to be hidden, full of bytes. */
static void hidden_add(struct fake_vfio *fake, unsigned int id, unsigned int at, unsigned int size)
{
	uint8_t *bytes = fake_extended_add(fake, id, 1, at);

	memset(bytes + 4, 0xa5, size - 4);
}

static void identity_set(struct fake_vfio *fake, uint32_t ids, uint32_t class_revision,
			 bool has_pin)
{
	le_store(&fake->config[PCI_VENDOR_ID], 4, ids);
	le_store(&fake->config[PCI_CLASS_REVISION], 4, class_revision);
	fake->config[PCI_INTERRUPT_PIN] = has_pin;
	fake->irqs[VFIO_PCI_INTX_IRQ_INDEX] = has_pin;
}

void fake_vfio_e1000e(struct fake_vfio *fake)
{
	identity_set(fake, 0x10d38086, 0x02000000, true);
	fake_bar_add(fake, 0, 0x20000, 0);
	fake_bar_add(fake, 1, 0x20000, 0);
	fake_bar_add(fake, 2, 0x20, PCI_BASE_ADDRESS_SPACE_IO);
	fake_bar_add(fake, 3, 0x4000, 0);
	fake_rom_add(fake, 0x40000);
	fake_pm_add(fake, 0xc8);
	fake_msi_add(fake, 0xd0, PCI_MSI_FLAGS_64BIT);
	fake_express_add(fake, 0xe0, 1);
	fake_msix_add(fake, 0xa0, 5, 0x0000 | 3, 0x2000 | 3);
	hidden_add(fake, PCI_EXT_CAP_ID_ERR, 0x100, 0x38);
	serial_number_add(fake, 0x140);
}

void fake_vfio_nvme(struct fake_vfio *fake)
{
	identity_set(fake, 0x00101b36, 0x01080202, true);
	fake_bar_add(fake, 0, 0x4000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_msix_add(fake, 0x40, 65, 0x2000 | 0, 0x3000 | 0);
	fake_express_add(fake, 0x80, 2);
	fake_pm_add(fake, 0x60);
	hidden_add(fake, PCI_EXT_CAP_ID_ERR, 0x100, 0x48);
	hidden_add(fake, PCI_EXT_CAP_ID_SRIOV, 0x150, 0x40);
}

void fake_vfio_virtio(struct fake_vfio *fake)
{
	static const uint8_t lengths[] = { 16, 16, 20, 16, 20 };
	unsigned int at = 0x40;

	identity_set(fake, 0x10411af4, 0x02000001, true);
	fake_bar_add(fake, 1, 0x1000, 0);
	fake_bar_add(fake, 4, 0x4000, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	/* The common, notification, ISR, device and PCI configuration structures. */
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint8_t *bytes = fake_capability_add(fake, PCI_CAP_ID_VNDR, at);

		bytes[2] = lengths[i];
		bytes[3] = (uint8_t)(i + 1);
		bytes[4] = 4;
		le_store(bytes + 8, 4, 0x1000 * i);
		le_store(bytes + 12, 4, 0x1000);
		at += lengths[i];
	}
	fake_msix_add(fake, 0x98, 3, 0x0000 | 1, 0x0800 | 1);
	fake_pm_add(fake, 0xa4);
	fake_express_add(fake, 0xac, 2);
	hidden_add(fake, PCI_EXT_CAP_ID_ATS, 0x100, 0x08);
}

/* VFIO makes ids and BARs up for it, which the function itself does not have. */
void fake_vfio_vf(struct fake_vfio *fake)
{
	static const unsigned int hidden[] = { PCI_EXT_CAP_ID_ARI, PCI_EXT_CAP_ID_ATS,
					       PCI_EXT_CAP_ID_PRI, PCI_EXT_CAP_ID_PASID };
	unsigned int at = 0x140;

	identity_set(fake, 0x15208086, 0x02000001, false);
	fake_bar_add(fake, 0, 0x4000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_bar_add(fake, 3, 0x4000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_msix_add(fake, 0x70, 3, 0x0000 | 3, 0x2000 | 3);
	fake_express_add(fake, 0xa0, 2);
	serial_number_add(fake, 0x100);
	for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++, at += 0x10)
		hidden_add(fake, hidden[i], at, 0x10);
}
