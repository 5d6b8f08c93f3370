/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/file.c: files that are made. The linker replaces write() and close(), so that they can fail,
 * or do less than they were asked, as a full disk or a signal makes them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/file.h"
#include "lib/util.h"

static struct {
	char directory[64];
	char path[PATH_MAX]; /* a file in it, which is not there at the start */
	/* what the C library is to do */
	size_t write_most;	    /* bytes that one write() takes; 0: all */
	unsigned int writes_before; /* write_error is of the call after so many, once */
	int write_error, close_error;
} file;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __real_close(int fd);
int __wrap_close(int fd);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	if (file.write_error && file.writes_before-- == 0) {
		errno = file.write_error;
		file.write_error = 0;
		return -1;
	}
	return __real_write(fd, data, file.write_most ? min(size, file.write_most) : size);
}

int __wrap_close(int fd)
{
	int result = __real_close(fd);

	if (file.close_error) {
		errno = file.close_error;
		file.close_error = 0;
		return -1;
	}
	return result;
}

static int directory_make(void **state)
{
	(void)state;
	memset(&file, 0, sizeof(file));
	strcpy(file.directory, "/tmp/posthorn-file-XXXXXX");
	if (!mkdtemp(file.directory))
		return -1;
	snprintf(file.path, sizeof(file.path), "%s/file", file.directory);
	return 0;
}

static int directory_remove(void **state)
{
	(void)state;
	unlink(file.path);
	return rmdir(file.directory);
}

/* The file must hold @data and nothing else. */
static void holds(const void *data, size_t size)
{
	char *read_back = malloc(size + 1);
	int fd = open(file.path, O_RDONLY);

	assert_non_null(read_back);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, read_back, size + 1), size);
	assert_memory_equal(read_back, data, size);
	close(fd);
	free(read_back);
}

static unsigned int open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void test_a_new_file_is_made(void **state)
{
	static const char data[] = "not text: \0\n\xff";
	unsigned int before = open_files();

	(void)state;
	assert_int_equal(file_create(file.path, data, sizeof(data)), 0);
	holds(data, sizeof(data));
	assert_int_equal(open_files(), before);
}

static void test_who_may_read_it_is_the_umasks_to_say(void **state)
{
	mode_t former = umask(027);
	struct stat status;

	(void)state;
	assert_int_equal(file_create(file.path, "x", 1), 0);
	umask(former);
	assert_int_equal(stat(file.path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_what_was_in_it_is_gone(void **state)
{
	(void)state;
	assert_int_equal(file_create(file.path, "long and old", 12), 0);
	assert_int_equal(file_create(file.path, "new", 3), 0);
	holds("new", 3);
	assert_int_equal(file_create(file.path, "", 0), 0);
	holds("", 0);
}

static void test_a_write_may_take_many_calls(void **state)
{
	char data[10000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	file.write_most = 999;
	assert_int_equal(file_create(file.path, data, sizeof(data)), 0);
	holds(data, sizeof(data));
}

static void test_a_signal_in_between_does_not_matter(void **state)
{
	(void)state;
	file.write_most = 4;
	file.writes_before = 1;
	file.write_error = EINTR;
	assert_int_equal(file_create(file.path, "posthorn", 8), 0);
	assert_int_equal(file.write_error, 0);
	holds("posthorn", 8);
}

static void test_a_disk_that_fills_up_is_an_error(void **state)
{
	unsigned int before = open_files();

	(void)state;
	file.write_most = 4;
	file.writes_before = 1;
	file.write_error = ENOSPC;
	assert_int_equal(file_create(file.path, "posthorn", 8), -ENOSPC);
	assert_int_equal(open_files(), before);
}

/* NFS and quotas. */
static void test_an_error_that_comes_with_close_is_one(void **state)
{
	(void)state;
	file.close_error = EDQUOT;
	assert_int_equal(file_create(file.path, "x", 1), -EDQUOT);
}

static void test_of_two_errors_the_first_is_told(void **state)
{
	(void)state;
	file.write_error = EIO;
	file.close_error = EDQUOT;
	assert_int_equal(file_create(file.path, "x", 1), -EIO);
	assert_int_equal(file.close_error, 0);
}

static void test_what_cannot_be_opened_is_an_error(void **state)
{
	char inside[PATH_MAX + 8];

	(void)state;
	assert_int_equal(file_create(file.directory, "x", 1), -EISDIR);
	assert_int_equal(file_create("", "x", 1), -ENOENT);
	snprintf(inside, sizeof(inside), "%s/inside", file.path);
	assert_int_equal(file_create(inside, "x", 1), -ENOENT);
	assert_int_equal(file_create(file.path, "x", 1), 0);
	assert_int_equal(file_create(inside, "x", 1), -ENOTDIR);
	holds("x", 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_make, directory_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_file_is_made),
		TEST(test_who_may_read_it_is_the_umasks_to_say),
		TEST(test_what_was_in_it_is_gone),
		TEST(test_a_write_may_take_many_calls),
		TEST(test_a_signal_in_between_does_not_matter),
		TEST(test_a_disk_that_fills_up_is_an_error),
		TEST(test_an_error_that_comes_with_close_is_one),
		TEST(test_of_two_errors_the_first_is_told),
		TEST(test_what_cannot_be_opened_is_an_error),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
