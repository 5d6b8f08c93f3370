/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/reset.h"

#include <errno.h>
#include <linux/pci.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"

/* How often, and after which pause, a reset is tried again that the kernel puts off. */
#define TRIES	 50
#define PAUSE_NS 20000000

static int function_reset(struct vfio_function *function)
{
	return vfio_device_reset(&function->device);
}

static int bus_reset(struct vfio_function *function)
{
	return vfio_device_hot_reset(&function->device, function->reset_proof,
				     function->reset_proof_count);
}

/* The first sibling of which @is says so, or NULL. */
static const struct pci_device *sibling_find(const struct vfio_function *function,
					     bool (*is)(struct pci_device *sibling))
{
	for (unsigned int devfn = 1; devfn < PCI_FUNCTIONS_MAX; devfn++) {
		struct pci_device *sibling = function->pci.root->devices[devfn];

		if (function->siblings[devfn / 64] >> devfn % 64 & 1 && is(sibling))
			return sibling;
	}
	return NULL;
}

/*
 * The kernel does not wait for who has a function that is to be reset, such as a read of sysfs. For
 * a bus it does not wait for who accesses one of its functions, either: that is -EBUSY.
 */
static bool is_transient(const struct vfio_function *function, int error)
{
	return error == -EAGAIN || (error == -EBUSY && function->bus_resets);
}

/* -EBUSY: the guest has begun to use a sibling, or the host does not stop to use the function. */
static int reset_try(struct vfio_function *function)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int (*reset)(struct vfio_function *) = function->bus_resets ? bus_reset : function_reset;
	int error = reset(function);

	for (unsigned int left = TRIES; is_transient(function, error) && left; left--) {
		ppoll(NULL, 0, &pause, NULL);
		if (sibling_find(function, pci_device_is_used))
			return -EBUSY;
		error = reset(function);
	}
	return error;
}

/* ---- the start ---- */

static void dependent_name(const struct vfio_pci_dependent_device *dependent, char bdf[BDF_SIZE])
{
	snprintf(bdf, BDF_SIZE, "%04x:%02x:%02x.%x", dependent->segment, dependent->bus,
		 PCI_SLOT(dependent->devfn), PCI_FUNC(dependent->devfn));
}

/* Of what @info lists the first that is not the VM's, or "". */
static void obstacle_find(const struct vfio_pci_hot_reset_info *info, const struct iommu *iommu,
			  char bdf[BDF_SIZE])
{
	bdf[0] = '\0';
	for (uint32_t i = 0; i < info->count && !bdf[0]; i++)
		if (!iommu_owns(iommu, &info->devices[i]))
			dependent_name(&info->devices[i], bdf);
}

int vfio_reset_obstacle(struct vfio_device *device, const struct iommu *iommu, char bdf[BDF_SIZE])
{
	struct vfio_pci_hot_reset_info *info = vfio_device_hot_reset_info(device);

	bdf[0] = '\0';
	if (!info)
		return -errno;
	obstacle_find(info, iommu, bdf);
	free(info);
	return 0;
}

/* Which of the guest's functions are among what @info lists. */
static void siblings_find(struct vfio_function *function,
			  const struct vfio_pci_hot_reset_info *info)
{
	char bdf[BDF_SIZE];

	for (uint32_t i = 0; i < info->count; i++) {
		dependent_name(&info->devices[i], bdf);
		for (unsigned int devfn = 1; devfn < PCI_FUNCTIONS_MAX; devfn++) {
			const struct pci_device *other = function->pci.root->devices[devfn];

			/* One whose address is not known may be any of them. */
			if (other && other != &function->pci && !bdf_is_mdev(other->name) &&
			    (!strchr(other->name, ':') || !strcmp(other->name, bdf)))
				function->siblings[devfn / 64] |= BIT(devfn % 64);
		}
	}
}

#define LEFT_AS_IT_IS                                                                   \
	"what it was left doing may go on in the guest, and what the guest leaves, in " \
	"the host"

/* Returns whether its bus is all the VM's; if not, a message says who is in the way. */
static bool bus_check(struct vfio_function *function)
{
	struct vfio_pci_hot_reset_info *info = vfio_device_hot_reset_info(&function->device);
	const char *name = function->device.bdf;
	char obstacle[BDF_SIZE];

	if (!info) {
		log_warn("%s: the host knows no way to reset this function, nor its bus "
			 "(%s): " LEFT_AS_IT_IS,
			 name, strerror(errno));
		return false;
	}
	obstacle_find(info, function->iommu, obstacle);
	if (obstacle[0]) {
		log_warn("%s: it can be reset with its bus only, and %s there is not this guest's: "
			 "assign it too (posthorn bind %s), or " LEFT_AS_IT_IS,
			 name, obstacle, obstacle);
	} else {
		siblings_find(function, info);
		function->reset_proof_count =
			iommu_reset_proof(function->iommu, info, function->reset_proof);
	}
	free(info);
	return !obstacle[0];
}

/* Whose bus was reset has left nothing to do for the others there. */
static bool has_reset_bus(struct pci_device *sibling)
{
	return container_of(sibling, struct vfio_function, pci)->bus_resets;
}

bool vfio_reset_init(struct vfio_function *function)
{
	const char *name = function->device.bdf;
	int error = 0;

	if (function->device.can_reset)
		log_info("%s: reset by itself when it was opened", name);
	if (function->device.can_reset || !bus_check(function))
		return function->device.can_reset;
	function->bus_resets = true;
	if (!sibling_find(function, has_reset_bus))
		error = reset_try(function);
	if (error < 0) {
		function->bus_resets = false;
		log_warn("%s: its bus cannot be reset: %s: " LEFT_AS_IT_IS, name, strerror(-error));
	} else {
		log_info("%s: reset with its bus", name);
	}
	return function->bus_resets;
}

/* ---- the guest's ---- */

int vfio_reset(struct vfio_function *function, char why[WHY_SIZE])
{
	const char *name = function->device.bdf;
	const struct pci_device *used = sibling_find(function, pci_device_is_used);
	int error;

	if (used)
		return refuse(
			why, -EBUSY,
			"%s: the guest asked for a reset, which would reset %s too, and the guest "
			"uses that one: nothing is reset",
			name, used->name);
	error = reset_try(function);
	if (error < 0)
		return refuse(why, error, "%s: the guest asked for a reset, and VFIO cannot: %s",
			      name, strerror(-error));
	return 0;
}
