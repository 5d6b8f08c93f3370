/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/ioctl.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/log.h"

int ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	int result, error;

	do {
		result = ioctl(fd, request, argument);
	} while (result < 0 && errno == EINTR);
	if (result >= 0)
		return result;
	error = errno;
	log_debug("%s: %s", name, strerror(error));
	return -error;
}
