/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that a guest is booted from: a kernel, and an initrd if it wants one. Kernels are
 *
 *   on x86-64  a Linux bzImage, or a 64-bit ELF image with a PVH entry note;
 *   on arm64   an Image (Documentation/arch/arm64/booting.rst of Linux): plain, packed with gzip,
 *              or as the payload, packed with gzip, of an EFI zboot image. Of gzip data there may
 *              be several members, and zeros behind them, as gzip(1) takes it.
 *
 * Nothing in a file is trusted: every offset and size is checked against the file and against the
 * RAM it goes to. (A plain arm64 Image does not tell how long its file is, so one that was cut off
 * behind its header is loaded as it is.)
 */
#ifndef POSTHORN_GUEST_IMAGE_H
#define POSTHORN_GUEST_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"

struct vm;

enum image_kind { IMAGE_BZIMAGE, IMAGE_PVH, IMAGE_ARM64 };

/* Bytes that struct boot_params has for the setup header: from 0x1f1 to 0x290. */
#define IMAGE_SETUP_HEADER_MAX 0x9f

struct image {
	enum image_kind kind;
	uint64_t entry;	      /* guest-physical address of the first instruction */
	uint64_t end;	      /* first byte of RAM above all that the kernel needs until it runs */
	uint64_t initrd_max;  /* highest address that the last byte of the initrd may have */
	uint32_t cmdline_max; /* bytes, without the NUL */
	/*
	 * arm64: bytes of a page that the kernel was built for, 0 if it does not say. Nobody has
	 * looked whether the CPU can do it. 0 on x86-64.
	 */
	unsigned int page_size;
	/*
	 * x86-64, bzImage: struct setup_header as the file has it, longer or shorter than ours.
	 * Empty for everything else.
	 */
	uint8_t setup_header[IMAGE_SETUP_HEADER_MAX];
	size_t setup_header_size;
};

/* A range of RAM that holds a file. */
struct image_range {
	uint64_t gpa, size; /* size 0: there is none */
};

/*
 * Recognise the kernel in @path and read or unpack it straight into the RAM of @vm (the first range
 * of RAM; RAM that the kernel's contents do not fill is left alone). Returns 0, or -errno after
 * writing into @why one sentence that names the file and what is wrong with it: -ENOEXEC when it
 * cannot be booted (no such kind, made for another architecture, no 64-bit entry point, boot
 * protocol older than 2.12, big-endian, packed in another way, truncated, damaged, and so on),
 * -ENOSPC when the RAM is too small for it, -ENOMEM when there is no memory to unpack it, else what
 * open(2) or read(2) said. After an error the RAM may hold a part of the kernel.
 */
int image_kernel_load(struct vm *vm, const char *path, struct image *image, char why[WHY_SIZE]);

/*
 * Read the initrd in @path to the top of what @image and the first range of RAM allow,
 * page-aligned. Errors as above; an empty file is one (-ENOEXEC).
 */
int image_initrd_load(struct vm *vm, const char *path, const struct image *image,
		      struct image_range *initrd, char why[WHY_SIZE]);

#endif
