/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are made up, and a VM to load them into, for the tests of image*.c. */
#ifndef POSTHORN_TESTS_UNIT_IMAGE_MACHINE_H
#define POSTHORN_TESTS_UNIT_IMAGE_MACHINE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "lib/file.h"
#include "lib/util.h"
#include "tests/unit/fake_ram.h"

#define RAM_SIZE (32 * MIB)
#define RAM_END	 (LAYOUT_RAM + RAM_SIZE)

/* ---- files that are made up ------------------------------------------------------------------ */

struct file {
	uint8_t data[0xc000];
	size_t size;
	int fd;
	char path[64];
};

/* Give the contents of @file a path. */
static inline void file_write(struct file *file)
{
	file->fd = memfd_create("image", MFD_CLOEXEC);
	assert_true(file->fd >= 0);
	assert_int_equal(fd_write_all(file->fd, file->data, file->size), 0);
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

/* Bytes that differ from their neighbours, and from those of another @seed. */
static inline void pattern_fill(uint8_t *to, size_t size, uint8_t seed)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

/* ---- a VM and one kernel ------------------------------------------------------------------- */

struct fixture {
	struct vm vm;
	struct file file;
	struct image image;
	struct image_range initrd;
	char why[WHY_SIZE];
};

static inline int fixture_make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fake_ram_init(&fixture->vm, RAM_SIZE);
	fixture->file.fd = -1;
	*state = fixture;
	return 0;
}

static inline int fixture_free(void **state)
{
	struct fixture *fixture = *state;

	fake_ram_cleanup(&fixture->vm);
	fd_close(&fixture->file.fd);
	free(fixture);
	return 0;
}

/* Load fixture->file as it is now. */
static inline int kernel_load(struct fixture *fixture)
{
	int error;

	file_write(&fixture->file);
	fixture->why[0] = '\0';
	error = image_kernel_load(&fixture->vm, fixture->file.path, &fixture->image, fixture->why);
	fd_close(&fixture->file.fd);
	return error;
}

static inline int initrd_load(struct fixture *fixture)
{
	int error;

	file_write(&fixture->file);
	fixture->why[0] = '\0';
	error = image_initrd_load(&fixture->vm, fixture->file.path, &fixture->image,
				  &fixture->initrd, fixture->why);
	fd_close(&fixture->file.fd);
	return error;
}

static inline void assert_loaded(const struct fixture *fixture, uint64_t gpa, size_t offset,
				 size_t size)
{
	assert_memory_equal(vm_gpa_to_hva(&fixture->vm, gpa, size), fixture->file.data + offset,
			    size);
}

static inline void assert_refused(const struct fixture *fixture, int error, int expected,
				  const char *words, const char *rule)
{
	if (error != expected || !strstr(fixture->why, words))
		fail_msg("%s: returned %d, \"%s\" instead of %d, \"...%s...\"", rule, error,
			 fixture->why, expected, words);
	if (error && strncmp(fixture->why, fixture->file.path, strlen(fixture->file.path)))
		fail_msg("%s: \"%s\" does not name the file", rule, fixture->why);
}

/* One field of a good file is changed. */
struct bad_row {
	const char *rule;
	size_t offset;
	unsigned int width; /* bytes */
	uint64_t value;
	int error;
	const char *words;
};

/* Make a file with @make, change it by each of the @rows, and try to load it. */
static inline void rows_check(struct fixture *fixture, void (*make)(struct file *file),
			      const struct bad_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		make(&fixture->file);
		le_store(fixture->file.data + rows[i].offset, rows[i].width, rows[i].value);
		assert_refused(fixture, kernel_load(fixture), rows[i].error, rows[i].words,
			       rows[i].rule);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

#endif
