/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical address space on x86-64:
 *
 *   0x0000_0000_0000  +------------------------------+
 *                     | RAM                          |  zero page, command line, page tables, GDT:
 *   0x0000_0009_fc00  +------------------------------+  see LAYOUT_ZERO_PAGE and below
 *                     | reserved (RAM too)           |
 *   0x0000_000a_0000  | - - - - - - - - - - - - - -  |
 *                     | reserved (RAM too), or the   |  with vga=on a card answers here, and
 *                     | memory of a VGA controller   |  the RAM does not
 *   0x0000_000c_0000  | - - - - - - - - - - - - - -  |
 *                     | reserved (RAM too): ACPI     |
 *                     | tables, reset vector         |
 *   0x0000_0010_0000  +------------------------------+
 *                     | RAM: kernel, initrd          |
 *        end of RAM,  +------------------------------+
 *   at most c000_0000 | (nothing)                    |
 *   0x0000_c000_0000  +------------------------------+
 *                     | window for 32-bit BARs       |
 *   0x0000_e000_0000  +------------------------------+
 *                     | ECAM of PCI bus 0 (1 MiB)    |
 *   0x0000_e010_0000  +------------------------------+
 *                     | doorbell e020_0000 (only for |
 *                     | posthorn latency)            |
 *                     | IOAPIC fec0_0000             |
 *                     | local APIC fee0_0000         |
 *                     | KVM's TSS pages fffb_c000    |
 *   0x0001_0000_0000  +------------------------------+
 *                     | RAM beyond 3 GiB             |
 *        end of RAM   +------------------------------+
 *                     | (nothing)                    |
 *   layout.mem64.base +------------------------------+
 *                     | window for 64-bit BARs       |
 *                     +------------------------------+
 */
#ifndef POSTHORN_GUEST_LAYOUT_X86_64_H
#define POSTHORN_GUEST_LAYOUT_X86_64_H

#define LAYOUT_RAM	    0
#define LAYOUT_GDT	    0x500
#define LAYOUT_ZERO_PAGE    0x7000 /* struct boot_params */
#define LAYOUT_PVH_INFO	    0x6000 /* struct hvm_start_info and what it points to */
#define LAYOUT_PAGE_TABLES  0x9000 /* 6 pages */
#define LAYOUT_CMDLINE	    0x20000
#define LAYOUT_CMDLINE_SIZE 0x10000
#define LAYOUT_LOW_RAM_END  0x9fc00
#define LAYOUT_VGA	    0xa0000 /* vfio/vga.h */
#define LAYOUT_VGA_SIZE	    0x20000
#define LAYOUT_VGA_ROM	    0xc0000 /* vfio/rom.h */
#define LAYOUT_VGA_ROM_SIZE 0x20000
#define LAYOUT_ACPI	    0xe0000
#define LAYOUT_ACPI_SIZE    0x10000
#define LAYOUT_RESET_VECTOR 0xffff0 /* f000:fff0, where real-mode code jumps to restart */
#define LAYOUT_HIGH_RAM	    0x100000

#define LAYOUT_MEM32	  0xc0000000
#define LAYOUT_MEM32_SIZE 0x20000000
#define LAYOUT_ECAM	  0xe0000000
#define LAYOUT_ECAM_SIZE  0x100000
#define LAYOUT_DOORBELL	  0xe0200000 /* vmm/latency/doorbell.h */
#define LAYOUT_MARK	  0xe0210000 /* vmm/timeline.h: four bytes */
#define LAYOUT_IOAPIC	  0xfec00000
#define LAYOUT_LAPIC	  0xfee00000
#define LAYOUT_ABOVE_4G	  0x100000000ULL

/* I/O ports */
#define LAYOUT_PORT_RTC	    0x70
#define LAYOUT_PORT_SERIAL  0x3f8
#define LAYOUT_PORT_POWER   0x600
#define LAYOUT_PORT_PCI	    0x1000 /* window for I/O BARs, to the end of the space */
#define LAYOUT_PORT_PCI_END 0x10000

/*
 * What the ACPI tables tell the guest about devices/power.h and devices/rtc.h (which guest/ does
 * not include; tests/unit/acpi_test.c checks that they agree): registers as offsets from
 * LAYOUT_PORT_POWER, values, and the index of the century in the clock's CMOS RAM.
 */
#define LAYOUT_POWER_SLEEP_CONTROL 0
#define LAYOUT_POWER_SLEEP_STATUS  1
#define LAYOUT_POWER_RESET	   2
#define LAYOUT_POWER_RESET_VALUE   0x42
#define LAYOUT_RTC_CENTURY	   0x32

/* Interrupts: pins of the IOAPIC. */
#define LAYOUT_GSI_SERIAL     4
#define LAYOUT_GSI_INTX	      16 /* the first; pci_intx_gsi() of devices/pci.h */
#define LAYOUT_GSI_INTX_COUNT 8

/* Where RAM may be: below the hole, and above 4 GiB. */
#define LAYOUT_RAM_SPANS                                           \
	{                                                          \
		{ .base = 0, .end = LAYOUT_MEM32 },                \
		{                                                  \
			.base = LAYOUT_ABOVE_4G, .end = UINT64_MAX \
		}                                                  \
	}
#define LAYOUT_ABOVE_RAM LAYOUT_ABOVE_4G /* the lowest address of the window for 64-bit BARs */

#endif
