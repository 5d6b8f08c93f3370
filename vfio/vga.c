/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/vga.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "devices/bus.h"
#include "lib/log.h"
#include "lib/util.h"

#define CLASS_VGA 0x0300 /* PCI Code and ID Assignment 1.11, 1.4; any programming interface */

int vfio_vga_check(const struct vfio_function *function, char why[WHY_SIZE])
{
	const struct vfio_region *region = &function->device.regions[VFIO_PCI_VGA_REGION_INDEX];
	unsigned int class = (unsigned int)le_load(&function->pci.config[PCI_CLASS_DEVICE], 2);

	if (class != CLASS_VGA)
		return refuse(why, -EINVAL,
			      "%s: vga=on: this is no VGA controller, but of class %04x: leave "
			      "vga=on out",
			      function->device.bdf, class);
	if (!region->size)
		return refuse(why, -ENODEV,
			      "%s: vga=on: the host's VFIO does not offer the VGA ranges: boot a "
			      "kernel with CONFIG_VFIO_PCI_VGA, and load vfio-pci without "
			      "disable_vga=1",
			      function->device.bdf);
	return 0;
}

/* Would the card answer, as the guest has set it up? While it is reset, all of the register is 0.
 */
static bool vga_decodes(struct vfio_function *function, unsigned int command)
{
	struct pci_device *pci = &function->pci;
	bool decodes;

	mutex_lock(&pci->lock);
	decodes = !pci->asleep && (le_load(&pci->config[PCI_COMMAND], 2) & command) != 0;
	mutex_unlock(&pci->lock);
	pci_device_unlocked(pci);
	return decodes;
}

static void refusal_report(struct vfio_function *function, const struct access *access, int error)
{
	struct pci_device *pci = &function->pci;
	bool reported;

	mutex_lock(&pci->lock);
	reported = function->vga_refused;
	function->vga_refused = true;
	mutex_unlock(&pci->lock);
	pci_device_unlocked(pci);
	if (!reported)
		log_warn("%s: the host refuses %u bytes at 0x%llx of the VGA ranges: %s",
			 function->device.bdf, access->size, (unsigned long long)access->addr,
			 strerror(-error));
}

static void legacy_access(struct vfio_function *function, unsigned int command,
			  struct access *access)
{
	int error;

	if (!vga_decodes(function, command))
		return;
	if (access->is_write)
		error = vfio_region_write(&function->device, VFIO_PCI_VGA_REGION_INDEX,
					  access->addr, access->size, access->data);
	else
		error = vfio_region_read(&function->device, VFIO_PCI_VGA_REGION_INDEX, access->addr,
					 access->size, &access->data);
	/* -EINTR: the run ends while this waits for the host's arbiter. */
	if (error < 0 && error != -EINTR)
		refusal_report(function, access, error);
}

/* The bus_handler of the memory. */
static void legacy_memory_access(void *opaque, uint64_t offset, struct access *access)
{
	(void)offset;
	legacy_access(opaque, PCI_COMMAND_MEMORY, access);
}

/* The bus_handler of the ports. */
static void legacy_port_access(void *opaque, uint64_t offset, struct access *access)
{
	(void)offset;
	legacy_access(opaque, PCI_COMMAND_IO, access);
}

int vfio_vga_attach(struct vfio_function *function, struct bus *memory, struct bus *ports)
{
	const struct {
		struct bus *bus;
		struct bus_range range;
	} ranges[] = {
		{ memory, { 0xa0000, 0x20000, legacy_memory_access, function } },
		{ ports, { 0x3b0, 0xc, legacy_port_access, function } },
		{ ports, { 0x3c0, 0x20, legacy_port_access, function } },
	};
	int error = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(ranges) && !error; i++)
		error = bus_add(ranges[i].bus, &ranges[i].range);
	return error;
}
