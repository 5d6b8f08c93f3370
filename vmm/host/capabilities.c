/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/capabilities.h"

#include <linux/pci_regs.h>
#include <stdbool.h>

#include "lib/util.h"

/* Where a list has been: a bit for each double word. */
struct trail {
	uint64_t seen[PCI_CFG_SPACE_EXP_SIZE / 4 / 64];
};

/* Is there a capability at @at that is new? Then it is not new any more. */
static bool trail_enter(struct trail *trail, unsigned int at, unsigned int first, size_t end)
{
	uint64_t *seen = &trail->seen[at / 4 / 64];

	if (at < first || at + 4 > end || *seen & BIT(at / 4 % 64))
		return false;
	*seen |= BIT(at / 4 % 64);
	return true;
}

unsigned int capabilities_list(const uint8_t *config, size_t size,
			       struct capability list[CAPABILITIES_MAX])
{
	struct trail trail = { .seen = { 0 } };
	unsigned int count = 0, at = 0;

	if (size < PCI_CFG_SPACE_SIZE)
		return 0;
	size = min(size, (size_t)PCI_CFG_SPACE_EXP_SIZE);
	if (config[PCI_STATUS] & PCI_STATUS_CAP_LIST)
		at = config[PCI_CAPABILITY_LIST] & ~3U;
	while (trail_enter(&trail, at, PCI_STD_HEADER_SIZEOF, PCI_CFG_SPACE_SIZE)) {
		list[count++] = (struct capability){ config[at], (uint16_t)at };
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
	at = PCI_CFG_SPACE_SIZE;
	while (trail_enter(&trail, at, PCI_CFG_SPACE_SIZE, size)) {
		uint32_t header = (uint32_t)le_load(&config[at], 4);

		if (header == 0 || header == UINT32_MAX)
			break;
		/* A null capability (PCI Express Base 6.0, 7.9.28) only links to the next. */
		if (PCI_EXT_CAP_ID(header))
			list[count++] = (struct capability){ PCI_EXT_CAP_ID(header), (uint16_t)at };
		at = PCI_EXT_CAP_NEXT(header);
	}
	return count;
}
