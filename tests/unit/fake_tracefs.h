/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up tracefs below the root of host_tree.h: a directory that is made in its folder of
 * instances has the files of one at once, and goes with them when it is removed, as the kernel's.
 * The linker puts what is here in place of mkdir(2) and rmdir(2).
 */
#ifndef POSTHORN_TESTS_UNIT_FAKE_TRACEFS_H
#define POSTHORN_TESTS_UNIT_FAKE_TRACEFS_H

#include <stdbool.h>

#define TRACEFS	  "/sys/kernel/tracing"
#define INSTANCES TRACEFS "/instances"

/* The kernels whose tracepoints have forms of their own. */
enum fake_release { LINUX_6_1, LINUX_6_12, LINUX_6_18, LINUX_7_3, FAKE_RELEASES };

extern const char *const fake_release_names[FAKE_RELEASES];

struct fake_tracefs {
	const char *irte, *inhibit; /* files "format" of the two tracepoints; NULL: there is none */
	const char *busy;	    /* the end of the path of an instance that somebody has open */
	int mkdir_error;	    /* each new instance is refused with it; 0: none is */
	unsigned int made;	    /* instances */
};

extern struct fake_tracefs fake_tracefs;

/* Mount it, as that of a kernel of @release, and forget what was. */
void fake_tracefs_put(enum fake_release release);

/* This process's instance, as an absolute name in the tree. */
const char *fake_instance(void);

/* One of its files, without its newline: what was written into it, or "". */
const char *fake_instance_file(const char *name);

/* Let the kernel have traced @text: lines of the instance's trace_pipe. */
void fake_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
