/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of the machine that do not describe themselves (ACPI 6.5, chapter 5 and 6). The
 * addresses are those of guest/layout.h; tests/unit/acpi_test.c checks that they agree.
 *
 * There are no processor objects: the MADT lists the CPUs, and they cannot be added or throttled.
 * The _PRT of PCI0 is not here either: guest/acpi.c appends one that is as long as need be.
 */
DefinitionBlock ("", "DSDT", 2, "PSTHRN", "POSTHORN", 1)
{
	/* Power-off: the SLP_TYP that goes to the FADT's sleep control register (16.1). */
	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)

			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0x1000, 0xFFFF, 0, 0xF000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
				/*
				 * guest/acpi.c fills this one in for each VM, or ends the list
				 * here when there is no such window. Keep it last. Not
				 * prefetchable, or Linux would keep other BARs out.
				 */
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0x100000000, 0x13FFFFFFF, 0, 0x40000000, , , M64W)
			})

			/*
			 * PCI Firmware 3.3, 4.5.1: of PCI Express, the guest may have the
			 * capability structures. Hot-plug, PME, AER and LTR belong to ports,
			 * and there are none.
			 */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (Arg0 != ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))
				{
					CDW1 |= 0x04 /* unrecognized UUID */
					Return (Arg3)
				}
				CreateDWordField (Arg3, 8, CDW3)
				If (CDW3 & ~0x10)
				{
					CDW3 &= 0x10
					CDW1 |= 0x10 /* capabilities masked */
				}
				Return (Arg3)
			}
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03F8, 0x03F8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
			})
		}

		/*
		 * What nothing else may use. Linux takes ECAM from the MCFG only when it is
		 * reserved here too (PCI Firmware 3.3, 4.1.2).
		 */
		Device (RSVD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000)
				IO (Decode16, 0x0600, 0x0600, 1, 4)
			})
		}
	}
}
