/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/variant.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/file.h"

#define ALIAS_PCI  "pci:"
#define ALIAS_VFIO "vfio_pci:"

bool host_pci_driver_is(const char *name, const char *other)
{
	for (; *name && *other; name++, other++)
		if ((*name == '-' ? '_' : *name) != (*other == '-' ? '_' : *other))
			return false;
	return *name == *other;
}

/* How much a pattern leaves open. */
static unsigned int wildcards_count(const char *pattern)
{
	unsigned int count = 0;

	for (; *pattern; pattern++)
		count += *pattern == '*';
	return count;
}

/* A line of modules.alias (modules.alias(5) of kmod): "alias PATTERN MODULE". */
static bool alias_fits(const char *line, const char *alias, char pattern[256], char module[64])
{
	return sscanf(line, "alias %255s %63s", pattern, module) == 2 &&
	       !strncmp(pattern, ALIAS_VFIO, strlen(ALIAS_VFIO)) &&
	       !host_pci_driver_is(module, HOST_PCI_VFIO) && fnmatch(pattern, alias, 0) == 0;
}

bool host_pci_variant_find(const char *root, const struct host_pci *pci, char *module, size_t size)
{
	char path[PATH_MAX], text[128], alias[sizeof(ALIAS_VFIO) + sizeof(text)];
	unsigned int fewest = UINT_MAX;
	struct utsname kernel;
	char *line = NULL;
	size_t room = 0;
	FILE *file;

	file_path_set(path, root, "/sys/bus/pci/devices/%s/modalias", pci->bdf);
	if (file_read_text(path, text, sizeof(text)) <= 0 ||
	    strncmp(text, ALIAS_PCI, strlen(ALIAS_PCI)) || uname(&kernel) < 0)
		return false;
	snprintf(alias, sizeof(alias), ALIAS_VFIO "%s", text + strlen(ALIAS_PCI));
	file_path_set(path, root, "/lib/modules/%s/modules.alias", kernel.release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (getline(&line, &room, file) > 0) {
		char pattern[256], name[64];

		if (!alias_fits(line, alias, pattern, name) || wildcards_count(pattern) >= fewest)
			continue;
		fewest = wildcards_count(pattern);
		snprintf(module, size, "%s", name);
	}
	free(line);
	fclose(file);
	return fewest != UINT_MAX;
}
