/* SPDX-License-Identifier: BSD-2-Clause */
/* What image.c does for all kernels; image_x86_64_test.c and image_arm64_test.c have theirs. */
#include <sys/stat.h>

#include "tests/unit/image_machine.h"

/* ---- any file -------------------------------------------------------------------------------- */

static void test_what_is_no_file_is_refused_with_a_reason(void **state)
{
	struct fixture *fixture = *state;
	char directory[] = "/tmp/image_test.XXXXXX", fifo[64];
	const struct {
		const char *path, *words;
		int error;
	} rows[] = {
		{ "/nonexistent/vmlinuz", "No such file or directory", -ENOENT },
		{ directory, "not a regular file", -ENOEXEC },
		{ fifo, "not a regular file", -ENOEXEC },
		{ "/dev/null", "not a regular file", -ENOEXEC },
	};

	assert_non_null(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int error;

		snprintf(fixture->file.path, sizeof(fixture->file.path), "%s", rows[i].path);
		error = image_kernel_load(&fixture->vm, rows[i].path, &fixture->image,
					  fixture->why);
		assert_refused(fixture, error, rows[i].error, rows[i].words, rows[i].path);
		error = image_initrd_load(&fixture->vm, rows[i].path, &fixture->image,
					  &fixture->initrd, fixture->why);
		assert_refused(fixture, error, rows[i].error, rows[i].words, rows[i].path);
	}
	unlink(fifo);
	rmdir(directory);
}

static void test_a_reason_never_overruns_its_buffer(void **state)
{
	struct fixture *fixture = *state;
	char path[2 * WHY_SIZE], why[WHY_SIZE + 1];

	memset(path, 'x', sizeof(path) - 1);
	for (size_t length = WHY_SIZE - 64; length < WHY_SIZE + 2; length++) {
		path[length] = '\0';
		memset(why, '#', sizeof(why));
		image_kernel_load(&fixture->vm, path, &fixture->image, why);
		assert_true(strlen(why) < WHY_SIZE);
		assert_int_equal(why[WHY_SIZE], '#');
		path[length] = 'x';
	}
}

/* ---- initrd -------------------------------------------------------------------------------- */

/* RAM may start anywhere. The kernel of these tests ends in its middle. */
#define RAM_START  0x7fe000000ULL
#define RAM_TOP	   (RAM_START + RAM_SIZE)
#define KERNEL_END (RAM_START + 16 * MIB)

static int initrd_fixture_make(void **state)
{
	struct fixture *fixture;

	fixture_make(state);
	fixture = *state;
	fixture->vm.ram[0].gpa = RAM_START;
	return 0;
}

static void initrd_make(struct file *file, size_t size)
{
	memset(file, 0, sizeof(*file));
	file->size = size;
	pattern_fill(file->data, size, 5);
}

static void test_the_initrd_goes_to_the_top_of_ram(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 0x4000 };

	fixture->image = (struct image){ .end = KERNEL_END + 1, .initrd_max = UINT64_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		initrd_make(&fixture->file, sizes[i]);
		assert_int_equal(initrd_load(fixture), 0);
		assert_int_equal(fixture->initrd.size, sizes[i]);
		assert_int_equal(fixture->initrd.gpa, RAM_TOP - align_up(sizes[i], 4096));
		assert_loaded(fixture, fixture->initrd.gpa, 0, sizes[i]);
	}
}

static void test_the_initrd_stays_where_the_kernel_takes_it(void **state)
{
	struct fixture *fixture = *state;

	fixture->image = (struct image){ .end = KERNEL_END, .initrd_max = RAM_TOP - 8 * MIB - 1 };
	initrd_make(&fixture->file, 0x3001);
	assert_int_equal(initrd_load(fixture), 0);
	assert_int_equal(fixture->initrd.gpa, RAM_TOP - 8 * MIB - 0x4000);
	assert_loaded(fixture, fixture->initrd.gpa, 0, 0x3001);
}

struct initrd_row {
	const char *rule;
	size_t size;
	uint64_t end, max; /* of the image */
	int error;
	const char *words;
};

static const struct initrd_row initrd_rows[] = {
	{ "exactly between kernel and end of RAM", 0x2000, RAM_TOP - 0x2000, UINT64_MAX, 0, "" },
	{ "a page less", 0x2000, RAM_TOP - 0x1fff, UINT64_MAX, -ENOSPC,
	  "with the kernel needs 33 MiB of RAM, the guest has 32 MiB: raise --memory" },
	{ "the kernel takes it nowhere", 0x2000, KERNEL_END, 0, -ENOSPC, "does not fit" },
	{ "the kernel takes it below RAM", 0x2000, KERNEL_END, RAM_START - 1, -ENOSPC,
	  "does not fit" },
	{ "exactly up to the end of RAM", 0x2000, RAM_TOP - 0x2000, RAM_TOP - 1, 0, "" },
	{ "exactly up to what the kernel takes", 0x2000, KERNEL_END, KERNEL_END + 0x1fff, 0, "" },
	{ "a byte less", 0x2000, KERNEL_END, KERNEL_END + 0x1ffe, -ENOSPC,
	  "0x7ff000000, and the highest address that the kernel takes an initrd at, 0x7ff001ffe" },
	{ "empty", 0, KERNEL_END, UINT64_MAX, -ENOEXEC, "is empty" },
};

static void test_an_initrd_that_does_not_fit_is_refused(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(initrd_rows); i++) {
		const struct initrd_row *row = &initrd_rows[i];

		fixture->image = (struct image){ .end = row->end, .initrd_max = row->max };
		initrd_make(&fixture->file, row->size);
		assert_refused(fixture, initrd_load(fixture), row->error, row->words, row->rule);
		if (!row->error)
			assert_true(fixture->initrd.gpa >= row->end);
		else
			assert_int_equal(fixture->initrd.size, 0);
	}
}

#define INITRD(name) cmocka_unit_test_setup_teardown(name, initrd_fixture_make, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_no_file_is_refused_with_a_reason),
		TEST(test_a_reason_never_overruns_its_buffer),
		INITRD(test_the_initrd_goes_to_the_top_of_ram),
		INITRD(test_the_initrd_stays_where_the_kernel_takes_it),
		INITRD(test_an_initrd_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
