/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bridge of AMD's chipsets, with nothing behind it. The IVRS of QEMU
 * names 00:14.0 as the device ID of the IOAPIC, and Linux takes the table for
 * broken, and interrupt remapping for unusable, where no device is there; from
 * version 7 on, where it is of another class than this or SMBus.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci_device.h"
#include "qemu/module.h"

#define TYPE_AMD_FCH "amd-fch"

static void amd_fch_class_init(ObjectClass *klass, void *data)
{
    PCIDeviceClass *device = PCI_DEVICE_CLASS(klass);

    device->vendor_id = PCI_VENDOR_ID_AMD;
    device->device_id = 0x790e;
    device->class_id = PCI_CLASS_BRIDGE_ISA;
}

static const TypeInfo amd_fch_info = {
    .name = TYPE_AMD_FCH,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(PCIDevice),
    .class_init = amd_fch_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_CONVENTIONAL_PCI_DEVICE },
        { },
    },
};

static void amd_fch_register(void)
{
    type_register_static(&amd_fch_info);
}

type_init(amd_fch_register)
