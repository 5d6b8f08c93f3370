/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's edu device (docs/specs/edu.txt of QEMU), with INTx or plain MSI, which it cannot mask. */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define EDU_ID 0x11e81234 /* device and vendor */

/* Registers in BAR 0. */
#define EDU_LIVENESS	0x04
#define EDU_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACKNOWLEDGE 0x64

#define CAUSE 1 /* any number but 0 */

static uint64_t config, bar, msi;

static void edu_find(void)
{
	config = pci_find(EDU_ID);
	bar = pci_bar(config, 0);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msi = pci_capability(config, PCI_CAPABILITY_MSI);
}

static void edu_init(unsigned int vector)
{
	edu_find();
	pci_msi_vector_set(config, msi, vector);
	pci_msi_enable(msi, true);
}

static void edu_intx_init(unsigned int vector)
{
	edu_find();
	pci_msi_enable(msi, false);
	pci_intx_vector_set(config, vector);
}

/* The device sends its MSI with every such write, whether or not the last one is acknowledged. */
static void edu_raise(void)
{
	mmio_write32(bar + EDU_RAISE, CAUSE);
}

static void edu_intx_acknowledge(void)
{
	mmio_write32(bar + EDU_ACKNOWLEDGE, CAUSE);
	/* A read is answered only when the write before it has reached the device. */
	mmio_read32(bar + EDU_STATUS);
}

static uint64_t edu_config(void)
{
	return config;
}

static uint64_t edu_scratch(void)
{
	return bar + EDU_LIVENESS;
}

static void edu_move(unsigned int vector)
{
	pci_msi_vector_set(config, msi, vector);
}

const struct source source_edu = {
	.name = "edu",
	.init = edu_init,
	.intx_init = edu_intx_init,
	.raise = edu_raise,
	.intx_acknowledge = edu_intx_acknowledge,
	.config = edu_config,
	.scratch = edu_scratch,
	.move = edu_move,
};
