/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/function.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/bar.h"
#include "vfio/config.h"
#include "vfio/iommu.h"
#include "vfio/reset.h"
#include "vfio/rom.h"

static const struct pci_device_ops operations = {
	.cfg_read = vfio_config_read,
	.cfg_write = vfio_config_write,
	.bar_map = vfio_bar_map,
	.bar_unmap = vfio_bar_unmap,
	.bar_access = vfio_bar_access,
};

/*
 * A BAR of @region as the guest sees it. Memory is shown as a host page where it is smaller: so no
 * two BARs are in one page, and each can be mapped.
 */
static void guest_bar_init(struct pci_bar *bar, const struct vfio_region *region, uint32_t flags,
			   uint64_t page_size)
{
	bar->flags = flags;
	if (is_power_of_two(region->size))
		bar->size = flags & PCI_BASE_ADDRESS_SPACE_IO ? region->size
							      : max(region->size, page_size);
}

/*
 * The guest's BARs: kind from the header (as VFIO shows it, also for a VF), size from the region.
 * The host's addresses go; pci_bars_place() fills in the guest's.
 */
static void guest_bars_init(struct vfio_function *function)
{
	struct pci_device *pci = &function->pci;
	const struct vfio_region *regions = function->device.regions;

	for (unsigned int i = 0; i < PCI_BAR_ROM; i++) {
		uint32_t value = (uint32_t)le_load(&pci->config[PCI_BASE_ADDRESS_0 + 4 * i], 4);
		uint32_t flags = value & PCI_BASE_ADDRESS_SPACE_IO
					 ? PCI_BASE_ADDRESS_SPACE_IO
					 : value & ~(uint32_t)PCI_BASE_ADDRESS_MEM_MASK;

		if (i == PCI_BAR_ROM - 1)
			flags &= ~(uint32_t)PCI_BASE_ADDRESS_MEM_TYPE_64;
		guest_bar_init(&pci->bars[i], &regions[i], flags, function->page_size);
		if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
			i++;
	}
	guest_bar_init(&pci->bars[PCI_BAR_ROM], &regions[VFIO_PCI_ROM_REGION_INDEX], 0,
		       function->page_size);
	memset(&pci->config[PCI_BASE_ADDRESS_0], 0, PCI_STD_NUM_BARS * sizeof(uint32_t));
	memset(&pci->config[PCI_ROM_ADDRESS], 0, 4);
}

static int host_bars_init(struct vfio_function *function, char why[WHY_SIZE])
{
	int error = 0;

	for (unsigned int i = 0; i < PCI_BARS_MAX && error == 0; i++) {
		const struct pci_bar *bar = &function->pci.bars[i];

		/* Ports are never guest memory, whatever VFIO says of the region. */
		if (bar->size && !(bar->flags & PCI_BASE_ADDRESS_SPACE_IO))
			error = vfio_bar_init(function, i, why);
	}
	return error;
}

/* ---- events ---- */

static const struct {
	unsigned int index; /* VFIO_PCI_*_IRQ_INDEX */
	const char *message;
} events[VFIO_EVENT_UNMASK] = {
	[VFIO_EVENT_REQUEST] = { VFIO_PCI_REQ_IRQ_INDEX,
				 "the host wants the device back (it is being unbound from "
				 "vfio-pci or removed), so the VM ends" },
	[VFIO_EVENT_ERROR] = { VFIO_PCI_ERR_IRQ_INDEX,
			       "the device reported an error that cannot be corrected, so the VM "
			       "ends; dmesg of the host says which" },
};

static int events_init(struct vfio_function *function, char why[WHY_SIZE])
{
	int error = 0;

	for (unsigned int i = 0; i < VFIO_EVENT_UNMASK && error >= 0; i++) {
		/* Not every device has it: errors are reported in PCI Express only. */
		if (!function->device.irqs[events[i].index].count)
			continue;
		error = function->events[i] = eventfd_create();
		if (error >= 0)
			error = vfio_irqs_set(&function->device, events[i].index, 0, 1,
					      &function->events[i]);
		if (error < 0)
			fd_close(&function->events[i]);
	}
	if (error >= 0)
		return 0;
	return refuse(why, -ENODEV,
		      "%s: cannot ask to be told of its removal and errors: %s; is the limit of "
		      "open files too low (ulimit -n)?",
		      function->device.bdf, strerror(-error));
}

static void events_cleanup(struct vfio_function *function)
{
	for (unsigned int i = 0; i < VFIO_EVENTS; i++) {
		if (i < VFIO_EVENT_UNMASK && function->events[i] >= 0)
			vfio_irqs_disable(&function->device, events[i].index);
		fd_close(&function->events[i]);
	}
}

bool vfio_function_event_take(struct vfio_function *function, enum vfio_event event)
{
	if (event == VFIO_EVENT_UNMASK) {
		mutex_lock(&function->pci.lock);
		irqs_intx_resample(&function->irqs);
		mutex_unlock(&function->pci.lock);
		return false;
	}
	log_error("%s: %s", function->device.bdf, events[event].message);
	return true;
}

/* ---- the whole ---- */

/* Its place in the guest's PCI, which is where its pin leads from. Returns the GSI, 0: no INTx. */
static int guest_place(struct vfio_function *function, struct pci_root *root,
		       const struct vfio_function_options *options, char why[WHY_SIZE])
{
	struct pci_device *pci = &function->pci;
	int error = pci_device_add(root, pci, options->devfn, why), gsi = 0;
	unsigned int pin = pci->config[PCI_INTERRUPT_PIN];

	if (error < 0)
		return error;
	if (pin >= 1 && pin <= 4 && function->device.irqs[VFIO_PCI_INTX_IRQ_INDEX].count) {
		gsi = (int)pci_intx_gsi(pci, pin);
		pci->config[PCI_INTERRUPT_LINE] = (uint8_t)gsi;
	} else {
		pci->config[PCI_INTERRUPT_PIN] = 0;
	}
	if (options->is_multifunction)
		pci->config[PCI_HEADER_TYPE] |= PCI_MULTIFUNCTION;
	memcpy(function->policy.initial, pci->config, sizeof(pci->config));
	return gsi;
}

int vfio_function_init(struct vfio_function *function, const struct vfio_function_config *config,
		       const struct vfio_function_options *options, char why[WHY_SIZE])
{
	int error, gsi;

	memset(function, 0, sizeof(*function));
	for (unsigned int i = 0; i < VFIO_EVENTS; i++)
		function->events[i] = -1;
	function->rom_fd = -1;
	function->vm = config->vm;
	function->iommu = config->iommu;
	function->page_size = config->page_size;
	function->has_peers = config->peers;
	error = vfio_device_init(&function->device, config->iommu, &options->device, why);
	if (error < 0)
		return error;
	/* Whether one unmasks its INTx by itself can only be asked when that is on. */
	if (bdf_is_mdev(function->device.bdf)) {
		error = function->events[VFIO_EVENT_UNMASK] = eventfd_create();
		if (error < 0)
			return refuse(why, -EIO, "%s: no eventfd for its INTx: %s",
				      function->device.bdf, strerror(-error));
	}
	function->pci.ops = &operations;
	function->pci.name = function->device.bdf;
	error = vfio_config_init(function);
	if (error < 0)
		return refuse(why, -EIO, "%s: its configuration space cannot be read: %s",
			      options->device.bdf, strerror(-error));
	error = vfio_rom_init(function, &options->rom, why);
	if (error < 0)
		return error;
	guest_bars_init(function);
	error = vfio_msix_place(function, options->msix_table, why);
	if (error < 0)
		return error;
	gsi = guest_place(function, config->root, options, why);
	if (gsi < 0)
		return gsi;
	error = irqs_init(&function->irqs, &function->device,
			  &(struct irqs_config){
				  .router = &config->vm->irq,
				  .relay = options->relay,
				  .observer = config->observer,
				  .lock = &function->pci.lock,
				  .msi_size = function->policy.msi_vectors,
				  .msix_size = function->policy.msix_vectors,
				  .intx_gsi = (unsigned int)gsi,
				  .unmask_eventfd = function->events[VFIO_EVENT_UNMASK],
				  .device_id = function->pci.devfn,
			  });
	if (error < 0)
		return refuse(why, error, "%s: no memory for its interrupts", options->device.bdf);
	error = host_bars_init(function, why);
	return error < 0 ? error : events_init(function, why);
}

void vfio_function_reset_init(struct vfio_function *function)
{
	if (vfio_reset_init(function))
		vfio_config_reset_offer(function);
}

void vfio_function_cleanup(struct vfio_function *function)
{
	vfio_config_wake(function);
	irqs_cleanup(&function->irqs);
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++)
		vfio_bar_cleanup(function, i);
	vfio_rom_cleanup(function);
	events_cleanup(function);
	vfio_device_cleanup(&function->device);
}
