/* SPDX-License-Identifier: BSD-2-Clause */
/* An assigned PCI function: a VFIO device on one side, a device of the guest's PCI on the other. */
#ifndef POSTHORN_VFIO_FUNCTION_H
#define POSTHORN_VFIO_FUNCTION_H

#include "devices/pci.h"
#include "vfio/bar.h"
#include "vfio/config.h"
#include "vfio/device.h"
#include "vfio/device_events.h"
#include "vfio/irqs.h"

struct iommu;
struct vm;

struct vfio_function {
	struct pci_device pci;
	struct vfio_device device;
	struct device_events events;
	struct vfio_irqs irqs;
	struct config_policy policy;
	struct vfio_bar bars[PCI_BARS_MAX];
	struct vm *vm;
	struct iommu *iommu;
	uint64_t page_size;		   /* the host's, in bytes */
	bool reset_failed, config_refused; /* reported already */
};

/* What all functions of a VM share. All stays the caller's. */
struct vfio_function_config {
	struct vm *vm; /* may be without RAM yet */
	struct iommu *iommu;
	struct pci_root *root;
	const struct irq_observer *observer; /* of interrupts; may be NULL */
	uint64_t page_size;		     /* the host's, in bytes */
};

/*
 * Open @bdf, make it a device of @config->root, and prepare its BARs and interrupts. The guest sees
 * it with decoding and interrupts off. @relay: see struct irqs_config. Start-up only: dies as
 * vfio_device_init() does.
 */
void vfio_function_init(struct vfio_function *function, const struct vfio_function_config *config,
			struct relay *relay, const char *bdf);

/* After pci_root_cleanup(): give the function back to the host, reset. */
void vfio_function_cleanup(struct vfio_function *function);

/*
 * Function-level reset on the guest's behalf (PCI Express Base 6.0, 6.6.2): the device by
 * VFIO_DEVICE_RESET, which may take some hundred milliseconds, and everything the guest sees of it
 * back to the start. In between the function answers to nobody (pci_device_leave()).
 */
void vfio_function_reset(struct vfio_function *function) LOCK_HELD(function->pci.lock);

#endif
