/* SPDX-License-Identifier: BSD-2-Clause */
/* Documentation/arch/arm64/booting.rst of Linux: a device tree in RAM, its address in x0. */
#include "guest/boot.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "guest/fdt.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"

int boot_setup(struct vm *vm, const struct boot_config *config, struct vcpu_entry *entry,
	       char why[WHY_SIZE])
{
	const struct fdt_config fdt = {
		.layout = config->layout,
		.cmdline = config->cmdline,
		.initrd = config->initrd,
		.cpus = config->cpus,
		.pci_slots = config->pci_slots,
		.dma_coherent = config->dma_coherent,
		.has_pmu = vm->has_pmu,
	};
	void *memory = vm_gpa_to_hva(vm, LAYOUT_FDT, LAYOUT_FDT_SIZE);
	size_t length = strlen(config->cmdline);
	int size;

	if (!memory)
		return refuse(why, -ENOSPC, "the guest has no RAM for its device tree");
	if (length > config->image->cmdline_max)
		return refuse(why, -E2BIG,
			      "the kernel command line has %zu bytes: this kernel takes at most %u",
			      length, config->image->cmdline_max);
	size = fdt_build(memory, LAYOUT_FDT_SIZE, &fdt, why);
	if (size < 0)
		return size;
	*entry = (struct vcpu_entry){ .pc = config->image->entry, .x0 = LAYOUT_FDT };
	return 0;
}

int boot_dump(const struct vm *vm, const char *path)
{
	const void *fdt = vm_gpa_to_hva(vm, LAYOUT_FDT, LAYOUT_FDT_SIZE);

	return file_create(path, fdt, fdt_totalsize(fdt));
}
