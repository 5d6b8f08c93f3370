/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/descriptor.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/options.h"

/* The first descriptor that is no standard stream, also of those that systemd gives. */
#define DESCRIPTOR_FIRST 3

/* The value of a variable of the environment as a number; 0: there is none. */
static unsigned long variable_read(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 10) : 0;
}

/* The descriptor that systemd calls @name, or -1. */
static int descriptor_find(const char *name)
{
	const char *at = getenv("LISTEN_FDNAMES");
	size_t length = strlen(name);
	int fd = DESCRIPTOR_FIRST;

	/* They may be meant for a parent of this process. */
	if (!at || variable_read("LISTEN_PID") != (unsigned long)getpid())
		return -1;
	for (; (unsigned long)(fd - DESCRIPTOR_FIRST) < variable_read("LISTEN_FDS"); fd++) {
		size_t end = strcspn(at, ":");

		if (end == length && !strncmp(at, name, length))
			return fd;
		at += end + (at[end] == ':');
	}
	return -1;
}

int option_descriptor(struct parser *parser, const struct option_rule *rule, const char *value)
{
	int *fd = (void *)((char *)parser->options + rule->offset);
	const char *text = value + strlen("fd="), *end = text;
	uint64_t number;

	if (strncmp(value, "fd=", strlen("fd=")) || !*text)
		return wrong(parser,
			     "%s '%s': give the number of an open descriptor, as in fd=5, or its "
			     "name for systemd (LISTEN_FDNAMES)",
			     rule->name, value);
	if (number_parse(&end, &number) || *end)
		*fd = descriptor_find(text);
	else
		*fd = number >= DESCRIPTOR_FIRST && number <= INT_MAX ? (int)number : -1;
	if (*fd >= 0 && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0)
		return 0;
	return wrong(parser,
		     "%s '%s': no such descriptor is open: open one from 3 on, as in 5<>FILE, or "
		     "have systemd do it (OpenFile=)",
		     rule->name, value);
}
