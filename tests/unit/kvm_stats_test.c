/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/kvm_stats.h: files as KVM makes them (KVM API 4.133), and files that are not as they
 * should be.
 */
#include "vmm/latency/kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"

#define VM_FD	  77
#define NAME_SIZE 48

/* What KVM_GET_STATS_FD returns: a file like this, or an error. */
static int stats_fd;

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	(void)name;
	assert_int_equal(fd, VM_FD);
	assert_int_equal(request, KVM_GET_STATS_FD);
	assert_null(argument);
	return stats_fd;
}

struct made_counter {
	const char *name;
	unsigned int values; /* more than one: a histogram */
	uint64_t value;
};

struct descriptor {
	struct kvm_stats_desc head;
	char name[NAME_SIZE];
};

static void put(int fd, const void *data, size_t size, off_t offset)
{
	assert_int_equal(pwrite(fd, data, size, offset), size);
}

/* A file with @count counters. The parts are not where one would guess: their offsets count. */
static void file_make(const struct made_counter *counters, unsigned int count)
{
	struct kvm_stats_header header = { .name_size = NAME_SIZE,
					   .num_desc = count,
					   .id_offset = sizeof(header),
					   .desc_offset = 1000,
					   .data_offset = 5000 };
	uint32_t offset = 64;

	stats_fd = memfd_create("stats", MFD_CLOEXEC);
	put(stats_fd, &header, sizeof(header), 0);
	for (unsigned int i = 0; i < count; i++) {
		struct descriptor descriptor = { .head = { .size = (uint16_t)counters[i].values,
							   .offset = offset } };
		off_t at = (off_t)(header.desc_offset + i * sizeof(descriptor));

		memcpy(descriptor.name, counters[i].name, strlen(counters[i].name));
		put(stats_fd, &descriptor, sizeof(descriptor), at);
		for (unsigned int j = 0; j < counters[i].values; j++) {
			put(stats_fd, &counters[i].value, sizeof(uint64_t),
			    (off_t)header.data_offset + offset);
			offset += (uint32_t)sizeof(uint64_t);
		}
	}
}

static char seen[512];

static void counter_see(void *opaque, const char *name, uint64_t value)
{
	size_t length = strlen(seen);

	assert_ptr_equal(opaque, seen);
	snprintf(seen + length, sizeof(seen) - length, "%s=%llu ", name, (unsigned long long)value);
}

static int seen_read(void)
{
	int fd = stats_open(VM_FD), error;

	seen[0] = '\0';
	error = stats_read(fd, counter_see, seen);
	fd_close(&fd);
	return error;
}

static void test_every_number_is_visited_with_its_name(void **state)
{
	static const struct made_counter counters[] = {
		{ "exits", 1, 12 },
		{ "halt_exits", 1, 0 },
		{ "mmio_exits", 1, 0xffffffffffffffff },
	};

	(void)state;
	file_make(counters, 3);
	assert_int_equal(seen_read(), 0);
	assert_string_equal(seen, "exits=12 halt_exits=0 mmio_exits=18446744073709551615 ");
}

static void test_histograms_are_left_out(void **state)
{
	static const struct made_counter counters[] = {
		{ "halt_poll_success_hist", 32, 7 },
		{ "exits", 1, 5 },
	};

	(void)state;
	file_make(counters, 2);
	assert_int_equal(seen_read(), 0);
	assert_string_equal(seen, "exits=5 ");
}

static void test_a_name_that_fills_its_place_has_an_end(void **state)
{
	static const char name[] = "a_name_of_48_bytes_that_leaves_no_room_for_a_NUL";
	static const struct made_counter counters[] = { { name, 1, 3 } };

	(void)state;
	assert_int_equal(sizeof(name) - 1, NAME_SIZE);
	file_make(counters, 1);
	assert_int_equal(seen_read(), 0);
	assert_string_equal(seen, "a_name_of_48_bytes_that_leaves_no_room_for_a_NUL=3 ");
}

static void test_the_file_is_read_anew_each_time(void **state)
{
	static struct made_counter counters[] = { { "exits", 1, 1 } };
	int fd;

	(void)state;
	file_make(counters, 1);
	fd = stats_open(VM_FD);
	for (uint64_t value = 1; value < 4; value++) {
		put(fd, &value, sizeof(value), 5000 + 64);
		seen[0] = '\0';
		assert_int_equal(stats_read(fd, counter_see, seen), 0);
		assert_int_equal(seen[strlen("exits=")] - '0', value);
	}
	close(fd);
}

static void test_a_kernel_without_counters_is_an_error(void **state)
{
	(void)state;
	stats_fd = -ENOTTY;
	assert_int_equal(seen_read(), -ENOTTY);
	assert_string_equal(seen, "");
}

static void test_a_file_that_ends_early_is_an_error(void **state)
{
	static const struct made_counter counters[] = { { "exits", 1, 1 } };
	static const off_t sizes[] = { 0, 10, 1010, 5064 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		file_make(counters, 1);
		assert_int_equal(ftruncate(stats_fd, sizes[i]), 0);
		assert_int_equal(seen_read(), -ENODATA);
		assert_string_equal(seen, "");
	}
}

static void test_absurd_sizes_are_an_error(void **state)
{
	static const struct kvm_stats_header headers[] = {
		{ .name_size = NAME_SIZE, .num_desc = 1025, .desc_offset = 100 },
		{ .name_size = 257, .num_desc = 1, .desc_offset = 100 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		stats_fd = memfd_create("stats", MFD_CLOEXEC);
		put(stats_fd, &headers[i], sizeof(headers[i]), 0);
		assert_int_equal(seen_read(), -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_number_is_visited_with_its_name),
		cmocka_unit_test(test_histograms_are_left_out),
		cmocka_unit_test(test_a_name_that_fills_its_place_has_an_end),
		cmocka_unit_test(test_the_file_is_read_anew_each_time),
		cmocka_unit_test(test_a_kernel_without_counters_is_an_error),
		cmocka_unit_test(test_a_file_that_ends_early_is_an_error),
		cmocka_unit_test(test_absurd_sizes_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
