/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up sysfs (and /proc, /dev, /run) in a temporary directory, for the tests of
 * vmm/host/sysfs. Writes to its attributes go through file_write_text(), which the linker replaces
 * (-Wl,--wrap=file_write_text): what is called instead does to the tree what the kernel's driver
 * core would do, or fails where a test wants it to. Disks can be claimed in tests that are linked
 * with --wrap=open. Names are absolute, as on a real host.
 */
#ifndef POSTHORN_TESTS_UNIT_HOST_TREE_H
#define POSTHORN_TESTS_UNIT_HOST_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/assert_says.h"

/* What tree_host_put() makes: two endpoints, each behind a root port and in its group. */
#define NVME	  "0000:03:00.0" /* driver nvme, group 11 */
#define NVME_PORT "0000:00:1d.0"
#define NVME_PATH "/sys/devices/pci0000:00/" NVME_PORT "/" NVME
#define NIC	  "0000:04:00.0" /* 8086:1521, driver igb, group 12 */
#define NIC_PORT  "0000:00:1c.0"
#define NIC_PATH  "/sys/devices/pci0000:00/" NIC_PORT "/" NIC
#define SECOND	  "0000:04:00.1" /* for tree_sibling_put() */

struct host_tree {
	char root[64];
	/* how the kernel behaves */
	const char *native;    /* the driver that a probe without override finds; NULL: none */
	const char *removed;   /* this driver is not there any more: its bind fails */
	const char *fail_path; /* writes to names that end so fail with fail_error... */
	int fail_error;	       /* ...or, with 0, do nothing */
	bool blocked;	       /* signals that end a process were, at each write since it was set */
	const char *claimed;   /* an exclusive open of this block device fails with EBUSY */
	/* what was written to it, "name=text;" each */
	char trace[2 * PATH_MAX];
};

extern struct host_tree tree;

/* For cmocka_unit_test_setup_teardown(): an empty tree with the driver vfio-pci; and its end. */
int tree_setup(void **state);
int tree_teardown(void **state);
#define TREE_TEST(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

/* Where @name is while the test runs. */
void tree_path(char path[PATH_MAX], const char *name);
bool tree_has(const char *name);

/* Remove a directory with all that is in it. */
void tree_remove(const char *name);

/* The same by its path in this host, which tree_path() gives. 0, or -1 with errno. */
int tree_path_remove(const char *path);

/* Make a file, a directory, or a symbolic link (relative, as in sysfs), and all on the way. */
void tree_text_put(const char *name, const char *text);
void tree_directory_put(const char *name);
void tree_link_put(const char *name, const char *target);

struct tree_function {
	const char *bdf, *parent; /* parent: the bridge above it, or NULL */
	const char *driver;	  /* NULL: none */
	uint16_t vendor, device;
	uint32_t class_code;
	uint8_t header_type;
	int group; /* 0: none */
};

void tree_function_put(const struct tree_function *function);
void tree_host_put(void);

/* Another function beside NIC, in its group. */
void tree_sibling_put(const char *bdf, const char *driver);

/* Bind @driver, or NULL for none, and tell which one is bound. */
void tree_driver_put(const char *bdf, const char *driver);
const char *tree_driver(const char *bdf);

/* Words of what mends a host without an IOMMU: of this architecture, and of the other. */
#if defined(__x86_64__)
#define IOMMU_REMEDY	   "intel_iommu=on"
#define OTHER_IOMMU_REMEDY "SMMU"
#elif defined(__aarch64__)
#define IOMMU_REMEDY	   "CONFIG_ARM_SMMU_V3"
#define OTHER_IOMMU_REMEDY "intel_iommu"
#endif

#endif
