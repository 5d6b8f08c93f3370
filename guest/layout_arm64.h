/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical address space on arm64:
 *
 *   0x0000_0000  +------------------------------+
 *                | (nothing; the host's IOMMU   |
 *                | keeps 0800_0000 for MSIs)    |
 *   0x0900_0000  +------------------------------+
 *                | GIC: see kvm/arm64.h         |
 *   0x0a00_0000  +------------------------------+
 *                | serial port, real-time clock |
 *   0x0b00_0000  +------------------------------+
 *                | ECAM of PCI bus 0 (1 MiB),   |
 *                | PCI's I/O ports (0b20_0000), |
 *                | doorbell 0b30_0000 (only for |
 *                | posthorn latency)            |
 *   0x1000_0000  +------------------------------+
 *                | window for 32-bit BARs       |
 *   0x4000_0000  +------------------------------+
 *                | RAM: device tree (2 MiB),    |
 *                | kernel, initrd               |
 *     end of RAM +------------------------------+
 *                | (nothing)                    |
 * layout.mem64.base -----------------------------+
 *                | window for 64-bit BARs       |
 *                +------------------------------+
 */
#ifndef POSTHORN_GUEST_LAYOUT_ARM64_H
#define POSTHORN_GUEST_LAYOUT_ARM64_H

#define LAYOUT_RAM	0x40000000ULL
#define LAYOUT_FDT	LAYOUT_RAM
#define LAYOUT_FDT_SIZE 0x200000
/* Kernels are loaded to a multiple of 2 MiB, plus their text_offset. */
#define LAYOUT_KERNEL (LAYOUT_RAM + LAYOUT_FDT_SIZE)

#define LAYOUT_SERIAL	   0x0a000000ULL
#define LAYOUT_RTC	   0x0a010000ULL
#define LAYOUT_DEVICE_SIZE 0x1000 /* of each of these, as the device tree tells */
#define LAYOUT_ECAM	   0x0b000000ULL
#define LAYOUT_ECAM_SIZE   0x100000
#define LAYOUT_PORTS	   0x0b200000ULL /* PCI's I/O ports, a byte of memory each */
#define LAYOUT_PORTS_SIZE  0x10000
#define LAYOUT_DOORBELL	   0x0b300000ULL /* vmm/latency/doorbell.h */
#define LAYOUT_MARK	   0x0b310000ULL /* vmm/timeline.h: four bytes */
#define LAYOUT_MEM32	   0x10000000ULL
#define LAYOUT_MEM32_SIZE  0x30000000ULL

/* There is no VGA on arm64. */
#define LAYOUT_VGA	    0
#define LAYOUT_VGA_SIZE	    0
#define LAYOUT_VGA_ROM	    0
#define LAYOUT_VGA_ROM_SIZE 0

/* Where RAM may be: one span. */
#define LAYOUT_RAM_SPANS                                      \
	{                                                     \
		{                                             \
			.base = LAYOUT_RAM, .end = UINT64_MAX \
		}                                             \
	}
/* The lowest address of the window for 64-bit BARs. */
#define LAYOUT_ABOVE_RAM 0x100000000ULL

/* I/O ports */
#define LAYOUT_PORT_PCI	    0x1000 /* window for I/O BARs, to the end of the space */
#define LAYOUT_PORT_PCI_END LAYOUT_PORTS_SIZE

/* Interrupts: shared peripheral interrupts of the GIC. */
#define LAYOUT_GSI_SERIAL     4
#define LAYOUT_GSI_INTX	      16 /* the first; pci_intx_gsi() of devices/pci.h */
#define LAYOUT_GSI_INTX_COUNT 8

#endif
