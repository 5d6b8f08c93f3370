/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <jansson.h>
#include <linux/vfio.h>

#include "lib/util.h"
#include "vfio/function_state.h"
#include "vmm/info/info.h"

static const char *const region_names[VFIO_PCI_NUM_REGIONS] = {
	"BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5", "ROM", "config", "VGA",
};
static const char *const irq_names[VFIO_PCI_NUM_IRQS] = { "INTx", "MSI", "MSI-X", "error",
							  "request" };
static const char *const view_names[INFO_VIEWS] = { "hidden", "shown", "emulated" };

struct flag {
	uint32_t bit;
	const char *name;
};

static const struct flag region_flags[] = {
	{ VFIO_REGION_INFO_FLAG_READ, "read" },
	{ VFIO_REGION_INFO_FLAG_WRITE, "write" },
	{ VFIO_REGION_INFO_FLAG_MMAP, "mmap" },
	{ VFIO_REGION_INFO_FLAG_CAPS, "capabilities" },
	{ 0 },
};
static const struct flag irq_flags[] = {
	{ VFIO_IRQ_INFO_EVENTFD, "eventfd" },
	{ VFIO_IRQ_INFO_MASKABLE, "maskable" },
	{ VFIO_IRQ_INFO_AUTOMASKED, "automasked" },
	{ VFIO_IRQ_INFO_NORESIZE, "noresize" },
	{ 0 },
};

/* ---- tables ---- */

static void flags_print(const struct flag *flags, uint32_t value, FILE *file)
{
	for (; flags->bit; flags++)
		if (value & flags->bit)
			fprintf(file, " %s", flags->name);
}

static void regions_print(const struct vfio_device *device, FILE *file)
{
	fprintf(file, "Regions\n");
	for (unsigned int i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		const struct vfio_region *region = &device->regions[i];

		if (!region->size)
			continue;
		fprintf(file, "  %-8s 0x%-10llx", region_names[i],
			(unsigned long long)region->size);
		flags_print(region_flags, region->flags, file);
		fprintf(file, "%s\n", region->msix_mappable ? " msix-mappable" : "");
		for (unsigned int j = 0; j < region->area_count; j++)
			fprintf(file, "  %9s can be mapped: 0x%llx to 0x%llx\n", "",
				(unsigned long long)region->areas[j].offset,
				(unsigned long long)(region->areas[j].offset +
						     region->areas[j].size - 1));
	}
}

static void irqs_print(const struct vfio_device *device, FILE *file)
{
	fprintf(file, "\nInterrupts\n");
	for (unsigned int i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		if (!device->irqs[i].count)
			continue;
		fprintf(file, "  %-8s %4u ", irq_names[i], device->irqs[i].count);
		flags_print(irq_flags, device->irqs[i].flags, file);
		fprintf(file, "\n");
	}
}

static void iommu_print(const struct info *info, FILE *file)
{
	fprintf(file, "\nIOMMU\n  interface %s\n  addresses", info->iommu);
	for (unsigned int i = 0; i < info->range_count; i++)
		fprintf(file, "%s 0x%llx to 0x%llx\n", i ? "           " : "",
			(unsigned long long)info->ranges[i].base,
			(unsigned long long)(info->ranges[i].base + info->ranges[i].size - 1));
	if (!info->range_count)
		fprintf(file, " the kernel does not say\n");
	fprintf(file, "  pages    ");
	for (unsigned int bit = 0; bit < 64; bit++)
		if (info->page_sizes >> bit & 1)
			fprintf(file, " 0x%llx", (unsigned long long)BIT(bit));
	fprintf(file, "\n  caches    %s\n",
		info->coherent ? "the device's DMA sees them" : "DMA may go around them");
}

/* Is it reset with its bus, for want of another reset? Others may have to be in the same guest. */
static bool has_bus_reset(const struct info *info)
{
	return !info->function->device.can_reset && info->bus_reset_error == 0;
}

void info_print(const struct info *info, FILE *file)
{
	const struct vfio_device *device = &info->function->device;

	fprintf(file, "%s: VFIO %s reset it%s%s%s; the kernel's methods: %s\n\n", device->bdf,
		device->can_reset || has_bus_reset(info) ? "can" : "cannot",
		has_bus_reset(info) ? " with its bus" : "",
		info->bus_reset_needs[0] ? ", if the same guest has " : "", info->bus_reset_needs,
		info->reset_methods[0] ? info->reset_methods : "none");
	regions_print(device, file);
	irqs_print(device, file);
	fprintf(file, "\nCapabilities, and what a guest finds of them\n");
	for (unsigned int i = 0; i < info->capability_count; i++) {
		const struct info_capability *capability = &info->capabilities[i];

		fprintf(file, "  0x%03x  %-8s  %s (0x%02x)\n", capability->offset,
			view_names[capability->view], info_capability_name(capability),
			capability->id);
	}
	iommu_print(info, file);
}

/* ---- JSON ---- */

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

static json_t *flags_json(const struct flag *flags, uint32_t value)
{
	json_t *array = json_array();

	for (; flags->bit; flags++)
		if (value & flags->bit)
			json_array_append_new(array, json_string(flags->name));
	return array;
}

static json_t *range_json(uint64_t base, uint64_t size)
{
	return json_pack("{s:o, s:o}", "base", hex(base), "size", hex(size));
}

static json_t *regions_json(const struct vfio_device *device)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		const struct vfio_region *region = &device->regions[i];
		json_t *areas;

		if (!region->size)
			continue;
		areas = json_array();
		for (unsigned int j = 0; j < region->area_count; j++)
			json_array_append_new(
				areas, range_json(region->areas[j].offset, region->areas[j].size));
		json_array_append_new(
			array, json_pack("{s:i, s:s, s:o, s:o, s:b, s:o}", "index", (int)i, "name",
					 region_names[i], "size", hex(region->size), "flags",
					 flags_json(region_flags, region->flags), "msix_mappable",
					 region->msix_mappable, "mappable", areas));
	}
	return array;
}

static json_t *irqs_json(const struct vfio_device *device)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		json_array_append_new(
			array, json_pack("{s:i, s:s, s:i, s:o}", "index", (int)i, "name",
					 irq_names[i], "count", (int)device->irqs[i].count, "flags",
					 flags_json(irq_flags, device->irqs[i].flags)));
	return array;
}

static json_t *capabilities_json(const struct info *info)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < info->capability_count; i++) {
		const struct info_capability *capability = &info->capabilities[i];

		json_array_append_new(array,
				      json_pack("{s:o, s:i, s:s, s:s}", "offset",
						hex(capability->offset), "id", capability->id,
						"name", info_capability_name(capability), "guest",
						view_names[capability->view]));
	}
	return array;
}

static json_t *iommu_json(const struct info *info)
{
	json_t *ranges = json_array(), *pages = json_array();

	for (unsigned int i = 0; i < info->range_count; i++)
		json_array_append_new(ranges,
				      range_json(info->ranges[i].base, info->ranges[i].size));
	for (unsigned int bit = 0; bit < 64; bit++)
		if (info->page_sizes >> bit & 1)
			json_array_append_new(pages, hex(BIT(bit)));
	return json_pack("{s:s, s:o, s:o, s:b}", "interface", info->iommu, "ranges", ranges,
			 "page_sizes", pages, "coherent", info->coherent);
}

int info_print_json(const struct info *info, FILE *file)
{
	const struct vfio_device *device = &info->function->device;
	json_t *all = json_pack("{s:s, s:b, s:b, s:s*, s:s, s:o, s:o, s:o, s:o}", "bdf",
				device->bdf, "can_reset", device->can_reset, "bus_reset",
				has_bus_reset(info), "bus_reset_needs",
				info->bus_reset_needs[0] ? info->bus_reset_needs : NULL,
				"reset_methods", info->reset_methods, "regions",
				regions_json(device), "interrupts", irqs_json(device),
				"capabilities", capabilities_json(info), "iommu", iommu_json(info));
	int failed = !all || json_dumpf(all, file, JSON_INDENT(2));

	if (!failed)
		fprintf(file, "\n");
	json_decref(all);
	return failed ? -ENOMEM : 0;
}
