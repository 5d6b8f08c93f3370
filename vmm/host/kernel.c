/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"

/* Around the release. Where /lib is no link to /usr/lib, either may have the modules. */
static const struct {
	const char *before, *after;
} places[] = {
	{ "/boot/vmlinuz-", "" },
	{ "/lib/modules/", "/vmlinuz" },
	{ "/usr/lib/modules/", "/vmlinuz" },
};

int host_kernel_find(const char *root, const char *release, char *path, size_t path_size,
		     char why[WHY_SIZE])
{
	char tried[ARRAY_SIZE(places) * 256] = "", denied[PATH_MAX] = "";
	size_t length = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, path_size, "%s%s%s%s", root, places[i].before, release,
			 places[i].after);
		if (access(path, R_OK) == 0)
			return 0;
		if (errno == EACCES && !denied[0])
			snprintf(denied, sizeof(denied), "make %s readable, or ", path);
		length += (size_t)snprintf(tried + length, sizeof(tried) - length, "%s%s: %s",
					   length ? ", " : "", path, strerror(errno));
		length = min(length, sizeof(tried) - 1);
	}
	return refuse(why, -ENOENT,
		      "--kernel is missing, and this host's own kernel cannot be read (%s): "
		      "%sgive the kernel to boot, --kernel FILE",
		      tried, denied);
}
