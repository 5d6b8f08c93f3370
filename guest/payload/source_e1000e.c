/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's 82574 network card, QEMU's e1000e, with MSI-X. A write to its register ICS raises a
 * cause of interrupts, here that of receive queue 0, though nothing was received. Numbers are of
 * the 82574 data sheet (Intel 317694).
 */
#include "guest/payload/msix.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define E1000E_ID 0x10d38086 /* device and vendor */

/* Registers in BAR 0: 10.2.4. */
#define REGISTER_CTRL_EXT 0x0018
#define REGISTER_ICS	  0x00c8
#define REGISTER_IMS	  0x00d0
#define REGISTER_IMC	  0x00d8
#define REGISTER_EIAC	  0x00dc
#define REGISTER_IVAR	  0x00e4
#define REGISTER_EITR0	  0x00e8
#define REGISTER_RDTR	  0x2820 /* a delay that nothing uses here: free to read and write */

#define CTRL_EXT_IAME	(1u << 27) /* EIAC leaves the mask alone */
#define CAUSE_RXQ0	(1u << 20)
#define IVAR_RXQ0_VALID 0x8 /* vector 0 */

static uint64_t bar;
static struct msix msix;

static void e1000e_init(unsigned int vector)
{
	uint64_t config = pci_find(E1000E_ID);

	bar = pci_bar(config, 0);
	pci_bar(config, 1);
	pci_bar(config, 3);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_init(&msix, config);
	msix_vector_set(&msix, vector);
	msix_mask(&msix, false);
	mmio_write32(bar + REGISTER_IMC, UINT32_MAX);
	mmio_write32(bar + REGISTER_EITR0, 0);
	mmio_write32(bar + REGISTER_IVAR, IVAR_RXQ0_VALID);
	mmio_write32(bar + REGISTER_CTRL_EXT, mmio_read32(bar + REGISTER_CTRL_EXT) | CTRL_EXT_IAME);
	/* The cause is cleared when its message is sent: nothing is left to acknowledge. */
	mmio_write32(bar + REGISTER_EIAC, CAUSE_RXQ0);
	mmio_write32(bar + REGISTER_IMS, CAUSE_RXQ0);
}

static void e1000e_raise(void)
{
	mmio_write32(bar + REGISTER_ICS, CAUSE_RXQ0);
}

static uint64_t e1000e_config(void)
{
	return msix.config;
}

static uint64_t e1000e_scratch(void)
{
	return bar + REGISTER_RDTR;
}

static void e1000e_mask(void)
{
	msix_mask(&msix, true);
}

static void e1000e_unmask(void)
{
	msix_mask(&msix, false);
}

/* As Linux does it: masked meanwhile, so that no interrupt goes to a half-written message. */
static void e1000e_move(unsigned int vector)
{
	msix_mask(&msix, true);
	msix_vector_set(&msix, vector);
	msix_mask(&msix, false);
}

const struct source source_e1000e = {
	.name = "e1000e",
	/* QEMU's sends no two interrupts within 128 microseconds, whatever EITR says. */
	.interval = 200,
	.init = e1000e_init,
	.raise = e1000e_raise,
	.config = e1000e_config,
	.scratch = e1000e_scratch,
	.mask = e1000e_mask,
	.unmask = e1000e_unmask,
	.move = e1000e_move,
};
