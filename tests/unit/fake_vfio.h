/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that is made up: all of vfio/device.h. A test links this instead of vfio/device.o.
 *
 * SET_IRQS behaves as in Linux (drivers/vfio/pci/vfio_pci_intrs.c): one interrupt kind at a time;
 * without dynamic MSI-X (before 6.4 or so) the vectors are as many as when the kind was turned on.
 * What the kernel would refuse is a violation, unless the test asked for it (fake_fail()). So is a
 * BAR that the guest can still reach (or already) while the device does not decode it: on a real
 * host that is a fault.
 *
 * VFIO remembers the command register as it was written last. A test that clears it in config makes
 * the device forget it, as after a reset that VFIO does not know of.
 *
 * The memory of the regions is in a memfd, so that it can be mapped as a real device's.
 */
#ifndef POSTHORN_TESTS_UNIT_FAKE_VFIO_H
#define POSTHORN_TESTS_UNIT_FAKE_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/fake_kvm.h"
#include "vfio/bar.h"
#include "vfio/config.h"
#include "vfio/function.h"

#define FAKE_VECTORS_MAX 2048
#define FAKE_MAPS_MAX	 32

struct fake_vfio {
	struct vfio_function function; /* what is tested; the fake is found by its device */
	struct fake_kvm *kvm;

	/* What the device is; to be set before vfio_device_init(). */
	uint8_t config[PCI_CONFIG_SIZE];
	struct vfio_region regions[VFIO_PCI_NUM_REGIONS];
	uint32_t irqs[VFIO_PCI_NUM_IRQS]; /* how many */
	bool can_reset;
	/* What is on its bus, itself included; none: the bus cannot be reset. */
	struct vfio_pci_dependent_device bus[4];
	unsigned int bus_count;
	bool is_dynamic;	   /* MSI-X vectors can be added live */
	unsigned int host_vectors; /* that the host can give */

	/* What became of it. */
	uint8_t original[PCI_CONFIG_SIZE]; /* config at vfio_device_init() */
	uint16_t command;		   /* as VFIO remembers it, whatever config has */
	unsigned int pm, express, last_capability, last_extended;
	int memory;			  /* memfd with all regions */
	unsigned int active;		  /* VFIO_PCI_*_IRQ_INDEX; VFIO_PCI_NUM_IRQS: none */
	unsigned int vector_count;	  /* that the kind was turned on with, or that were added */
	bool allocated[FAKE_VECTORS_MAX]; /* the host has a vector for it */
	int triggers[FAKE_VECTORS_MAX];	  /* eventfds, -1: none */
	bool latched[FAKE_VECTORS_MAX];	  /* sent while the host had the entry masked */
	bool intx_level, intx_masked;
	int intx_unmask;	       /* eventfd, -1: none */
	int events[VFIO_PCI_NUM_IRQS]; /* of the error and the request index: eventfd, -1: none */
	struct {
		void *hva;
		unsigned int index;
		uint64_t offset, size;
	} maps[FAKE_MAPS_MAX];
	unsigned int map_count;
	unsigned int reads, writes; /* system calls for configuration space and BARs */
	unsigned int resets, bus_resets;
	unsigned int enables; /* how often an interrupt kind was turned on */

	/* Called in the midst of what takes a real device long: its reset, and a read of its ROM.
	 */
	void (*slow)(void *opaque);
	void *opaque;
};

/* A device without BARs, capabilities and interrupts, but resettable and with dynamic MSI-X. */
struct fake_vfio *fake_vfio_new(struct fake_kvm *kvm);
/* The device must have been closed, or never opened. Writes violations. */
void fake_vfio_free(struct fake_vfio *fake);

/* ---- what the device is ---- */

/* Make a BAR. @flags: PCI_BASE_ADDRESS_*. Memory is mappable unless that is changed later. */
void fake_bar_add(struct fake_vfio *fake, unsigned int index, uint64_t size, uint32_t flags);
void fake_rom_add(struct fake_vfio *fake, uint64_t size);
/* Let the ROM have one image, of 1 KiB: its header is as it should be, and the rest is zeros. */
void fake_rom_image_add(struct fake_vfio *fake);

/* Make it a VGA controller, whose ranges VFIO offers. */
void fake_vga_add(struct fake_vfio *fake);

/* Put a capability at the end of the list, @at. Returns its bytes. */
uint8_t *fake_capability_add(struct fake_vfio *fake, unsigned int id, unsigned int at);
uint8_t *fake_extended_add(struct fake_vfio *fake, unsigned int id, unsigned int version,
			   unsigned int at);

/* The capabilities that are not hidden, with numbers of @vectors. @flags: of PCI_MSI_FLAGS. */
void fake_pm_add(struct fake_vfio *fake, unsigned int at);
void fake_msi_add(struct fake_vfio *fake, unsigned int at, unsigned int flags);
void fake_msix_add(struct fake_vfio *fake, unsigned int at, unsigned int vectors, uint32_t table,
		   uint32_t pba);
void fake_express_add(struct fake_vfio *fake, unsigned int at, unsigned int version);

/* Devices as they are found in the wild. */
void fake_vfio_e1000e(struct fake_vfio *fake); /* INTx, MSI, MSI-X in a BAR of its own */
void fake_vfio_nvme(struct fake_vfio *fake);   /* MSI-X among the registers of BAR 0 */
void fake_vfio_virtio(struct fake_vfio *fake); /* vendor capabilities, two BARs */
void fake_vfio_vf(struct fake_vfio *fake);     /* an SR-IOV virtual function */

/* ---- what the device does ---- */

/* Send vector @number of the kind that is on. */
void fake_vfio_fire(struct fake_vfio *fake, unsigned int number);

/* Raise or drop the INTx line. */
void fake_vfio_intx_set(struct fake_vfio *fake, bool level);

/* Load or store 4 bytes of the device's own memory, by its own hand. */
uint32_t fake_memory_load(struct fake_vfio *fake, unsigned int index, uint64_t offset);
void fake_memory_store(struct fake_vfio *fake, unsigned int index, uint64_t offset, uint32_t value);

/* ---- what the host has of it ---- */

unsigned int fake_vectors_allocated(const struct fake_vfio *fake);
unsigned int fake_vectors_triggered(const struct fake_vfio *fake);

/* Is the BAR's memory at @offset in a memslot? */
bool fake_bar_mapped(const struct fake_vfio *fake, unsigned int index, uint64_t offset);

#endif
