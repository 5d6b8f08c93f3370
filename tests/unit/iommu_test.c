/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/iommu.c, type1.c and iommufd.c: the two ways to map memory for devices, and their failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "tests/unit/assert_says.h"
#include "tests/unit/fake_iommu.h"
#include "tests/unit/stderr_capture.h"
#include "vfio/iommu.h"
#include "vfio/vf_token.h"

#define FIRST fake_functions[0]

static struct iommu iommu;
static int devices[2 * FAKE_FUNCTIONS];
static unsigned int device_count;
static char why[WHY_SIZE];
static const char *vf_token;
static int given; /* a device's file */

static int setup(void **state)
{
	(void)state;
	fake_iommu_begin();
	device_count = 0;
	vf_token = NULL;
	given = 0;
	return 0;
}

/* Close what a test opened. */
static int teardown(void **state)
{
	(void)state;
	while (device_count)
		fd_close(&devices[--device_count]);
	iommu_cleanup(&iommu);
	fake_iommu_end();
	log_level_set(LOG_LEVEL_NOTICE);
	return 0;
}

static int device_open(unsigned int function)
{
	const struct iommu_device wanted = { fake_functions[function], vf_token, given };
	int fd;

	why[0] = '\0';
	fd = iommu_device_open(&iommu, &wanted, why);
	if (fd >= 0)
		devices[device_count++] = fd;
	else
		assert_int_not_equal(why[0], '\0');
	return fd;
}

static void begin(enum iommu_choice choice)
{
	iommu_init(&iommu, choice, 0);
	assert_null(iommu_name(&iommu));
	assert_true(device_open(0) >= 0);
}

static void assert_log(const char *expected)
{
	assert_string_equal(fake_iommu_log(), expected);
}

#define IOMMUFD_OPEN "open /dev/iommu\nIOMMU_IOAS_ALLOC\nIOMMU_VFIO_IOAS\n"
#define DEVICE_OPEN(number)                                                  \
	"open /dev/vfio/devices/vfio" #number "\nVFIO_DEVICE_BIND_IOMMUFD\n" \
	"VFIO_DEVICE_ATTACH_IOMMUFD_PT\n"
#define CONTAINER_OPEN "open /dev/vfio/vfio\nVFIO_GET_API_VERSION\nVFIO_CHECK_EXTENSION\n"
#define GROUP_OPEN(number)                                              \
	"readlink\nopen /dev/vfio/" #number "\nVFIO_GROUP_GET_STATUS\n" \
	"VFIO_GROUP_SET_CONTAINER\n"

/* ---- opening ---- */

static void test_iommufd_has_one_address_space_and_a_file_for_each_device(void **state)
{
	(void)state;
	begin(IOMMU_IOMMUFD);
	assert_string_equal(iommu_name(&iommu), "iommufd");
	assert_log(IOMMUFD_OPEN DEVICE_OPEN(0));
	assert_true(device_open(1) >= 0);
	assert_true(device_open(2) >= 0);
	assert_log(DEVICE_OPEN(1) DEVICE_OPEN(2));
}

static void test_type1_has_one_container_and_a_file_for_each_group(void **state)
{
	(void)state;
	begin(IOMMU_TYPE1);
	assert_string_equal(iommu_name(&iommu), "type1");
	assert_log(CONTAINER_OPEN GROUP_OPEN(12) "VFIO_SET_IOMMU\nVFIO_GROUP_GET_DEVICE_FD\n");
	assert_true(device_open(1) >= 0);
	assert_true(device_open(2) >= 0);
	assert_log(GROUP_OPEN(13) "VFIO_GROUP_GET_DEVICE_FD\nreadlink\nVFIO_GROUP_GET_DEVICE_FD\n");
}

static void test_auto_takes_iommufd(void **state)
{
	(void)state;
	begin(IOMMU_AUTO);
	assert_string_equal(iommu_name(&iommu), "iommufd");
	assert_log(IOMMUFD_OPEN DEVICE_OPEN(0));
}

/* Whatever is missing: then nothing of it stays open, and at -v it is said why. */
static void test_auto_takes_type1_where_iommufd_does_not_do(void **state)
{
	static const struct {
		const char *call, *message;
		int error;
	} reasons[] = {
		{ "open /dev/iommu", "/dev/iommu does not exist", -ENOENT },
		{ "open /dev/iommu", "/dev/iommu: Permission denied", -EACCES },
		{ "IOMMU_IOAS_ALLOC", "IOMMU_IOAS_ALLOC", -ENOMEM },
		{ "IOMMU_VFIO_IOAS", "IOMMU_VFIO_IOAS", -ENOTTY },
		{ "open /dev/vfio/devices/vfio0", "vfio0: Permission denied", -EACCES },
		{ "VFIO_DEVICE_BIND_IOMMUFD", "cannot be bound to an iommufd", -EINVAL },
		{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT", "be put into an address space", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct capture capture;
		char text[2048];

		setup(state);
		fake_iommu_fail(reasons[i].call, 0, reasons[i].error);
		log_level_set(LOG_LEVEL_INFO);
		capture = capture_start();
		begin(IOMMU_AUTO);
		assert_int_equal(capture_text(capture, text, sizeof(text)), 2);
		assert_says(text, "iommufd is not used: ");
		assert_says(text, reasons[i].message);
		assert_says(text, "DMA is mapped by type1");
		assert_string_equal(iommu_name(&iommu), "type1");
		/* The device, its group and the container. */
		assert_int_equal(fake_iommu_open_count(), 3);
		teardown(state);
	}
}

static void test_auto_takes_type1_where_there_are_no_device_files(void **state)
{
	(void)state;
	fake_iommu_device_files_set(false);
	begin(IOMMU_AUTO);
	assert_string_equal(iommu_name(&iommu), "type1");
}

/* The first device has decided: those after it do as it does, or not at all. */
static void test_auto_does_not_mix(void **state)
{
	(void)state;
	begin(IOMMU_AUTO);
	fake_iommu_fail("open /dev/vfio/devices/vfio1", 0, -EACCES);
	assert_int_equal(device_open(1), -ENODEV);
	assert_says(why, "0000:02:00.0: /dev/vfio/devices/vfio1: Permission denied");
	assert_says(why, "--iommu type1");
}

/* ---- descriptors that are given ---- */

/* Nothing is opened then, and auto means iommufd. */
static void test_given_descriptors_are_used(void **state)
{
	(void)state;
	iommu_init(&iommu, IOMMU_AUTO, open("/dev/iommu", O_RDWR));
	given = open("/dev/vfio/devices/vfio0", O_RDWR);
	fake_iommu_log();
	assert_int_equal(device_open(0), given);
	assert_log("IOMMU_IOAS_ALLOC\nIOMMU_VFIO_IOAS\nVFIO_DEVICE_BIND_IOMMUFD\n"
		   "VFIO_DEVICE_ATTACH_IOMMUFD_PT\n");
	assert_string_equal(iommu_name(&iommu), "iommufd");
}

static void test_with_a_given_descriptor_auto_does_not_fall_back(void **state)
{
	(void)state;
	iommu_init(&iommu, IOMMU_AUTO, 0);
	given = open("/dev/vfio/devices/vfio0", O_RDWR);
	fake_iommu_fail("VFIO_DEVICE_BIND_IOMMUFD", 0, -EINVAL);
	assert_int_equal(device_open(0), -ENODEV);
	assert_says(why, "0000:01:00.0: cannot be bound to an iommufd");
	assert_null(strstr(fake_iommu_log(), "/dev/vfio/vfio"));
}

static void test_a_descriptor_without_sysfs_has_its_number_as_a_name(void **state)
{
	char bdf[BDF_SIZE];
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(fd >= 0);
	/* Character device 1:3, of which sysfs says that it is something else. */
	assert_int_equal(iommu_device_file_name("", fd, bdf), -EINVAL);
	assert_int_equal(iommu_device_file_name("/nowhere", fd, bdf), 0);
	assert_int_equal(strncmp(bdf, "fd=", 3), 0);
	close(fd);
	fd = open("/etc/passwd", O_RDONLY);
	assert_int_equal(iommu_device_file_name("/nowhere", fd, bdf), -EINVAL);
	close(fd);
}

/* ---- failures ---- */

struct failure {
	const char *call;
	int error;
	const char *message, *remedy;
};

static void assert_failures(void **state, enum iommu_choice choice, const struct failure *failures,
			    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		setup(state);
		iommu_init(&iommu, choice, 0);
		fake_iommu_fail(failures[i].call, 0, failures[i].error);
		assert_int_equal(device_open(0), -ENODEV);
		assert_says(why, failures[i].message);
		assert_says(why, failures[i].remedy);
		assert_int_equal(fake_iommu_open_count(), 0);
		teardown(state);
	}
}

static void test_each_failure_of_iommufd_names_its_remedy(void **state)
{
	static const struct failure failures[] = {
		{ "open /dev/iommu", -ENOENT, "/dev/iommu does not exist", "CONFIG_IOMMUFD" },
		{ "open /dev/iommu", -EACCES, "/dev/iommu: Permission denied", "chown" },
		{ "open /dev/iommu", -EPERM, "/dev/iommu: Operation not permitted",
		  "allow /dev/iommu (docker run" },
		{ "open /dev/iommu", -EMFILE, "/dev/iommu: Too many open files", "ulimit -n" },
		{ "IOMMU_IOAS_ALLOC", -ENOMEM, "/dev/iommu: IOMMU_IOAS_ALLOC", "close other" },
		{ "IOMMU_VFIO_IOAS", -ENOTTY, "/dev/iommu: IOMMU_VFIO_IOAS", "--iommu type1" },
		{ "open /dev/vfio/devices/vfio0", -ENOENT, "0000:01:00.0: /dev/vfio/devices/vfio0",
		  "udevadm trigger" },
		{ "open /dev/vfio/devices/vfio0", -EACCES,
		  "0000:01:00.0: /dev/vfio/devices/vfio0: Permission denied", "chown" },
		{ "open /dev/vfio/devices/vfio0", -EPERM,
		  "0000:01:00.0: /dev/vfio/devices/vfio0: Operation not permitted",
		  "allow /dev/vfio/devices/vfio0 (docker run" },
		{ "VFIO_DEVICE_BIND_IOMMUFD", -EBUSY,
		  "0000:01:00.0: in use by another process, which has its IOMMU group open",
		  "fuser" },
		{ "VFIO_DEVICE_BIND_IOMMUFD", -EINVAL,
		  "0000:01:00.0: cannot be bound to an iommufd: another process has bound it",
		  "fuser -v /dev/vfio/devices/vfio0" },
		{ "VFIO_DEVICE_BIND_IOMMUFD", -EPERM, "0000:01:00.0: cannot be bound",
		  "modprobe iommufd allow_unsafe_interrupts=1" },
		{ "VFIO_DEVICE_BIND_IOMMUFD", -EIO,
		  "0000:01:00.0: VFIO_DEVICE_BIND_IOMMUFD: Input/output error", "dmesg" },
		{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT", -EINVAL,
		  "0000:01:00.0: cannot be put into an address space: Invalid argument",
		  "--iommu type1" },
	};

	assert_failures(state, IOMMU_IOMMUFD, failures, ARRAY_SIZE(failures));
}

static void test_each_failure_of_type1_names_its_remedy(void **state)
{
	static const struct failure failures[] = {
		{ "open /dev/vfio/vfio", -ENOENT, "/dev/vfio/vfio does not exist", "modprobe" },
		{ "open /dev/vfio/vfio", -EACCES, "/dev/vfio/vfio: Permission", "chgrp" },
		{ "VFIO_GET_API_VERSION", 1, "/dev/vfio/vfio: API version 1", "posthorn speaks 0" },
		{ "VFIO_CHECK_EXTENSION", -EINVAL, "VFIO has no driver", "vfio_iommu_type1" },
		{ "readlink", -ENOENT, "0000:01:00.0: no IOMMU group", "IOMMU" },
		{ "open /dev/vfio/12", -EBUSY, "0000:01:00.0: IOMMU group 12 (/dev/vfio/12) is in",
		  "fuser -v /dev/vfio/12 /dev/vfio/devices/*" },
		{ "open /dev/vfio/12", -EACCES, "0000:01:00.0: /dev/vfio/12: Permission", "chown" },
		{ "open /dev/vfio/12", -EPERM, "/dev/vfio/12: Operation not permitted",
		  "allow /dev/vfio/12 (docker run" },
		{ "VFIO_GROUP_GET_STATUS", -EIO, "IOMMU group 12 is not viable",
		  "posthorn devices" },
		{ "VFIO_GROUP_SET_CONTAINER", -EINVAL, "gives IOMMU group 12 to no guest",
		  "posthorn check 0000:01:00.0" },
		{ "VFIO_SET_IOMMU", -EPERM, "no interrupt remapping", "allow_unsafe_interrupts=1" },
		{ "VFIO_SET_IOMMU", -ENODEV, "VFIO_SET_IOMMU for group 12", "dmesg" },
		{ "VFIO_GROUP_GET_DEVICE_FD", -EIO, "VFIO does not give the device out", "dmesg" },
	};

	assert_failures(state, IOMMU_TYPE1, failures, ARRAY_SIZE(failures));
}

static void test_a_device_that_cannot_join_the_others_is_named(void **state)
{
	(void)state;
	begin(IOMMU_IOMMUFD);
	fake_iommu_fail("VFIO_DEVICE_ATTACH_IOMMUFD_PT", 0, -EINVAL);
	assert_int_equal(device_open(1), -ENODEV);
	assert_says(why, "0000:02:00.0: cannot share an address space with the devices before it");
	assert_says(why, "assign it to a VM of its own");
}

static void test_devices_without_device_files_have_no_iommufd(void **state)
{
	(void)state;
	fake_iommu_device_files_set(false);
	iommu_init(&iommu, IOMMU_IOMMUFD, 0);
	assert_int_equal(device_open(0), -ENODEV);
	assert_says(why, "0000:01:00.0: this kernel has no device file for it");
	assert_says(why, "CONFIG_VFIO_DEVICE_CDEV");
}

/* ---- tokens ---- */

static const enum iommu_choice back_ends[] = { IOMMU_IOMMUFD, IOMMU_TYPE1 };

#define TOKEN "83f6c0a2-5D4B-4c1e-9a77-0f3e8b21d6c4"

static void test_a_token_goes_with_the_name_or_with_the_bind(void **state)
{
	(void)state;
	vf_token = TOKEN;
	begin(IOMMU_TYPE1);
	assert_string_equal(fake_iommu_token(), " vf_token=" TOKEN);
	teardown(state);
	setup(state);
	vf_token = TOKEN;
	begin(IOMMU_IOMMUFD);
	assert_string_equal(fake_iommu_token(), "83f6c0a25d4b4c1e9a770f3e8b21d6c4");
}

static void test_a_token_that_is_missing_wrong_or_not_wanted(void **state)
{
	static const char *const calls[] = { [IOMMU_IOMMUFD] = "VFIO_DEVICE_BIND_IOMMUFD",
					     [IOMMU_TYPE1] = "VFIO_GROUP_GET_DEVICE_FD" };
	static const struct {
		const char *token, *message;
		int error;
	} refusals[] = {
		{ NULL, "give both the same token, --device 0000:01:00.0,vf-token=UUID", -EACCES },
		{ TOKEN, "0000:01:00.0: vf-token is not the token of its physical", -EACCES },
		{ TOKEN, "0000:01:00.0: the kernel takes no vf-token for it", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals) * ARRAY_SIZE(back_ends); i++) {
		enum iommu_choice choice = back_ends[i % ARRAY_SIZE(back_ends)];
		size_t which = i / ARRAY_SIZE(back_ends);

		setup(state);
		iommu_init(&iommu, choice, 0);
		vf_token = refusals[which].token;
		fake_iommu_fail(calls[choice], 0, refusals[which].error);
		assert_int_equal(device_open(0), -ENODEV);
		assert_says(why, refusals[which].message);
		teardown(state);
	}
}

static void test_what_is_no_uuid_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c",
		"83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c45",
		"83f6c0a2+5d4b-4c1e-9a77-0f3e8b21d6c4",
		"83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6cg",
		"-3f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4",
	};
	uint8_t token[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(vf_token_parse(texts[i], token), -EINVAL);
	assert_int_equal(vf_token_parse(TOKEN, token), 0);
	assert_int_equal(token[0], 0x83);
	assert_int_equal(token[15], 0xc4);
}

/* ---- mapping ---- */

static void test_ram_is_mapped_once_where_the_guest_has_it(void **state)
{
	static char memory[0x3000];
	struct vm_ram low = { .gpa = 0, .size = 0x2000, .hva = memory };
	struct vm_ram high = { .gpa = 0x100000000, .size = 0x1000, .hva = memory + 0x2000 };

	for (size_t i = 0; i < ARRAY_SIZE(back_ends); i++) {
		setup(state);
		begin(back_ends[i]);
		assert_int_equal(iommu_ram_map(&iommu, &low), 0);
		assert_int_equal(iommu_ram_map(&iommu, &high), 0);
		assert_int_equal(iommu_ram_map(&iommu, &low), -EEXIST);
		teardown(state);
	}
}

static void test_ram_above_the_limit_of_locked_memory(void **state)
{
	static const struct {
		const char *call, *remedy;
	} of[] = { [IOMMU_IOMMUFD] = { "IOMMU_IOAS_MAP", "all that this user has pinned" },
		   [IOMMU_TYPE1] = { "VFIO_IOMMU_MAP_DMA", "ulimit -l" } };
	static char memory[0x1000];
	struct vm_ram ram = { .size = 0x1000, .hva = memory };

	for (size_t i = 0; i < ARRAY_SIZE(back_ends); i++) {
		setup(state);
		begin(back_ends[i]);
		fake_iommu_fail(of[back_ends[i]].call, 0, -ENOMEM);
		assert_int_equal(iommu_ram_map(&iommu, &ram), -ENOMEM);
		assert_says(iommu_lock_remedy(&iommu), of[back_ends[i]].remedy);
		teardown(state);
	}
}

static void test_type1_maps_bars(void **state)
{
	static char memory[0x1000];

	(void)state;
	begin(IOMMU_TYPE1);
	assert_true(iommu_maps_bars(&iommu));
	assert_int_equal(iommu_map(&iommu, 0xc0000000, 0x1000, memory), 0);
	iommu_unmap(&iommu, 0xc0000000, 0x1000);
	assert_int_equal(iommu_map(&iommu, 0xc0000000, 0x1000, memory), 0);
	iommu_unmap(&iommu, 0xc0000000, 0x1000);
}

static void test_iommufd_is_not_even_asked_to_map_a_bar(void **state)
{
	static char memory[0x1000];

	(void)state;
	begin(IOMMU_IOMMUFD);
	fake_iommu_log();
	assert_false(iommu_maps_bars(&iommu));
	assert_int_equal(iommu_map(&iommu, 0xc0000000, 0x1000, memory), -EOPNOTSUPP);
	assert_log("");
}

/* ---- what it is like ---- */

static void test_both_tell_ranges_page_sizes_and_coherency(void **state)
{
	static const struct fake_iova ranges[] = { { 0, 0xfedfffff },
						   { 0xfef00000, 0x7fffffffff } };
	struct iommu_range found[IOMMU_RANGES_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(back_ends); i++) {
		setup(state);
		fake_iommu_info_set(0x40201000, ranges, ARRAY_SIZE(ranges));
		begin(back_ends[i]);
		assert_int_equal(iommu_ranges(&iommu, found), 2);
		assert_int_equal(found[0].base, 0);
		assert_int_equal(found[0].size, 0xfee00000);
		assert_int_equal(found[1].base, 0xfef00000);
		assert_int_equal(found[1].size, 0x7f01100000);
		assert_int_equal(iommu_page_sizes(&iommu), 0x40201000);
		assert_true(iommu_coherent(&iommu));
		fake_iommu_fail("VFIO_CHECK_EXTENSION", 0, -ENOTTY);
		assert_false(iommu_coherent(&iommu));
		fake_iommu_fail("VFIO_IOMMU_GET_INFO", 0, -ENOTTY);
		assert_int_equal(iommu_ranges(&iommu, found), 0);
		teardown(state);
	}
}

/* As iommufd says it of a mediated device: all that 64 bits can name. */
static void test_a_range_of_everything(void **state)
{
	static const struct fake_iova all[] = { { 0, UINT64_MAX } };
	struct iommu_range found[IOMMU_RANGES_MAX];

	(void)state;
	fake_iommu_info_set(0x1000, all, ARRAY_SIZE(all));
	begin(IOMMU_IOMMUFD);
	assert_int_equal(iommu_ranges(&iommu, found), 1);
	assert_int_equal(found[0].base, 0);
	assert_true(found[0].size == UINT64_MAX);
}

static void test_ranges_that_are_too_many_are_cut(void **state)
{
	struct fake_iova ranges[IOMMU_RANGES_MAX + 8];
	struct iommu_range found[IOMMU_RANGES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct fake_iova){ i << 20, (i << 20) + 0xfff };
	fake_iommu_info_set(0x1000, ranges, ARRAY_SIZE(ranges));
	begin(IOMMU_IOMMUFD);
	assert_int_equal(iommu_ranges(&iommu, found), IOMMU_RANGES_MAX);
	assert_int_equal(found[IOMMU_RANGES_MAX - 1].base, (IOMMU_RANGES_MAX - 1) << 20);
}

static void test_kvm_is_told_of_devices_or_of_groups(void **state)
{
	(void)state;
	begin(IOMMU_IOMMUFD);
	device_open(1);
	device_open(2);
	fake_iommu_log();
	iommu_kvm_attach(&iommu, NULL);
	assert_log("KVM_DEV_VFIO_FILE_ADD device 0\nKVM_DEV_VFIO_FILE_ADD device 1\n"
		   "KVM_DEV_VFIO_FILE_ADD device 2\n");
	teardown(state);
	setup(state);
	begin(IOMMU_TYPE1);
	device_open(1);
	device_open(2);
	fake_iommu_log();
	iommu_kvm_attach(&iommu, NULL);
	assert_log("KVM_DEV_VFIO_FILE_ADD group 12\nKVM_DEV_VFIO_FILE_ADD group 13\n");
}

static void test_what_kvm_refuses_is_a_warning_that_names_it(void **state)
{
	struct capture capture;
	char text[512];

	(void)state;
	begin(IOMMU_IOMMUFD);
	fake_iommu_fail("KVM_DEV_VFIO_FILE_ADD device 0", 0, -ENOMEM);
	capture = capture_start();
	iommu_kvm_attach(&iommu, NULL);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_says(text, "0000:01:00.0: KVM's VFIO device refuses it: Cannot allocate memory");
}

#define IOMMU_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IOMMU_TEST(test_iommufd_has_one_address_space_and_a_file_for_each_device),
		IOMMU_TEST(test_type1_has_one_container_and_a_file_for_each_group),
		IOMMU_TEST(test_auto_takes_iommufd),
		IOMMU_TEST(test_auto_takes_type1_where_iommufd_does_not_do),
		IOMMU_TEST(test_auto_takes_type1_where_there_are_no_device_files),
		IOMMU_TEST(test_auto_does_not_mix),
		IOMMU_TEST(test_given_descriptors_are_used),
		IOMMU_TEST(test_with_a_given_descriptor_auto_does_not_fall_back),
		IOMMU_TEST(test_a_descriptor_without_sysfs_has_its_number_as_a_name),
		IOMMU_TEST(test_each_failure_of_iommufd_names_its_remedy),
		IOMMU_TEST(test_each_failure_of_type1_names_its_remedy),
		IOMMU_TEST(test_a_device_that_cannot_join_the_others_is_named),
		IOMMU_TEST(test_devices_without_device_files_have_no_iommufd),
		IOMMU_TEST(test_a_token_goes_with_the_name_or_with_the_bind),
		IOMMU_TEST(test_a_token_that_is_missing_wrong_or_not_wanted),
		cmocka_unit_test(test_what_is_no_uuid_is_refused),
		IOMMU_TEST(test_ram_is_mapped_once_where_the_guest_has_it),
		IOMMU_TEST(test_ram_above_the_limit_of_locked_memory),
		IOMMU_TEST(test_type1_maps_bars),
		IOMMU_TEST(test_iommufd_is_not_even_asked_to_map_a_bar),
		IOMMU_TEST(test_both_tell_ranges_page_sizes_and_coherency),
		IOMMU_TEST(test_a_range_of_everything),
		IOMMU_TEST(test_ranges_that_are_too_many_are_cut),
		IOMMU_TEST(test_kvm_is_told_of_devices_or_of_groups),
		IOMMU_TEST(test_what_kvm_refuses_is_a_warning_that_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
