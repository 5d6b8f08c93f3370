/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/fake_iommu.h"

#include <errno.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "lib/util.h"
#include "vfio/iommufd_uapi.h"

#define FD_FIRST     5000 /* descriptors of this kernel are from here on */
#define FILES_MAX    64
#define MAPS_MAX     64
#define RANGES_MAX   64
#define FAILURES_MAX 4
#define IOAS	     7

const char *const fake_functions[FAKE_FUNCTIONS] = { "0000:01:00.0", "0000:02:00.0",
						     "0000:02:00.1" };
static const int groups_of[FAKE_FUNCTIONS] = { 12, 13, 13 };

enum kind { NOTHING, CONTAINER, GROUP, DEVICE, IOMMUFD };

struct file {
	enum kind kind;
	int number;		/* of the group or the function */
	bool is_bound, is_part; /* a device: to the iommufd, in the address space; a group: in the
				   container */
};

struct map {
	uint64_t iova, size;
};

static struct {
	struct file files[FILES_MAX];
	struct map maps[MAPS_MAX];
	unsigned int map_count;
	bool has_ioas, is_selected, is_set; /* iommufd; the container's IOMMU was chosen */
	bool no_device_files;
	struct {
		const char *call;
		unsigned int skip;
		int error;
	} failures[FAILURES_MAX];
	int (*failing)(void);
	uint64_t page_sizes;
	struct fake_iova ranges[RANGES_MAX];
	unsigned int range_count;
	char token[64];
	char log[8192];
	size_t length;
} kernel;

__attribute__((format(printf, 1, 2))) static _Noreturn void violation(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\ncalls:\n%s", kernel.log);
	abort();
}

void fake_iommu_begin(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.page_sizes = 0x1000;
}

unsigned int fake_iommu_open_count(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FILES_MAX; i++)
		count += kernel.files[i].kind != NOTHING;
	return count;
}

void fake_iommu_end(void)
{
	if (fake_iommu_open_count())
		violation("%u descriptors are still open", fake_iommu_open_count());
}

void fake_iommu_fail(const char *call, unsigned int skip, int error)
{
	unsigned int i = 0;

	while (kernel.failures[i].call)
		if (++i == FAILURES_MAX)
			abort();
	kernel.failures[i].call = call;
	kernel.failures[i].skip = skip;
	kernel.failures[i].error = error;
}

void fake_iommu_fail_by(int (*failing)(void))
{
	kernel.failing = failing;
}

void fake_iommu_info_set(uint64_t page_sizes, const struct fake_iova *ranges, unsigned int count)
{
	kernel.page_sizes = page_sizes;
	memcpy(kernel.ranges, ranges, count * sizeof(*ranges));
	kernel.range_count = count;
}

void fake_iommu_device_files_set(bool are_there)
{
	kernel.no_device_files = !are_there;
}

const char *fake_iommu_log(void)
{
	static char last[sizeof(kernel.log)];

	memcpy(last, kernel.log, sizeof(last));
	kernel.log[0] = '\0';
	kernel.length = 0;
	return last;
}

const char *fake_iommu_token(void)
{
	return kernel.token;
}

/* Note a call. Returns the error that it has to fail with, or 0. */
__attribute__((format(printf, 1, 2))) static int enter(const char *format, ...)
{
	char call[128];
	va_list args;

	va_start(args, format);
	vsnprintf(call, sizeof(call), format, args);
	va_end(args);
	if (kernel.length + strlen(call) + 2 < sizeof(kernel.log))
		kernel.length += (size_t)sprintf(kernel.log + kernel.length, "%s\n", call);
	for (unsigned int i = 0; i < FAILURES_MAX; i++)
		if (kernel.failures[i].call && !strcmp(kernel.failures[i].call, call) &&
		    !kernel.failures[i].skip--)
			return kernel.failures[i].error;
	return kernel.failing ? kernel.failing() : 0;
}

/* ---- files ---- */

static struct file *file_of(int fd)
{
	if (fd < FD_FIRST || fd >= FD_FIRST + FILES_MAX)
		return NULL;
	if (kernel.files[fd - FD_FIRST].kind == NOTHING)
		violation("descriptor %d is closed", fd);
	return &kernel.files[fd - FD_FIRST];
}

static struct file *file_find(enum kind kind, int number)
{
	for (unsigned int i = 0; i < FILES_MAX; i++)
		if (kernel.files[i].kind == kind && kernel.files[i].number == number)
			return &kernel.files[i];
	return NULL;
}

static int file_open(enum kind kind, int number)
{
	if (file_find(kind, number))
		violation("opened twice: kind %d, number %d", kind, number);
	for (int i = 0; i < FILES_MAX; i++)
		if (kernel.files[i].kind == NOTHING) {
			kernel.files[i] = (struct file){ .kind = kind, .number = number };
			return FD_FIRST + i;
		}
	violation("too many files");
}

/* Which kind @path is; *@number is the group's or the function's. */
static enum kind path_kind(const char *path, int *number)
{
	*number = 0;
	if (!strcmp(path, "/dev/iommu"))
		return IOMMUFD;
	if (!strcmp(path, "/dev/vfio/vfio"))
		return CONTAINER;
	if (sscanf(path, "/dev/vfio/devices/vfio%d", number) == 1)
		return DEVICE;
	return sscanf(path, "/dev/vfio/%d", number) == 1 ? GROUP : NOTHING;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, int mode);

int __wrap_open(const char *path, int flags, int mode)
{
	enum kind kind;
	int number, error;

	kind = path_kind(path, &number);
	if (kind == NOTHING)
		return __real_open(path, flags, mode);
	error = enter("open %s", path);
	if (error) {
		errno = -error;
		return -1;
	}
	return file_open(kind, number);
}

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd)
{
	struct file *file = file_of(fd);

	if (!file)
		return __real_close(fd);
	if (file->kind == CONTAINER || file->kind == IOMMUFD) {
		for (int i = 0; i < FAKE_FUNCTIONS; i++)
			if (file_find(DEVICE, i))
				violation("the address space is closed before function %d", i);
		kernel.map_count = 0;
		kernel.has_ioas = kernel.is_selected = kernel.is_set = false;
	}
	file->kind = NOTHING;
	return 0;
}

static int function_find(const char *bdf)
{
	size_t length = strcspn(bdf, " ");

	for (int i = 0; i < FAKE_FUNCTIONS; i++)
		if (length == strlen(fake_functions[i]) && !strncmp(bdf, fake_functions[i], length))
			return i;
	violation("there is no function %s", bdf);
}

ssize_t __real_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);

ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
	char bdf[16];
	int error;

	if (sscanf(path, "/sys/bus/pci/devices/%12s/iommu_group", bdf) != 1)
		return __real_readlink(path, target, size);
	error = enter("readlink");
	if (error) {
		errno = -error;
		return -1;
	}
	/* readlink(2) writes no NUL: what follows is the caller's. */
	return snprintf(target, size, "../../../kernel/iommu_groups/%d",
			groups_of[function_find(bdf)]);
}

int __wrap_iommu_device_file_find(const char *root, const char *bdf, char path[PATH_MAX]);

int __wrap_iommu_device_file_find(const char *root, const char *bdf, char path[PATH_MAX])
{
	if (kernel.no_device_files)
		return -ENOENT;
	snprintf(path, PATH_MAX, "%s/dev/vfio/devices/vfio%d", root, function_find(bdf));
	return 0;
}

/* ---- maps ---- */

static int map_add(uint64_t iova, uint64_t size, const void *hva)
{
	if (!size || !hva || iova % 0x1000 || size % 0x1000)
		violation("a map of 0x%llx bytes at 0x%llx", (unsigned long long)size,
			  (unsigned long long)iova);
	for (unsigned int i = 0; i < kernel.map_count; i++)
		if (ranges_overlap(kernel.maps[i].iova, kernel.maps[i].size, iova, size))
			return -EEXIST;
	if (kernel.map_count == MAPS_MAX)
		return -ENOSPC;
	kernel.maps[kernel.map_count++] = (struct map){ iova, size };
	return 0;
}

static int map_remove(uint64_t iova, uint64_t size)
{
	for (unsigned int i = 0; i < kernel.map_count; i++)
		if (kernel.maps[i].iova == iova && kernel.maps[i].size == size) {
			kernel.maps[i] = kernel.maps[--kernel.map_count];
			return 0;
		}
	violation("0x%llx is unmapped, and was not mapped", (unsigned long long)iova);
}

/* ---- requests ---- */

static void expect(const struct file *file, enum kind kind, const char *name)
{
	if (file->kind != kind)
		violation("%s of a file of kind %d", name, file->kind);
}

static int container_ioctl(struct file *file, unsigned long request, void *argument,
			   const char *name)
{
	const struct vfio_iommu_type1_dma_map *map = argument;
	const struct vfio_iommu_type1_dma_unmap *unmap = argument;

	if (request != VFIO_CHECK_EXTENSION || (unsigned long)argument != VFIO_DMA_CC_IOMMU)
		expect(file, CONTAINER, name);
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		if (file->kind == IOMMUFD && !kernel.is_selected)
			violation("VFIO's request of an iommufd without an address space");
		return 1;
	case VFIO_SET_IOMMU:
		if (kernel.is_set || (unsigned long)argument != VFIO_TYPE1v2_IOMMU)
			violation("VFIO_SET_IOMMU is not allowed now");
		kernel.is_set = true;
		return 0;
	case VFIO_IOMMU_MAP_DMA:
		if (!kernel.is_set || map->argsz != sizeof(*map) || map->flags != 3)
			violation("a map is not allowed now, or wrong");
		return map_add(map->iova, map->size, (void *)(uintptr_t)map->vaddr);
	default:
		return map_remove(unmap->iova, unmap->size);
	}
}

static int group_ioctl(struct file *file, unsigned long request, void *argument, const char *name)
{
	struct vfio_group_status *status = argument;

	expect(file, GROUP, name);
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status->flags = VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		expect(file_of(*(int *)argument), CONTAINER, name);
		if (file->is_part)
			violation("a group is put into a container twice");
		file->is_part = true;
		return 0;
	default:
		if (!file->is_part || !kernel.is_set)
			violation("a device of a group that has no IOMMU");
		snprintf(kernel.token, sizeof(kernel.token), "%s",
			 (char *)argument + strcspn(argument, " "));
		return file_open(DEVICE, function_find(argument));
	}
}

static int iommufd_ioctl(struct file *file, unsigned long request, void *argument, const char *name)
{
	struct ioas_alloc *alloc = argument;
	const struct ioas_of_vfio *of_vfio = argument;
	const struct ioas_map *map = argument;

	expect(file, IOMMUFD, name);
	switch (request) {
	case IOMMU_IOAS_ALLOC:
		if (kernel.has_ioas || alloc->size != sizeof(*alloc) || alloc->flags)
			violation("one address space is enough, or the request is wrong");
		kernel.has_ioas = true;
		alloc->ioas = IOAS;
		return 0;
	case IOMMU_VFIO_IOAS:
		if (of_vfio->size != sizeof(*of_vfio) || of_vfio->ioas != IOAS ||
		    of_vfio->operation != IOAS_OF_VFIO_SET || of_vfio->reserved)
			violation("IOMMU_VFIO_IOAS is wrong");
		kernel.is_selected = true;
		return 0;
	default:
		if (map->size != sizeof(*map) || map->ioas != IOAS || map->flags != 7 ||
		    map->reserved)
			violation("IOMMU_IOAS_MAP is wrong");
		return map_add(map->iova, map->length, (void *)(uintptr_t)map->hva);
	}
}

static int device_ioctl(struct file *file, unsigned long request, void *argument, const char *name)
{
	const struct device_bind *bind = argument;
	const struct device_attach *attach = argument;

	expect(file, DEVICE, name);
	if (request == VFIO_DEVICE_BIND_IOMMUFD) {
		if (file->is_bound || bind->size != sizeof(*bind) || bind->flags > 1 ||
		    !bind->token != !bind->flags)
			violation("a device is bound twice, or the request is wrong");
		for (unsigned int i = 0; bind->token && i < 16; i++)
			sprintf(kernel.token + 2 * i, "%02x",
				((const uint8_t *)(uintptr_t)bind->token)[i]);
		expect(file_of(bind->iommufd), IOMMUFD, name);
		file->is_bound = true;
		return 0;
	}
	if (!file->is_bound || file->is_part || attach->size != sizeof(*attach) || attach->flags ||
	    attach->ioas != IOAS)
		violation("a device cannot be attached now, or the request is wrong");
	file->is_part = true;
	return 0;
}

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	static const struct {
		unsigned long request;
		int (*handle)(struct file *file, unsigned long request, void *argument,
			      const char *name);
	} requests[] = {
		{ VFIO_GET_API_VERSION, container_ioctl },
		{ VFIO_CHECK_EXTENSION, container_ioctl },
		{ VFIO_SET_IOMMU, container_ioctl },
		{ VFIO_IOMMU_MAP_DMA, container_ioctl },
		{ VFIO_IOMMU_UNMAP_DMA, container_ioctl },
		{ VFIO_GROUP_GET_STATUS, group_ioctl },
		{ VFIO_GROUP_SET_CONTAINER, group_ioctl },
		{ VFIO_GROUP_GET_DEVICE_FD, group_ioctl },
		{ IOMMU_IOAS_ALLOC, iommufd_ioctl },
		{ IOMMU_VFIO_IOAS, iommufd_ioctl },
		{ IOMMU_IOAS_MAP, iommufd_ioctl },
		{ VFIO_DEVICE_BIND_IOMMUFD, device_ioctl },
		{ VFIO_DEVICE_ATTACH_IOMMUFD_PT, device_ioctl },
	};
	struct file *file = file_of(fd);
	int error = enter("%s", name);

	if (error)
		return error;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (file && requests[i].request == request)
			return requests[i].handle(file, request, argument, name);
	violation("%s of descriptor %d", name, fd);
}

void *__wrap_ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			       const char *name);

/* Append @size bytes of @data to the answer at *@end. */
static void append(char **end, const void *data, size_t size)
{
	memcpy(*end, data, size);
	*end += size;
}

/*
 * VFIO_IOMMU_GET_INFO, which both kinds of address space answer. iommufd puts the list of ranges
 * where its numbers are not aligned.
 */
void *__wrap_ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			       const char *name)
{
	const struct file *file = file_of(fd);
	struct vfio_iommu_type1_info_dma_avail other = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
			    .next = sizeof(struct vfio_iommu_type1_info) + sizeof(other) },
	};
	struct vfio_iommu_type1_info_cap_iova_range list = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE },
		.nr_iovas = kernel.range_count,
	};
	struct vfio_iommu_type1_info info = {
		.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		.iova_pgsizes = kernel.page_sizes,
		.cap_offset = sizeof(info),
	};
	char *answer, *end;

	(void)argument;
	(void)size;
	if (!file || (file->kind == IOMMUFD ? !kernel.is_selected : !kernel.is_set) ||
	    request != VFIO_IOMMU_GET_INFO)
		violation("%s is not allowed now", name);
	if (enter("%s", name))
		return NULL;
	answer = end = malloc(sizeof(info) + sizeof(other) + sizeof(list) +
			      kernel.range_count * sizeof(kernel.ranges[0]));
	if (!answer)
		abort();
	append(&end, &info, sizeof(info));
	append(&end, &other, sizeof(other));
	append(&end, &list, sizeof(list));
	append(&end, kernel.ranges, kernel.range_count * sizeof(kernel.ranges[0]));
	return answer;
}

struct vm;
int __wrap_vm_vfio_add(struct vm *vm, int file_fd);

int __wrap_vm_vfio_add(struct vm *vm, int file_fd)
{
	const struct file *file = file_of(file_fd);

	(void)vm;
	if (!file || (file->kind != GROUP && file->kind != DEVICE) ||
	    (file->kind == DEVICE && !file->is_bound))
		violation("KVM knows no such file");
	return enter("KVM_DEV_VFIO_FILE_ADD %s %d", file->kind == GROUP ? "group" : "device",
		     file->number);
}
