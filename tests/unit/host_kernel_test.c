/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/host/kernel.c: which file is taken, and what is said when there is none. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/util.h"
#include "vmm/host/kernel.h"

#define RELEASE	     "6.12.1-test"
#define BOOT	     "/root/boot/vmlinuz-" RELEASE
#define MODULES	     "/root/lib/modules/" RELEASE "/vmlinuz"
#define MODULES_USR  "/root/usr/lib/modules/" RELEASE "/vmlinuz"
#define NO_SUCH_FILE ": No such file or directory"

/* The files that there are. Whoever runs the tests may be root, to whom access(2) denies nothing.
 */
static struct {
	const char *readable[2], *denied;
} host;

int __wrap_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
	assert_int_equal(mode, R_OK);
	for (size_t i = 0; i < ARRAY_SIZE(host.readable); i++)
		if (host.readable[i] && !strcmp(host.readable[i], path))
			return 0;
	errno = host.denied && !strcmp(host.denied, path) ? EACCES : ENOENT;
	return -1;
}

static void assert_found(const char *expected)
{
	char path[PATH_MAX], why[WHY_SIZE];

	assert_int_equal(host_kernel_image_find("/root", RELEASE, path, why), 0);
	assert_string_equal(path, expected);
}

static void assert_not_found(char why[WHY_SIZE])
{
	char path[PATH_MAX];

	assert_int_equal(host_kernel_image_find("/root", RELEASE, path, why), -ENOENT);
}

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	return 0;
}

static void test_each_place_is_looked_at(void **state)
{
	(void)state;
	host.readable[0] = BOOT;
	assert_found(BOOT);
	host.readable[0] = MODULES;
	assert_found(MODULES);
	host.readable[0] = MODULES_USR;
	assert_found(MODULES_USR);
}

static void test_boot_comes_first(void **state)
{
	(void)state;
	host.readable[0] = MODULES;
	host.readable[1] = BOOT;
	assert_found(BOOT);
}

static void test_one_that_may_not_be_read_is_passed_over(void **state)
{
	(void)state;
	host.denied = BOOT;
	host.readable[0] = MODULES_USR;
	assert_found(MODULES_USR);
}

static void test_where_there_is_none_all_places_and_the_remedy_are_named(void **state)
{
	char why[WHY_SIZE];

	(void)state;
	assert_not_found(why);
	assert_non_null(strstr(why, BOOT NO_SUCH_FILE));
	assert_non_null(strstr(why, " " MODULES NO_SUCH_FILE));
	assert_non_null(strstr(why, " " MODULES_USR NO_SUCH_FILE));
	assert_non_null(strstr(why, "--kernel FILE"));
	assert_null(strstr(why, "readable"));
}

static void test_a_file_that_may_not_be_read_is_said_to_be_so(void **state)
{
	char why[WHY_SIZE];

	(void)state;
	host.denied = BOOT;
	assert_not_found(why);
	assert_non_null(strstr(why, BOOT ": Permission denied"));
	assert_non_null(strstr(why, MODULES NO_SUCH_FILE));
	assert_non_null(strstr(why, "make " BOOT " readable, or give"));
	assert_non_null(strstr(why, "--kernel FILE"));
}

static void test_a_release_of_any_length_is_cut_not_overrun(void **state)
{
	char release[2000], path[PATH_MAX], why[WHY_SIZE + 1];

	(void)state;
	memset(release, 'x', sizeof(release) - 1);
	release[sizeof(release) - 1] = '\0';
	why[WHY_SIZE] = '#';
	assert_int_equal(host_kernel_image_find("", release, path, why), -ENOENT);
	assert_true(strlen(why) < WHY_SIZE);
	assert_int_equal(why[WHY_SIZE], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_each_place_is_looked_at, setup),
		cmocka_unit_test_setup(test_boot_comes_first, setup),
		cmocka_unit_test_setup(test_one_that_may_not_be_read_is_passed_over, setup),
		cmocka_unit_test_setup(test_where_there_is_none_all_places_and_the_remedy_are_named,
				       setup),
		cmocka_unit_test_setup(test_a_file_that_may_not_be_read_is_said_to_be_so, setup),
		cmocka_unit_test_setup(test_a_release_of_any_length_is_cut_not_overrun, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
