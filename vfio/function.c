/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/function.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/vm.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/bar.h"
#include "vfio/config.h"
#include "vfio/iommu.h"

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

/* Where an MSI-X structure is: PCI Local Bus 3.0, 6.8.2.4 and 6.8.2.5. */
static struct bar_range msix_range(uint32_t where, uint64_t size)
{
	return (struct bar_range){ where & PCI_MSIX_TABLE_OFFSET, size };
}

static void host_bars_init(struct vfio_function *function)
{
	const struct config_policy *policy = &function->policy;
	uint64_t vectors = policy->msix_vectors;

	if (vectors)
		function->bars[policy->msix_table & PCI_MSIX_TABLE_BIR].table =
			msix_range(policy->msix_table, vectors * PCI_MSIX_ENTRY_SIZE);
	if (policy->msix_has_pba)
		function->bars[policy->msix_pba & PCI_MSIX_PBA_BIR].pba =
			msix_range(policy->msix_pba, align_up(vectors, 64) / 8);
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++) {
		const struct pci_bar *bar = &function->pci.bars[i];

		/* Ports are never guest memory, whatever VFIO says of the region. */
		if (bar->size && !(bar->flags & PCI_BASE_ADDRESS_SPACE_IO))
			vfio_bar_init(function, i);
	}
}

void vfio_function_init(struct vfio_function *function, const struct vfio_function_config *config,
			struct relay *relay, const char *bdf)
{
	struct pci_device *pci = &function->pci;
	unsigned int pin, gsi = 0;
	int error;

	memset(function, 0, sizeof(*function));
	function->vm = config->vm;
	function->iommu = config->iommu;
	function->page_size = config->page_size;
	vfio_device_init(&function->device, config->iommu, bdf);
	pci->ops = &operations;
	pci->name = function->device.bdf;
	error = vfio_config_init(function);
	if (error < 0)
		die(EXIT_DEVICE, "%s: its configuration space cannot be read: %s", bdf,
		    strerror(-error));
	guest_bars_init(function);
	error = pci_device_add(config->root, pci);
	if (error == -EINVAL)
		exit(EXIT_DEVICE); /* it said what is wrong with the BARs */
	if (error < 0)
		die(EXIT_USAGE, "%s: the guest's PCI bus is full (%d slots)", bdf, PCI_SLOTS_MAX);
	pin = pci->config[PCI_INTERRUPT_PIN];
	if (pin >= 1 && pin <= 4 && function->device.irqs[VFIO_PCI_INTX_IRQ_INDEX].count) {
		gsi = pci_intx_gsi(pci, pin);
		pci->config[PCI_INTERRUPT_LINE] = (uint8_t)gsi;
	} else {
		pci->config[PCI_INTERRUPT_PIN] = 0;
	}
	memcpy(function->policy.initial, pci->config, sizeof(pci->config));
	error = irqs_init(&function->irqs, &function->device,
			  &(struct irqs_config){
				  .router = &config->vm->irq,
				  .relay = relay,
				  .observer = config->observer,
				  .msi_size = function->policy.msi_vectors,
				  .msix_size = function->policy.msix_vectors,
				  .intx_gsi = gsi,
				  .device_id = pci->slot << 3,
			  });
	if (error < 0)
		die(EXIT_HOST, "%s: no memory for its interrupts", bdf);
	host_bars_init(function);
	error = device_events_init(&function->events, &function->device);
	if (error < 0)
		die(EXIT_HOST,
		    "%s: cannot ask to be told of its removal and errors: %s; is the limit "
		    "of open files too low (ulimit -n)?",
		    bdf, strerror(-error));
}

void vfio_function_cleanup(struct vfio_function *function)
{
	vfio_config_wake(function);
	irqs_cleanup(&function->irqs);
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++)
		vfio_bar_cleanup(function, i);
	device_events_cleanup(&function->events);
	vfio_device_cleanup(&function->device);
}
