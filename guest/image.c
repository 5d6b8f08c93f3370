/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernels of all architectures have in common, and the initrd. */
#include "guest/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/image.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/util.h"

#define PAGE 4096ULL

int image_refuse(const struct image_source *source, int error, const char *format, ...)
{
	va_list args;
	int length;

	length = snprintf(source->why, WHY_SIZE, "%s: ", source->path);
	if (length < 0 || length >= WHY_SIZE)
		return error;
	va_start(args, format);
	vsnprintf(source->why + length, WHY_SIZE - (size_t)length, format, args);
	va_end(args);
	return error;
}

static int source_open(struct image_source *source)
{
	struct stat status;
	int error;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0)
		return image_refuse(source, -errno, "cannot be opened: %s", strerror(errno));
	if (fstat(source->fd, &status) < 0)
		error = image_refuse(source, -errno, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		error = image_refuse(source, -ENOEXEC, "is not a regular file");
	else if (!status.st_size)
		error = image_refuse(source, -ENOEXEC, "is empty");
	else {
		source->size = (uint64_t)status.st_size;
		return 0;
	}
	fd_close(&source->fd);
	return error;
}

int image_source_read(const struct image_source *source, uint64_t offset, void *to, uint64_t size)
{
	int error;

	if (!range_within(offset, size, 0, source->size))
		return image_refuse(
			source, -ENOEXEC,
			"is truncated: it has 0x%llx bytes, its headers tell of 0x%llx at 0x%llx",
			(unsigned long long)source->size, (unsigned long long)size,
			(unsigned long long)offset);
	error = fd_pread_all(source->fd, to, size, (off_t)offset);
	if (error)
		return image_refuse(source, error, "cannot be read: %s", strerror(-error));
	return 0;
}

uint64_t image_ram_end(const struct image_source *source)
{
	return source->vm->ram[0].gpa + source->vm->ram[0].size;
}

static unsigned long long mib_round_up(uint64_t size)
{
	return (size + MIB - 1) / MIB;
}

int image_refuse_size(const struct image_source *source, const char *subject, uint64_t end)
{
	const struct vm_ram *ram = &source->vm->ram[0];
	/* More memory would go above the hole, where it does not help. */
	const char *remedy =
		source->vm->ram_count > 1 ? " up to the first hole" : ": raise --memory";

	return image_refuse(source, -ENOSPC, "%sneeds %llu MiB of RAM, the guest has %llu MiB%s",
			    subject, mib_round_up(end - ram->gpa),
			    (unsigned long long)(ram->size / MIB), remedy);
}

static int kernel_load(const struct image_source *source, struct image *image)
{
	uint8_t start[IMAGE_START_SIZE] = { 0 };
	int error;

	error = image_source_read(source, 0, start, min(source->size, sizeof(start)));
	return error ? error : image_arch_load(source, start, image);
}

int image_kernel_load(struct vm *vm, const char *path, struct image *image, char why[WHY_SIZE])
{
	struct image_source source = { .vm = vm, .path = path, .why = why };
	int error;

	memset(image, 0, sizeof(*image));
	error = source_open(&source);
	if (error)
		return error;
	error = kernel_load(&source, image);
	fd_close(&source.fd);
	return error;
}

static int initrd_load(const struct image_source *source, const struct image *image,
		       struct image_range *initrd)
{
	uint64_t start = align_up(image->end, PAGE), end = image_ram_end(source);

	if (start + source->size > end)
		return image_refuse_size(source, "with the kernel ", start + source->size);
	if (image->initrd_max < end)
		end = image->initrd_max + 1;
	if (start + source->size > end)
		return image_refuse(
			source, -ENOSPC,
			"does not fit between the end of the kernel, 0x%llx, and the highest "
			"address that the kernel takes an initrd at, 0x%llx",
			(unsigned long long)start, (unsigned long long)image->initrd_max);
	initrd->size = source->size;
	initrd->gpa = align_down(end - source->size, PAGE);
	return image_source_read(source, 0, vm_gpa_to_hva(source->vm, initrd->gpa, initrd->size),
				 initrd->size);
}

int image_initrd_load(struct vm *vm, const char *path, const struct image *image,
		      struct image_range *initrd, char why[WHY_SIZE])
{
	struct image_source source = { .vm = vm, .path = path, .why = why };
	int error;

	*initrd = (struct image_range){ 0 };
	error = source_open(&source);
	if (error)
		return error;
	error = initrd_load(&source, image, initrd);
	fd_close(&source.fd);
	return error;
}
