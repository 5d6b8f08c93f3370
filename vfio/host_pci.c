/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/host_pci.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

/* How deep disks and interfaces are stacked on each other at most: LVM on LUKS on RAID is 3. */
#define STACK_MAX 8

/* ---- paths ---- */

/* A path below @root. One that is too long is cut, and then names nothing. */
static void __attribute__((format(printf, 3, 4)))
path_set(char path[PATH_MAX], const char *root, const char *format, ...)
{
	size_t length;
	va_list args;

	length = (size_t)snprintf(path, PATH_MAX, "%s", root);
	if (length >= PATH_MAX)
		return;
	va_start(args, format);
	vsnprintf(path + length, PATH_MAX - length, format, args);
	va_end(args);
}

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

/* Read 1 to @digits hexadecimal digits at *@text, then the character @end ('\0': the end). */
static int hex_parse(const char **text, unsigned int digits, char end, unsigned int *value)
{
	const char *at = *text;

	*value = 0;
	while (isxdigit((unsigned char)*at) && at < *text + digits) {
		*value = *value << 4 |
			 (unsigned int)(isdigit((unsigned char)*at)
						? *at - '0'
						: tolower((unsigned char)*at) - 'a' + 10);
		at++;
	}
	if (at == *text || *at != end)
		return -EINVAL;
	*text = at + 1;
	return 0;
}

int host_pci_bdf_parse(const char *text, char bdf[HOST_PCI_BDF_SIZE])
{
	unsigned int domain = 0, bus, device, function;
	const char *colon = strchr(text, ':');

	/* Domains above 0xffff are those that VMD controllers make. */
	if (colon && strchr(colon + 1, ':') && hex_parse(&text, 6, ':', &domain))
		return -EINVAL;
	if (hex_parse(&text, 2, ':', &bus) || hex_parse(&text, 2, '.', &device) || device > 0x1f ||
	    hex_parse(&text, 1, '\0', &function) || function > 7)
		return -EINVAL;
	snprintf(bdf, HOST_PCI_BDF_SIZE, "%04x:%02x:%02x.%x", domain & 0xffffff, bus & 0xff,
		 device & 0x1f, function & 7);
	return 0;
}

static void driver_read(const char *root, const char *bdf, char *driver, size_t size)
{
	char path[PATH_MAX];

	path_set(path, root, "/sys/bus/pci/devices/%s/driver", bdf);
	link_name_read(path, driver, size);
}

/*
 * The number of the function's IOMMU group, or -1. The groups that VFIO makes up in its no-IOMMU
 * mode (vfio.enable_unsafe_noiommu_mode) isolate nothing and do not count.
 */
static int iommu_group_read(const char *root, const char *bdf)
{
	char path[PATH_MAX], number[16], name[32], *end;
	long group;

	path_set(path, root, "/sys/bus/pci/devices/%s/iommu_group", bdf);
	link_name_read(path, number, sizeof(number));
	group = strtol(number, &end, 10);
	if (end == number || *end || group < 0 || group > INT_MAX)
		return -1;
	path_set(path, root, "/sys/kernel/iommu_groups/%s/name", number);
	if (file_read_text(path, name, sizeof(name)) > 0 && !strcmp(name, "vfio-noiommu"))
		return -1;
	return (int)group;
}

size_t host_pci_config_read(const char *root, const char *bdf, uint8_t *config, size_t size)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd;

	path_set(path, root, "/sys/bus/pci/devices/%s/config", bdf);
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

int host_pci_read(const char *root, const char *bdf, struct host_pci *pci)
{
	static const char *const names[] = { "vendor", "device", "subsystem_vendor",
					     "subsystem_device", "class" };
	unsigned long values[ARRAY_SIZE(names)];
	char path[PATH_MAX], text[16];
	unsigned int i;
	int length;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		path_set(path, root, "/sys/bus/pci/devices/%s/%s", bdf, names[i]);
		length = file_read_text(path, text, sizeof(text));
		if (length <= 0)
			return length == 0 || length == -ENOENT ? -ENODEV : length;
		values[i] = strtoul(text, NULL, 16);
	}
	*pci = (struct host_pci){
		.vendor = (uint16_t)values[0],
		.device = (uint16_t)values[1],
		.subsystem_vendor = (uint16_t)values[2],
		.subsystem_device = (uint16_t)values[3],
		.class_code = (uint32_t)values[4] & 0xffffff,
		.header_type = header_type_read(root, bdf),
		.iommu_group = iommu_group_read(root, bdf),
	};
	snprintf(pci->bdf, sizeof(pci->bdf), "%s", bdf);
	driver_read(root, bdf, pci->driver, sizeof(pci->driver));
	return 0;
}

int host_pci_named_read(const char *root, const char *bdf, struct host_pci *pci)
{
	int error = host_pci_read(root, bdf, pci);

	if (!error)
		return 0;
	if (error == -ENODEV) {
		log_error("this host has no PCI function %s: `posthorn devices` lists those it has",
			  bdf);
		return EXIT_USAGE;
	}
	log_error("%s: sysfs cannot be read: %s; see who may read it: ls -lL "
		  "/sys/bus/pci/devices/%s/",
		  bdf, strerror(-error), bdf);
	return EXIT_HOST;
}

static int bdf_filter(const struct dirent *entry)
{
	char bdf[HOST_PCI_BDF_SIZE];

	return !host_pci_bdf_parse(entry->d_name, bdf) && !strcmp(entry->d_name, bdf);
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
	int count, i, result = 0;

	if (iommu_group < 0)
		path_set(path, root, "/sys/bus/pci/devices");
	else
		path_set(path, root, "/sys/kernel/iommu_groups/%d/devices", iommu_group);
	count = scandir(path, &entries, bdf_filter, bdf_compare);
	if (count < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		/* A function that was unplugged since is no error. */
		if (!result && !host_pci_read(root, entries[i]->d_name, &pci))
			result = visit(opaque, &pci);
		free(entries[i]);
	}
	free(entries);
	return result;
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

bool host_pci_driver_is_neutral(const char *driver)
{
	return !driver[0] || !strcmp(driver, HOST_PCI_VFIO) || !strcmp(driver, "pci-stub");
}

/* The functions of a group that keep it from being assigned, and the commands that free them. */
struct siblings {
	char names[512], commands[512];
};

/* Append to a list; what does not fit is left out. */
static void __attribute__((format(printf, 3, 4)))
list_append(char *list, size_t size, const char *format, ...)
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

	if (host_pci_is_bridge(pci) || host_pci_driver_is_neutral(pci->driver))
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

	path_set(path, root, "/sys/class/iommu");
	directory = opendir(path);
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		found = entry->d_name[0] != '.';
	closedir(directory);
	return found && !pci->driver[0];
}

bool host_pci_blocker(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	struct siblings siblings = { 0 };
	int error;

	why[0] = '\0';
	if (host_pci_is_bridge(pci)) {
		snprintf(why, size, "a bridge: only endpoints can be assigned");
	} else if (pci->iommu_group < 0 && host_pci_group_may_come(root, pci)) {
		snprintf(why, size, "no IOMMU group before a driver takes it: posthorn bind %s",
			 pci->bdf);
	} else if (pci->iommu_group < 0) {
		snprintf(why, size, "no IOMMU group: " HOST_PCI_NO_IOMMU_REMEDY);
	} else if (strcmp(pci->driver, HOST_PCI_VFIO)) {
		snprintf(why, size, "bound to %s, not to " HOST_PCI_VFIO ": posthorn bind %s",
			 pci->driver[0] ? pci->driver : "no driver", pci->bdf);
	} else {
		error = host_pci_each(root, pci->iommu_group, sibling_check, &siblings);
		if (error)
			snprintf(why, size, "cannot list IOMMU group %d: %s", pci->iommu_group,
				 strerror(-error));
		else if (siblings.names[0])
			snprintf(why, size,
				 "IOMMU group %d is not viable: %s; assign or unbind all of the "
				 "group: %s",
				 pci->iommu_group, siblings.names, siblings.commands);
	}
	return why[0] != '\0';
}

/* ---- does this host need it? ---- */

/* Is one of the directories on the way to @path called @bdf? */
static bool path_has_bdf(const char *path, const char *bdf)
{
	char part[HOST_PCI_BDF_SIZE + 2];

	snprintf(part, sizeof(part), "/%s/", bdf);
	return strstr(path, part) != NULL;
}

static bool path_is_built_on(const char *path, const char *bdf, unsigned int depth);

/* The names of links to what an interface or an NVMe subsystem is made of. */
static bool link_is_lower(const char *name)
{
	return !strncmp(name, "lower_", strlen("lower_")) || !strncmp(name, "nvme", strlen("nvme"));
}

/* Does one of the symbolic links in @directory (@all of them, or the lower ones) lead to @bdf? */
static bool links_lead_to(const char *directory, bool all, const char *bdf, unsigned int depth)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	bool found = false;
	DIR *stream;

	stream = opendir(directory);
	if (!stream)
		return false;
	while (!found && (entry = readdir(stream))) {
		if (entry->d_type != DT_LNK || !(all || link_is_lower(entry->d_name)))
			continue;
		path_set(path, directory, "/%s", entry->d_name);
		found = path_is_built_on(path, bdf, depth - 1);
	}
	closedir(stream);
	return found;
}

/*
 * Is the disk or interface at @path in sysfs a part of function @bdf, or built on one that is? A
 * physical one lies below its function's directory. A virtual one links to what it is made of:
 * device mapper and RAID by slaves/, bridges, bonds and VLANs by lower_<interface>, an NVMe
 * namespace with several paths by its subsystem's nvme<controller>. A partition's links are its
 * disk's: hence the walk up from @path.
 */
static bool path_is_built_on(const char *path, const char *bdf, unsigned int depth)
{
	static const char virtual[] = "/devices/virtual/";
	char real[PATH_MAX], slaves[PATH_MAX], *top;
	bool found = false;

	if (!depth || !realpath(path, real))
		return false;
	if (path_has_bdf(real, bdf))
		return true;
	top = strstr(real, virtual);
	if (!top)
		return false;
	top += strlen(virtual);
	while (!found && strlen(real) > (size_t)(top - real)) {
		path_set(slaves, real, "/slaves");
		found = links_lead_to(real, false, bdf, depth) ||
			links_lead_to(slaves, true, bdf, depth);
		*strrchr(real, '/') = '\0';
	}
	return found;
}

/* What host_pci_in_use() is looking for, and where it says what it found. */
struct use_search {
	const char *root, *bdf;
	char *why;
	size_t size;
};

/* The same for a block device that is named by its node, "/dev/mapper/home" say. */
static bool block_node_is_built_on(const struct use_search *search, const char *node)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (strncmp(node, "/dev/", strlen("/dev/")))
		return false;
	path_set(path, search->root, "%s", node);
	if (!realpath(path, real))
		return false;
	path_set(path, search->root, "/sys/class/block/%s", strrchr(real, '/') + 1);
	return path_is_built_on(path, search->bdf, STACK_MAX);
}

/* A line of /proc/self/mountinfo (proc(5)). */
static bool mount_uses(const struct use_search *search, const char *line)
{
	char path[PATH_MAX], mount_point[256], node[256] = "";
	const char *separator = strstr(line, " - ");
	unsigned int major, minor;

	if (!separator || sscanf(line, "%*u %*u %u:%u %*s %255s", &major, &minor, mount_point) != 3)
		return false;
	/* Btrfs shows a number of its own, with major 0: there the source is what tells. */
	if (major) {
		path_set(path, search->root, "/sys/dev/block/%u:%u", major, minor);
		if (!path_is_built_on(path, search->bdf, STACK_MAX))
			return false;
	} else if (sscanf(separator, " - %*s %255s", node) != 1 ||
		   !block_node_is_built_on(search, node)) {
		return false;
	}
	/* It may be in any encoding. */
	text_clean(mount_point);
	snprintf(search->why, search->size, "it holds the file system that is mounted on %s",
		 mount_point);
	return true;
}

/* A line of /proc/swaps (proc(5)). */
static bool swap_uses(const struct use_search *search, const char *line)
{
	char node[256];

	if (sscanf(line, "%255s", node) != 1 || !block_node_is_built_on(search, node))
		return false;
	snprintf(search->why, search->size, "it holds the swap space %s", node);
	return true;
}

static bool route_uses(const struct use_search *search, const char *interface)
{
	char path[PATH_MAX];

	path_set(path, search->root, "/sys/class/net/%s", interface);
	if (!path_is_built_on(path, search->bdf, STACK_MAX))
		return false;
	snprintf(search->why, search->size, "the default route goes through it (interface %s)",
		 interface);
	return true;
}

/* A line of /proc/net/route: the interface, and as the eighth field the mask. */
static bool route_ipv4_uses(const struct use_search *search, const char *line)
{
	char interface[32], mask[16];

	return sscanf(line, "%31s %*s %*s %*s %*s %*s %*s %15s", interface, mask) == 2 &&
	       !strcmp(mask, "00000000") && route_uses(search, interface);
}

/* A line of /proc/net/ipv6_route: a prefix and its length, and as the tenth field the interface. */
static bool route_ipv6_uses(const struct use_search *search, const char *line)
{
	char length[8], interface[32];

	return sscanf(line, "%*s %7s %*s %*s %*s %*s %*s %*s %*s %31s", length, interface) == 2 &&
	       !strcmp(length, "00") && route_uses(search, interface);
}

/*
 * Does somebody have the block device @name to himself? File systems, swap space, RAID, device
 * mapper and ZFS claim what they are built on, in whichever mount namespace, and what is claimed
 * nobody else can open exclusively. A claimed partition keeps others from the whole disk, too.
 */
static bool block_is_claimed(const struct use_search *search, const char *name)
{
	char path[PATH_MAX];
	int fd;

	path_set(path, search->root, "/sys/class/block/%s", name);
	if (!path_is_built_on(path, search->bdf, STACK_MAX))
		return false;
	path_set(path, search->root, "/dev/%s", name);
	/* O_NONBLOCK: a drive without a medium has no claim to wait for. */
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return false;
	}
	if (errno != EBUSY)
		return false;
	snprintf(search->why, search->size,
		 "its disk /dev/%s is claimed, by RAID, LVM, ZFS or a mounted file system: end "
		 "that use, which lsblk --fs /dev/%s shows, or grep -l %s /proc/*/mountinfo",
		 name, name, name);
	return true;
}

/* In the order of their names, a disk comes before its partitions: lsblk then shows all of it. */
static bool blocks_use(const struct use_search *search)
{
	struct dirent **entries;
	char path[PATH_MAX];
	bool found = false;
	int count, i;

	path_set(path, search->root, "/sys/class/block");
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		return false;
	for (i = 0; i < count; i++) {
		found = found || block_is_claimed(search, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return found;
}

/* Its driver takes the virtual functions along when it goes, whoever has them. */
static bool virtual_functions_use(const struct use_search *search)
{
	char path[PATH_MAX], count[16];

	path_set(path, search->root, "/sys/bus/pci/devices/%s/sriov_numvfs", search->bdf);
	if (file_read_text(path, count, sizeof(count)) <= 0 || !strcmp(count, "0"))
		return false;
	snprintf(search->why, search->size,
		 "virtual functions of it exist (%s), which VMs may have: end those, then echo 0 "
		 ">/sys/bus/pci/devices/%s/sriov_numvfs",
		 count, search->bdf);
	return true;
}

bool host_pci_in_use(const char *root, const struct host_pci *pci, char *why, size_t size)
{
	static const struct {
		const char *path;
		bool (*line_uses)(const struct use_search *search, const char *line);
	} sources[] = {
		{ "/proc/self/mountinfo", mount_uses },
		{ "/proc/swaps", swap_uses },
		{ "/proc/net/route", route_ipv4_uses },
		{ "/proc/net/ipv6_route", route_ipv6_uses },
	};
	const struct use_search search = {
		.root = root, .bdf = pci->bdf, .why = why, .size = size
	};
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	size_t room = 0;
	unsigned int i;
	FILE *file;

	why[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(sources) && !found; i++) {
		path_set(path, root, "%s", sources[i].path);
		/* A kernel without swap or IPv6 does not have the file. */
		file = fopen(path, "re");
		if (!file)
			continue;
		while (!found && getline(&line, &room, file) > 0)
			found = sources[i].line_uses(&search, line);
		fclose(file);
	}
	free(line);
	return found || virtual_functions_use(&search) || blocks_use(&search);
}
