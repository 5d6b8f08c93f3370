/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/check/cgroup.c: limits of control groups, of both versions, mounted in all kinds of ways. */
#include "tests/unit/check_findings.h"

#define V2 "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1 "31 20 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

/* The guest has 512 MiB, the host 4,000 MiB to give away. */
static void host_put(const char *mounts, const char *groups)
{
	tree_text_put("/proc/meminfo", "MemAvailable: 4096000 kB\n");
	tree_text_put(POOL "/free_hugepages", "300\n");
	tree_text_put("/proc/self/mountinfo", mounts);
	tree_text_put("/proc/self/cgroup", groups);
}

static void test_no_limit(void **state)
{
	(void)state;
	host_put(V2, "0::/user.slice\n");
	tree_text_put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
	/* A number that stands for none. */
	host_put(V1, "4:memory:/user.slice\n");
	tree_text_put("/sys/fs/cgroup/memory/user.slice/memory.limit_in_bytes",
		      "9223372036854771712\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
	huge_pages_check();
	assert_finding(CHECK_OK, "memory", "600 MiB of 2 MiB pages", "");
}

static void test_a_limit_below_the_guests_memory_stops_it(void **state)
{
	(void)state;
	host_put(V2, "1:name=systemd:/elsewhere\n0::/vm\n");
	tree_text_put("/sys/fs/cgroup/vm/memory.max", "67108864\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "(limit: 64 MiB, /sys/fs/cgroup/vm/memory.max)",
		       "MemoryMax=");
	/* As much as the guest has leaves nothing for posthorn itself. */
	tree_text_put("/sys/fs/cgroup/vm/memory.max", "536870912\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "(limit: 512 MiB", "MemoryMax=");
	tree_text_put("/sys/fs/cgroup/vm/memory.max", "576870912\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "512 MiB for the guest, 550 MiB available", "");
}

static void test_a_limit_of_version_1(void **state)
{
	(void)state;
	host_put(V2 V1, "11:cpu,cpuacct:/other\n4:memory:/docker/vm\n0::/\n");
	tree_text_put("/sys/fs/cgroup/memory/docker/vm/memory.limit_in_bytes", "67108864\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "memory/docker/vm/memory.limit_in_bytes)", "less");
}

static void test_the_whole_way_up_counts(void **state)
{
	(void)state;
	host_put(V2, "0::/a/b/c\n");
	tree_text_put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
	tree_text_put("/sys/fs/cgroup/a/b/memory.max", "104857600\n");
	tree_text_put("/sys/fs/cgroup/a/memory.max", "67108864\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "64 MiB, /sys/fs/cgroup/a/memory.max", "less");
	/* In a container the top of what is mounted has one, too. */
	tree_text_put("/sys/fs/cgroup/memory.max", "33554432\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "32 MiB, /sys/fs/cgroup/memory.max", "less");
}

/* What is cached of files makes room; what programs have does not, but may come free. */
static void test_what_others_of_the_group_use_is_missing(void **state)
{
	(void)state;
	host_put(V2, "0::/vm\n");
	tree_text_put("/sys/fs/cgroup/vm/memory.max", "838860800\n");
	tree_text_put("/sys/fs/cgroup/vm/memory.current", "629145600\n");
	host_check();
	assert_finding(CHECK_WARNING, "memory", "this process 200 MiB of memory (limit: 800 MiB",
		       "less --memory");
	tree_text_put("/sys/fs/cgroup/vm/memory.stat",
		      "anon 104857600\nfile 524288000\ninactive_file 314572800\n"
		      "active_file 209715200\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "700 MiB available", "");
	/* Version 1 has what is below the group in lines of its own. */
	host_put(V1, "4:memory:/\n");
	tree_text_put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "838860800\n");
	tree_text_put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "629145600\n");
	tree_text_put("/sys/fs/cgroup/memory/memory.stat",
		      "inactive_file 4096\nactive_file 0\ntotal_inactive_file 419430400\n"
		      "total_active_file 104857600\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "700 MiB available", "");
}

/* A container sees a part of the hierarchy, and its own group as the top or by its whole path. */
static void test_the_mount_may_be_of_a_part(void **state)
{
	(void)state;
	host_put("31 20 0:27 /docker/vm /mnt/groups rw - cgroup cgroup rw,hugetlb,memory\n",
		 "4:memory,hugetlb:/docker/vm/inner\n");
	tree_text_put("/mnt/groups/inner/memory.limit_in_bytes", "67108864\n");
	host_check();
	assert_finding(CHECK_STOPS, "memory", "/mnt/groups/inner/memory.limit_in_bytes", "less");
	/* What is elsewhere is nothing that can be read, nor is what only begins the same. */
	tree_text_put("/proc/self/cgroup", "4:memory,hugetlb:/docker/vmx/inner\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
	host_put(V2, "0::/../../vm\n");
	tree_text_put("/sys/fs/cgroup/memory.max", "1\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
}

static void test_lines_that_are_no_hierarchy(void **state)
{
	(void)state;
	host_put("\n31\n31 20 0:27 / /sys rw\n31 20 0:27 / /sys rw - \n"
		 "31 20 0:27 / /sys/fs/cgroup rw - cgroup cgroup rw,memoryless,cpu\n"
		 "31 20 0:27 / /sys/fs/cgroup rw - tmpfs cgroup rw,memory\n",
		 "\n4\n4:memory\n4:memoryless:/\n");
	tree_text_put("/sys/fs/cgroup/memory.limit_in_bytes", "1\n");
	host_check();
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
}

static void test_huge_pages_have_limits_of_their_own(void **state)
{
	(void)state;
	host_put(V2, "0::/vm\n");
	tree_text_put("/sys/fs/cgroup/vm/hugetlb.2MB.max", "536870912\n");
	huge_pages_check();
	assert_finding(CHECK_OK, "memory", "600 MiB of 2 MiB pages", "");
	tree_text_put("/sys/fs/cgroup/vm/hugetlb.2MB.current", "4194304\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "this process 508 MiB of 2 MiB pages",
		       "echo 541065216 >/sys/fs/cgroup/vm/hugetlb.2MB.max");
	tree_text_put("/sys/fs/cgroup/vm/hugetlb.2MB.max", "max\n");
	tree_text_put("/sys/fs/cgroup/vm/hugetlb.2MB.rsvd.max", "0\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "this process 0 MiB of 2 MiB pages",
		       "echo 536870912 >/sys/fs/cgroup/vm/hugetlb.2MB.rsvd.max");
	/* Pages of another size have limits of their own. */
	check.huge_page_size = GIB;
	tree_text_put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "4\n");
	tree_text_put("/sys/fs/cgroup/vm/hugetlb.1GB.max", "1073741824\n");
	check.memory = 2 * GIB;
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "1024 MiB of 1 GiB pages",
		       "echo 2147483648 >/sys/fs/cgroup/vm/hugetlb.1GB.max");
	host_put("31 20 0:27 / /sys/fs/cgroup/hugetlb rw - cgroup cgroup rw,hugetlb\n",
		 "5:hugetlb:/vm\n");
	tree_text_put("/sys/fs/cgroup/hugetlb/vm/hugetlb.2MB.limit_in_bytes", "4194304\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "(limit: 4 MiB)",
		       ">/sys/fs/cgroup/hugetlb/vm/hugetlb.2MB.limit_in_bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(test_no_limit),
		CHECK_TEST(test_a_limit_below_the_guests_memory_stops_it),
		CHECK_TEST(test_a_limit_of_version_1),
		CHECK_TEST(test_the_whole_way_up_counts),
		CHECK_TEST(test_what_others_of_the_group_use_is_missing),
		CHECK_TEST(test_the_mount_may_be_of_a_part),
		CHECK_TEST(test_lines_that_are_no_hierarchy),
		CHECK_TEST(test_huge_pages_have_limits_of_their_own),
	};

	return cmocka_run_group_tests_name("check_cgroup", tests, NULL, NULL);
}
