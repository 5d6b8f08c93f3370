/* SPDX-License-Identifier: BSD-2-Clause */
/* kvm/ram.c: what it asks of the kernel, and what it says when it does not get it. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "kvm/ram.h"
#include "lib/util.h"

#define SIZE (80 * MIB) /* a part of a piece more than two */

static struct {
	int map_errno, bind_errno, thread_errno, populate_errno;
	unsigned int threads_before; /* how many can be made before it fails */
	atomic_uint populated;	     /* calls */
	_Atomic uint64_t bytes;
	int map_flags;
	unsigned int binds, unmaps;
	unsigned long nodes[RAM_NODES_MAX / (8 * sizeof(long))];
	unsigned int reports;
	uint64_t reported;
} fake;

static int fake_setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	return 0;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t size);
int __real_munmap(void *address, size_t size);
int __wrap_madvise(void *address, size_t size, int advice);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
long __wrap_syscall(long number, void *address, size_t size, int mode, const unsigned long *nodes,
		    unsigned long bits, unsigned int flags);

/* Huge pages are ordinary ones here. */
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (!(flags & MAP_ANONYMOUS))
		return __real_mmap(address, size, protection, flags, fd, offset);
	fake.map_flags = flags;
	errno = fake.map_errno;
	if (errno)
		return MAP_FAILED;
	return __real_mmap(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   fd, offset);
}

int __wrap_munmap(void *address, size_t size)
{
	fake.unmaps++;
	return __real_munmap(address, size);
}

int __wrap_madvise(void *address, size_t size, int advice)
{
	(void)address;
	if (advice != MADV_POPULATE_WRITE)
		return 0;
	/* The second one, whoever it is. */
	if (atomic_fetch_add(&fake.populated, 1) == 1 && fake.populate_errno) {
		errno = fake.populate_errno;
		return -1;
	}
	atomic_fetch_add(&fake.bytes, size);
	return 0;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument)
{
	if (fake.thread_errno && fake.threads_before-- == 0)
		return fake.thread_errno;
	return __real_pthread_create(thread, attributes, function, argument);
}

long __wrap_syscall(long number, void *address, size_t size, int mode, const unsigned long *nodes,
		    unsigned long bits, unsigned int flags)
{
	assert_int_equal(number, SYS_mbind);
	assert_non_null(address);
	assert_int_equal(size, SIZE);
	assert_int_equal(mode, MPOL_BIND);
	assert_int_equal(bits, RAM_NODES_MAX + 1);
	assert_int_equal(flags, 0);
	/* Where pages come from is of no use to say when they are there. */
	assert_int_equal(fake.populated, 0);
	memcpy(fake.nodes, nodes, sizeof(fake.nodes));
	fake.binds++;
	errno = fake.bind_errno;
	return errno ? -1 : 0;
}

static void report(void *opaque, uint64_t done, uint64_t total)
{
	assert_ptr_equal(opaque, &fake);
	assert_int_equal(total, SIZE);
	assert_true(done > fake.reported && done <= total);
	fake.reported = done;
	fake.reports++;
}

static void accept(const struct ram_config *config)
{
	char why[WHY_SIZE] = "";
	void *hva = ram_map(SIZE, config, why);

	assert_string_equal(why, "");
	assert_non_null(hva);
	assert_int_equal(fake.unmaps, 0);
	munmap(hva, SIZE);
}

static void reject(const struct ram_config *config, const char *first, const char *second)
{
	char why[WHY_SIZE] = "";

	assert_null(ram_map(SIZE, config, why));
	if (!strstr(why, first) || !strstr(why, second))
		fail_msg("'%s' and '%s' are not in: %s", first, second, why);
	/* What was mapped is given back, and threads have ended: they would crash on it. */
	assert_int_equal(fake.unmaps, fake.map_errno ? 0 : 1);
}

static void test_pages_come_when_they_are_used(void **state)
{
	const struct ram_config config = { .huge_page_size = 0 };

	(void)state;
	accept(&config);
	assert_int_equal(fake.populated, 0);
	assert_int_equal(fake.binds, 0);
	assert_false(fake.map_flags & MAP_HUGETLB);
	assert_true(fake.map_flags & MAP_NORESERVE);
}

static void test_every_byte_is_made_once_however_many_threads_there_are(void **state)
{
	static const unsigned int counts[] = { 1, 2, 3, RAM_THREADS_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const struct ram_config config = { .prefault = counts[i],
						   .progress = report,
						   .opaque = &fake };

		fake_setup(state);
		accept(&config);
		assert_int_equal(fake.populated, 3);
		assert_int_equal(fake.bytes, SIZE);
	}
}

static void test_one_thread_tells_of_each_piece(void **state)
{
	const struct ram_config config = { .prefault = 1, .progress = report, .opaque = &fake };

	(void)state;
	accept(&config);
	assert_int_equal(fake.reports, 3);
	assert_int_equal(fake.reported, SIZE);
}

static void test_pages_of_a_pool_are_there_at_once(void **state)
{
	const struct ram_config small = { .huge_page_size = 2 * MIB };
	const struct ram_config large = { .huge_page_size = GIB };

	accept(&small);
	assert_int_equal(fake.map_flags & ~(MAP_PRIVATE | MAP_ANONYMOUS),
			 MAP_HUGETLB | MAP_HUGE_2MB);
	assert_int_equal(fake.bytes, SIZE);
	fake_setup(state);
	accept(&large);
	assert_int_equal(fake.map_flags & ~(MAP_PRIVATE | MAP_ANONYMOUS),
			 MAP_HUGETLB | MAP_HUGE_1GB);
	/* A page is not for two threads. */
	assert_int_equal(fake.populated, 1);
}

static void test_a_node_is_a_bit_of_the_mask(void **state)
{
	static const unsigned int nodes[] = { 0, 1, 63, 64, RAM_NODES_MAX - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		const struct ram_config config = { .prefault = 2,
						   .has_node = true,
						   .node = nodes[i] };

		fake_setup(state);
		accept(&config);
		assert_int_equal(fake.binds, 1);
		for (unsigned int bit = 0; bit < RAM_NODES_MAX; bit++)
			assert_int_equal(fake.nodes[bit / 64] >> (bit % 64) & 1, bit == nodes[i]);
	}
}

static void test_what_a_node_is_refused_for(void **state)
{
	const struct ram_config config = { .has_node = true, .node = 5 };

	fake.bind_errno = EPERM;
	reject(&config, "node=5: mbind: Operation not permitted", "--cap-add SYS_NICE");
	fake_setup(state);
	fake.bind_errno = EINVAL;
	reject(&config, "node=5: mbind: Invalid argument", "cpuset.mems");
	fake_setup(state);
	fake.bind_errno = ENOSYS;
	reject(&config, "node=5: mbind: Function not implemented", "leave node= out");
}

static void test_pools_that_are_too_small(void **state)
{
	const struct ram_config small = { .huge_page_size = 2 * MIB };
	const struct ram_config large = { .huge_page_size = GIB };

	fake.map_errno = ENOMEM;
	reject(&small, "hugepages=on: cannot reserve 80 MiB of 2 MiB pages",
	       "echo 40 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	fake_setup(state);
	fake.map_errno = ENOMEM;
	reject(&large, "hugepages=1G", "hugepages-1048576kB/nr_hugepages");
}

static void test_pages_that_cannot_be_had(void **state)
{
	const struct ram_config configs[] = {
		{ .prefault = 3 },
		{ .prefault = 3, .huge_page_size = 2 * MIB },
		{ .prefault = 3, .huge_page_size = 2 * MIB, .has_node = true, .node = 1 },
	};
	static const char *const says[][2] = {
		{ "prefault=3: 80 MiB", "less --memory" },
		{ "hugepages=on: 80 MiB of 2 MiB pages", "control group forbids it (hugetlb.2MB" },
		{ "cannot be had of NUMA node 1",
		  "echo 40 >/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_huge" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		fake_setup(state);
		fake.populate_errno = EFAULT;
		reject(&configs[i], says[i][0], says[i][1]);
	}
}

static void test_threads_that_cannot_be_made(void **state)
{
	const struct ram_config config = { .prefault = 4 };

	for (unsigned int before = 0; before < 3; before++) {
		fake_setup(state);
		fake.thread_errno = EAGAIN;
		fake.threads_before = before;
		reject(&config, "prefault=4: cannot start its threads: ", "ulimit -u");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pages_come_when_they_are_used, fake_setup),
		cmocka_unit_test_setup(test_every_byte_is_made_once_however_many_threads_there_are,
				       fake_setup),
		cmocka_unit_test_setup(test_one_thread_tells_of_each_piece, fake_setup),
		cmocka_unit_test_setup(test_pages_of_a_pool_are_there_at_once, fake_setup),
		cmocka_unit_test_setup(test_a_node_is_a_bit_of_the_mask, fake_setup),
		cmocka_unit_test_setup(test_what_a_node_is_refused_for, fake_setup),
		cmocka_unit_test_setup(test_pools_that_are_too_small, fake_setup),
		cmocka_unit_test_setup(test_pages_that_cannot_be_had, fake_setup),
		cmocka_unit_test_setup(test_threads_that_cannot_be_made, fake_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
