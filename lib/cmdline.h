/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of the host's kernel (/proc/cmdline), below @root: "" on a real host. */
#ifndef POSTHORN_LIB_CMDLINE_H
#define POSTHORN_LIB_CMDLINE_H

#include <stddef.h>
#include <stdbool.h>

/* The whole of it; "" when it cannot be read. Opens a file: start-up only. */
#define CMDLINE_SIZE 8192
void cmdline_read(const char *root, char cmdline[CMDLINE_SIZE]);

/*
 * Find the next parameter @name of a kernel command line at or behind *@at and copy its value, ""
 * when it has none, into @value (a longer one is cut). Moves *@at behind it. False: no more. As
 * the kernel does, takes '-' and '_' in names for the same and stops at "--".
 */
bool cmdline_next(const char **at, const char *name, char *value, size_t size);

/*
 * Is the parameter @name, a yes or no that is off by default, turned on? The last one counts, and
 * what is neither yes nor no changes nothing (kstrtobool()). 1, 0, or -1 when the command line
 * cannot be read. Opens a file: start-up only.
 */
int cmdline_bool(const char *root, const char *name);

#endif
