/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything in RAM that a kernel finds at its entry point, but for the files (guest/image.h):
 * x86-64 by the 64-bit boot protocol of Documentation/arch/x86/boot.rst, or by the PVH protocol
 * (Xen's docs/misc/pvh.pandoc).
 */
#ifndef POSTHORN_GUEST_BOOT_H
#define POSTHORN_GUEST_BOOT_H

#include <stdint.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "kvm/vcpu.h"

struct vm;

struct boot_config {
	const struct layout *layout;
	const struct image *image;
	struct image_range initrd; /* size 0: none */
	const char *cmdline;	   /* never NULL */
	unsigned int cpus;	   /* 1 to ACPI_CPUS_MAX */
	unsigned int pci_slots;	   /* struct acpi_config */
};

/*
 * Write everything that the kernel finds at its entry point into the first MiB of @vm's RAM, and
 * say in @entry how the boot processor starts. A bzImage starts in 64-bit mode with rsi = zero
 * page and cr3 = page tables that map the first 4 GiB where they are; a PVH image in 32-bit
 * protected mode without paging (@entry->cr3 is 0), with rbx = start info. The GDT has, for
 * either, a flat code segment of that mode at 0x10 and a flat data segment at 0x18 (the boot
 * protocol's __BOOT_CS and __BOOT_DS), which are for the segment registers.
 *
 * Call after image_kernel_load() and image_initrd_load(), before the first vcpu_run(). Returns 0,
 * or -errno after a message (log_error): -E2BIG when the command line is longer than the kernel
 * takes, -ENOSPC when the RAM or the tables are too small.
 */
int boot_setup(struct vm *vm, const struct boot_config *config, struct vcpu_entry *entry);

#endif
