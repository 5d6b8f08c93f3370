/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's network cards that Linux drives with igb, with MSI-X. A write to their register EICS
 * raises the interrupts of vectors, bit 0 that of vector 0, though nothing was received. Numbers
 * are of the 82576 data sheet (Intel 320961), chapter 8; I350 and I210 have the same.
 *
 * Tested on QEMU's 82576 (tests/lab/sriov.bats) and on a model of the registers
 * (tests/unit/latency_igb_test.c).
 */
#include "guest/payload/msix.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

/* Device and vendor. */
static const uint32_t ids[] = {
	0x10c98086, /* 82576 */
	0x15218086, /* I350 */
	0x15338086, /* I210 */
};

/* Registers in BAR 0. */
#define REGISTER_FCTTV 0x0170 /* of flow control, which is off: free to read and write */
#define REGISTER_GPIE  0x1514
#define REGISTER_EICS  0x1520
#define REGISTER_EIMS  0x1524
#define REGISTER_EIMC  0x1528
#define REGISTER_EIAC  0x152c
#define REGISTER_EIAM  0x1530
#define REGISTER_EITR0 0x1680

#define GPIE_MULTIPLE_MSIX (1u << 4)  /* each vector has a bit of its own in EICS and the others */
#define GPIE_PBA	   (1u << 31) /* pending bits go when the cause is cleared */
#define VECTOR_0	   (1u << 0)

static uint64_t bar;
static struct msix msix;

static void igb_init(unsigned int vector)
{
	uint64_t config = pci_find_any(ids, sizeof(ids) / sizeof(ids[0]));

	pci_bars_place(config);
	bar = pci_bar(config, 0);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_init(&msix, config);
	msix_vector_set(&msix, vector);
	msix_mask(&msix, false);
	mmio_write32(bar + REGISTER_EIMC, UINT32_MAX);
	mmio_write32(bar + REGISTER_GPIE, GPIE_MULTIPLE_MSIX | GPIE_PBA);
	mmio_write32(bar + REGISTER_EITR0, 0);
	/* The cause is cleared when its message is sent, and the mask stays as it is. */
	mmio_write32(bar + REGISTER_EIAC, VECTOR_0);
	mmio_write32(bar + REGISTER_EIAM, 0);
	mmio_write32(bar + REGISTER_EIMS, VECTOR_0);
}

static void igb_raise(void)
{
	mmio_write32(bar + REGISTER_EICS, VECTOR_0);
}

static uint64_t igb_config(void)
{
	return msix.config;
}

static uint64_t igb_scratch(void)
{
	return bar + REGISTER_FCTTV;
}

static void igb_mask(void)
{
	msix_mask(&msix, true);
}

static void igb_unmask(void)
{
	msix_mask(&msix, false);
}

static void igb_move(unsigned int vector)
{
	msix_move(&msix, vector);
}

const struct source source_igb = {
	.name = "igb",
	.init = igb_init,
	.raise = igb_raise,
	.config = igb_config,
	.scratch = igb_scratch,
	.mask = igb_mask,
	.unmask = igb_unmask,
	.move = igb_move,
};
