/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of a hardware-reduced machine (ACPI 6.5, 4.1): RSDP, XSDT, FADT, MADT, MCFG and
 * the DSDT that guest/dsdt.asl describes. Two things there depend on the VM: the host bridge's
 * window above 4 GiB is patched into the compiled DSDT, and a _PRT for the slots in use is appended
 * to it.
 */
#ifndef POSTHORN_GUEST_ACPI_H
#define POSTHORN_GUEST_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/layout.h"

#define ACPI_CPUS_MAX 255 /* the MADT names a CPU by its local APIC's 8-bit id; 255 is everyone */

struct acpi_config {
	const struct layout *layout;
	unsigned int cpus;	/* 1 to ACPI_CPUS_MAX; their APIC ids are 0, 1, 2... */
	unsigned int pci_slots; /* slots 1 to this one of bus 0 have INTx, at most 31; 0: none */
	bool vga;		/* a VGA controller answers at the legacy addresses */
};

/*
 * Build all tables into @memory, which the guest will see at guest-physical address @gpa (a
 * multiple of 16), the RSDP first. Returns the number of bytes used, or 0 when @size is too small
 * or there are too many CPUs or slots.
 */
size_t acpi_build(void *memory, size_t size, uint64_t gpa, const struct acpi_config *config);

/*
 * Write each table of what acpi_build() made, which is all at @memory, into a file of its own in
 * the existing directory @path: xsdt.dat, facp.dat, apic.dat, mcfg.dat, dsdt.dat. 0 or -errno.
 */
int acpi_dump(const void *memory, size_t size, const char *path);

#endif
