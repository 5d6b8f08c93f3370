/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/info/info.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "vfio/config.h"
#include "vfio/reset.h"
#include "vmm/commands.h"
#include "vmm/host.h"

static void reset_methods_read(struct info *info, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method", bdf);
	if (file_read_text(path, info->reset_methods, sizeof(info->reset_methods)) < 0)
		info->reset_methods[0] = '\0';
}

static int info_run(const void *opaque)
{
	const struct info_options *options = opaque;
	struct vfio_function *function;
	struct iommu iommu;
	struct info *info;
	char why[WHY_SIZE];
	int error;

	error = host_function_check(options->bdf);
	if (error)
		return error;
	function = calloc(1, sizeof(*function));
	info = calloc(1, sizeof(*info));
	if (!function || !info)
		die(EXIT_HOST, "%s: no memory for what VFIO tells of it: close other programs",
		    options->bdf);
	iommu_init(&iommu, options->iommu, 0);
	error = vfio_device_init(&function->device, &iommu,
				 &(struct iommu_device){ .bdf = options->bdf }, why);
	if (error < 0)
		die(error_exit_code(error), "%s", why);
	error = vfio_config_init(function);
	if (error < 0)
		die(EXIT_DEVICE, "%s: cannot read its configuration space: %s", options->bdf,
		    error == -ENODEV ? "the device does not answer" : strerror(-error));
	info->function = function;
	reset_methods_read(info, options->bdf);
	if (!function->device.can_reset)
		info->bus_reset_error =
			vfio_reset_obstacle(&function->device, &iommu, info->bus_reset_needs);
	info->iommu = iommu_name(&iommu);
	info->range_count = iommu_ranges(&iommu, info->ranges);
	info->page_sizes = iommu_page_sizes(&iommu);
	info->coherent = iommu_coherent(&iommu);
	info_capabilities_find(info);
	vfio_device_cleanup(&function->device);
	iommu_cleanup(&iommu);
	if (!options->json)
		info_print(info, stdout);
	else
		error = info_print_json(info, stdout);
	/* Of an output that takes nothing, main() tells. */
	if (error && !ferror(stdout))
		log_error("%s: no memory for what VFIO tells of it as JSON: close other programs",
			  options->bdf);
	free(info);
	free(function);
	return error ? EXIT_INTERNAL : EXIT_OK;
}

static const struct option_rule info_rules[] = {
	{ "--iommu", IOMMU_OPTION_VALUE, IOMMU_OPTION_HELP, option_name,
	  .offset = offsetof(struct info_options, iommu), .names = iommu_choice_names },
	{ "--json", NULL, "for programs to read", option_flag,
	  .offset = offsetof(struct info_options, json) },
	{ 0 },
};

const struct command command_info = {
	.name = "info",
	.synopsis = "BDF|mdev=UUID",
	.help = "show a function as VFIO and as a guest see it",
	.rules = info_rules,
	.operand = operand_device,
	.operands = 1,
	.needed = "the address of a PCI function, or mdev=UUID",
	.options_size = sizeof(struct info_options),
	.run = info_run,
};
