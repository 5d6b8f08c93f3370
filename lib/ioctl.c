/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/ioctl.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
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

void *ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			const char *name)
{
	size_t room = size;
	uint32_t *answer = NULL; /* its first word is argsz */

	for (;;) {
		void *grown = realloc(answer, room);

		if (!grown)
			break;
		answer = grown;
		memset(answer, 0, room);
		memcpy(answer, argument, size);
		*answer = (uint32_t)room;
		if (ioctl_named(fd, request, answer, name) < 0)
			break;
		if (*answer <= room)
			return answer;
		room = *answer;
	}
	free(answer);
	return NULL;
}
