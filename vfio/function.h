/* SPDX-License-Identifier: BSD-2-Clause */
/* An assigned PCI function: a VFIO device on one side, a device of the guest's PCI on the other. */
#ifndef POSTHORN_VFIO_FUNCTION_H
#define POSTHORN_VFIO_FUNCTION_H

#include "vfio/function_state.h"
#include "vfio/iommu.h"
#include "vfio/msix.h"
#include "vfio/rom.h"

struct irq_relay;

/* What all functions of a VM share. All stays the caller's. */
struct vfio_function_config {
	struct vm *vm; /* may be without RAM yet */
	struct iommu *iommu;
	struct pci_root *root;
	const struct irq_observer *observer; /* of interrupts; may be NULL */
	uint64_t page_size;		     /* the host's, in bytes */
	bool peers;			     /* the VM has several functions */
};

/* What is wanted of one of them. */
struct vfio_function_options {
	struct iommu_device device;
	struct irq_relay *relay; /* struct irqs_config */
	unsigned int devfn;	 /* in the guest: pci_device_add() */
	bool is_multifunction;	 /* its slot in the guest has other functions */
	enum msix_table msix_table;
	struct vfio_rom_options rom;
};

/*
 * Open @options->device, make it a device of @config->root, and prepare its BARs and interrupts.
 * The guest sees it with decoding and interrupts off. 0 or -errno with the reason in @why, in the
 * sense of error_exit_code(): then only the cleanup is left to be called. Start-up only.
 */
int vfio_function_init(struct vfio_function *function, const struct vfio_function_config *config,
		       const struct vfio_function_options *options, char why[WHY_SIZE]);

/*
 * When all functions of the VM are made: see to it that this one was reset, or say why not, and
 * offer the guest what reset there is. Start-up only.
 */
void vfio_function_reset_init(struct vfio_function *function);

/* After pci_root_cleanup(): give the function back to the host, reset. */
void vfio_function_cleanup(struct vfio_function *function);

/*
 * @event of the function was signalled: do what it is for, or say, as an error that names the
 * device, what ends the VM. Returns whether that has to end. The main thread's.
 */
bool vfio_function_event_take(struct vfio_function *function, enum vfio_event event);

#endif
