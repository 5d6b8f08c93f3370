/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest/layout.c and guest/fdt.c of arm64 for a VM of any size. The input: a layout
 * (fuzz_layout.h), CPUs, slots, what there is, room for the tree, the initrd, the command line.
 */
#include <errno.h>
#include <libfdt.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/fdt.h"
#include "tests/fuzz/fuzz_layout.h"

/* Room for a tree, the last byte of which is followed by a page that faults. libfdt wants 8. */
static uint8_t *room_get(size_t size)
{
	static uint8_t *end;

	if (!end) {
		uint8_t *memory = mmap(NULL, LAYOUT_FDT_SIZE + 4096, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		fuzz_check(memory != MAP_FAILED);
		end = memory + LAYOUT_FDT_SIZE;
		fuzz_check(mprotect(end, 4096, PROT_NONE) == 0);
	}
	return end - size;
}

static void tree_check(const void *tree, size_t size, const struct fdt_config *config)
{
	int length, chosen = fdt_path_offset(tree, "/chosen");
	const char *text = fdt_getprop(tree, chosen, "bootargs", &length);

	fuzz_check(fdt_totalsize(tree) <= size && fdt_check_full(tree, size) == 0);
	fuzz_check(text && (size_t)length == strlen(config->cmdline) + 1);
	fuzz_check(!strcmp(text, config->cmdline));
	text = fdt_getprop(tree, chosen, "linux,initrd-start", &length);
	fuzz_check(!text == !config->initrd.size);
	fuzz_check(!text || fdt64_ld((const fdt64_t *)(const void *)text) == config->initrd.gpa);
}

static void tree_build(const struct fdt_config *config, size_t room)
{
	void *memory = room_get(room);
	char why[WHY_SIZE];
	int size = fdt_build(memory, room, config, why);

	fuzz_check(size > 0 || size == -ENOSPC || size == -EINVAL);
	if (size <= 0)
		return;
	fuzz_check((size_t)size == fdt_totalsize(memory));
	fuzz_check(config->cpus && config->cpus <= 120 && config->pci_slots <= 31);
	tree_check(memory, room, config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fdt_config config;
	struct layout layout;
	char *cmdline;
	uint8_t flags;
	size_t room;

	if (!fuzz_layout_make(&layout, &in))
		return 0;
	config = (struct fdt_config){
		.layout = &layout,
		.initrd = { fuzz_scaled(&in), fuzz_scaled(&in) },
		.cpus = fuzz_u8(&in),
		.pci_slots = fuzz_u8(&in),
	};
	flags = fuzz_u8(&in);
	config.dma_coherent = flags & 1;
	config.has_pmu = flags & 2;
	room = align_down(fuzz_range(&in, 0, LAYOUT_FDT_SIZE), 8);
	cmdline = strndup((const char *)in.data, in.size);
	config.cmdline = cmdline;
	tree_build(&config, room);
	free(cmdline);
	return 0;
}
