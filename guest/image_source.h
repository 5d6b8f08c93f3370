/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between guest/image.c and the formats of each architecture, guest/image_x86_64.c and
 * guest/image_arm64.c: reading a file that is not trusted, and saying what is wrong with it.
 * Nobody else includes this.
 */
#ifndef POSTHORN_GUEST_IMAGE_SOURCE_H
#define POSTHORN_GUEST_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct image;
struct vm;

/*
 * The start of a kernel's file: what all formats are recognised by, and all of the setup header
 * (IMAGE_SETUP_HEADER_MAX bytes from 0x1f1).
 */
#define IMAGE_START_SIZE 0x290

/* What is in a start, and where: each architecture knows the other's kernels, to say so. */
#define IMAGE_BZIMAGE_MAGIC	   "HdrS"
#define IMAGE_BZIMAGE_MAGIC_OFFSET 0x202
#define IMAGE_ARM64_MAGIC	   "ARM\x64"
#define IMAGE_ARM64_MAGIC_OFFSET   56
#define IMAGE_ZBOOT_MAGIC	   "zimg"
#define IMAGE_ZBOOT_MAGIC_OFFSET   4

/* Is @magic at @offset of @start? */
static inline bool image_magic_is(const uint8_t *start, size_t offset, const char *magic)
{
	return !memcmp(start + offset, magic, strlen(magic));
}

/* A file that is being loaded, and where to say what is wrong with it. */
struct image_source {
	struct vm *vm;
	const char *path;
	int fd;
	uint64_t size; /* of the file, in bytes; not 0 */
	char *why;     /* of WHY_SIZE */
};

/* Write "path: ..." to @source->why, cut to what fits. Returns @error. */
__attribute__((format(printf, 3, 4))) int image_refuse(const struct image_source *source, int error,
						       const char *format, ...);

/*
 * Refuse with -ENOSPC because the first range of RAM would have to reach up to @end, a
 * guest-physical address. @subject is what to say before "needs".
 */
int image_refuse_size(const struct image_source *source, const char *subject, uint64_t end);

/*
 * Read @size bytes at @offset of the file. Any values will do: what the file does not have is
 * refused (-ENOEXEC), as is what read(2) refuses (its -errno).
 */
int image_source_read(const struct image_source *source, uint64_t offset, void *to, uint64_t size);

/* One past the last address of the first range of RAM, which is where all files go. */
uint64_t image_ram_end(const struct image_source *source);

/*
 * The architecture's part of image_kernel_load(): recognise the kernel by @start, the first
 * IMAGE_START_SIZE bytes of the file (zeros where it is shorter), load it and fill in @image,
 * which is all zeros. Returns 0, or -errno after image_refuse().
 */
int image_arch_load(const struct image_source *source, const uint8_t *start, struct image *image);

#endif
