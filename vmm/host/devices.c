/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn devices` */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "vmm/commands.h"
#include "vmm/host/in_use.h"
#include "vmm/host/names.h"
#include "vmm/host/sysfs.h"

#define ROOT "" /* the real host: see vmm/host/sysfs.h */

#define BASE_CLASS_BRIDGE 0x06 /* PCI Code and ID Assignment Specification, 1.7 */

struct listing {
	struct pci_names *names;
	json_t *array;	    /* where function_append() puts the functions */
	char no_iommu[512]; /* what function_print() keeps for the end; "" for nothing */
};

/* Bridges of all kinds, ports of PCI Express included: nobody wants them assigned. */
static bool function_is_bridge(const struct host_pci *pci)
{
	return host_pci_is_bridge(pci) || pci->class_code >> 16 == BASE_CLASS_BRIDGE;
}

/* Is it ready for a guest? If not, say why. */
static bool function_is_ready(const struct host_pci *pci, char *why, size_t size)
{
	char use[384];

	if (!host_pci_blocker(ROOT, pci, why, size))
		return true;
	if (function_is_bridge(pci))
		snprintf(why, size, "a bridge");
	else if (pci->iommu_group >= 0 && host_pci_in_use(ROOT, pci, use, sizeof(use)))
		snprintf(why, size, "in use by this host: %s", use);
	return false;
}

/* One line for the function; a second one for what keeps it from being ready. */
static int function_print(void *opaque, const struct host_pci *pci)
{
	struct listing *listing = opaque;
	const char *state = "yes";
	char why[1024], group[16];
	struct pci_name name;
	const char *separator;

	snprintf(group, sizeof(group), "%d", pci->iommu_group);
	if (!function_is_ready(pci, why, sizeof(why)))
		state = function_is_bridge(pci) ? "bridge" : "no";
	pci_names_find(listing->names, pci, &name);
	separator = name.vendor[0] || name.device[0] ? ": " : "";
	printf("%-13s %04x:%04x  %-15s %5s  %-6s  %s%s%s%s%s\n", pci->bdf, pci->vendor, pci->device,
	       pci->driver[0] ? pci->driver : "-", pci->iommu_group < 0 ? "-" : group, state,
	       name.class[0] ? name.class : "Unknown", separator, name.vendor,
	       name.vendor[0] && name.device[0] ? " " : "", name.device);
	if (strcmp(state, "no"))
		return 0;
	/* Without an IOMMU every function lacks the same: once is enough. */
	if (pci->iommu_group >= 0)
		printf("%14s%s\n", "", why);
	else if (!listing->no_iommu[0])
		snprintf(listing->no_iommu, sizeof(listing->no_iommu), "%.511s", why);
	return 0;
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

/* The keys are documented in posthorn(1): add some, but leave these as they are. */
static int function_append(void *opaque, const struct host_pci *pci)
{
	struct listing *listing = opaque;
	json_t *object = json_object();
	struct pci_name name;
	char why[1024];
	bool ready;
	int failed;

	pci_names_find(listing->names, pci, &name);
	ready = function_is_ready(pci, why, sizeof(why));
	failed = json_object_set_new(object, "bdf", json_string(pci->bdf)) |
		 json_object_set_new(object, "vendor", json_sprintf("%04x", pci->vendor)) |
		 json_object_set_new(object, "device", json_sprintf("%04x", pci->device)) |
		 json_object_set_new(object, "subsystem_vendor",
				     json_sprintf("%04x", pci->subsystem_vendor)) |
		 json_object_set_new(object, "subsystem_device",
				     json_sprintf("%04x", pci->subsystem_device)) |
		 json_object_set_new(object, "class", json_sprintf("%06x", pci->class_code)) |
		 json_object_set_new(object, "class_name", text_or_null(name.class)) |
		 json_object_set_new(object, "vendor_name", text_or_null(name.vendor)) |
		 json_object_set_new(object, "device_name", text_or_null(name.device)) |
		 json_object_set_new(object, "driver", text_or_null(pci->driver)) |
		 json_object_set_new(object, "iommu_group",
				     pci->iommu_group < 0 ? json_null()
							  : json_integer(pci->iommu_group)) |
		 json_object_set_new(object, "bridge", json_boolean(function_is_bridge(pci))) |
		 json_object_set_new(object, "ready", json_boolean(ready)) |
		 json_object_set_new(object, "why", text_or_null(why)) |
		 json_array_append_new(listing->array, object);
	return failed ? -ENOMEM : 0;
}

/* ---- the command ---- */

struct devices_options {
	bool json;
};

static int devices_run(const void *opaque)
{
	const struct devices_options *options = opaque;
	struct listing listing = { .names = pci_names_open(), .array = json_array() };
	int error;

	if (!options->json)
		printf("%-13s %-9s  %-15s %5s  %-6s  %s\n", "BDF", "ID", "DRIVER", "GROUP", "READY",
		       "FUNCTION");
	error = host_pci_each(ROOT, -1, options->json ? function_append : function_print, &listing);
	/* Of what could not be read, others are shown all the same. */
	if (options->json && (!error || json_array_size(listing.array)) &&
	    !json_dumpf(listing.array, stdout, JSON_INDENT(2)))
		printf("\n");
	if (listing.no_iommu[0])
		printf("\n%s\n", listing.no_iommu);
	json_decref(listing.array);
	pci_names_close(listing.names);
	if (!error)
		return EXIT_OK;
	log_error("cannot list the PCI functions of this host: %s%s", strerror(-error),
		  error == -ENOENT ? "; is there a sysfs? mount -t sysfs sysfs /sys" : "");
	return EXIT_HOST;
}

static const struct option_rule devices_rules[] = {
	{ "--json", NULL, "for programs to read", option_flag,
	  .offset = offsetof(struct devices_options, json) },
	{ 0 },
};

const struct command command_devices = {
	.name = "devices",
	.synopsis = "",
	.help = "list PCI functions, and why one is not ready",
	.rules = devices_rules,
	.options_size = sizeof(struct devices_options),
	.run = devices_run,
};
