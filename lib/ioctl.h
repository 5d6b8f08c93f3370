/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way to call ioctl(2). */
#ifndef POSTHORN_LIB_IOCTL_H
#define POSTHORN_LIB_IOCTL_H

#include <linux/ioctl.h>
#include <stddef.h>

/*
 * ioctl_call(fd, REQUEST, &argument): the result, or -errno. The name of a request that fails is
 * written at debug level. At compile time the argument's size is checked against the one encoded
 * in the request; VFIO's requests and KVM's older ones encode none.
 */
#define ioctl_call(fd, request, argument)                                         \
	({                                                                        \
		_Static_assert(_IOC_SIZE(request) == 0 ||                         \
				       _IOC_SIZE(request) == sizeof(*(argument)), \
			       #request ": wrong argument type");                 \
		ioctl_named(fd, request, argument, #request);                     \
	})

/* For requests whose argument is a number or nothing. */
#define ioctl_value(fd, request, value) \
	ioctl_named(fd, request, (void *)(unsigned long)(value), #request)

/* For requests whose argument ends in a flexible array: @argument points to the whole of it. */
#define ioctl_array(fd, request, argument) ioctl_named(fd, request, argument, #request)

/*
 * For requests of VFIO whose answer may be longer than the struct @argument of @size bytes, because
 * capabilities follow it: its first member, argsz, says how long, and the request is made again
 * with that much room. Returns the whole answer, the caller's to free(), or NULL.
 */
#define ioctl_grown(fd, request, argument, size) \
	ioctl_grown_named(fd, request, argument, size, #request)

void *ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			const char *name);

/* What the macros expand to. Retries EINTR. */
int ioctl_named(int fd, unsigned long request, void *argument, const char *name);

#endif
