/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/check/function.c, registers.c and map.c: what is found of made-up functions. */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/utsname.h>

#include "guest/layout.h"
#include "lib/file.h"
#include "tests/unit/check_findings.h"

/* The card's configuration space: MSI-X at 0x40 with @vectors, MSI for 8 at 0x60. */
static void config_put(unsigned int vectors, uint32_t table, uint32_t pba)
{
	uint8_t config[256] = { 0x86, 0x80 };
	char path[PATH_MAX];

	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_INTERRUPT_PIN] = 1;
	config[PCI_CAPABILITY_LIST] = 0x40;
	config[0x40] = PCI_CAP_ID_MSIX;
	config[0x41] = 0x60;
	le_store(&config[0x40 + PCI_MSIX_FLAGS], 2, vectors - 1);
	le_store(&config[0x40 + PCI_MSIX_TABLE], 4, table);
	le_store(&config[0x40 + PCI_MSIX_PBA], 4, pba);
	config[0x60] = PCI_CAP_ID_MSI;
	config[0x60 + PCI_MSI_FLAGS] = 3 << 1;
	tree_path(path, NIC_PATH "/config");
	assert_int_equal(file_create(path, config, sizeof(config)), 0);
}

/* A card that is ready, with one BAR of 128 KiB and one of 16 KiB for MSI-X. */
static void card_put(void)
{
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree_text_put("/dev/vfio/12", "");
	tree_text_put(NIC_PATH "/reset_method", "flr bus\n");
	tree_text_put(NIC_PATH "/resource", "0xf0000000 0xf001ffff 0x40200\n"
					    "0x0 0x0 0x0\n"
					    "0x6000 0x601f 0x40101\n"
					    "0xf0020000 0xf0023fff 0x40200\n"
					    "0x0 0x0 0x0\n"
					    "0x0 0x0 0x0\n");
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions",
		      "0x00000000fee00000 0x00000000feefffff msi\n");
	config_put(5, 3, 3 | 0x2000);
}

static void function_more_check(const char *bdf)
{
	struct host_pci pci;

	assert_int_equal(host_pci_read(tree.root, bdf, &pci), 0);
	check_function(&check, &pci, true);
}

static void function_check(const char *bdf)
{
	check_begin();
	function_more_check(bdf);
}

#define MDEV	  "83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4"
#define MDEV_PATH "/sys/bus/mdev/devices/" MDEV

static void test_a_function_that_is_ready(void **state)
{
	(void)state;
	card_put();
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " driver", "vfio-pci", "");
	assert_finding(CHECK_OK, NIC " group", "IOMMU group 12 can be assigned (what else", "");
	assert_finding(CHECK_OK, NIC " permission", "/dev/vfio/12", "");
	assert_finding(CHECK_OK, NIC " reset", "by flr bus", "");
	assert_finding(CHECK_OK, NIC " interrupts", "5 vectors of MSI-X, 8 of MSI, INTx", "");
	assert_finding(CHECK_NOTE, NIC " MSI-X table", "80 bytes at 0x0 of BAR 3",
		       "msix-table=own");
	assert_finding(CHECK_OK, NIC " DMA", "512 MiB of RAM fit in 1 piece", "");
	assert_false(check_stops(&check));
}

/* ---- driver and group ---- */

/* Its group is its own, and no IOMMU guards it. */
static void test_a_mediated_device(void **state)
{
	(void)state;
	tree_link_put(MDEV_PATH "/iommu_group", "/sys/kernel/iommu_groups/3");
	check_begin();
	check.is_mediated = true;
	check_host(&check);
	assert_no_finding("IOMMU");
	assert_no_finding("memory lock");
	function_check(MDEV);
	assert_finding(CHECK_STOPS, MDEV " driver", "no driver gives it to VFIO",
		       "load the driver");
	assert_no_finding(MDEV " permission");
	tree_link_put(MDEV_PATH "/driver", "/sys/bus/mdev/drivers/mtty");
	tree_directory_put(MDEV_PATH "/vfio-dev/vfio0");
	tree_text_put("/dev/vfio/3", "");
	function_check(MDEV);
	assert_finding(CHECK_OK, MDEV " driver", "a mediated device of mtty", "");
	assert_finding(CHECK_OK, MDEV " permission", "/dev/vfio/3 may be opened, for type 1", "");
	assert_int_equal(check.count, 2);
	tree_text_put("/dev/vfio/devices/vfio0", "");
	check_begin();
	check.has_iommufd = true;
	function_more_check(MDEV);
	assert_finding(CHECK_OK, MDEV " permission", "/dev/vfio/devices/vfio0 may be opened", "");
}

static void test_a_virtual_function_may_need_a_token(void **state)
{
	(void)state;
	card_put();
	function_check(NIC);
	assert_no_finding(NIC " token");
	/* As if the disk were its physical function. */
	tree_link_put(NIC_PATH "/physfn", NVME_PATH);
	function_check(NIC);
	assert_no_finding(NIC " token");
	tree_driver_put(NVME, "vfio-pci");
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " token", NVME " is bound to vfio-pci", "vf-token=UUID");
	assert_false(check_stops(&check));
}

static void test_a_bridge_stops(void **state)
{
	(void)state;
	card_put();
	function_check(NIC_PORT);
	assert_finding(CHECK_STOPS, NIC_PORT " kind", "a bridge", "posthorn devices");
	assert_int_equal(check.count, 1);
}

static void test_another_driver_stops_and_none_too(void **state)
{
	(void)state;
	card_put();
	tree_driver_put(NIC, "igb");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " driver", "bound to igb", "posthorn bind " NIC);
	/* Its file in /dev/vfio comes with vfio-pci. */
	assert_no_finding(NIC " permission");
	tree_driver_put(NIC, NULL);
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " driver", "no driver", "posthorn bind " NIC);
}

static void test_a_function_that_the_host_uses_stops(void **state)
{
	(void)state;
	tree_host_put();
	tree_link_put("/sys/dev/block/259:1", NVME_PATH "/nvme/nvme0/nvme0n1");
	tree_directory_put(NVME_PATH "/nvme/nvme0/nvme0n1");
	tree_text_put("/proc/self/mountinfo", "1 0 259:1 / / rw - ext4 /dev/nvme0n1 rw\n");
	function_check(NVME);
	assert_finding(CHECK_STOPS, NVME " driver", "in use by this host: it holds the file system",
		       "posthorn bind " NVME);
}

static void test_a_sibling_with_a_driver_stops(void **state)
{
	(void)state;
	card_put();
	tree_sibling_put(SECOND, "igb");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " group", SECOND " is in it too, bound to igb",
		       "posthorn bind " SECOND);
	/* That is all there is to say of the group. */
	for (size_t i = 0; i < check.count; i++)
		assert_null(strstr(check.findings[i].detail, "can be assigned"));
}

static void test_a_sibling_without_a_driver_or_with_vfio_pci_does_not(void **state)
{
	(void)state;
	card_put();
	tree_sibling_put(SECOND, NULL);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " group", "has no driver", "");
	tree_driver_put(SECOND, "vfio-pci");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " group", "can be assigned", "");
	assert_finding(CHECK_NOTE, NIC " group", SECOND " is in it too, bound to vfio-pci", "");
	assert_false(check_stops(&check));
}

static void test_no_group_stops(void **state)
{
	static const struct tree_function lone = { "0000:05:00.0", NULL,     "igb", 0x8086,
						   0x1521,	   0x020000, 0,	    0 };

	(void)state;
	tree_host_put();
	tree_function_put(&lone);
	function_check("0000:05:00.0");
	assert_finding(CHECK_STOPS, "0000:05:00.0 group", "in no IOMMU group", IOMMU_REMEDY);
	assert_no_finding("0000:05:00.0 DMA");
	/* On a host with an IOMMU, which may get it when a driver takes it. */
	tree_directory_put("/sys/class/iommu/smmu3.0");
	tree_driver_put("0000:05:00.0", NULL);
	function_check("0000:05:00.0");
	assert_finding(CHECK_NOTE, "0000:05:00.0 group", "before a driver", "posthorn bind");
}

static void test_a_group_that_cannot_be_listed_stops(void **state)
{
	char path[PATH_MAX], other[PATH_MAX];

	(void)state;
	card_put();
	tree_path(path, "/sys/kernel/iommu_groups/12/devices");
	tree_path(other, "/sys/kernel/iommu_groups/12/gone");
	assert_int_equal(rename(path, other), 0);
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " group", "cannot be listed", "iommu_groups/12/devices");
}

static void test_a_group_that_may_not_be_opened_stops(void **state)
{
	char path[PATH_MAX];

	(void)state;
	card_put();
	forbidden = "/dev/vfio/12";
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " permission", "Permission denied",
		       "chown USER /dev/vfio/12");
	forbidden = NULL;
	tree_path(path, "/dev/vfio/12");
	assert_int_equal(unlink(path), 0);
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " permission", "No such file", "/dev/vfio");
}

/* As function_check(), where /dev/iommu may be opened. */
static void function_check_iommufd(enum iommu_choice choice)
{
	struct host_pci pci;

	check_begin();
	check.iommu = choice;
	check.has_iommufd = true;
	assert_int_equal(host_pci_read(tree.root, NIC, &pci), 0);
	check_function(&check, &pci, false);
}

static void test_a_device_file_is_what_iommufd_opens(void **state)
{
	(void)state;
	card_put();
	tree_directory_put(NIC_PATH "/vfio-dev/vfio3");
	tree_text_put("/dev/vfio/devices/vfio3", "");
	forbidden = "/dev/vfio/12";
	function_check_iommufd(IOMMU_AUTO);
	assert_finding(CHECK_OK, NIC " permission",
		       "/dev/vfio/devices/vfio3 may be opened, for iommufd", "");
	assert_false(check_stops(&check));
}

static void test_a_device_file_that_is_not_permitted_leaves_type1(void **state)
{
	(void)state;
	card_put();
	tree_directory_put(NIC_PATH "/vfio-dev/vfio3");
	tree_text_put("/dev/vfio/devices/vfio3", "");
	forbidden = "/vfio3";
	function_check_iommufd(IOMMU_AUTO);
	assert_finding(CHECK_NOTE, NIC " permission", "/dev/vfio/devices/vfio3: Permission denied",
		       "chown USER /dev/vfio/devices/vfio3");
	assert_finding(CHECK_OK, NIC " permission", "/dev/vfio/12 may be opened, for type 1", "");
	assert_false(check_stops(&check));
	function_check_iommufd(IOMMU_IOMMUFD);
	assert_finding(CHECK_STOPS, NIC " permission", "Permission denied", "chown USER");
}

static void test_a_kernel_without_device_files_leaves_type1(void **state)
{
	(void)state;
	card_put();
	tree_directory_put(NIC_PATH "/vfio-dev");
	function_check_iommufd(IOMMU_AUTO);
	assert_finding(CHECK_NOTE, NIC " permission", "the kernel has no device file for it",
		       "CONFIG_VFIO_DEVICE_CDEV");
	assert_finding(CHECK_OK, NIC " permission", "/dev/vfio/12 may be opened, for type 1", "");
	function_check_iommufd(IOMMU_IOMMUFD);
	assert_finding(CHECK_STOPS, NIC " permission", "no device file", "--iommu type1");
}

static void reset_method_remove(void)
{
	char path[PATH_MAX];

	tree_path(path, NIC_PATH "/reset_method");
	assert_int_equal(unlink(path), 0);
}

static void test_no_reset_is_a_warning(void **state)
{
	(void)state;
	card_put();
	reset_method_remove();
	function_check(NIC);
	assert_finding(CHECK_WARNING, NIC " reset", "no way to reset", "");
	assert_false(check_stops(&check));
}

static void test_a_function_whose_resets_are_off_is_reset_with_its_bus(void **state)
{
	(void)state;
	card_put();
	tree_text_put(NIC_PATH "/reset_method", "\n");
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " reset", "turned off", "echo default >");
	assert_finding(CHECK_OK, NIC " reset", "with its bus", "");
}

/* All that is on the bus must be VFIO's, and then the same guest's. */
static void test_a_bus_is_reset_when_all_of_it_is_the_guests(void **state)
{
	(void)state;
	card_put();
	reset_method_remove();
	tree_sibling_put(SECOND, "vfio-pci");
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " reset", "with its bus, if the same guest has " SECOND, "");
	tree_driver_put(SECOND, "igb");
	function_check(NIC);
	assert_finding(CHECK_WARNING, NIC " reset", "where " SECOND " is, bound to igb",
		       "posthorn bind " SECOND ", and give it to the same guest");
	tree_driver_put(SECOND, NULL);
	function_check(NIC);
	assert_finding(CHECK_WARNING, NIC " reset", SECOND " is, which has no driver",
		       "posthorn bind " SECOND);
}

/* No bridge is above it. */
static void test_a_root_bus_is_not_reset(void **state)
{
	const struct tree_function function = { .bdf = "0000:00:19.0",
						.driver = "vfio-pci",
						.vendor = 0x8086,
						.device = 0x10d3,
						.group = 30 };

	(void)state;
	card_put();
	tree_function_put(&function);
	function_check(function.bdf);
	assert_finding(CHECK_WARNING, "0000:00:19.0 reset", "no way to reset", "");
}

/* ---- interrupts and BARs ---- */

static void test_configuration_space_takes_root(void **state)
{
	char path[PATH_MAX];

	(void)state;
	card_put();
	tree_path(path, NIC_PATH "/config");
	assert_int_equal(truncate(path, 64), 0);
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "more than 64 bytes",
		       "sudo posthorn check " NIC);
}

static void test_a_device_that_does_not_answer_stops(void **state)
{
	uint8_t config[256];
	char path[PATH_MAX];

	(void)state;
	card_put();
	memset(config, 0xff, sizeof(config));
	tree_path(path, NIC_PATH "/config");
	/* Without root's rights 64 bytes are all. */
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(file_create(path, config, i ? 64 : sizeof(config)), 0);
		function_check(NIC);
		assert_finding(CHECK_STOPS, NIC " registers", "does not answer", "rescan");
		assert_no_finding(NIC " kind");
		assert_no_finding(NIC " interrupts");
	}
}

/* Its ids read as all-ones (SR-IOV 1.1, 3.4.1). */
static void test_a_virtual_function_answers(void **state)
{
	char path[PATH_MAX];
	int fd;

	(void)state;
	card_put();
	tree_path(path, NIC_PATH "/config");
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "\xff\xff\xff\xff", 4), 0);
	fd_close(&fd);
	function_check(NIC);
	assert_no_finding(NIC " registers");
	assert_finding(CHECK_OK, NIC " interrupts", "5 vectors of MSI-X", "");
	assert_false(check_stops(&check));
}

static void test_only_intx_and_none(void **state)
{
	uint8_t config[256] = { 0x86, 0x80 };
	char path[PATH_MAX];

	(void)state;
	card_put();
	tree_path(path, NIC_PATH "/config");
	assert_int_equal(file_create(path, config, sizeof(config)), 0);
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "none at all", "");
	config[PCI_INTERRUPT_PIN] = 1;
	assert_int_equal(file_create(path, config, sizeof(config)), 0);
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "only INTx", "");
}

static void test_a_capability_list_in_a_circle_ends(void **state)
{
	uint8_t config[256] = { 0x86, 0x80 };
	char path[PATH_MAX];

	(void)state;
	card_put();
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = 0xfc;
	config[0xfc] = PCI_CAP_ID_VPD;
	config[0xfd] = 0xfc;
	tree_path(path, NIC_PATH "/config");
	assert_int_equal(file_create(path, config, sizeof(config)), 0);
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "none at all", "");
	/* Capabilities that the space ends in. */
	config[0xfc] = PCI_CAP_ID_MSIX;
	assert_int_equal(file_create(path, config, sizeof(config)), 0);
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " interrupts", "none at all", "");
}

static void test_pages_shared_with_the_msix_table(void **state)
{
	(void)state;
	card_put();
	/* 256 vectors fill a page. */
	config_put(256, 3, 3 | 0x2000);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " MSI-X table", "0x0 to 0xfff (pages of 4 KiB)", "");
	assert_finding(CHECK_NOTE, NIC " MSI-X pending bits", "0x2000 to 0x2fff",
		       "--device " NIC ",msix-table=own");
	/* Pages of 16 KiB: all of BAR 3, which is larger than both. */
	check_begin();
	check.page_size = 0x4000;
	config_put(256, 3, 3 | 0x2000);
	{
		struct host_pci pci;

		assert_int_equal(host_pci_read(tree.root, NIC, &pci), 0);
		check_function(&check, &pci, false);
	}
	assert_finding(CHECK_NOTE, NIC " MSI-X table", "0x0 to 0x3fff (pages of 16 KiB)",
		       "--device " NIC ",msix-table=own");
}

/* What is together in a page is not shared with anybody else. */
static void test_a_bar_that_holds_nothing_else_is_not_shared(void **state)
{
	(void)state;
	card_put();
	tree_text_put(NIC_PATH "/resource", "0xf0000000 0xf001ffff 0x40200\n"
					    "0x0 0x0 0x0\n0x0 0x0 0x0\n"
					    "0xf0020000 0xf0020057 0x40200\n");
	config_put(5, 3, 3 | 0x50);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " MSI-X table", "80 bytes at 0x0 of BAR 3", "");
	assert_finding(CHECK_OK, NIC " MSI-X pending bits", "8 bytes at 0x50 of BAR 3", "");
}

static void test_an_msix_table_outside_of_its_bar_is_a_warning(void **state)
{
	(void)state;
	card_put();
	config_put(5, 3 | 0x4000, 7);
	function_check(NIC);
	assert_finding(CHECK_WARNING, NIC " MSI-X table", "outside", "");
	assert_finding(CHECK_WARNING, NIC " MSI-X pending bits", "outside", "");
}

static void test_a_small_bar_that_shares_its_page(void **state)
{
	(void)state;
	card_put();
	tree_text_put(NIC_PATH "/resource", "0xf0000100 0xf00001ff 0x40200\n"
					    "0xf0002000 0xf00020ff 0x40200\n"
					    "0x6010 0x601f 0x40101\n");
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " BAR 0", "0x100 bytes at 0xf0000100",
		       "pci=resource_alignment=12@" NIC);
	assert_finding(CHECK_OK, NIC " BAR 1", "in a page of its own", "");
	assert_finding(CHECK_NOTE, NIC " BAR 2", "16 I/O ports at 0x6010", "");
	/* It begins where a page does, and another device's BAR is in the rest of it. */
	tree_text_put("/proc/iomem", "f0000000-f0ffffff : PCI Bus 0000:04\n"
				     "  f0002000-f00020ff : " NIC "\n"
				     "  f0002400-f00024ff : 0000:05:00.0\n");
	function_check(NIC);
	assert_finding(CHECK_NOTE, NIC " BAR 1", "in a page with others", "alignment=12@" NIC);
}

static void test_a_bar_that_the_host_could_not_place_stops(void **state)
{
	(void)state;
	card_put();
	tree_text_put(NIC_PATH "/resource", "0x0 0x3ffffffff 0x2014220c\n");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " BAR 0", "no address for its 0x400000000 bytes",
		       "pci=realloc");
}

static void test_a_bar_that_is_claimed_stops(void **state)
{
	(void)state;
	card_put();
	tree_text_put("/proc/iomem", "f0000000-f0ffffff : PCI Bus 0000:04\n"
				     "  f0000000-f001ffff : " NIC "\n"
				     "    f0000000-f000ffff : BOOTFB\n");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " BAR 0", "0xf0000000 to 0xf000ffff is claimed by BOOTFB",
		       "initcall_blacklist=sysfb_init");
	/* As a driver does with what it has itself, and a guest that runs. */
	tree_driver_put(NIC, "igb");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " BAR 0", "0x20000 bytes at 0xf0000000", "");
	tree_driver_put(NIC, NULL);
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " BAR 0", "claimed by BOOTFB", "sysfb_init");
}

static void test_bars_that_no_guest_has_room_for_stop(void **state)
{
	(void)state;
	card_put();
	/* 2 GiB below 4 GiB; 64 TiB, where addresses have 46 bits. */
	tree_text_put(NIC_PATH "/resource", "0x40000000 0xbfffffff 0x40200\n"
					    "0x0 0x0 0x0\n"
					    "0x400000000000 0x7fffffffffff 0x14220c\n");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " DMA", "2048 MiB of 32-bit BARs", "cannot be assigned");
	assert_finding(CHECK_STOPS, NIC " DMA", "67108864 MiB of 64-bit BARs do not fit", "less");
}

/* ---- drivers of VFIO ---- */

static void aliases_put(const char *text)
{
	char name[PATH_MAX];
	struct utsname kernel;

	uname(&kernel);
	snprintf(name, sizeof(name), "/lib/modules/%s/modules.alias", kernel.release);
	tree_text_put(name, text);
}

static void test_a_driver_that_knows_the_device_is_proposed(void **state)
{
	(void)state;
	card_put();
	tree_text_put(NIC_PATH "/modalias",
		      "pci:v00008086d00001521sv00008086sd00000001bc02sc00i00\n");
	aliases_put("# Aliases extracted from modules themselves.\n"
		    "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		    "alias pci:v00008086d00001521sv*sd*bc*sc*i* igb\n"
		    "alias vfio_pci:v00008086d*sv*sd*bc*sc*i* any_vfio_pci\n"
		    "alias vfio_pci:v00008086d00001521sv*sd*bc*sc*i* net_vfio_pci\n"
		    "alias vfio_pci:v00008086d00001522sv*sd*bc*sc*i* other_vfio_pci\n");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " driver", "bound to vfio-pci", "");
	assert_finding(CHECK_NOTE, NIC " driver", "net_vfio_pci gives it to VFIO too",
		       "posthorn bind --driver net_vfio_pci " NIC);
	/* Where it has it, by the name of the driver, there is nothing to say. */
	tree_driver_put(NIC, "net-vfio-pci");
	tree_directory_put(NIC_PATH "/vfio-dev");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " driver", "bound to net-vfio-pci", "");
	assert_finding(CHECK_OK, NIC " permission", "/dev/vfio/12", "");
	for (size_t i = 0; i < check.count; i++)
		assert_null(strstr(check.findings[i].detail, "too"));
}

/* ---- the map ---- */

static const struct check_span *span_find(const char *what)
{
	for (unsigned int i = 0; i < check.span_count; i++)
		if (strstr(check.spans[i].what, what))
			return &check.spans[i];
	fail_msg("no span %s", what);
	return NULL;
}

static void test_the_map_has_all_in_order(void **state)
{
	(void)state;
	card_put();
	function_check(NIC);
	for (unsigned int i = 1; i < check.span_count; i++)
		assert_true(check.spans[i - 1].base <= check.spans[i].base);
	assert_int_equal(span_find("RAM")->base, LAYOUT_RAM);
	assert_int_equal(span_find("RAM")->size, 512 * MIB);
	assert_int_equal(span_find("32-bit BARs")->base, LAYOUT_MEM32);
	assert_int_equal(span_find("reserved by the host: msi")->base, 0xfee00000);
	assert_int_equal(span_find("reserved by the host: msi")->size, MIB);
}

static void test_ram_goes_around_what_is_reserved(void **state)
{
	char text[128];

	(void)state;
	card_put();
	snprintf(text, sizeof(text), "0x%llx 0x%llx reserved\n", LAYOUT_RAM + 64 * MIB,
		 LAYOUT_RAM + 65 * MIB - 1);
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", text);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " DMA", "fit in 2 pieces", "");
	assert_int_equal(span_find("RAM")->size, 64 * MIB);
	/* What the kernel lets a guest have all the same. */
	snprintf(text, sizeof(text), "0x%llx 0x%llx direct-relaxable\n", LAYOUT_RAM + 64 * MIB,
		 LAYOUT_RAM + 65 * MIB - 1);
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", text);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " DMA", "fit in 1 piece", "");
	assert_false(check_stops(&check));
}

static void test_ram_that_does_not_fit_stops(void **state)
{
	char text[128];

	(void)state;
	card_put();
	snprintf(text, sizeof(text), "0x%llx 0xffffffffffffffff reserved\n",
		 LAYOUT_RAM + 256 * MIB);
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", text);
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " DMA", "512 MiB of RAM do not fit", "less --memory");
}

static void test_a_direct_region_stops(void **state)
{
	(void)state;
	card_put();
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions",
		      "0x00000000bf000000 0x00000000bf7fffff direct\n");
	function_check(NIC);
	assert_finding(CHECK_STOPS, NIC " DMA", "0xbf000000 to 0xbf7fffff", "firmware");
}

/* Backwards, too many, cut short, unsorted, overlapping: nothing may break. */
static void test_strange_reserved_regions(void **state)
{
	char text[8192] = "0x2000 0x1000 msi\n0xfee00000 0xfeefffff msi\n0xfef00000 0xfee80000 x\n"
			  "0xfee80000 0xfef7ffff reserved-with-a-very-long-type-name-indeed\n";

	(void)state;
	card_put();
	for (unsigned int i = 100; i; i--)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "0x%x 0x%x msi\n",
			 0xfa000000 + i * 0x2000, 0xfa000fff + i * 0x2000);
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", text);
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " DMA", "512 MiB of RAM fit", "");
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", "0x2000 0x1000 msi\n");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " DMA", "reserved regions: 0", "");
	tree_text_put("/sys/kernel/iommu_groups/12/reserved_regions", "nonsense");
	function_check(NIC);
	assert_finding(CHECK_OK, NIC " DMA", "reserved regions: 0", "");
}

/* ---- without a function ---- */

static void bound_check(void)
{
	check_begin();
	check_bound_functions(&check);
}

static void test_those_that_are_bound_are_checked(void **state)
{
	(void)state;
	card_put();
	bound_check();
	assert_finding(CHECK_OK, NIC " driver", "vfio-pci", "");
	assert_no_finding(NVME " driver");
	assert_int_equal(check.span_count, 0);
	tree_driver_put(NIC, "igb");
	bound_check();
	assert_finding(CHECK_NOTE, "functions", "none is bound", "posthorn devices");
}

static void test_functions_that_cannot_be_listed_stop(void **state)
{
	(void)state;
	bound_check();
	assert_finding(CHECK_STOPS, "functions", "/sys/bus/pci/devices: No such file",
		       "mount -t sysfs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(test_a_function_that_is_ready),
		CHECK_TEST(test_a_mediated_device),
		CHECK_TEST(test_a_virtual_function_may_need_a_token),
		CHECK_TEST(test_a_bridge_stops),
		CHECK_TEST(test_another_driver_stops_and_none_too),
		CHECK_TEST(test_a_function_that_the_host_uses_stops),
		CHECK_TEST(test_a_sibling_with_a_driver_stops),
		CHECK_TEST(test_a_sibling_without_a_driver_or_with_vfio_pci_does_not),
		CHECK_TEST(test_no_group_stops),
		CHECK_TEST(test_a_group_that_cannot_be_listed_stops),
		CHECK_TEST(test_a_group_that_may_not_be_opened_stops),
		CHECK_TEST(test_a_device_file_is_what_iommufd_opens),
		CHECK_TEST(test_a_device_file_that_is_not_permitted_leaves_type1),
		CHECK_TEST(test_a_kernel_without_device_files_leaves_type1),
		CHECK_TEST(test_no_reset_is_a_warning),
		CHECK_TEST(test_a_function_whose_resets_are_off_is_reset_with_its_bus),
		CHECK_TEST(test_a_bus_is_reset_when_all_of_it_is_the_guests),
		CHECK_TEST(test_a_root_bus_is_not_reset),
		CHECK_TEST(test_configuration_space_takes_root),
		CHECK_TEST(test_a_device_that_does_not_answer_stops),
		CHECK_TEST(test_a_virtual_function_answers),
		CHECK_TEST(test_only_intx_and_none),
		CHECK_TEST(test_a_capability_list_in_a_circle_ends),
		CHECK_TEST(test_pages_shared_with_the_msix_table),
		CHECK_TEST(test_a_bar_that_holds_nothing_else_is_not_shared),
		CHECK_TEST(test_an_msix_table_outside_of_its_bar_is_a_warning),
		CHECK_TEST(test_a_small_bar_that_shares_its_page),
		CHECK_TEST(test_a_bar_that_the_host_could_not_place_stops),
		CHECK_TEST(test_a_bar_that_is_claimed_stops),
		CHECK_TEST(test_bars_that_no_guest_has_room_for_stop),
		CHECK_TEST(test_a_driver_that_knows_the_device_is_proposed),
		CHECK_TEST(test_the_map_has_all_in_order),
		CHECK_TEST(test_ram_goes_around_what_is_reserved),
		CHECK_TEST(test_ram_that_does_not_fit_stops),
		CHECK_TEST(test_a_direct_region_stops),
		CHECK_TEST(test_strange_reserved_regions),
		CHECK_TEST(test_those_that_are_bound_are_checked),
		CHECK_TEST(test_functions_that_cannot_be_listed_stop),
	};

	return cmocka_run_group_tests_name("check_function", tests, NULL, NULL);
}
