/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The look at a ROM (vfio/rom.h). The input is its contents. One with which nothing is wrong has
 * the signature, a PCI data structure, and all of its first image.
 */
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "vfio/rom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128] = "";
	size_t pci;

	if (vfio_rom_defect(data, size, text, sizeof(text))) {
		fuzz_check(*text && strlen(text) < sizeof(text) - 1);
		return 0;
	}
	fuzz_check(size >= 0x1a && data[0] == 0x55 && data[1] == 0xaa);
	pci = le_load(data + 0x18, 2);
	fuzz_check(range_within(pci, 0x18, 0, size) && !memcmp(data + pci, "PCIR", 4));
	fuzz_check(512 * le_load(data + pci + 0x10, 2) <= size);
	return 0;
}
