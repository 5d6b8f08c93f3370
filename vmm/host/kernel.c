/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/kernel.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/util.h"
#include "vmm/host.h"

/* Around the release. Where /lib is no link to /usr/lib, either may have the modules. */
static const struct {
	const char *before, *after;
} places[] = {
	{ "/boot/vmlinuz-", "" },
	{ "/lib/modules/", "/vmlinuz" },
	{ "/usr/lib/modules/", "/vmlinuz" },
};

int host_kernel_image_find(const char *root, const char *release, char path[PATH_MAX],
			   char why[WHY_SIZE])
{
	char tried[ARRAY_SIZE(places) * 256] = "", denied[PATH_MAX] = "";
	size_t length = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, PATH_MAX, "%s%s%s%s", root, places[i].before, release,
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

int host_kernel_find(char path[PATH_MAX])
{
	struct utsname host;
	char why[WHY_SIZE];

	if (uname(&host) < 0) {
		log_error("uname: %s", strerror(errno));
		return EXIT_HOST;
	}
	if (host_kernel_image_find("", host.release, path, why) < 0) {
		log_error("%s", why);
		return EXIT_USAGE;
	}
	log_notice("no --kernel was given: the guest boots this host's own, %s", path);
	return EXIT_OK;
}
