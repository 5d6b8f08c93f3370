/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of vmm/check/check.h share: findings of made-up hosts (tests/unit/host_tree.h). */
#ifndef POSTHORN_TESTS_UNIT_CHECK_FINDINGS_H
#define POSTHORN_TESTS_UNIT_CHECK_FINDINGS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/host_tree.h"
#include "vmm/check/check.h"

/* access(2) as for a user who may not touch files that end so; NULL: as it is. */
static const char *forbidden;

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
	size_t length = strlen(path), end = forbidden ? strlen(forbidden) : 0;

	if (forbidden && mode != F_OK && length >= end && !strcmp(path + length - end, forbidden)) {
		errno = EACCES;
		return -1;
	}
	return __real_access(path, mode);
}

static struct check check;

static inline void check_begin(void)
{
	check_cleanup(&check);
	check_init(&check, tree.root);
	check.memory = 512 * MIB;
	check.page_size = 0x1000;
	check.physical_bits = 46;
}

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB"

/* What is found of the host. */
static inline void host_check(void)
{
	check_begin();
	check_host(&check);
}

/* And for a guest with huge pages. */
static inline void huge_pages_check(void)
{
	check_begin();
	check.huge_page_size = 2 * MIB;
	check_host(&check);
}

static inline int check_setup(void **state)
{
	forbidden = NULL;
	return tree_setup(state);
}

static inline int check_teardown(void **state)
{
	check_cleanup(&check);
	check_init(&check, "");
	return tree_teardown(state);
}

#define CHECK_TEST(test) cmocka_unit_test_setup_teardown(test, check_setup, check_teardown)

/* The finding on @object at or behind *@from, or NULL. */
static inline const struct check_finding *finding_next(const char *object, size_t *from)
{
	for (; *from < check.count; ++*from)
		if (!strcmp(check.findings[*from].object, object))
			return &check.findings[(*from)++];
	return NULL;
}

/* There is a finding on @object of this severity, with these texts in it. */
static inline void assert_finding(enum check_severity severity, const char *object,
				  const char *detail, const char *remedy)
{
	const struct check_finding *finding;
	size_t from = 0;

	while ((finding = finding_next(object, &from)))
		if (finding->severity == severity && strstr(finding->detail, detail) &&
		    strstr(finding->remedy, remedy) && !finding->remedy[0] == !remedy[0])
			return;
	check_print(&check, stderr);
	fail_msg("no finding %d on %s with \"%s\" and \"%s\"", severity, object, detail, remedy);
}

static inline void assert_no_finding(const char *object)
{
	size_t from = 0;

	if (finding_next(object, &from))
		fail_msg("there is a finding on %s", object);
}

#endif
