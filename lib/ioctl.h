/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way to call ioctl(2). */
#ifndef POSTHORN_LIB_IOCTL_H
#define POSTHORN_LIB_IOCTL_H

#include <linux/ioctl.h>

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

/* What the macros expand to. Retries EINTR. */
int ioctl_named(int fd, unsigned long request, void *argument, const char *name);

#endif
