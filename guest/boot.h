/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything in RAM that a kernel finds at its entry point, but for the files (guest/image.h):
 * x86-64 by the 64-bit boot protocol of Documentation/arch/x86/boot.rst, or by the PVH protocol
 * (Xen's docs/misc/pvh.pandoc); arm64 by Documentation/arch/arm64/booting.rst.
 */
#ifndef POSTHORN_GUEST_BOOT_H
#define POSTHORN_GUEST_BOOT_H

#include <stdbool.h>
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
	unsigned int pci_slots;	   /* struct acpi_config, struct fdt_config */
	bool vga;		   /* x86-64: struct acpi_config */
	bool dma_coherent;	   /* arm64: struct fdt_config */
};

/*
 * Write everything that the kernel finds at its entry point into the start of @vm's RAM, and say in
 * @entry how the boot processor starts.
 *
 * x86-64: it is all in the first MiB. A bzImage starts in 64-bit mode with rsi = zero
 * page and cr3 = page tables that map the first 4 GiB where they are; a PVH image in 32-bit
 * protected mode without paging (@entry->cr3 is 0), with rbx = start info. The GDT has, for
 * either, a flat code segment of that mode at 0x10 and a flat data segment at 0x18 (the boot
 * protocol's __BOOT_CS and __BOOT_DS), which are for the segment registers.
 *
 * arm64: at LAYOUT_FDT is the device tree, whose address is in x0.
 *
 * Call after image_kernel_load() and image_initrd_load(), before the first vcpu_run(). Returns 0,
 * or -errno with the reason in @why: -E2BIG when the command line is longer than the kernel takes,
 * -ENOSPC when the RAM or the tables are too small.
 */
int boot_setup(struct vm *vm, const struct boot_config *config, struct vcpu_entry *entry,
	       char why[WHY_SIZE]);

/*
 * Write what boot_setup() told the guest of its machine to where @path says, for people to look at:
 * x86-64: the ACPI tables into the directory @path, a file for each, named by its signature
 * (dsdt.dat); arm64: the device tree into the file @path. 0 or -errno.
 */
int boot_dump(const struct vm *vm, const char *path);

/* For the command line: the option for it, and what kernels there are. */
#if defined(__x86_64__)
#define BOOT_DUMP_OPTION "--dump-acpi"
#define BOOT_DUMP_VALUE	 "DIR"
#define BOOT_DUMP_HELP	 "write the guest's ACPI tables into DIR"
#define BOOT_KERNELS	 "a Linux bzImage, or an ELF file with a PVH entry"
#else
#define BOOT_DUMP_OPTION "--dump-fdt"
#define BOOT_DUMP_VALUE	 "FILE"
#define BOOT_DUMP_HELP	 "write the guest's device tree to FILE"
#define BOOT_KERNELS	 "a Linux Image, plain or packed with gzip"
#endif

#endif
