/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory the control groups of this process leave it: cgroups(7). */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/check/check.h"

/*
 * What a group says of a kind of memory: Documentation/admin-guide/cgroup-v1/memory.rst and
 * hugetlb.rst, and cgroup-v2.rst.
 */
static const struct kind {
	const char *controller;
	struct {
		const char *limit, *usage;
	} files[2];	   /* of versions 1 and 2; behind "hugetlb.2MB." where they are of that */
	bool is_reclaimed; /* what is cached of files makes room */
} kinds[] = {
	[CHECK_CGROUP_MEMORY] = { "memory",
				  { { "memory.limit_in_bytes", "memory.usage_in_bytes" },
				    { "memory.max", "memory.current" } },
				  true },
	[CHECK_CGROUP_HUGE_PAGES] = { "hugetlb",
				      { { "limit_in_bytes", "usage_in_bytes" },
					{ "max", "current" } },
				      false },
	[CHECK_CGROUP_HUGE_RESERVED] = { "hugetlb",
					 { { "rsvd.limit_in_bytes", "rsvd.usage_in_bytes" },
					   { "rsvd.max", "rsvd.current" } },
					 false },
};

/* Room for the path of a group, so that the name of a file fits behind it. */
#define GROUP_MAX (PATH_MAX - 64)

/* A file system of control groups, and where in it this process is. */
struct hierarchy {
	bool is_v2;
	char mount[PATH_MAX]; /* below the root of the check */
	char group[PATH_MAX]; /* below the mount; "" for its top */
};

/* Is @name in the comma-separated @list? */
static bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list) {
		if (!strncmp(list, name, length) && (!list[length] || list[length] == ','))
			return true;
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return false;
}

/*
 * Of which group of the hierarchy is this process, seen from the mount's @top? A line of
 * /proc/self/cgroup is "number:controllers:path", without controllers for version 2. Returns false
 * for one that is outside of what is mounted.
 */
static bool group_find(const struct check *check, const char *controller, const char *top,
		       struct hierarchy *hierarchy)
{
	size_t length = strcmp(top, "/") ? strlen(top) : 0;
	char text[16 * KIB], *line, *rest = text;

	check_read(check, "/proc/self/cgroup", text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		const char *controllers, *path;

		strsep(&line, ":");
		controllers = strsep(&line, ":");
		path = line;
		if (!path ||
		    !(hierarchy->is_v2 ? !*controllers : list_has(controllers, controller)))
			continue;
		if (strncmp(path, top, length) || (path[length] && path[length] != '/') ||
		    strstr(path, "/.."))
			return false;
		path += length;
		snprintf(hierarchy->group, sizeof(hierarchy->group), "%s",
			 strcmp(path, "/") ? path : "");
		return true;
	}
	return false;
}

/* A line of /proc/self/mountinfo (proc(5)): is it a hierarchy with @controller? */
static bool hierarchy_parse(const struct check *check, const char *line, const char *controller,
			    struct hierarchy *hierarchy)
{
	char top[PATH_MAX], type[16], options[256];
	const char *separator = strstr(line, " - ");

	_Static_assert(PATH_MAX == 4096, "the formats below");
	if (!separator || sscanf(separator, " - %15s %*s %255s", type, options) != 2 ||
	    sscanf(line, "%*u %*u %*s %4095s %4095s", top, hierarchy->mount) != 2)
		return false;
	hierarchy->is_v2 = !strcmp(type, "cgroup2");
	if (!hierarchy->is_v2 && (strcmp(type, "cgroup") || !list_has(options, controller)))
		return false;
	return group_find(check, controller, top, hierarchy);
}

/* A number in a file of the group; UINT64_MAX where there is no file or no number ("max"). */
static uint64_t group_read(const struct check *check, const char *group, const char *name)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	check_read(check, path, text, sizeof(text));
	return isdigit((unsigned char)text[0]) ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Bytes of the group's memory that the kernel takes back when it needs them. */
static uint64_t reclaimable_read(const struct check *check, const char *group)
{
	static const char *const names[] = { "inactive_file ", "active_file " };
	char path[PATH_MAX], text[16 * KIB], *line, *rest = text;
	uint64_t sums[2] = { 0 };

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	check_read(check, path, text, sizeof(text));
	while ((line = strsep(&rest, "\n"))) {
		/* Version 1 has the group alone first, and then the sum with those below it. */
		bool total = !strncmp(line, "total_", strlen("total_"));

		if (total)
			line += strlen("total_");
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				sums[total] += strtoull(line + strlen(names[i]), NULL, 10);
	}
	return sums[1] ? sums[1] : sums[0];
}

/* The name of a group's file. */
static void name_set(const struct check *check, const struct kind *kind, const char *file,
		     char name[64])
{
	const char *size = check->huge_page_size == GIB ? "1GB." : "2MB.";
	bool is_huge = kind != &kinds[CHECK_CGROUP_MEMORY];

	snprintf(name, 64, "%s%s%s", is_huge ? "hugetlb." : "", is_huge ? size : "", file);
}

/* A group's limit is one for all that are below it: so they all count, up to the top. */
static void hierarchy_check(const struct check *check, const struct kind *kind,
			    const struct hierarchy *hierarchy, struct check_limit *found)
{
	char limit_name[64], usage_name[64];
	size_t top = strlen(hierarchy->mount);
	char group[GROUP_MAX];

	name_set(check, kind, kind->files[hierarchy->is_v2].limit, limit_name);
	name_set(check, kind, kind->files[hierarchy->is_v2].usage, usage_name);
	if (snprintf(group, sizeof(group), "%s%s", hierarchy->mount, hierarchy->group) >= GROUP_MAX)
		return;
	for (;;) {
		uint64_t limit = group_read(check, group, limit_name);
		uint64_t usage = group_read(check, group, usage_name);

		if (usage == UINT64_MAX)
			usage = 0;
		if (kind->is_reclaimed)
			usage -= min(usage, reclaimable_read(check, group));
		if (limit != UINT64_MAX && limit - min(limit, usage) < found->available) {
			found->limit = limit;
			found->available = limit - min(limit, usage);
			snprintf(found->file, sizeof(found->file), "%s/%s", group, limit_name);
		}
		if (strlen(group) <= top)
			return;
		*strrchr(group, '/') = '\0';
	}
}

void check_cgroup_limit(const struct check *check, enum check_cgroup kind,
			struct check_limit *found)
{
	char path[PATH_MAX], *line = NULL;
	struct hierarchy hierarchy;
	size_t room = 0;
	FILE *file;

	*found = (struct check_limit){ .limit = UINT64_MAX, .available = UINT64_MAX };
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", check->root);
	file = fopen(path, "re");
	if (!file)
		return;
	while (getline(&line, &room, file) > 0)
		if (hierarchy_parse(check, line, kinds[kind].controller, &hierarchy))
			hierarchy_check(check, &kinds[kind], &hierarchy, found);
	free(line);
	fclose(file);
}
