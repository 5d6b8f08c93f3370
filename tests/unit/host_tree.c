/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/host_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/util.h"
#include "vmm/host/sysfs.h"

#define NAME_SIZE 256

struct host_tree tree;

/* ---- files ---- */

void tree_path(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s%s", tree.root, name);
}

bool tree_has(const char *name)
{
	char path[PATH_MAX];

	tree_path(path, name);
	return access(path, F_OK) == 0;
}

/* Make the directories on the way to @path, a last one included that ends in a slash. */
static void parents_make(const char *path)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	for (slash = strchr(parent + strlen(tree.root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(parent, 0755))
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

static void data_put(const char *name, const void *data, size_t size)
{
	char path[PATH_MAX];
	int fd;

	tree_path(path, name);
	parents_make(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

void tree_text_put(const char *name, const char *text)
{
	data_put(name, text, strlen(text));
}

void tree_directory_put(const char *name)
{
	char path[PATH_MAX];

	tree_path(path, name);
	strcat(path, "/");
	parents_make(path);
}

void tree_link_put(const char *name, const char *target)
{
	char path[PATH_MAX], relative[PATH_MAX] = "";
	const char *slash;

	tree_path(path, name);
	parents_make(path);
	for (slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/'))
		strcat(relative, "../");
	strcat(relative, target + 1);
	unlink(path);
	assert_int_equal(symlink(relative, path), 0);
}

int tree_setup(void **state)
{
	(void)state;
	tree = (struct host_tree){ .root = "/tmp/posthorn-host-tree-XXXXXX" };
	if (!mkdtemp(tree.root))
		return -1;
	tree_directory_put("/run");
	tree_directory_put("/sys/bus/pci/drivers/vfio-pci");
	return 0;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

int tree_path_remove(const char *path)
{
	return nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_remove(const char *name)
{
	char path[PATH_MAX];

	tree_path(path, name);
	assert_int_equal(tree_path_remove(path), 0);
}

int tree_teardown(void **state)
{
	(void)state;
	return tree_path_remove(tree.root);
}

/* ---- functions ---- */

void tree_function_put(const struct tree_function *function)
{
	uint8_t config[64] = { [0x0e] = function->header_type };
	const struct {
		const char *name;
		int digits;
		unsigned int value;
	} ids[] = {
		{ "vendor", 4, function->vendor },    { "device", 4, function->device },
		{ "subsystem_vendor", 4, 0x1af4 },    { "subsystem_device", 4, 0x1100 },
		{ "class", 6, function->class_code },
	};
	char directory[NAME_SIZE / 2], name[NAME_SIZE], text[NAME_SIZE];
	unsigned int i;

	snprintf(directory, sizeof(directory), "/sys/devices/pci0000:00/%s%s%s",
		 function->parent ? function->parent : "", function->parent ? "/" : "",
		 function->bdf);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		snprintf(name, sizeof(name), "%s/%s", directory, ids[i].name);
		snprintf(text, sizeof(text), "0x%0*x\n", ids[i].digits, ids[i].value);
		tree_text_put(name, text);
	}
	snprintf(name, sizeof(name), "%s/driver_override", directory);
	tree_text_put(name, "");
	snprintf(name, sizeof(name), "%s/config", directory);
	data_put(name, config, sizeof(config));
	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s", function->bdf);
	tree_link_put(name, directory);
	tree_driver_put(function->bdf, function->driver);
	if (!function->group)
		return;
	snprintf(name, sizeof(name), "/sys/kernel/iommu_groups/%d/devices/%s", function->group,
		 function->bdf);
	tree_link_put(name, directory);
	snprintf(name, sizeof(name), "%s/iommu_group", directory);
	snprintf(text, sizeof(text), "/sys/kernel/iommu_groups/%d", function->group);
	tree_link_put(name, text);
}

void tree_host_put(void)
{
	static const struct tree_function functions[] = {
		{ NVME_PORT, NULL, "pcieport", 0x8086, 0x1234, 0x060400, 0x01, 11 },
		{ NIC_PORT, NULL, "pcieport", 0x8086, 0x1235, 0x060400, 0x81, 12 },
		{ NVME, NVME_PORT, "nvme", 0x144d, 0xa808, 0x010802, 0x00, 11 },
		{ NIC, NIC_PORT, "igb", 0x8086, 0x1521, 0x020000, 0x80, 12 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		tree_function_put(&functions[i]);
}

void tree_sibling_put(const char *bdf, const char *driver)
{
	const struct tree_function sibling = { bdf,    NIC_PORT, driver, 0x8086,
					       0x1521, 0x020000, 0x80,	 12 };

	tree_function_put(&sibling);
}

void tree_driver_put(const char *bdf, const char *driver)
{
	char name[NAME_SIZE], path[PATH_MAX], target[NAME_SIZE];

	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/driver", bdf);
	tree_path(path, name);
	unlink(path);
	if (!driver)
		return;
	snprintf(target, sizeof(target), "/sys/bus/pci/drivers/%s", driver);
	tree_directory_put(target);
	tree_link_put(name, target);
}

const char *tree_driver(const char *bdf)
{
	static struct host_pci pci;

	assert_int_equal(host_pci_read(tree.root, bdf, &pci), 0);
	return pci.driver;
}

/* ---- the kernel ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

/* A write to drivers_probe, or to @driver's bind. */
static int kernel_attach(const char *bdf, const char *driver)
{
	char override[32], name[NAME_SIZE], path[PATH_MAX];

	if (driver && tree.removed && !strcmp(driver, tree.removed))
		return -ENOENT;
	if (tree_driver(bdf)[0])
		return driver ? -EBUSY : 0;
	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/driver_override", bdf);
	tree_path(path, name);
	assert_true(file_read_text(path, override, sizeof(override)) >= 0);
	if (driver && override[0] && strcmp(override, driver))
		return -ENODEV;
	if (!driver)
		driver = override[0] ? override : tree.native;
	if (driver)
		tree_driver_put(bdf, driver);
	return 0;
}

static int kernel_write(const char *name, const char *text)
{
	char driver[32], bdf[32];

	if (!strcmp(name, "/sys/bus/pci/drivers_probe"))
		return kernel_attach(text, NULL);
	if (sscanf(name, "/sys/bus/pci/drivers/%31[^/]/bind", driver) == 1)
		return kernel_attach(text, driver);
	if (ends_with(name, "/driver/unbind")) {
		assert_int_equal(sscanf(name, "/sys/bus/pci/devices/%31[^/]", bdf), 1);
		assert_string_equal(text, bdf);
		assert_string_not_equal(tree_driver(bdf), "");
		tree_driver_put(bdf, NULL);
		return 0;
	}
	assert_true(ends_with(name, "/driver_override"));
	/* A write of nothing does not reach the driver core: a newline is what clears it. */
	if (text[0])
		tree_text_put(name, strcmp(text, "\n") ? text : "");
	return 0;
}

int __wrap_file_write_text(const char *path, const char *text);

int __wrap_file_write_text(const char *path, const char *text)
{
	const char *name = path + strlen(tree.root);
	bool fails = tree.fail_path && ends_with(path, tree.fail_path);
	size_t length = strlen(tree.trace);
	sigset_t blocked;

	assert_memory_equal(path, tree.root, strlen(tree.root));
	/* Nothing is written to a group: opening it is what can fail. */
	if (!strncmp(name, "/dev/vfio/", strlen("/dev/vfio/"))) {
		assert_string_equal(text, "");
		return fails ? tree.fail_error : -EINVAL;
	}
	snprintf(tree.trace + length, sizeof(tree.trace) - length, "%s=%s;", name, text);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	tree.blocked = tree.blocked && sigismember(&blocked, SIGINT) &&
		       sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGPIPE);
	return fails ? tree.fail_error : kernel_write(name, text);
}

int __wrap_open(const char *path, int flags, ...);

/* There are no block devices in the tree: what can be seen is that others have claimed one. */
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if ((flags & O_EXCL) && tree.claimed && ends_with(path, tree.claimed)) {
		errno = EBUSY;
		return -1;
	}
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return openat(AT_FDCWD, path, flags, mode);
}
