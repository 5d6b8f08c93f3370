/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/host/in_use: what it makes of sysfs and /proc. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/host_tree.h"
#include "vmm/host/in_use.h"

#define MOUNTED(number, place, source)                   \
	"22 1 0:21 / /proc rw,relatime - proc proc rw\n" \
	"27 1 " number " / " place " rw,relatime shared:1 - ext4 " source " rw\n"

static void disk_put(void)
{
	tree_host_put();
	tree_directory_put(NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p2");
	tree_link_put("/sys/dev/block/259:2", NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p2");
	tree_link_put("/sys/class/block/nvme0n1p2", NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p2");
	tree_text_put("/dev/nvme0n1p2", "");
}

static void interface_put(void)
{
	tree_host_put();
	tree_directory_put(NIC_PATH "/net/eno1");
	tree_link_put("/sys/class/net/eno1", NIC_PATH "/net/eno1");
}

static void virtual_put(const char *kind, const char *name, const char *below, const char *target)
{
	char virtual[PATH_MAX / 4], class[PATH_MAX / 4], link[PATH_MAX];

	snprintf(virtual, sizeof(virtual), "/sys/devices/virtual/%s/%s", kind, name);
	snprintf(class, sizeof(class), "/sys/class/%s/%s", kind, name);
	snprintf(link, sizeof(link), "%s/%s", virtual, below);
	tree_link_put(class, virtual);
	tree_link_put(link, target);
}

static bool used(const char *bdf, char why[256])
{
	struct host_pci pci;
	bool in_use;

	assert_int_equal(host_pci_read(tree.root, bdf, &pci), 0);
	in_use = host_pci_in_use(tree.root, &pci, why, 256);
	assert_int_equal(in_use, why[0] != '\0');
	return in_use;
}

static void test_the_disk_of_a_mounted_partition_is_in_use(void **state)
{
	char why[256];

	(void)state;
	disk_put();
	tree_text_put("/proc/self/mountinfo", MOUNTED("259:2", "/", "/dev/nvme0n1p2"));
	assert_true(used(NVME, why));
	assert_string_equal(why, "it holds the file system that is mounted on /");
	assert_false(used(NIC, why));
	tree_text_put("/proc/self/mountinfo", MOUNTED("259:2", "/srv", "/dev/nvme0n1p2"));
	assert_true(used(NVME, why));
	assert_says(why, "/srv");
	/* In Latin-1, which JSON does not take; and what a terminal would obey. */
	tree_text_put("/proc/self/mountinfo", MOUNTED("259:2", "/M\xfcll\x1b]", "/dev/nvme0n1p2"));
	assert_true(used(NVME, why));
	assert_says(why, "/M?ll?]");
}

static void test_the_disk_below_device_mapper_is_in_use(void **state)
{
	char why[256], name[] = "dm-0", below[PATH_MAX];

	(void)state;
	disk_put();
	virtual_put("block", name, "slaves/nvme0n1p2", NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p2");
	/* As deep as it can get: dm-6 on dm-5 on ... on dm-0. */
	while (name[3] < '6') {
		snprintf(below, sizeof(below), "/sys/devices/virtual/block/%s", name);
		name[3]++;
		virtual_put("block", name, "slaves/below", below);
	}
	tree_link_put("/sys/dev/block/253:6", "/sys/devices/virtual/block/dm-6");
	tree_text_put("/proc/self/mountinfo", MOUNTED("253:6", "/", "/dev/mapper/root"));
	assert_true(used(NVME, why));
	assert_false(used(NIC, why));
}

static void test_the_disk_below_a_partition_of_a_raid_is_in_use(void **state)
{
	char why[256];

	(void)state;
	disk_put();
	virtual_put("block", "md0", "slaves/nvme0n1p2", NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p2");
	tree_directory_put("/sys/devices/virtual/block/md0/md0p1");
	tree_link_put("/sys/dev/block/259:9", "/sys/devices/virtual/block/md0/md0p1");
	tree_text_put("/proc/self/mountinfo", MOUNTED("259:9", "/", "/dev/md0p1"));
	assert_true(used(NVME, why));
}

static void test_the_disk_of_an_nvme_multipath_namespace_is_in_use(void **state)
{
	static const char subsystem[] = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	char why[256], name[256];

	(void)state;
	disk_put();
	snprintf(name, sizeof(name), "%s/nvme0n1/nvme0n1p2", subsystem);
	tree_directory_put(name);
	tree_link_put("/sys/dev/block/259:2", name);
	tree_text_put("/proc/self/mountinfo", MOUNTED("259:2", "/", "/dev/nvme0n1p2"));
	assert_false(used(NVME, why));
	snprintf(name, sizeof(name), "%s/nvme0", subsystem);
	tree_link_put(name, NVME_PATH "/nvme/nvme0");
	assert_true(used(NVME, why));
}

static void test_the_disk_of_a_btrfs_is_found_by_its_node(void **state)
{
	char why[256];

	(void)state;
	disk_put();
	tree_link_put("/dev/mapper/root", "/dev/nvme0n1p2");
	tree_text_put("/proc/self/mountinfo", MOUNTED("0:30", "/", "/dev/mapper/root"));
	assert_true(used(NVME, why));
	tree_text_put("/proc/self/mountinfo", MOUNTED("0:30", "/", "rpool/root"));
	assert_false(used(NVME, why));
	tree_text_put("/proc/self/mountinfo", MOUNTED("0:30", "/", "/dev/gone"));
	assert_false(used(NVME, why));
}

static void test_the_disk_of_swap_space_is_in_use(void **state)
{
	char why[256];

	(void)state;
	disk_put();
	tree_text_put("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"
				     "/dev/nvme0n1p2 partition\t8388604\t0\t-2\n");
	assert_true(used(NVME, why));
	assert_string_equal(why, "it holds the swap space /dev/nvme0n1p2");
	assert_false(used(NIC, why));
}

#define ROUTE_HEADER "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n"

static void test_the_interface_of_the_default_route_is_in_use(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	tree_text_put("/proc/net/route",
		      ROUTE_HEADER "eno1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_true(used(NIC, why));
	assert_string_equal(why, "the default route goes through it (interface eno1)");
	assert_false(used(NVME, why));
}

static void test_other_routes_do_not_count(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	tree_text_put("/proc/net/route",
		      ROUTE_HEADER "eno1\t000200C0\t0\t1\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
				   "eno1\t00000000\t0\t1\t0\t0\t0\t00000080\t0\t0\t0\n"
				   "eno1\t0000\n\n");
	tree_text_put(
		"/proc/net/ipv6_route",
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000002 00000000 00000001     eno1\n"
		"00000000000000000000000000000000 01 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000002 00000000 00000001     eno1\n");
	assert_false(used(NIC, why));
}

static void test_the_interface_of_the_ipv6_default_route_is_in_use(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	tree_text_put(
		"/proc/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eno1\n");
	assert_true(used(NIC, why));
}

static void test_the_interface_below_bridge_bond_and_vlan_is_in_use(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	virtual_put("net", "bond0", "lower_eno1", NIC_PATH "/net/eno1");
	virtual_put("net", "bond0.7", "lower_bond0", "/sys/devices/virtual/net/bond0");
	virtual_put("net", "br0", "lower_bond0.7", "/sys/devices/virtual/net/bond0.7");
	tree_text_put("/proc/net/route",
		      ROUTE_HEADER "br0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_true(used(NIC, why));
	assert_says(why, "interface br0");
	assert_false(used(NVME, why));
}

static void test_interfaces_above_do_not_count(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	virtual_put("net", "tun0", "upper_br0", NIC_PATH "/net/eno1");
	tree_text_put("/proc/net/route",
		      ROUTE_HEADER "tun0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_false(used(NIC, why));
}

static void test_links_in_a_circle_end(void **state)
{
	char why[256];

	(void)state;
	interface_put();
	virtual_put("net", "br0", "lower_br1", "/sys/devices/virtual/net/br1");
	virtual_put("net", "br1", "lower_br0", "/sys/devices/virtual/net/br0");
	tree_text_put("/proc/net/route",
		      ROUTE_HEADER "br0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	assert_false(used(NIC, why));
}

static void test_a_host_that_says_nothing_uses_nothing(void **state)
{
	char why[256];

	(void)state;
	tree_host_put();
	assert_false(used(NIC, why));
	tree_text_put("/proc/self/mountinfo",
		      "\nrubbish - \n1 2 3\n27 1 259:2 / /\n27 1 x:y / / - a b c\n");
	tree_text_put("/proc/swaps", "\n");
	assert_false(used(NIC, why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_the_disk_of_a_mounted_partition_is_in_use),
		TREE_TEST(test_the_disk_below_device_mapper_is_in_use),
		TREE_TEST(test_the_disk_below_a_partition_of_a_raid_is_in_use),
		TREE_TEST(test_the_disk_of_an_nvme_multipath_namespace_is_in_use),
		TREE_TEST(test_the_disk_of_a_btrfs_is_found_by_its_node),
		TREE_TEST(test_the_disk_of_swap_space_is_in_use),
		TREE_TEST(test_the_interface_of_the_default_route_is_in_use),
		TREE_TEST(test_other_routes_do_not_count),
		TREE_TEST(test_the_interface_of_the_ipv6_default_route_is_in_use),
		TREE_TEST(test_the_interface_below_bridge_bond_and_vlan_is_in_use),
		TREE_TEST(test_interfaces_above_do_not_count),
		TREE_TEST(test_links_in_a_circle_end),
		TREE_TEST(test_a_host_that_says_nothing_uses_nothing),
	};

	return cmocka_run_group_tests_name("in_use", tests, NULL, NULL);
}
