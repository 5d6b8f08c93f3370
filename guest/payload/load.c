/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/load.h"

#include "guest/payload/e1000e_loopback.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define REGISTER_IMC 0x00d8 /* causes that raise no interrupt */

static struct e1000e_loopback loopback __attribute__((aligned(4096)));
static unsigned int on_their_way;
static uint64_t frames;

void load_init(void)
{
	uint64_t config = pci_config(LOAD_SLOT, 0), bar;

	if (mmio_read32(config) != E1000E_ID)
		payload_fail("load: there is no e1000e at 00:%x.0", LOAD_SLOT);
	pci_bars_place(config);
	bar = pci_bar(config, 0);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	mmio_write32(bar + REGISTER_IMC, UINT32_MAX);
	e1000e_loopback_init(&loopback, bar, E1000E_FRAME_SIZE);
}

void load_step(void)
{
	unsigned int came = e1000e_loopback_take(&loopback);

	frames += came;
	on_their_way -= came;
	e1000e_loopback_fill(&loopback, E1000E_FRAMES_MAX - on_their_way);
	on_their_way = E1000E_FRAMES_MAX;
	e1000e_loopback_send(&loopback);
}

uint64_t load_frames(void)
{
	return frames;
}
