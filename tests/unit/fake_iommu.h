/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that is made up, for vfio/iommu.c with both of its back ends: VFIO's container and
 * groups, /dev/iommu and the files of devices. It takes the place of open(2), close(2),
 * readlink(2), ioctl_named(), ioctl_grown_named(), iommu_device_file_find() and vm_vfio_add() (the
 * linker's
 * --wrap; see the Makefile), and leaves other files and descriptors alone.
 *
 * It behaves as Linux. What the kernel would refuse, unless the test asked for it
 * (fake_iommu_fail()), and what is not given back, ends the process.
 */
#ifndef POSTHORN_TESTS_UNIT_FAKE_IOMMU_H
#define POSTHORN_TESTS_UNIT_FAKE_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The functions that VFIO has: the first is alone in its group, the others share one. */
#define FAKE_FUNCTIONS 3
extern const char *const fake_functions[FAKE_FUNCTIONS];

/* Begin: nothing is open, nothing fails. */
void fake_iommu_begin(void);

/* End: everything must be closed. */
void fake_iommu_end(void);

/*
 * Let call number @skip, from 0, of those with this name fail with @error (-errno): "open PATH",
 * "readlink", or the name of a request. Several may be asked for.
 */
void fake_iommu_fail(const char *call, unsigned int skip, int error);

/* Every call may fail: @failing gives the error, or 0. NULL: none. */
void fake_iommu_fail_by(int (*failing)(void));

/* What the address space is like: page sizes, and @count ranges of IOVAs, @count <= 64. */
struct fake_iova {
	uint64_t start, last;
};
void fake_iommu_info_set(uint64_t page_sizes, const struct fake_iova *ranges, unsigned int count);

/* The kernel makes device files (it does at first), or not. */
void fake_iommu_device_files_set(bool are_there);

/* The calls since the last time, a line each. */
const char *fake_iommu_log(void);

/*
 * The token of the function that was opened last: by its device file as hexadecimal digits, by its
 * group as it follows the name, with the space.
 */
const char *fake_iommu_token(void);

/* How many descriptors of the kernel's are open. */
unsigned int fake_iommu_open_count(void);

#endif
