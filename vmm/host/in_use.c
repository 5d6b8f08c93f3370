/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/in_use.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/util.h"

/* How deep disks and interfaces are stacked on each other at most: LVM on LUKS on RAID is 3. */
#define STACK_MAX 8

/* Is one of the directories on the way to @path called @bdf? */
static bool path_has_bdf(const char *path, const char *bdf)
{
	char part[BDF_SIZE + 2];

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
		file_path_set(path, directory, "/%s", entry->d_name);
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
		file_path_set(slaves, real, "/slaves");
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
	file_path_set(path, search->root, "%s", node);
	if (!realpath(path, real))
		return false;
	file_path_set(path, search->root, "/sys/class/block/%s", strrchr(real, '/') + 1);
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
		file_path_set(path, search->root, "/sys/dev/block/%u:%u", major, minor);
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

	file_path_set(path, search->root, "/sys/class/net/%s", interface);
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

	file_path_set(path, search->root, "/sys/class/block/%s", name);
	if (!path_is_built_on(path, search->bdf, STACK_MAX))
		return false;
	file_path_set(path, search->root, "/dev/%s", name);
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

	file_path_set(path, search->root, "/sys/class/block");
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

	file_path_set(path, search->root, "/sys/bus/pci/devices/%s/sriov_numvfs", search->bdf);
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
		file_path_set(path, root, "%s", sources[i].path);
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
