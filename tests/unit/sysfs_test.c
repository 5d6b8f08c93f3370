/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/host/sysfs: what it reads. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/util.h"
#include "tests/unit/host_tree.h"
#include "vmm/host/sysfs.h"

static void function_get(const char *bdf, struct host_pci *pci)
{
	assert_int_equal(host_pci_read(tree.root, bdf, pci), 0);
}

/* ---- addresses and attributes ---- */

static void test_bdf_is_brought_into_the_full_form(void **state)
{
	static const struct {
		const char *text, *bdf;
	} good[] = {
		{ "1:2.3", "0000:01:02.3" },	      { "01:02.3", "0000:01:02.3" },
		{ "0000:01:02.3", "0000:01:02.3" },   { "ff:1F.7", "0000:ff:1f.7" },
		{ "0:0:0.0", "0000:00:00.0" },	      { "10000:e1:00.0", "10000:e1:00.0" },
		{ "ABCDEF:1:1.1", "abcdef:01:01.1" },
	};
	char bdf[BDF_SIZE];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(bdf_parse(good[i].text, bdf), 0);
		assert_string_equal(bdf, good[i].bdf);
	}
}

static void test_what_is_no_bdf_is_refused(void **state)
{
	static const char *const bad[] = {
		/* clang-format off */
		"", ":", "1", "1:2", "1:2.", "1:.3", ":1:2.3", "1::2.3", "1.2.3", "1:2:3:4.5",
		"0000:01:02", "1:2.8", "1:20.0", "100:2.3", "1000000:1:2.3", "00000001:01:02.3",
		"1:2.33", "1:2.3 ", " 1:2.3", "1:2.3\n", "-1:2.3", "+1:2.3", "0x1:2.3", "g:2.3",
		"0000:01:02.3/..",
		/* clang-format on */
	};
	char bdf[BDF_SIZE];
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bdf_parse(bad[i], bdf) != -EINVAL)
			fail_msg("'%s' passed as %s", bad[i], bdf);
	}
}

static void test_read_tells_what_sysfs_says(void **state)
{
	struct host_pci pci;

	(void)state;
	tree_host_put();
	function_get(NIC, &pci);
	assert_string_equal(pci.bdf, NIC);
	assert_int_equal(pci.vendor, 0x8086);
	assert_int_equal(pci.device, 0x1521);
	assert_int_equal(pci.subsystem_vendor, 0x1af4);
	assert_int_equal(pci.subsystem_device, 0x1100);
	assert_int_equal(pci.class_code, 0x020000);
	assert_int_equal(pci.header_type, 0); /* without the multi-function bit */
	assert_string_equal(pci.driver, "igb");
	assert_int_equal(pci.iommu_group, 12);
	assert_false(host_pci_is_bridge(&pci));
	function_get(NIC_PORT, &pci);
	assert_int_equal(pci.header_type, 1);
	assert_true(host_pci_is_bridge(&pci));
}

static void test_a_function_may_have_neither_driver_nor_group(void **state)
{
	static const struct tree_function plain = { .bdf = NIC };
	struct host_pci pci;

	(void)state;
	tree_function_put(&plain);
	function_get(NIC, &pci);
	assert_string_equal(pci.driver, "");
	assert_int_equal(pci.iommu_group, -1);
}

static void test_a_group_of_the_no_iommu_mode_is_none(void **state)
{
	struct host_pci pci;

	(void)state;
	tree_host_put();
	tree_text_put("/sys/kernel/iommu_groups/12/name", "vfio-noiommu\n");
	function_get(NIC, &pci);
	assert_int_equal(pci.iommu_group, -1);
}

static void test_a_function_that_is_not_there_is_enodev(void **state)
{
	struct host_pci pci;

	(void)state;
	tree_host_put();
	assert_int_equal(host_pci_read(tree.root, "0000:05:00.0", &pci), -ENODEV);
	tree_text_put("/sys/bus/pci/devices/" NIC "/class", "");
	assert_int_equal(host_pci_read(tree.root, NIC, &pci), -ENODEV);
}

/* ---- all functions ---- */

struct visited {
	char bdfs[256];
	const char *stop;
};

static int visit(void *opaque, const struct host_pci *pci)
{
	struct visited *visited = opaque;

	strcat(strcat(visited->bdfs, pci->bdf), " ");
	return visited->stop && !strcmp(pci->bdf, visited->stop) ? 7 : 0;
}

static void test_each_goes_by_address(void **state)
{
	static const struct tree_function far[] = {
		{ .bdf = "10000:01:00.0" },
		{ .bdf = "1000:01:00.0" },
	};
	struct visited visited = { .bdfs = "" };

	(void)state;
	tree_host_put();
	tree_function_put(&far[0]);
	tree_function_put(&far[1]);
	tree_directory_put("/sys/bus/pci/devices/not-a-function");
	assert_int_equal(host_pci_each(tree.root, -1, visit, &visited), 0);
	assert_string_equal(visited.bdfs,
			    NIC_PORT " 0000:00:1d.0 " NVME " " NIC " 1000:01:00.0 10000:01:00.0 ");
}

static void test_each_of_a_group(void **state)
{
	struct visited visited = { .bdfs = "" };

	(void)state;
	tree_host_put();
	assert_int_equal(host_pci_each(tree.root, 12, visit, &visited), 0);
	assert_string_equal(visited.bdfs, NIC_PORT " " NIC " ");
}

static void test_each_stops_when_told(void **state)
{
	struct visited visited = { .bdfs = "", .stop = NVME_PORT "" };

	(void)state;
	tree_host_put();
	assert_int_equal(host_pci_each(tree.root, -1, visit, &visited), 7);
	assert_string_equal(visited.bdfs, NIC_PORT " 0000:00:1d.0 ");
}

static void test_each_without_sysfs_is_an_error(void **state)
{
	struct visited visited = { .bdfs = "" };

	(void)state;
	assert_int_equal(host_pci_each(tree.root, -1, visit, &visited), -ENOENT);
	assert_int_equal(host_pci_each(tree.root, 3, visit, &visited), -ENOENT);
	assert_string_equal(visited.bdfs, "");
}

/* ---- what is in the way ---- */

static void blocker_of(const char *bdf, char why[1024])
{
	struct host_pci pci;
	bool blocked;

	function_get(bdf, &pci);
	blocked = host_pci_blocker(tree.root, &pci, why, 1024);
	assert_int_equal(blocked, why[0] != '\0');
}

static void test_a_function_on_vfio_pci_is_ready(void **state)
{
	char why[1024] = "old";

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	blocker_of(NIC, why);
	assert_string_equal(why, "");
}

static void test_blocker_names_the_driver_and_the_command(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	blocker_of(NIC, why);
	assert_string_equal(why, "bound to igb, not to vfio-pci: posthorn bind " NIC);
	tree_driver_put(NIC, NULL);
	blocker_of(NIC, why);
	assert_string_equal(why, "bound to no driver, not to vfio-pci: posthorn bind " NIC);
}

static void test_blocker_without_a_group_says_how_to_turn_the_iommu_on(void **state)
{
	static const struct tree_function plain = { .bdf = NIC, .driver = "vfio-pci" };
	char why[1024];

	(void)state;
	tree_function_put(&plain);
	blocker_of(NIC, why);
	assert_says(why, "no IOMMU group: ");
	assert_says(why, IOMMU_REMEDY);
	assert_null(strstr(why, OTHER_IOMMU_REMEDY));
}

/* On arm64 the kernel makes the group when a driver probes the function for the first time. */
static void test_a_function_that_no_driver_took_may_get_a_group_yet(void **state)
{
	struct host_pci pci = { .bdf = NIC, .iommu_group = -1 };
	char why[1024];

	(void)state;
	assert_true(host_pci_blocker(tree.root, &pci, why, sizeof(why)));
	assert_says(why, "no IOMMU group: ");
	tree_directory_put("/sys/class/iommu/smmu3.0x9050000");
	assert_true(host_pci_blocker(tree.root, &pci, why, sizeof(why)));
	assert_says(why, "before a driver takes it: posthorn bind " NIC);
	strcpy(pci.driver, "igb");
	assert_true(host_pci_blocker(tree.root, &pci, why, sizeof(why)));
	assert_says(why, "no IOMMU group: ");
}

static void test_a_bridge_is_never_ready(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC_PORT, "vfio-pci");
	blocker_of(NIC_PORT, why);
	assert_says(why, "a bridge: ");
}

static void test_a_group_is_not_viable_with_other_drivers(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_sibling_put(SECOND, "snd_hda_intel");
	blocker_of(NIC, why);
	assert_string_equal(why, "IOMMU group 12 is not viable: 0000:04:00.1 is bound to "
				 "snd_hda_intel; assign or unbind all of the group: posthorn bind "
				 "0000:04:00.1");
	tree_sibling_put("0000:04:00.2", "xhci_hcd");
	blocker_of(NIC, why);
	assert_says(why,
		    "0000:04:00.1 is bound to snd_hda_intel, 0000:04:00.2 is bound to xhci_hcd");
	assert_says(why, "posthorn bind 0000:04:00.1 && posthorn bind 0000:04:00.2");
}

static void test_a_group_is_viable_with_neutral_functions(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_sibling_put(SECOND, NULL);
	tree_sibling_put("0000:04:00.2", "vfio-pci");
	tree_sibling_put("0000:04:00.3", "pci-stub");
	blocker_of(NIC, why);
	assert_string_equal(why, "");
}

/* What VFIO has it has, whatever the driver is called; before Linux 6.1 the name tells. */
static void test_any_driver_of_vfio_makes_a_function_ready(void **state)
{
	static const struct {
		const char *driver;
		bool has_directory, ready;
	} rows[] = {
		{ "xe_live", true, true },	  { "mlx5_vfio_pci", true, true },
		{ "mlx5_vfio_pci", false, true }, { "xe-vfio-pci", false, true },
		{ "vfio-pci", false, true },	  { "vfio_pci_not", false, false },
		{ "pci", false, false },	  { "igb", false, false },
	};
	char why[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(tree_teardown(state), 0);
		assert_int_equal(tree_setup(state), 0);
		tree_host_put();
		tree_driver_put(NIC, rows[i].driver);
		/* Of its group, and so in the way unless VFIO has it, too. */
		tree_sibling_put(SECOND, rows[i].driver);
		if (rows[i].has_directory) {
			tree_directory_put(NIC_PATH "/vfio-dev");
			tree_directory_put("/sys/bus/pci/devices/" SECOND "/vfio-dev");
		}
		blocker_of(NIC, why);
		if (!why[0] != rows[i].ready)
			fail_msg("%s: \"%s\"", rows[i].driver, why);
		tree_driver_put(NIC, "vfio-pci");
		blocker_of(NIC, why);
		if (!why[0] != rows[i].ready)
			fail_msg("%s beside it: \"%s\"", rows[i].driver, why);
	}
}

static void test_memory_that_the_firmware_wants_to_reach_is_in_the_way(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions",
		      "0x00000000fee00000 0x00000000feefffff msi\n"
		      "0x0000000000100000 0x00000000001fffff direct-relaxable\n");
	blocker_of(NIC, why);
	assert_string_equal(why, "");
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions",
		      "0x000000007a800000 0x000000007affffff direct\n");
	blocker_of(NIC, why);
	assert_says(why, "the firmware wants it to reach 0x7a800000 to 0x7affffff");
	assert_says(why, "set-up");
}

/* Lines of /proc/iomem and /proc/ioports, and what is in the way then. */
static void test_a_bar_that_somebody_has_claimed_is_in_the_way(void **state)
{
	static const struct {
		const char *file, *text, *why;
	} rows[] = {
		{ "iomem", "f0000000-f001ffff : " NIC "\n", "" },
		{ "iomem", "f0000000-f001ffff : " NIC "\n  f0000000-f001ffff : vfio-pci\n", "" },
		/* What follows is not within it. */
		{ "iomem", "f0000000-f001ffff : " NIC "\nf0020000-f002ffff : ramoops\n", "" },
		{ "iomem",
		  "e0000000-f7ffffff : PCI Bus 0000:00\n  f0000000-f001ffff : " NIC
		  "\n    f0004000-f0005fff : ramoops:dump(0/1)\n    f0006000-f0007fff : other\n",
		  "0xf0004000 to 0xf0005fff of BAR 0 is claimed by ramoops:dump(0/1) on this host: "
		  "unload" },
		{ "iomem",
		  "f0000000-f001ffff : " NIC "\n  f0000000-f0000fff : vfio-pci\n"
		  "  f0001000-f0001fff : efifb\n",
		  "claimed by efifb on this host: it is the boot console's: boot with" },
		/* The same addresses are another function's, or not whole. */
		{ "iomem", "f0000000-f001ffff : " NVME "\n  f0000000-f0000fff : nvme\n", "" },
		{ "iomem", "00000000-00000000 : " NIC "\n  00000000-00000000 : ramoops\n", "" },
		{ "ioports", "6000-601f : " NIC "\n  6000-600f : gpio\n",
		  "0x6000 to 0x600f of BAR 2 is claimed by gpio" },
		{ "ioports", "nothing\n\n-\n6000-601f : " NIC, "" },
	};
	char why[1024], name[32];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_text_put(NIC_PATH "/resource", "0xf0000000 0xf001ffff 0x40200\n"
					    "0x0 0x0 0x0\n"
					    "0x6000 0x601f 0x40101\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tree_text_put("/proc/iomem", "");
		tree_text_put("/proc/ioports", "");
		snprintf(name, sizeof(name), "/proc/%s", rows[i].file);
		tree_text_put(name, rows[i].text);
		blocker_of(NIC, why);
		assert_says(why, rows[i].why);
		if (!rows[i].why[0])
			assert_string_equal(why, "");
	}
}

static void test_a_bar_without_an_address_is_in_the_way(void **state)
{
	char why[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_text_put(NIC_PATH "/resource", "0xf0000000 0xf001ffff 0x40200\n"
					    "0x0 0x3ffffffff 0x2014220c\n");
	blocker_of(NIC, why);
	assert_says(why, "no address for BAR 1, 0x400000000 bytes: boot with pci=realloc");
}

static int count_visit(void *opaque, const struct host_pci *pci)
{
	(void)pci;
	++*(unsigned int *)opaque;
	return 0;
}

/* One that cannot be read is not taken for one that is not there. */
static void test_a_function_that_cannot_be_read_is_an_error_of_the_list(void **state)
{
	char path[PATH_MAX], why[1024];
	unsigned int count = 0;

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_sibling_put(SECOND, "igb");
	tree_path(path, "/sys/bus/pci/devices/" SECOND "/vendor");
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(host_pci_each(tree.root, -1, count_visit, &count), -EISDIR);
	assert_true(count >= 3);
	blocker_of(NIC, why);
	assert_says(why, "cannot list IOMMU group 12: Is a directory");
}

static void test_siblings_that_do_not_fit_are_left_out_whole(void **state)
{
	char bdf[] = "0000:04:01.0", why[2048];
	struct host_pci pci;
	int i;

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	for (i = 0; i < 32; i++) {
		bdf[9] = (char)('1' + i / 8);
		bdf[11] = (char)('0' + i % 8);
		tree_sibling_put(bdf, "a_driver_with_a_name_of_30_byte");
	}
	function_get(NIC, &pci);
	assert_true(host_pci_blocker(tree.root, &pci, why, sizeof(why)));
	assert_says(why, "0000:04:01.0 is bound to a_driver_with_a_name_of_30_byte, ");
	assert_says(why, " is bound to a_driver_with_a_name_of_30_byte; assign");
}

static void test_a_sentence_is_cut_to_the_buffer(void **state)
{
	char why[16 + 1];
	struct host_pci pci;

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	for (char bdf[] = "0000:04:00.1"; bdf[11] <= '7'; bdf[11]++)
		tree_sibling_put(bdf, "a_driver_with_a_name_of_31_bytes");
	function_get(NIC, &pci);
	why[16] = '#';
	assert_true(host_pci_blocker(tree.root, &pci, why, 16));
	assert_string_equal(why, "IOMMU group 12 ");
	assert_int_equal(why[16], '#');
}

#define MDEV	  "83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4"
#define MDEV_PATH "/sys/bus/mdev/devices/" MDEV

static void test_a_mediated_device_has_a_driver_and_a_group_of_its_own(void **state)
{
	struct host_pci pci;
	char why[1024];

	(void)state;
	assert_int_equal(host_pci_read(tree.root, MDEV, &pci), -ENODEV);
	tree_link_put(MDEV_PATH "/iommu_group", "/sys/kernel/iommu_groups/3");
	blocker_of(MDEV, why);
	assert_non_null(strstr(why, "no driver gives it to VFIO"));
	tree_link_put(MDEV_PATH "/driver", "/sys/bus/mdev/drivers/mtty");
	tree_directory_put(MDEV_PATH "/vfio-dev/vfio0");
	function_get(MDEV, &pci);
	assert_string_equal(pci.driver, "mtty");
	assert_int_equal(pci.iommu_group, 3);
	assert_true(pci.is_vfio);
	assert_false(host_pci_blocker(tree.root, &pci, why, sizeof(why)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bdf_is_brought_into_the_full_form),
		cmocka_unit_test(test_what_is_no_bdf_is_refused),
		TREE_TEST(test_read_tells_what_sysfs_says),
		TREE_TEST(test_a_function_may_have_neither_driver_nor_group),
		TREE_TEST(test_a_group_of_the_no_iommu_mode_is_none),
		TREE_TEST(test_a_function_that_no_driver_took_may_get_a_group_yet),
		TREE_TEST(test_a_function_that_is_not_there_is_enodev),
		TREE_TEST(test_each_goes_by_address),
		TREE_TEST(test_each_of_a_group),
		TREE_TEST(test_each_stops_when_told),
		TREE_TEST(test_each_without_sysfs_is_an_error),
		TREE_TEST(test_a_function_on_vfio_pci_is_ready),
		TREE_TEST(test_blocker_names_the_driver_and_the_command),
		TREE_TEST(test_blocker_without_a_group_says_how_to_turn_the_iommu_on),
		TREE_TEST(test_a_bridge_is_never_ready),
		TREE_TEST(test_a_group_is_not_viable_with_other_drivers),
		TREE_TEST(test_a_group_is_viable_with_neutral_functions),
		TREE_TEST(test_any_driver_of_vfio_makes_a_function_ready),
		TREE_TEST(test_memory_that_the_firmware_wants_to_reach_is_in_the_way),
		TREE_TEST(test_a_bar_that_somebody_has_claimed_is_in_the_way),
		TREE_TEST(test_a_bar_without_an_address_is_in_the_way),
		TREE_TEST(test_a_function_that_cannot_be_read_is_an_error_of_the_list),
		TREE_TEST(test_siblings_that_do_not_fit_are_left_out_whole),
		TREE_TEST(test_a_sentence_is_cut_to_the_buffer),
		TREE_TEST(test_a_mediated_device_has_a_driver_and_a_group_of_its_own),
	};

	return cmocka_run_group_tests_name("sysfs", tests, NULL, NULL);
}
