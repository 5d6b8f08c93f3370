/* SPDX-License-Identifier: BSD-2-Clause */
/* What `posthorn check` finds of one function: who has it, who shares its group, how it is reset.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "vfio/iommu.h"
#include "vmm/check/check.h"
#include "vmm/host/in_use.h"
#include "vmm/host/variant.h"

/* What the checks of one function share. */
struct subject {
	struct check *check;
	const struct host_pci *pci;
	unsigned int harmless; /* others of its group */
	bool is_viable;
};

/* Add a finding on @what of the function: "0000:01:00.0 driver". */
static void __attribute__((format(printf, 5, 6)))
subject_add(struct check *check, const struct host_pci *pci, enum check_severity severity,
	    const char *what, const char *format, ...)
{
	char object[64], detail[512];
	va_list args;

	snprintf(object, sizeof(object), "%s %s", pci->bdf, what);
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	check_add(check, severity, object, "%s", detail);
}

static void driver_check(struct check *check, const struct host_pci *pci)
{
	const char *driver = pci->driver[0] ? pci->driver : "no driver";
	char use[384], module[64];

	if (pci->is_vfio) {
		subject_add(check, pci, CHECK_OK, "driver", "bound to %s", driver);
	} else if (host_pci_in_use(check->root, pci, use, sizeof(use))) {
		subject_add(check, pci, CHECK_STOPS, "driver",
			    "bound to %s, and in use by this host: %s", driver, use);
		check_remedy(check,
			     "see to it that this host can do without, then posthorn bind %s",
			     pci->bdf);
	} else {
		subject_add(check, pci, CHECK_STOPS, "driver", "bound to %s, not to vfio-pci",
			    driver);
		check_remedy(check, "posthorn bind %s", pci->bdf);
	}
	if (!host_pci_variant_find(check->root, pci, module, sizeof(module)) ||
	    host_pci_driver_is(module, driver))
		return;
	subject_add(check, pci, CHECK_NOTE, "driver",
		    "%s gives it to VFIO too, and knows what it is", module);
	check_remedy(check, "posthorn bind --driver %s %s", module, pci->bdf);
}

static int sibling_check(void *opaque, const struct host_pci *pci)
{
	struct subject *subject = opaque;

	if (!strcmp(pci->bdf, subject->pci->bdf))
		return 0;
	if (host_pci_is_bridge(pci) || !pci->driver[0]) {
		subject->harmless++;
	} else if (host_pci_is_neutral(pci)) {
		subject_add(subject->check, subject->pci, CHECK_NOTE, "group",
			    "%s is in it too, bound to %s: one guest must have both", pci->bdf,
			    pci->driver);
	} else {
		subject->is_viable = false;
		subject_add(subject->check, subject->pci, CHECK_STOPS, "group",
			    "IOMMU group %d is not viable: %s is in it too, bound to %s",
			    pci->iommu_group, pci->bdf, pci->driver);
		check_remedy(subject->check, "posthorn bind %s", pci->bdf);
	}
	return 0;
}

/* One finding for each other function that matters, then the group itself if none is in the way. */
static void group_check(struct check *check, const struct host_pci *pci)
{
	struct subject subject = { .check = check, .pci = pci, .is_viable = true };
	int error = host_pci_each(check->root, pci->iommu_group, sibling_check, &subject);

	if (error < 0) {
		subject_add(check, pci, CHECK_STOPS, "group", "IOMMU group %d cannot be listed: %s",
			    pci->iommu_group, strerror(-error));
		check_remedy(check, "ls /sys/kernel/iommu_groups/%d/devices", pci->iommu_group);
	} else if (subject.is_viable) {
		subject_add(check, pci, CHECK_OK, "group", "IOMMU group %d can be assigned%s",
			    pci->iommu_group,
			    subject.harmless ? " (what else is in it is a bridge, or has no driver)"
					     : "");
	}
}

/*
 * May the file @name below the root be opened, for the back end @by? If not, that is @severity.
 * Opened it is not: that it is free, only an open would tell, and the close resets.
 */
static bool file_check(struct check *check, const struct host_pci *pci,
		       enum check_severity severity, const char *name, const char *by)
{
	char path[PATH_MAX];
	int error;

	file_path_set(path, check->root, "%s", name);
	if (access(path, R_OK | W_OK) == 0) {
		subject_add(check, pci, CHECK_OK, "permission", "%s may be opened, for %s", name,
			    by);
		return true;
	}
	error = errno;
	subject_add(check, pci, severity, "permission", "%s: %s", name, strerror(error));
	if (error == ENOENT)
		check_remedy(check, "udevadm trigger, which makes the file anew; ls -l /dev/vfio");
	else if (error == EPERM)
		check_remedy(check, DEVICE_RULES_REMEDY, name);
	else
		check_remedy(check, "run as root, or chown USER %s", name);
	return false;
}

/* Can iommufd have it? If not, type 1 may, unless that was ruled out. */
static bool device_file_check(struct check *check, const struct host_pci *pci)
{
	enum check_severity severity = check->iommu == IOMMU_AUTO ? CHECK_NOTE : CHECK_STOPS;
	char path[PATH_MAX];

	if (iommu_device_file_find(check->root, pci->bdf, path) == 0)
		return file_check(check, pci, severity, path + strlen(check->root), "iommufd");
	subject_add(check, pci, severity, "permission", "the kernel has no device file for it");
	check_remedy(check, "use Linux 6.6 or newer with CONFIG_VFIO_DEVICE_CDEV, or type 1 "
			    "(--iommu type1)");
	return false;
}

/* The file that a run opens: it comes with the driver. */
static void permission_check(struct check *check, const struct host_pci *pci)
{
	char name[32];

	if (!pci->is_vfio || (check->has_iommufd && device_file_check(check, pci)))
		return;
	snprintf(name, sizeof(name), "/dev/vfio/%d", pci->iommu_group);
	if (check->iommu != IOMMU_IOMMUFD)
		file_check(check, pci, CHECK_STOPS, name, "type 1");
}

/* The kernel gives a virtual function to who knows the token of who has the physical one by VFIO.
 */
static void token_check(struct check *check, const struct host_pci *pci)
{
	char path[PATH_MAX], real[PATH_MAX], bdf[BDF_SIZE];
	struct host_pci physical;
	const char *slash;

	file_path_set(path, check->root, "/sys/bus/pci/devices/%s/physfn", pci->bdf);
	slash = realpath(path, real) ? strrchr(real, '/') : NULL;
	if (!pci->is_vfio || !slash || bdf_parse(slash + 1, bdf) ||
	    host_pci_read(check->root, bdf, &physical) < 0 || !physical.is_vfio)
		return;
	subject_add(check, pci, CHECK_NOTE, "token",
		    "its physical function %s is bound to %s: who has that one gives it a token",
		    bdf, physical.driver);
	check_remedy(check, "use --device %s,vf-token=UUID", pci->bdf);
}

/* ---- reset ---- */

/* What else is on the bus of a function. */
struct bus {
	const struct host_pci *pci;
	char with[128]; /* what VFIO has of it, or what no one has: " 0000:01:00.1" each */
	struct host_pci obstacle; /* what VFIO does not have; bdf is "" where there is none */
};

static int bus_visit(void *opaque, const struct host_pci *pci)
{
	struct bus *bus = opaque;
	size_t length = strlen(bus->with);

	if (!strcmp(pci->bdf, bus->pci->bdf) || !bdf_same_bus(pci->bdf, bus->pci->bdf))
		return 0;
	if (pci->is_vfio)
		snprintf(bus->with + length, sizeof(bus->with) - length, " %s", pci->bdf);
	else
		bus->obstacle = *pci;
	return 0;
}

/* On a root bus there is no bridge above it that could reset the bus. */
static bool is_behind_bridge(const struct check *check, const struct host_pci *pci)
{
	char path[PATH_MAX], real[PATH_MAX], bdf[BDF_SIZE];
	char *slash;

	file_path_set(path, check->root, "/sys/bus/pci/devices/%s", pci->bdf);
	if (!realpath(path, real))
		return false;
	slash = strrchr(real, '/');
	if (slash)
		*slash = '\0';
	slash = strrchr(real, '/');
	return slash && !bdf_parse(slash + 1, bdf);
}

/* It has no reset of its own: can VFIO reset its bus? The kernel resets what VFIO has, all of it.
 */
static void bus_reset_check(struct check *check, const struct host_pci *pci, bool turned_off)
{
	struct bus bus = { .pci = pci };
	bool possible = is_behind_bridge(check, pci) &&
			host_pci_each(check->root, -1, bus_visit, &bus) >= 0;

	/* Of one that is alone there, that is a method of its own, if it can be. */
	if (!bus.with[0] && !bus.obstacle.bdf[0] && !turned_off)
		possible = false;
	if (!possible) {
		subject_add(check, pci, CHECK_WARNING, "reset",
			    "the kernel knows no way to reset it: what it was left doing may go on "
			    "in the guest");
	} else if (bus.obstacle.bdf[0]) {
		subject_add(
			check, pci, CHECK_WARNING, "reset",
			"with its bus only, where %s is, %s%s: what it was left doing may go on in "
			"the guest",
			bus.obstacle.bdf,
			bus.obstacle.driver[0] ? "bound to " : "which has no driver",
			bus.obstacle.driver);
		check_remedy(check, "posthorn bind %s, and give it to the same guest",
			     bus.obstacle.bdf);
	} else {
		subject_add(check, pci, bus.with[0] ? CHECK_NOTE : CHECK_OK, "reset",
			    "with its bus%s%s", bus.with[0] ? ", if the same guest has" : "",
			    bus.with);
	}
}

static void reset_check(struct check *check, const struct host_pci *pci)
{
	char path[80], methods[128];
	bool turned_off;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method", pci->bdf);
	if (check_read(check, path, methods, sizeof(methods))) {
		subject_add(check, pci, CHECK_OK, "reset", "by %s", methods);
		return;
	}
	turned_off = check_exists(check, path);
	if (turned_off) {
		subject_add(check, pci, CHECK_NOTE, "reset",
			    "all methods of its own are turned off");
		check_remedy(check, "echo default >%s", path);
	}
	bus_reset_check(check, pci, turned_off);
}

/* Its driver makes up all of it: what it has, only an open tells. */
static void mediated_check(struct check *check, const struct host_pci *pci)
{
	if (pci->is_vfio) {
		subject_add(check, pci, CHECK_OK, "driver",
			    "a mediated device of %s: no IOMMU has "
			    "to guard it",
			    pci->driver);
	} else {
		subject_add(check, pci, CHECK_STOPS, "driver", "no driver gives it to VFIO");
		check_remedy(check, "load the driver of its type (ls /sys/bus/mdev/drivers)");
	}
	permission_check(check, pci);
}

void check_function(struct check *check, const struct host_pci *pci, bool draw)
{
	if (bdf_is_mdev(pci->bdf)) {
		mediated_check(check, pci);
		return;
	}
	if (host_pci_is_bridge(pci)) {
		subject_add(check, pci, CHECK_STOPS, "kind",
			    "a bridge: only endpoints can be assigned");
		check_remedy(check, "posthorn devices");
		return;
	}
	driver_check(check, pci);
	if (pci->iommu_group >= 0) {
		group_check(check, pci);
		permission_check(check, pci);
	} else if (host_pci_group_may_come(check->root, pci)) {
		subject_add(check, pci, CHECK_NOTE, "group",
			    "no IOMMU group before a driver takes it");
		check_remedy(check, "posthorn bind %s", pci->bdf);
	} else {
		subject_add(check, pci, CHECK_STOPS, "group", "in no IOMMU group");
		check_remedy(check, "%s",
			     check->has_iommu ? "use a function behind an IOMMU: posthorn devices"
					      : IOMMU_MISSING_REMEDY);
	}
	token_check(check, pci);
	reset_check(check, pci);
	check_function_registers(check, pci);
	check_function_map(check, pci, draw);
}

struct visit {
	struct check *check;
	bool found;
};

static int bound_visit(void *opaque, const struct host_pci *pci)
{
	struct visit *visit = opaque;

	if (!pci->is_vfio)
		return 0;
	visit->found = true;
	check_function(visit->check, pci, false);
	return 0;
}

void check_bound_functions(struct check *check)
{
	struct visit visit = { .check = check };
	int error = host_pci_each(check->root, -1, bound_visit, &visit);

	if (error < 0) {
		check_add(check, CHECK_STOPS, "functions", "/sys/bus/pci/devices: %s",
			  strerror(-error));
		check_remedy(check, "ls /sys/bus/pci/devices; if /sys is empty: mount -t sysfs "
				    "sysfs /sys");
	} else if (!visit.found) {
		check_add(check, CHECK_NOTE, "functions", "none is bound to vfio-pci");
		check_remedy(check, "posthorn devices lists them, posthorn check BDF looks at one");
	}
}
