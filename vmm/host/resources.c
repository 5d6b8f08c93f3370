/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/resources.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"

/* include/linux/ioport.h, which the third number of a line of `resource` is made of. */
#define RESOURCE_IO	BIT(8)
#define RESOURCE_MEMORY BIT(9)
#define RESOURCE_64BIT	BIT(20)
#define RESOURCE_UNSET	BIT(29)

/* ---- BARs ---- */

void host_bars_read(const char *root, const char *bdf, struct host_bar bars[PCI_STD_NUM_BARS])
{
	unsigned long long first, last, flags;
	char path[PATH_MAX];
	FILE *file;

	memset(bars, 0, PCI_STD_NUM_BARS * sizeof(*bars));
	file_path_set(path, root, "/sys/bus/pci/devices/%s/resource", bdf);
	file = fopen(path, "re");
	if (!file)
		return;
	for (unsigned int i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (fscanf(file, "%llx %llx %llx", &first, &last, &flags) != 3)
			break;
		if (!(flags & (RESOURCE_IO | RESOURCE_MEMORY)) || last <= first)
			continue;
		bars[i] = (struct host_bar){ .base = first,
					     .size = last - first + 1,
					     .is_io = flags & RESOURCE_IO,
					     .is_64bit = flags & RESOURCE_64BIT,
					     .is_unplaced = flags & RESOURCE_UNSET };
	}
	fclose(file);
}

/* ---- /proc/iomem and /proc/ioports ---- */

/* A line: "  f0000000-f001ffff : 0000:01:00.0"; what lies within another is indented more. */
struct line {
	unsigned int depth;
	uint64_t first, last;
	char name[48];
};

static FILE *lines_open(const char *root, const struct host_bar *bar)
{
	char path[PATH_MAX];

	file_path_set(path, root, "/proc/%s", bar->is_io ? "ioports" : "iomem");
	return fopen(path, "re");
}

static bool lines_next(FILE *file, struct line *line)
{
	unsigned long long first, last;
	char text[256];

	while (fgets(text, sizeof(text), file)) {
		line->depth = (unsigned int)strspn(text, " ");
		if (sscanf(text, "%llx-%llx : %47[^\n]", &first, &last, line->name) != 3)
			continue;
		line->first = first;
		line->last = last;
		text_clean(line->name);
		return true;
	}
	return false;
}

/* VFIO's own claims are there while somebody has the function open. */
static bool line_is_vfio(const struct line *line)
{
	return !strncmp(line->name, "vfio", strlen("vfio"));
}

bool host_bar_claim_find(const char *root, const char *bdf, const struct host_bar *bar,
			 struct host_claim *claim)
{
	bool within = false, found = false;
	unsigned int depth = 0;
	struct line line;
	FILE *file;

	if (!bar->size || bar->is_unplaced)
		return false;
	file = lines_open(root, bar);
	if (!file)
		return false;
	while (!found && lines_next(file, &line)) {
		within = within && line.depth > depth;
		found = within && !line_is_vfio(&line);
		if (within || strcmp(line.name, bdf) || line.first != bar->base ||
		    line.last != bar->base + bar->size - 1)
			continue;
		within = true;
		depth = line.depth;
	}
	fclose(file);
	if (found) {
		*claim = (struct host_claim){ .first = line.first, .last = line.last };
		snprintf(claim->owner, sizeof(claim->owner), "%s", line.name);
	}
	return found;
}

const char *host_claim_remedy(const struct host_claim *claim)
{
	/* What the firmware drew on goes on as a framebuffer, by a name of the driver for it. */
	static const char *const framebuffers[] = { "BOOTFB", "efifb", "simplefb",
						    "simple-framebuffer", "vesafb" };

	for (size_t i = 0; i < ARRAY_SIZE(framebuffers); i++)
		if (!strcmp(claim->owner, framebuffers[i]))
			return "it is the boot console's: boot with "
			       "initcall_blacklist=sysfb_init";
	return "unload the module that has it, or boot without it";
}

bool host_bar_has_page(const char *root, const struct host_bar *bar, uint64_t page_size)
{
	uint64_t end = bar->base + bar->size, page_end = align_up(end, page_size);
	bool shared = false;
	struct line line;
	FILE *file;

	if (bar->base % page_size)
		return false;
	file = lines_open(root, bar);
	if (!file)
		return true;
	/* What begins before the BAR and ends behind the page is what both lie in. */
	while (!shared && lines_next(file, &line))
		shared = line.first < page_end && line.last >= end &&
			 (line.first > bar->base || line.last < page_end - 1) &&
			 !line_is_vfio(&line);
	fclose(file);
	return !shared;
}

/* ---- the IOMMU ---- */

static int reserved_compare(const void *a, const void *b)
{
	const struct host_reserved *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

unsigned int host_reserved_read(const char *root, int iommu_group,
				struct host_reserved reserved[HOST_RESERVED_MAX])
{
	unsigned long long first, last;
	unsigned int count = 0;
	char path[PATH_MAX], type[24];
	FILE *file;

	file_path_set(path, root, "/sys/kernel/iommu_groups/%d/reserved_regions", iommu_group);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (count < HOST_RESERVED_MAX &&
	       fscanf(file, "%llx %llx %23s", &first, &last, type) == 3) {
		if (last < first)
			continue;
		reserved[count] = (struct host_reserved){ .first = first, .last = last };
		snprintf(reserved[count].type, sizeof(reserved[count].type), "%s", type);
		count++;
	}
	fclose(file);
	qsort(reserved, count, sizeof(reserved[0]), reserved_compare);
	return count;
}

bool host_reserved_is_direct(const struct host_reserved *reserved)
{
	return !strcmp(reserved->type, "direct");
}
