/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/host/bind: bind and unbind. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
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
#include "lib/log.h"
#include "lib/util.h"
#include "tests/unit/host_tree.h"
#include "vmm/host/bind.h"

/* By any driver of VFIO's. */
static int bind_any(const char *root, const char *bdf)
{
	return host_pci_bind(root, bdf, NULL);
}

/* Call bind or unbind and keep what it says. */
static int called(int (*command)(const char *root, const char *bdf), const char *bdf,
		  char message[1024])
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO), code;
	ssize_t length;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	code = command(tree.root, bdf);
	dup2(saved, STDERR_FILENO);
	close(saved);
	length = pread(fileno(file), message, 1023, 0);
	message[length < 0 ? 0 : length] = '\0';
	fclose(file);
	return code;
}

/* What a file of one line says. */
static void assert_text(const char *name, const char *text)
{
	char path[PATH_MAX], found[64];

	tree_path(path, name);
	assert_true(file_read_text(path, found, sizeof(found)) >= 0);
	assert_string_equal(found, text);
}

/* ---- bind ---- */

#define REMEMBERED "/run/posthorn/" NIC

#define OVERRIDE "/sys/bus/pci/devices/" NIC "/driver_override"

static void test_bind_writes_what_the_kernel_wants_in_order(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_string_equal(message, "");
	assert_string_equal(tree.trace, "/sys/bus/pci/devices/" NIC "/driver_override=vfio-pci;"
					"/sys/bus/pci/devices/" NIC "/driver/unbind=" NIC ";"
					"/sys/bus/pci/drivers_probe=" NIC ";");
	assert_string_equal(tree_driver(NIC), "vfio-pci");
	assert_text(REMEMBERED, "igb");
}

static void test_bind_and_unbind_are_a_round_trip(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree.native = "another_driver";
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(message, "");
	assert_string_equal(tree_driver(NIC), "igb");
	assert_text(OVERRIDE, "");
	assert_false(tree_has(REMEMBERED));
}

static void test_bind_takes_a_function_without_a_driver(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, NULL);
	tree_text_put(REMEMBERED, "stale");
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "vfio-pci");
	assert_null(strstr(tree.trace, "unbind"));
	assert_text(REMEMBERED, "");
}

static void test_bind_twice_does_nothing_more(void **state)
{
	char message[1024];
	char trace[sizeof(tree.trace)];

	(void)state;
	tree_host_put();
	assert_int_equal(called(bind_any, NIC, message), 0);
	strcpy(trace, tree.trace);
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_string_equal(tree.trace, trace);
	assert_text(REMEMBERED, "igb");
}

static void test_bind_of_nothing_is_a_usage_error(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	assert_int_equal(called(bind_any, "0000:09:00.0", message), EXIT_USAGE);
	assert_says(message, "no PCI function 0000:09:00.0");
	assert_says(message, "posthorn devices");
	assert_int_equal(called(host_pci_unbind, "0000:09:00.0", message), EXIT_USAGE);
}

/* It is there, whatever keeps it from being read: here that its vendor is a directory. */
static void test_a_function_that_cannot_be_read_is_not_called_missing(void **state)
{
	char message[1024], path[PATH_MAX];

	(void)state;
	tree_host_put();
	tree_path(path, NIC_PATH "/vendor");
	assert_int_equal(remove(path), 0);
	tree_directory_put(NIC_PATH "/vendor");
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_says(message, NIC ": sysfs cannot be read: Is a directory");
	assert_says(message, "ls -lL /sys/bus/pci/devices/" NIC "/");
	assert_int_equal(called(host_pci_unbind, NIC, message), EXIT_HOST);
}

static void test_bind_refuses_without_touching_anything(void **state)
{
	static const struct tree_function unguarded = { .bdf = "0000:05:00.0", .driver = "igb" };
	static const struct {
		const char *bdf;
		int code;
		const char *says;
	} refused[] = {
		{ NIC_PORT, EXIT_USAGE, "bridge" },
		{ "0000:05:00.0", EXIT_HOST, IOMMU_REMEDY },
		{ NVME, EXIT_HOST, "in use by this host: it holds the file system" },
	};
	char message[1024], driver[32];
	unsigned int i;

	(void)state;
	tree_host_put();
	tree_function_put(&unguarded);
	tree_directory_put(NVME_PATH "/nvme/nvme0/nvme0n1");
	tree_link_put("/sys/dev/block/259:0", NVME_PATH "/nvme/nvme0/nvme0n1");
	tree_text_put("/proc/self/mountinfo", "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		snprintf(driver, sizeof(driver), "%s", tree_driver(refused[i].bdf));
		assert_int_equal(called(bind_any, refused[i].bdf, message), refused[i].code);
		assert_says(message, refused[i].bdf);
		assert_says(message, refused[i].says);
		assert_string_equal(tree_driver(refused[i].bdf), driver);
	}
	assert_string_equal(tree.trace, "");
	assert_false(tree_has("/run/posthorn"));
}

/* Bind refuses it, says so, and leaves it alone. */
static void assert_refused(const char *bdf, const char *why, const char *remedy)
{
	char message[1024], driver[32];

	snprintf(driver, sizeof(driver), "%s", tree_driver(bdf));
	assert_int_equal(called(bind_any, bdf, message), EXIT_HOST);
	assert_says(message, "in use by this host: ");
	assert_says(message, why);
	assert_says(message, remedy);
	assert_string_equal(tree_driver(bdf), driver);
	assert_string_equal(tree.trace, "");
}

/* By ZFS, say, or in another mount namespace: no file tells of it, but it cannot be opened. */
static void test_bind_refuses_a_disk_that_is_claimed(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_directory_put(NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p1");
	tree_link_put("/sys/class/block/nvme0n1", NVME_PATH "/nvme/nvme0/nvme0n1");
	tree_link_put("/sys/class/block/nvme0n1p1", NVME_PATH "/nvme/nvme0/nvme0n1/nvme0n1p1");
	tree_directory_put("/sys/devices/virtual/block/loop0");
	tree_link_put("/sys/class/block/loop0", "/sys/devices/virtual/block/loop0");
	tree_text_put("/dev/nvme0n1", "");
	tree.claimed = "/dev/nvme0n1";
	assert_refused(NVME, "its disk /dev/nvme0n1 is claimed", "lsblk --fs /dev/nvme0n1 ");
	tree.claimed = "/dev/nvme0n1p1";
	assert_refused(NVME, "its disk /dev/nvme0n1p1 is claimed", "lsblk --fs /dev/nvme0n1p1 ");
	assert_int_equal(called(bind_any, NIC, message), 0);
	/* Another's claim, a disk that may be opened, and a partition without a node. */
	tree.claimed = "/dev/loop0";
	assert_int_equal(called(bind_any, NVME, message), 0);
}

/* What is built on the disk is claimed, but not what lies below it: so it is with NVMe multipath.
 */
static void test_bind_refuses_the_disk_of_a_virtual_one_that_is_claimed(void **state)
{
	(void)state;
	tree_host_put();
	tree_directory_put(NVME_PATH "/nvme/nvme0/nvme0c0n1");
	tree_link_put("/sys/class/block/nvme0c0n1", NVME_PATH "/nvme/nvme0/nvme0c0n1");
	tree_directory_put("/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree_link_put("/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
		      NVME_PATH "/nvme/nvme0");
	tree_link_put("/sys/class/block/nvme0n1",
		      "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree.claimed = "/dev/nvme0n1";
	assert_refused(NVME, "its disk /dev/nvme0n1 is claimed", "lsblk --fs /dev/nvme0n1 ");
}

static void test_bind_refuses_a_function_with_virtual_functions(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_text_put(NIC_PATH "/sriov_numvfs", "10\n");
	assert_refused(NIC, "virtual functions of it exist (10), which VMs may have",
		       "echo 0 >/sys/bus/pci/devices/" NIC "/sriov_numvfs");
	tree_text_put(NIC_PATH "/sriov_numvfs", "0\n");
	assert_int_equal(called(bind_any, NIC, message), 0);
}

static void test_a_step_that_fails_is_rolled_back(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *says;
	} steps[] = {
		{ "/driver_override", -EACCES, "run as root" },
		{ "/driver_override", -EROFS, "driver_override: Read-only file system" },
		{ "/driver/unbind", -EPERM, "run as root" },
		{ "/driver/unbind", -EIO, "driver/unbind: Input/output error" },
		{ "/drivers_probe", -EINVAL, IOMMU_REMEDY },
		{ "/drivers_probe", -EBUSY, "does not take " NIC " (Device or resource busy)" },
		{ "/drivers_probe", 0, "does not take " NIC " (its probe failed)" },
	};
	char message[1024];
	unsigned int i;

	(void)state;
	tree_host_put();
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		tree.fail_path = steps[i].path;
		tree.fail_error = steps[i].error;
		assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
		assert_says(message, steps[i].says);
		assert_string_equal(tree_driver(NIC), "igb");
		assert_text(OVERRIDE, "");
		assert_false(tree_has(REMEMBERED));
	}
}

static void test_roll_back_leaves_a_function_without_a_driver_so(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, NULL);
	tree.native = "igb";
	tree.fail_path = "/drivers_probe";
	tree.fail_error = -EINVAL;
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_string_equal(tree_driver(NIC), "");
	assert_text(OVERRIDE, "");
	/* No second probe, which would find the native driver. */
	assert_string_equal(strstr(tree.trace, "drivers_probe"),
			    "drivers_probe=" NIC ";" OVERRIDE "=\n;");
}

static void test_roll_back_says_when_the_driver_does_not_come_back(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree.fail_path = "/drivers_probe";
	tree.fail_error = -EINVAL;
	tree.removed = "igb";
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_says(message, "igb does not take " NIC " back");
	assert_says(message, "echo " NIC " >");
}

static void test_bind_that_cannot_remember_changes_nothing(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_text_put("/run/posthorn", "not a directory");
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_says(message, "/run/posthorn");
	assert_string_equal(tree.trace, "");
}

static void vfio_pci_remove(void)
{
	char path[PATH_MAX];

	tree_path(path, "/sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(rmdir(path), 0);
}

/* A modprobe that runs @script, as the only program there is. Returns the former PATH. */
static char *modprobe_put(const char *script)
{
	char path[PATH_MAX], *former = strdup(getenv("PATH"));

	if (script) {
		tree_text_put("/bin/modprobe", script);
		tree_path(path, "/bin/modprobe");
		assert_int_equal(chmod(path, 0755), 0);
	}
	tree_path(path, "/bin");
	setenv("PATH", path, 1);
	return former;
}

static int bind_with_modprobe(const char *script, char message[1024])
{
	char *former = modprobe_put(script);
	int code = called(bind_any, NIC, message);

	setenv("PATH", former, 1);
	free(former);
	return code;
}

static void test_bind_loads_the_module(void **state)
{
	char message[1024], script[2 * PATH_MAX];

	(void)state;
	tree_host_put();
	vfio_pci_remove();
	snprintf(script, sizeof(script),
		 "#!/bin/sh\n[ \"$*\" = vfio-pci ] && /bin/mkdir %s/sys/bus/pci/drivers/vfio-pci\n",
		 tree.root);
	assert_int_equal(bind_with_modprobe(script, message), 0);
	assert_string_equal(tree_driver(NIC), "vfio-pci");
}

static void test_bind_without_the_module_changes_nothing(void **state)
{
	static const char *const scripts[] = { NULL, "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n" };
	char message[1024];
	unsigned int i;

	(void)state;
	tree_host_put();
	vfio_pci_remove();
	for (i = 0; i < ARRAY_SIZE(scripts); i++) {
		assert_int_equal(bind_with_modprobe(scripts[i], message), EXIT_HOST);
		assert_says(message, "modprobe vfio-pci");
		assert_string_equal(tree.trace, "");
		assert_false(tree_has(REMEMBERED));
	}
}

/* What comes into use while the module is loaded is found. */
static void test_bind_looks_who_uses_it_when_the_module_is_there(void **state)
{
	char message[1024], script[4 * PATH_MAX];

	(void)state;
	tree_host_put();
	vfio_pci_remove();
	tree_directory_put(NIC_PATH "/net/eth0");
	tree_link_put("/sys/class/net/eth0", NIC_PATH "/net/eth0");
	tree_text_put("/proc/net/route", "");
	snprintf(script, sizeof(script),
		 "#!/bin/sh\n/bin/mkdir %s/sys/bus/pci/drivers/vfio-pci\n"
		 "echo 'eth0 00000000 0102A8C0 0003 0 0 0 00000000 0 0 0' >%s/proc/net/route\n",
		 tree.root, tree.root);
	assert_int_equal(bind_with_modprobe(script, message), EXIT_HOST);
	assert_says(message, "in use by this host: the default route");
	assert_string_equal(tree.trace, "");
}

/* ---- bind --driver ---- */

#define VARIANT "net-vfio-pci"

static const char *wanted;

static int bind_by(const char *root, const char *bdf)
{
	return host_pci_bind(root, bdf, wanted);
}

static void test_bind_by_a_driver_that_knows_the_device(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_directory_put("/sys/bus/pci/drivers/" VARIANT);
	/* As the module is called. */
	wanted = "net_vfio_pci";
	assert_int_equal(called(bind_by, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), VARIANT);
	assert_text(REMEMBERED, "igb");
	/* Any other of VFIO's would do as well, so nothing is left to do. */
	tree.trace[0] = '\0';
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_int_equal(called(bind_by, NIC, message), 0);
	assert_string_equal(tree.trace, "");
	tree.native = "igb";
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
	assert_false(tree_has(REMEMBERED));
}

static void test_bind_from_one_driver_of_vfio_to_another(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_directory_put("/sys/bus/pci/drivers/" VARIANT);
	assert_int_equal(called(bind_any, NIC, message), 0);
	wanted = VARIANT;
	/* What fails goes back to where it was, which is VFIO. */
	tree.fail_path = "drivers_probe";
	tree.fail_error = -ENODEV;
	assert_int_equal(called(bind_by, NIC, message), EXIT_HOST);
	assert_string_equal(tree_driver(NIC), "vfio-pci");
	assert_text(REMEMBERED, "igb");
	tree.fail_path = NULL;
	assert_int_equal(called(bind_by, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), VARIANT);
	/* The host's driver is what is remembered. */
	assert_text(REMEMBERED, "igb");
	tree.native = "igb";
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
}

static void test_a_driver_that_is_not_vfios_is_refused(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_directory_put("/sys/bus/pci/drivers/uio_pci_generic");
	wanted = "uio_pci_generic";
	assert_int_equal(called(bind_by, NIC, message), EXIT_HOST);
	assert_says(message, "uio_pci_generic does not give " NIC " to VFIO");
	assert_string_equal(tree_driver(NIC), "igb");
	assert_false(tree_has(REMEMBERED));
	wanted = "no_such_driver";
	assert_int_equal(called(bind_by, NIC, message), EXIT_HOST);
	assert_says(message, "`modprobe no_such_driver` does not load it");
}

static void test_bind_without_a_run_directory_remembers_nothing(void **state)
{
	char path[PATH_MAX], message[1024];

	(void)state;
	tree_host_put();
	tree_path(path, "/run/posthorn");
	rmdir(path);
	tree_path(path, "/run");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_says(message, "there is no /run");
	assert_string_equal(tree_driver(NIC), "vfio-pci");
	tree.native = "igb";
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
}

/* See test_a_function_that_no_driver_took_may_get_a_group_yet(). */
static void test_bind_takes_what_no_driver_took_before(void **state)
{
	const struct tree_function function = {
		.bdf = "0000:00:05.0", .vendor = 0x1234, .device = 0x11e8, .class_code = 0xff0000
	};

	(void)state;
	tree_function_put(&function);
	assert_int_equal(host_pci_bind(tree.root, function.bdf, NULL), EXIT_HOST);
	assert_string_equal(tree_driver(function.bdf), "");
	tree_directory_put("/sys/class/iommu/smmu3.0x9050000");
	assert_int_equal(host_pci_bind(tree.root, function.bdf, NULL), EXIT_OK);
	assert_string_equal(tree_driver(function.bdf), "vfio-pci");
}

/* ---- unbind ---- */

static void test_unbind_leaves_other_drivers_alone(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
	assert_string_equal(tree.trace, "");
}

static void test_unbind_without_memory_lets_the_kernel_choose(void **state)
{
	static const char *const memories[] = { NULL, "", "../../devices/" NIC };
	char message[1024];
	unsigned int i;

	(void)state;
	tree_host_put();
	tree.native = "igb";
	for (i = 0; i < ARRAY_SIZE(memories); i++) {
		if (memories[i])
			tree_text_put(REMEMBERED, memories[i]);
		tree_driver_put(NIC, "vfio-pci");
		assert_int_equal(called(host_pci_unbind, NIC, message), 0);
		assert_string_equal(tree_driver(NIC), "igb");
		assert_false(tree_has(REMEMBERED));
	}
	assert_null(strstr(tree.trace, ".."));
	/* No driver wants it: that is no failure. */
	tree.native = NULL;
	tree_driver_put(NIC, "vfio-pci");
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "");
}

static void test_unbind_says_when_the_driver_is_gone(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	assert_int_equal(called(bind_any, NIC, message), 0);
	tree.removed = "igb";
	assert_int_equal(called(host_pci_unbind, NIC, message), EXIT_HOST);
	assert_says(message, "modprobe igb");
	assert_text(OVERRIDE, "");
}

static void test_unbind_refuses_while_the_group_is_open(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree.fail_path = "/dev/vfio/12";
	tree.fail_error = -EBUSY;
	assert_int_equal(called(host_pci_unbind, NIC, message), EXIT_HOST);
	assert_says(message, "in use by a guest");
	assert_string_equal(tree_driver(NIC), "vfio-pci");
}

static void test_unbind_says_when_vfio_pci_takes_it_again(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "vfio-pci");
	tree.native = "vfio-pci";
	assert_int_equal(called(host_pci_unbind, NIC, message), EXIT_HOST);
	assert_says(message, "echo 8086 1521 >/sys/bus/pci/drivers/vfio-pci/remove_id");
}

static void test_unbind_that_fails_keeps_the_memory(void **state)
{
	static const char *const paths[] = { "/driver/unbind", "/driver_override" };
	char message[1024];
	unsigned int i;

	(void)state;
	tree_host_put();
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		tree.fail_path = NULL;
		tree_driver_put(NIC, "igb");
		assert_int_equal(called(bind_any, NIC, message), 0);
		tree.fail_path = paths[i];
		tree.fail_error = -EACCES;
		assert_int_equal(called(host_pci_unbind, NIC, message), EXIT_HOST);
		assert_says(message, "run as root");
		assert_text(REMEMBERED, "igb");
		/* And goes on with it when it can. */
		tree.fail_path = NULL;
		assert_int_equal(called(host_pci_unbind, NIC, message), 0);
		assert_string_equal(tree_driver(NIC), "igb");
		assert_false(tree_has(REMEMBERED));
	}
}

/* As when it is killed while the driver lets the function go. */
static void half_bind(void)
{
	char message[1024];

	tree_host_put();
	assert_int_equal(called(bind_any, NIC, message), 0);
	tree_driver_put(NIC, NULL);
}

static void test_bind_that_ended_in_the_middle_is_undone_by_unbind(void **state)
{
	char message[1024];

	(void)state;
	half_bind();
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
	assert_text(OVERRIDE, "");
	assert_false(tree_has(REMEMBERED));
}

static void test_bind_that_ended_in_the_middle_goes_on_with_another(void **state)
{
	char message[1024];

	(void)state;
	half_bind();
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "vfio-pci");
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
}

/* An administrator keeps the function from its usual driver. */
static void test_an_override_that_was_there_comes_back(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, "pci-stub");
	tree_text_put(OVERRIDE, "pci-stub");
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_text(OVERRIDE, "vfio-pci");
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(message, "");
	assert_text(OVERRIDE, "pci-stub");
	assert_string_equal(tree_driver(NIC), "pci-stub");
	/* After a bind that fails, too. */
	tree.fail_path = "/drivers_probe";
	tree.fail_error = -ENODEV;
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_text(OVERRIDE, "pci-stub");
	assert_string_equal(tree_driver(NIC), "pci-stub");
}

/* Written, say, and not come into effect yet: it must not keep the driver away. */
static void test_an_override_for_another_driver_comes_back_too(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_text_put(OVERRIDE, "pci-stub");
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(message, "");
	assert_text(OVERRIDE, "pci-stub");
	assert_string_equal(tree_driver(NIC), "igb");
	tree.fail_path = "/drivers_probe";
	tree.fail_error = -ENODEV;
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_text(OVERRIDE, "pci-stub");
	assert_string_equal(tree_driver(NIC), "igb");
}

static void test_an_override_without_a_driver_comes_back(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_driver_put(NIC, NULL);
	tree_text_put(OVERRIDE, "none");
	tree.fail_path = "/drivers_probe";
	tree.fail_error = -ENODEV;
	assert_int_equal(called(bind_any, NIC, message), EXIT_HOST);
	assert_text(OVERRIDE, "none");
	assert_string_equal(tree_driver(NIC), "");
	tree.fail_path = NULL;
	assert_int_equal(called(bind_any, NIC, message), 0);
	tree.fail_path = "/drivers_probe";
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_text(OVERRIDE, "none");
	assert_string_equal(tree_driver(NIC), "");
}

/* As when it is killed between the override and the driver, on the way there and back. */
static void test_bind_that_ended_with_the_driver_bound_is_undone(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_text_put(OVERRIDE, "pci-stub");
	assert_int_equal(called(bind_any, NIC, message), 0);
	for (unsigned int i = 0; i < 2; i++) {
		tree_driver_put(NIC, "igb");
		assert_text(OVERRIDE, "vfio-pci");
		if (i == 0)
			assert_int_equal(called(bind_any, NIC, message), 0);
	}
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_text(OVERRIDE, "pci-stub");
	assert_string_equal(tree_driver(NIC), "igb");
	assert_false(tree_has(REMEMBERED));
}

static void test_unbind_that_ended_with_the_override_back_is_finished(void **state)
{
	char message[1024];

	(void)state;
	half_bind();
	tree_text_put(OVERRIDE, "");
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
	assert_false(tree_has(REMEMBERED));
}

static void test_an_override_for_vfio_pci_itself_does_not(void **state)
{
	char message[1024];

	(void)state;
	tree_host_put();
	tree_text_put(OVERRIDE, "vfio-pci");
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(tree_driver(NIC), "igb");
	assert_text(OVERRIDE, "");
}

static bool signals_wait_at(int (*command)(const char *root, const char *bdf))
{
	char message[1024];
	sigset_t blocked;

	tree.blocked = true;
	assert_int_equal(called(command, NIC, message), 0);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	assert_false(sigismember(&blocked, SIGINT));
	return tree.blocked;
}

static void test_signals_wait_for_the_end_of_all_steps(void **state)
{
	(void)state;
	tree_host_put();
	assert_true(signals_wait_at(bind_any));
	assert_true(signals_wait_at(host_pci_unbind));
	half_bind();
	assert_true(signals_wait_at(host_pci_unbind));
}

/* ---- owners ---- */

/* Of files in the tree, and what became of them: "NAME=USER:GROUP;" each. */
static char given[512];

int __wrap_chown(const char *path, uid_t user, gid_t group);

int __wrap_chown(const char *path, uid_t user, gid_t group)
{
	size_t length = strlen(given);

	snprintf(given + length, sizeof(given) - length, "%s=%u:%u;", path + strlen(tree.root),
		 user, group);
	return 0;
}

static void users_put(void)
{
	tree_text_put("/etc/passwd", "root:x:0:0::/:/bin/sh\nvm:x:1000:2000::/:/bin/sh\n");
	tree_text_put("/etc/group", "root:x:0:\nkvm:x:104:\n");
}

static void test_an_owner_by_name_or_by_number(void **state)
{
	static const struct {
		const char *name;
		struct host_owner owner;
	} names[] = {
		{ "vm", { 1000, 2000 } },  { "vm:kvm", { 1000, 104 } }, { "1000", { 1000, 2000 } },
		{ "1000:7", { 1000, 7 } }, { "4242", { 4242, 4242 } },	{ "root", { 0, 0 } },
	};
	struct host_owner owner;

	(void)state;
	users_put();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(host_owner_find(tree.root, names[i].name, &owner), 0);
		assert_int_equal(owner.user, names[i].owner.user);
		assert_int_equal(owner.group, names[i].owner.group);
	}
}

static int owner_look(const char *root, const char *name)
{
	struct host_owner owner;

	return host_owner_find(root, name, &owner);
}

static void test_an_owner_that_is_nobody_is_refused(void **state)
{
	char message[1024];

	(void)state;
	users_put();
	assert_int_equal(called(owner_look, "nobody-such", message), EXIT_USAGE);
	assert_says(message, "no user 'nobody-such'");
	assert_int_equal(called(owner_look, "vm:none", message), EXIT_USAGE);
	assert_says(message, "no group 'none'");
	/* chown(2) leaves the owner as it is for this one. */
	assert_int_equal(called(owner_look, "4294967295", message), EXIT_USAGE);
	assert_int_equal(called(owner_look, "", message), EXIT_USAGE);
	tree_remove("/etc");
	assert_int_equal(called(owner_look, "vm", message), EXIT_HOST);
	assert_says(message, "/etc/passwd");
}

static int give(const char *root, const char *bdf)
{
	const struct host_owner owner = { 1000, 2000 };

	return host_pci_give(root, bdf, &owner);
}

static void test_both_files_are_given_and_the_groups_is_taken_back(void **state)
{
	char message[1024], path[PATH_MAX];

	(void)state;
	tree_host_put();
	assert_int_equal(called(bind_any, NIC, message), 0);
	assert_int_equal(called(give, NIC, message), EXIT_HOST);
	assert_non_null(strstr(message, "there is no file to give, neither /dev/vfio/12 nor"));
	tree_text_put("/dev/vfio/12", "");
	given[0] = '\0';
	assert_int_equal(called(give, NIC, message), 0);
	assert_string_equal(given, "/dev/vfio/12=1000:2000;");
	tree_directory_put(NIC_PATH "/vfio-dev/vfio3");
	tree_text_put("/dev/vfio/devices/vfio3", "");
	given[0] = '\0';
	assert_int_equal(called(give, NIC, message), 0);
	assert_string_equal(given, "/dev/vfio/12=1000:2000;/dev/vfio/devices/vfio3=1000:2000;");
	/* They are another user's now. */
	tree_path(path, "/dev/vfio/12");
	if (geteuid() == 0)
		assert_int_equal(fchownat(AT_FDCWD, path, 1000, 2000, 0), 0);
	tree_remove("/dev/vfio/devices");
	given[0] = '\0';
	assert_int_equal(called(host_pci_unbind, NIC, message), 0);
	assert_string_equal(given, "/dev/vfio/12=0:0;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_bind_writes_what_the_kernel_wants_in_order),
		TREE_TEST(test_bind_and_unbind_are_a_round_trip),
		TREE_TEST(test_bind_takes_a_function_without_a_driver),
		TREE_TEST(test_bind_twice_does_nothing_more),
		TREE_TEST(test_bind_of_nothing_is_a_usage_error),
		TREE_TEST(test_a_function_that_cannot_be_read_is_not_called_missing),
		TREE_TEST(test_bind_refuses_without_touching_anything),
		TREE_TEST(test_bind_refuses_a_disk_that_is_claimed),
		TREE_TEST(test_bind_refuses_the_disk_of_a_virtual_one_that_is_claimed),
		TREE_TEST(test_bind_refuses_a_function_with_virtual_functions),
		TREE_TEST(test_a_step_that_fails_is_rolled_back),
		TREE_TEST(test_roll_back_leaves_a_function_without_a_driver_so),
		TREE_TEST(test_roll_back_says_when_the_driver_does_not_come_back),
		TREE_TEST(test_bind_that_cannot_remember_changes_nothing),
		TREE_TEST(test_bind_loads_the_module),
		TREE_TEST(test_bind_without_the_module_changes_nothing),
		TREE_TEST(test_bind_looks_who_uses_it_when_the_module_is_there),
		TREE_TEST(test_bind_by_a_driver_that_knows_the_device),
		TREE_TEST(test_bind_from_one_driver_of_vfio_to_another),
		TREE_TEST(test_a_driver_that_is_not_vfios_is_refused),
		TREE_TEST(test_bind_without_a_run_directory_remembers_nothing),
		TREE_TEST(test_bind_takes_what_no_driver_took_before),
		TREE_TEST(test_unbind_leaves_other_drivers_alone),
		TREE_TEST(test_unbind_without_memory_lets_the_kernel_choose),
		TREE_TEST(test_unbind_says_when_the_driver_is_gone),
		TREE_TEST(test_unbind_refuses_while_the_group_is_open),
		TREE_TEST(test_unbind_says_when_vfio_pci_takes_it_again),
		TREE_TEST(test_unbind_that_fails_keeps_the_memory),
		TREE_TEST(test_bind_that_ended_in_the_middle_is_undone_by_unbind),
		TREE_TEST(test_bind_that_ended_in_the_middle_goes_on_with_another),
		TREE_TEST(test_an_override_that_was_there_comes_back),
		TREE_TEST(test_an_override_for_another_driver_comes_back_too),
		TREE_TEST(test_an_override_without_a_driver_comes_back),
		TREE_TEST(test_bind_that_ended_with_the_driver_bound_is_undone),
		TREE_TEST(test_unbind_that_ended_with_the_override_back_is_finished),
		TREE_TEST(test_an_override_for_vfio_pci_itself_does_not),
		TREE_TEST(test_signals_wait_for_the_end_of_all_steps),
		TREE_TEST(test_an_owner_by_name_or_by_number),
		TREE_TEST(test_an_owner_that_is_nobody_is_refused),
		TREE_TEST(test_both_files_are_given_and_the_groups_is_taken_back),
	};

	return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
