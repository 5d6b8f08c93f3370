/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/iommu.h"
#include "vmm/host.h"
#include "vmm/host/resources.h"

/* The last part of what the symbolic link @path points to; "" when there is no such link. */
static void link_name_read(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];
	ssize_t length;
	const char *slash;

	name[0] = '\0';
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
}

/* ---- what sysfs says of a function ---- */

static void driver_read(const char *root, const char *bdf, char *driver, size_t size)
{
	char path[PATH_MAX];

	file_path_set(path, root, "%s/%s/driver", bdf_folder(bdf), bdf);
	link_name_read(path, driver, size);
}

bool host_pci_driver_is_vfio(const char *driver)
{
	static const char *const ends[] = { HOST_PCI_VFIO, "vfio_pci" };
	size_t length = strlen(driver);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (length >= strlen(ends[i]) &&
		    !strcmp(driver + length - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

/* The directory is there since Linux 6.1; before, the name is all that tells. */
static bool vfio_has(const char *root, const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	file_path_set(path, root, "%s/%s/vfio-dev", bdf_folder(bdf), bdf);
	return access(path, F_OK) == 0 || host_pci_driver_is_vfio(driver);
}

/*
 * The number of the function's IOMMU group, or -1. The groups that VFIO makes up in its no-IOMMU
 * mode (vfio.enable_unsafe_noiommu_mode) isolate nothing and do not count.
 */
static int iommu_group_read(const char *root, const char *bdf)
{
	char path[PATH_MAX], number[16], name[32], *end;
	long group;

	file_path_set(path, root, "%s/%s/iommu_group", bdf_folder(bdf), bdf);
	link_name_read(path, number, sizeof(number));
	group = strtol(number, &end, 10);
	if (end == number || *end || group < 0 || group > INT_MAX)
		return -1;
	file_path_set(path, root, "/sys/kernel/iommu_groups/%s/name", number);
	if (file_read_text(path, name, sizeof(name)) > 0 && !strcmp(name, "vfio-noiommu"))
		return -1;
	return (int)group;
}

size_t host_pci_config_read(const char *root, const char *bdf, uint8_t *config, size_t size)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd;

	file_path_set(path, root, "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = pread(fd, config, size, 0);
	close(fd);
	return length > 0 ? (size_t)length : 0;
}

static uint8_t header_type_read(const char *root, const char *bdf)
{
	uint8_t config[PCI_HEADER_TYPE + 1];

	if (host_pci_config_read(root, bdf, config, sizeof(config)) < sizeof(config))
		return PCI_HEADER_TYPE_NORMAL;
	/* What does not answer reads all-ones, and is not a bridge for that. */
	if (config[PCI_HEADER_TYPE] == 0xff)
		return PCI_HEADER_TYPE_NORMAL;
	/* Bit 7 says that the device has several functions (PCI Local Bus 3.0, 6.2.1). */
	return config[PCI_HEADER_TYPE] & 0x7f;
}

/* A function is not there: is it the only thing that is missing? */
static int absence(const char *root)
{
	char path[PATH_MAX];

	file_path_set(path, root, "/sys/bus/pci/devices");
	if (access(path, F_OK) == 0)
		return -ENODEV;
	return errno == EACCES ? -EACCES : -ENOENT;
}

/* Who has it; of its ids sysfs says nothing. */
static void holder_read(const char *root, struct host_pci *pci)
{
	pci->iommu_group = iommu_group_read(root, pci->bdf);
	driver_read(root, pci->bdf, pci->driver, sizeof(pci->driver));
	pci->is_vfio = vfio_has(root, pci->bdf, pci->driver);
}

static int mdev_read(const char *root, const char *name, struct host_pci *pci)
{
	char path[PATH_MAX];

	snprintf(pci->bdf, sizeof(pci->bdf), "%s", name);
	file_path_set(path, root, "%s/%s", bdf_folder(name), name);
	if (access(path, F_OK) < 0)
		return errno == EACCES ? -EACCES : -ENODEV;
	holder_read(root, pci);
	return 0;
}

int host_pci_read(const char *root, const char *bdf, struct host_pci *pci)
{
	static const char *const names[] = { "vendor", "device", "subsystem_vendor",
					     "subsystem_device", "class" };
	unsigned long values[ARRAY_SIZE(names)];
	char path[PATH_MAX], text[16];
	unsigned int i;
	int length;

	*pci = (struct host_pci){ .iommu_group = -1 };
	if (bdf_is_mdev(bdf))
		return mdev_read(root, bdf, pci);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		file_path_set(path, root, "/sys/bus/pci/devices/%s/%s", bdf, names[i]);
		length = file_read_text(path, text, sizeof(text));
		if (length <= 0)
			return length == 0 || length == -ENOENT ? absence(root) : length;
		values[i] = strtoul(text, NULL, 16);
	}
	*pci = (struct host_pci){
		.vendor = (uint16_t)values[0],
		.device = (uint16_t)values[1],
		.subsystem_vendor = (uint16_t)values[2],
		.subsystem_device = (uint16_t)values[3],
		.class_code = (uint32_t)values[4] & 0xffffff,
		.header_type = header_type_read(root, bdf),
	};
	snprintf(pci->bdf, sizeof(pci->bdf), "%s", bdf);
	holder_read(root, pci);
	return 0;
}

/* "sysfs cannot be read: ..." and what mends it, as the end of a message. */
static void refusal_say(const char *bdf, int error, char *why, size_t size)
{
	if (error == -ENOENT)
		snprintf(why, size, "there is no /sys/bus/pci/devices: mount -t sysfs sysfs /sys");
	else
		snprintf(why, size,
			 "sysfs cannot be read: %s; see who may read it: ls -lL "
			 "/sys/bus/pci/devices/%s/",
			 strerror(-error), bdf);
}

int host_pci_named_read(const char *root, const char *bdf, struct host_pci *pci)
{
	int error = host_pci_read(root, bdf, pci);
	char why[128];

	if (!error)
		return 0;
	if (error == -ENODEV && bdf_is_mdev(bdf)) {
		log_error("this host has no mediated device %s: `ls /sys/bus/mdev/devices` shows "
			  "those it has; echo %s >/sys/class/mdev_bus/PARENT/mdev_supported_types/"
			  "TYPE/create makes it",
			  bdf, bdf);
		return EXIT_USAGE;
	}
	if (error == -ENODEV) {
		log_error("this host has no PCI function %s: `posthorn devices` lists those it has",
			  bdf);
		return EXIT_USAGE;
	}
	refusal_say(bdf, error, why, sizeof(why));
	log_error("%s: %s", bdf, why);
	return EXIT_HOST;
}

static int bdf_filter(const struct dirent *entry)
{
	char bdf[BDF_SIZE];

	return !bdf_parse(entry->d_name, bdf) && !strcmp(entry->d_name, bdf);
}

/* All parts of a full BDF have a fixed width, but for a domain above 0xffff. */
static int bdf_compare(const struct dirent **a, const struct dirent **b)
{
	size_t a_length = strlen((*a)->d_name), b_length = strlen((*b)->d_name);

	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return strcmp((*a)->d_name, (*b)->d_name);
}

int host_pci_each(const char *root, int iommu_group,
		  int (*visit)(void *opaque, const struct host_pci *pci), void *opaque)
{
	struct dirent **entries;
	char path[PATH_MAX];
	struct host_pci pci;
	int count, i, error, failed = 0, result = 0;

	if (iommu_group < 0)
		file_path_set(path, root, "/sys/bus/pci/devices");
	else
		file_path_set(path, root, "/sys/kernel/iommu_groups/%d/devices", iommu_group);
	count = scandir(path, &entries, bdf_filter, bdf_compare);
	if (count < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		error = result ? 0 : host_pci_read(root, entries[i]->d_name, &pci);
		if (!result && !error)
			result = visit(opaque, &pci);
		/* A function that was unplugged since is no error. */
		if (error && error != -ENODEV && !failed)
			failed = error;
		free(entries[i]);
	}
	free(entries);
	return result ? result : failed;
}

/*
 * The kernel goes by the header type too: vfio-pci refuses all others, and a group stays viable
 * with them whatever their driver.
 */
bool host_pci_is_bridge(const struct host_pci *pci)
{
	return pci->header_type != PCI_HEADER_TYPE_NORMAL;
}

/* ---- can it be assigned? ---- */

bool host_pci_is_neutral(const struct host_pci *pci)
{
	return !pci->driver[0] || pci->is_vfio || !strcmp(pci->driver, "pci-stub");
}

/* The functions of a group that keep it from being assigned, and the commands that free them. */
struct siblings {
	char names[512], commands[512];
};

/* Append to a list; what does not fit is left out. */
__attribute__((format(printf, 3, 4))) static void list_append(char *list, size_t size,
							      const char *format, ...)
{
	size_t length = strlen(list);
	va_list args;

	va_start(args, format);
	if (vsnprintf(list + length, size - length, format, args) >= (int)(size - length))
		list[length] = '\0';
	va_end(args);
}

static int sibling_check(void *opaque, const struct host_pci *pci)
{
	struct siblings *siblings = opaque;

	if (host_pci_is_bridge(pci) || host_pci_is_neutral(pci))
		return 0;
	list_append(siblings->names, sizeof(siblings->names), "%s%s is bound to %s",
		    siblings->names[0] ? ", " : "", pci->bdf, pci->driver);
	list_append(siblings->commands, sizeof(siblings->commands), "%sposthorn bind %s",
		    siblings->commands[0] ? " && " : "", pci->bdf);
	return 0;
}

bool host_pci_group_may_come(const char *root, const struct host_pci *pci)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	file_path_set(path, root, "/sys/class/iommu");
	directory = opendir(path);
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		found = entry->d_name[0] != '.';
	closedir(directory);
	return found && !pci->driver[0];
}

/* Is another function of its group in the way? */
static void group_blocker(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	struct siblings siblings = { 0 };
	int error = host_pci_each(root, pci->iommu_group, sibling_check, &siblings);

	if (error)
		snprintf(why, size, "cannot list IOMMU group %d: %s", pci->iommu_group,
			 strerror(-error));
	else if (siblings.names[0])
		snprintf(why, size,
			 "IOMMU group %d is not viable: %s; assign or unbind all of the "
			 "group: %s",
			 pci->iommu_group, siblings.names, siblings.commands);
}

/* Does the firmware use the function? */
static void reserved_blocker(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	struct host_reserved reserved[HOST_RESERVED_MAX];
	unsigned int count = host_reserved_read(root, pci->iommu_group, reserved);

	for (unsigned int i = 0; i < count && !why[0]; i++)
		if (host_reserved_is_direct(&reserved[i]))
			snprintf(why, size,
				 "the firmware wants it to reach 0x%llx to 0x%llx, so the kernel "
				 "gives it to no guest: " HOST_DIRECT_REMEDY,
				 (unsigned long long)reserved[i].first,
				 (unsigned long long)reserved[i].last);
}

/* Has the host no address for a BAR, or another use? */
static void bars_blocker(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	struct host_bar bars[PCI_STD_NUM_BARS];
	struct host_claim claim;

	host_bars_read(root, pci->bdf, bars);
	for (unsigned int i = 0; i < PCI_STD_NUM_BARS && !why[0]; i++) {
		if (bars[i].is_unplaced)
			snprintf(why, size,
				 "the host found no address for BAR %u, 0x%llx "
				 "bytes: " HOST_UNPLACED_REMEDY,
				 i, (unsigned long long)bars[i].size);
		else if (host_bar_claim_find(root, pci->bdf, &bars[i], &claim))
			snprintf(why, size,
				 "0x%llx to 0x%llx of BAR %u is claimed by %s on this host: %s",
				 (unsigned long long)claim.first, (unsigned long long)claim.last, i,
				 claim.owner, host_claim_remedy(&claim));
	}
}

bool host_pci_blocker(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	why[0] = '\0';
	/* No IOMMU guards it: its driver does. So it is alone in its group. */
	if (bdf_is_mdev(pci->bdf)) {
		if (!pci->is_vfio)
			snprintf(why, size, HOST_MDEV_UNBOUND);
	} else if (host_pci_is_bridge(pci)) {
		snprintf(why, size, "a bridge: only endpoints can be assigned");
	} else if (pci->iommu_group < 0 && host_pci_group_may_come(root, pci)) {
		snprintf(why, size, "no IOMMU group before a driver takes it: posthorn bind %s",
			 pci->bdf);
	} else if (pci->iommu_group < 0) {
		snprintf(why, size, "no IOMMU group: " IOMMU_MISSING_REMEDY);
	} else if (!pci->is_vfio) {
		snprintf(why, size, "bound to %s, not to " HOST_PCI_VFIO ": posthorn bind %s",
			 pci->driver[0] ? pci->driver : "no driver", pci->bdf);
	} else {
		group_blocker(root, pci, why, size);
		if (!why[0])
			reserved_blocker(root, pci, why, size);
		if (!why[0])
			bars_blocker(root, pci, why, size);
	}
	return why[0] != '\0';
}

int host_function_check(const char *bdf)
{
	struct host_pci pci;
	char why[WHY_SIZE];
	int code = host_pci_named_read("", bdf, &pci);

	if (code)
		return code;
	if (!host_pci_blocker("", &pci, why, sizeof(why)))
		return EXIT_OK;
	log_error("%s: %s", bdf, why);
	return EXIT_HOST;
}
