/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves the memory for system management to where there is none, with one system management
 * interrupt, and raises another: KVM gives a VM up that does so, some at the first one. Sections
 * are those of the Intel SDM, volume 3; where the new place is kept, of AMD's APM, volume
 * 2, 10.2.3. A device in slot 1 has its BARs decoded then, if there is one.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define SMI	    0x4200  /* to a CPU, in the ICR (11.6.1) */
#define SMI_ENTRY   0x38000 /* 32.2.1 */
#define NO_RAM_HERE 0xf0

void payload_main(void)
{
	/* In 16 bits: movl $0xf0000000, 0x3ff00; rsm */
	static const uint8_t code[] = { 0x66, 0x67, 0xc7, 0x05, 0x00,	     0xff, 0x03,
					0x00, 0x00, 0x00, 0x00, NO_RAM_HERE, 0x0f, 0xaa };

	mmio_write16(pci_config(1, 0) + PCI_COMMAND, PCI_COMMAND_MEMORY);
	memcpy((void *)mmio_address(SMI_ENTRY), code, sizeof(code));
	print("once\n");
	apic_command_send(0, SMI);
	print("twice\n");
	apic_command_send(0, SMI);
	print("still there\n");
}
