/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's 82574 network card, QEMU's e1000e, with MSI-X or INTx. A write to its register ICS raises
 * a cause of interrupts, here one of receive queue 0, though nothing was received. Numbers are of
 * the 82574 data sheet (Intel 317694).
 */
#include "guest/payload/e1000e_loopback.h"
#include "guest/payload/msix.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

/* Registers in BAR 0: 10.2.4. */
#define REGISTER_CTRL_EXT 0x0018
#define REGISTER_ICR	  0x00c0
#define REGISTER_ITR	  0x00c4
#define REGISTER_ICS	  0x00c8
#define REGISTER_IMS	  0x00d0
#define REGISTER_IMC	  0x00d8
#define REGISTER_EIAC	  0x00dc
#define REGISTER_IVAR	  0x00e4
#define REGISTER_EITR0	  0x00e8
#define REGISTER_RDTR	  0x2820 /* a delay that nothing uses here: free to read and write */

#define CTRL_EXT_IAME	(1u << 27) /* EIAC leaves the mask alone */
#define CAUSE_RXT0	(1u << 7)  /* without MSI-X */
#define CAUSE_RXQ0	(1u << 20) /* with it */
#define IVAR_RXQ0_VALID 0x8	   /* vector 0 */

static uint64_t bar;
static uint32_t cause;
static struct msix msix;

/* Returns where its configuration space is. */
static uint64_t e1000e_find(void)
{
	uint64_t config = pci_find(E1000E_ID);

	pci_bars_place(config);
	bar = pci_bar(config, 0);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	mmio_write32(bar + REGISTER_IMC, UINT32_MAX);
	return config;
}

static void e1000e_init(unsigned int vector)
{
	msix_init(&msix, e1000e_find());
	msix_vector_set(&msix, vector);
	msix_mask(&msix, false);
	cause = CAUSE_RXQ0;
	mmio_write32(bar + REGISTER_EITR0, 0);
	mmio_write32(bar + REGISTER_IVAR, IVAR_RXQ0_VALID);
	mmio_write32(bar + REGISTER_CTRL_EXT, mmio_read32(bar + REGISTER_CTRL_EXT) | CTRL_EXT_IAME);
	/* The cause is cleared when its message is sent: nothing is left to acknowledge. */
	mmio_write32(bar + REGISTER_EIAC, cause);
	mmio_write32(bar + REGISTER_IMS, cause);
}

/* MSI-X is off, as it is after a reset. */
static void e1000e_intx_init(unsigned int vector)
{
	msix.config = e1000e_find();
	pci_intx_vector_set(msix.config, vector);
	cause = CAUSE_RXT0;
	mmio_write32(bar + REGISTER_ITR, 0);
	mmio_write32(bar + REGISTER_IMS, cause);
}

static void e1000e_raise(void)
{
	mmio_write32(bar + REGISTER_ICS, cause);
}

/* Reading the causes clears them: 10.2.4.1. */
static void e1000e_intx_acknowledge(void)
{
	mmio_read32(bar + REGISTER_ICR);
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

static void e1000e_move(unsigned int vector)
{
	msix_move(&msix, vector);
}

const struct source source_e1000e = {
	.name = "e1000e",
	/* QEMU's sends no two interrupts within 128 microseconds, whatever EITR says. */
	.interval = 200,
	.init = e1000e_init,
	.intx_init = e1000e_intx_init,
	.raise = e1000e_raise,
	.intx_acknowledge = e1000e_intx_acknowledge,
	.config = e1000e_config,
	.scratch = e1000e_scratch,
	.mask = e1000e_mask,
	.unmask = e1000e_unmask,
	.move = e1000e_move,
};
