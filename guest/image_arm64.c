/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Image of arm64: Documentation/arch/arm64/booting.rst of Linux. Nothing in the guest unpacks
 * it, so a packed one is unpacked here: Image.gz, and EFI zboot images (drivers/firmware/efi/
 * libstub/zboot-header.S), which are programs for a firmware that carry the Image.gz.
 */
#include "guest/image_source.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "kvm/vm.h"
#include "lib/util.h"

struct image_header {
	uint32_t code[2];
	uint64_t text_offset; /* where to load it, from an address that is aligned to 2 MiB */
	uint64_t image_size;  /* bytes of memory, more than the file has */
	uint64_t flags;
	uint64_t reserved[3];
	char magic[4];
	uint32_t pe_offset;
};

#define FLAG_BIG_ENDIAN	       BIT(0)
#define FLAGS_PAGE_SIZE(flags) ((flags) >> 1 & 3) /* 0: not told, 1: 4 KiB, 2: 16, 3: 64 */

#define COMMAND_LINE_SIZE 2048 /* with the NUL */

/* The initrd has to be in the same window as the kernel, which starts at a multiple of 1 GiB. */
#define WINDOW_ALIGN GIB
#define WINDOW_SIZE  (32 * GIB)

#define GZIP_MAGIC	   "\x1f\x8b"
#define ZBOOT_PAYLOAD	   8
#define ZBOOT_PAYLOAD_SIZE 12
#define ZBOOT_TYPE	   24 /* how the payload is packed, up to a NUL */
#define ZBOOT_TYPE_SIZE	   32

/* ---- the header ---- */

/* No kernel is near this; beyond it, sums could wrap. */
#define SIZE_MAX_SANE TIB

static int header_check(const struct image_source *source, const struct image_header *header)
{
	if (memcmp(header->magic, IMAGE_ARM64_MAGIC, sizeof(header->magic)))
		return image_refuse(source, -ENOEXEC, "does not hold an arm64 Image");
	if (!header->image_size)
		return image_refuse(source, -ENOEXEC,
				    "does not tell how much memory it needs: Linux 3.17 is the "
				    "oldest that works");
	if (header->flags & FLAG_BIG_ENDIAN)
		return image_refuse(source, -ENOEXEC,
				    "is a big-endian kernel: it needs CONFIG_CPU_LITTLE_ENDIAN=y");
	if (header->image_size < sizeof(*header) ||
	    !range_within(header->text_offset, header->image_size, 0, SIZE_MAX_SANE))
		return image_refuse(source, -ENOEXEC,
				    "is damaged: 0x%llx bytes of memory at offset 0x%llx",
				    (unsigned long long)header->image_size,
				    (unsigned long long)header->text_offset);
	return 0;
}

/* Say in @image where the kernel goes, when it can go there. */
static int header_read(const struct image_source *source, const struct image_header *header,
		       struct image *image)
{
	static const unsigned int page_sizes[] = { 0, 4 * KIB, 16 * KIB, 64 * KIB };
	int error;

	error = header_check(source, header);
	if (error)
		return error;
	image->kind = IMAGE_ARM64;
	image->entry = LAYOUT_KERNEL + header->text_offset;
	image->end = image->entry + header->image_size;
	image->initrd_max = align_down(image->entry, WINDOW_ALIGN) + WINDOW_SIZE - 1;
	image->cmdline_max = COMMAND_LINE_SIZE - 1;
	image->page_size = page_sizes[FLAGS_PAGE_SIZE(header->flags)];
	if (image->end > image_ram_end(source))
		return image_refuse_size(source, "", image->end);
	return 0;
}

static int plain_load(const struct image_source *source, struct image *image)
{
	struct image_header header;
	uint64_t size;
	int error;

	error = image_source_read(source, 0, &header, sizeof(header));
	if (!error)
		error = header_read(source, &header, image);
	if (error)
		return error;
	size = image->end - image->entry;
	if (source->size > size)
		return image_refuse(source, -ENOEXEC,
				    "is damaged: 0x%llx bytes of kernel in 0x%llx bytes of memory",
				    (unsigned long long)source->size, (unsigned long long)size);
	return image_source_read(source, 0, vm_gpa_to_hva(source->vm, image->entry, source->size),
				 source->size);
}

/* ---- unpacking ---- */

/* gzip members (RFC 1952) that are somewhere in a file. What is in them belongs together. */
struct unpacker {
	const struct image_source *source;
	z_stream stream;
	uint64_t offset, end; /* in the file: what has not been read yet */
	bool done;	      /* the last member's end was reached; all checksums are right */
	uint8_t input[16 * KIB];
};

static int unpack_refill(struct unpacker *unpacker)
{
	uint64_t size = min(unpacker->end - unpacker->offset, sizeof(unpacker->input));
	int error;

	error = image_source_read(unpacker->source, unpacker->offset, unpacker->input, size);
	if (error)
		return error;
	unpacker->offset += size;
	unpacker->stream.next_in = unpacker->input;
	unpacker->stream.avail_in = (uInt)size;
	return 0;
}

/* Bytes of the file that inflate() has not taken. */
static uint64_t unpack_left(const struct unpacker *unpacker)
{
	return unpacker->end - unpacker->offset + unpacker->stream.avail_in;
}

/* A member has ended: go on with the next, if there is one. */
static int unpack_next(struct unpacker *unpacker)
{
	char magic[sizeof(GZIP_MAGIC) - 1];
	uint64_t left = unpack_left(unpacker);
	int error;

	unpacker->done = true;
	if (left < sizeof(magic))
		return 0;
	error = image_source_read(unpacker->source, unpacker->end - left, magic, sizeof(magic));
	if (error || memcmp(magic, GZIP_MAGIC, sizeof(magic)))
		return error;
	unpacker->done = false;
	inflateReset(&unpacker->stream);
	return 0;
}

/* What inflate() says, as an error of ours. */
static int unpack_status(struct unpacker *unpacker, int status)
{
	const char *message = unpacker->stream.msg;

	switch (status) {
	case Z_STREAM_END:
		return unpack_next(unpacker);
	case Z_OK:
		return 0;
	case Z_BUF_ERROR: /* it needs more input, and there is none */
		return image_refuse(unpacker->source, -ENOEXEC,
				    "is truncated: its gzip data goes on");
	case Z_MEM_ERROR:
		return image_refuse(unpacker->source, -ENOMEM,
				    "cannot be unpacked: there is no memory");
	default:
		return image_refuse(unpacker->source, -ENOEXEC, "is damaged: gzip data with %s",
				    message ? message : "an error");
	}
}

/*
 * Unpack the next @size bytes to @to. *@got is less when the data ends before. With @size bytes
 * got, the end may have been reached or not.
 */
static int unpack(struct unpacker *unpacker, void *to, uint64_t size, uint64_t *got)
{
	z_stream *stream = &unpacker->stream;
	int error = 0;

	*got = 0;
	while (*got < size && !unpacker->done && !error) {
		uInt room = (uInt)min(size - *got, GIB); /* uInt has 32 bits */

		if (!stream->avail_in)
			error = unpack_refill(unpacker);
		if (error)
			break;
		stream->next_out = (uint8_t *)to + *got;
		stream->avail_out = room;
		error = unpack_status(unpacker, inflate(stream, Z_NO_FLUSH));
		*got += room - stream->avail_out;
	}
	return error;
}

/* The header first, which says where the rest goes and how much of it there may be. */
static int unpack_kernel(struct unpacker *unpacker, struct image *image)
{
	const struct image_source *source = unpacker->source;
	struct image_header header = { 0 };
	uint64_t size, got;
	uint8_t *to, excess;
	int error;

	error = unpack(unpacker, &header, sizeof(header), &got);
	if (!error)
		error = header_read(source, &header, image);
	if (error)
		return error;
	size = image->end - image->entry;
	to = vm_gpa_to_hva(source->vm, image->entry, size);
	memcpy(to, &header, sizeof(header));
	error = unpack(unpacker, to + sizeof(header), size - sizeof(header), &got);
	/* Reach the checksum, which is behind the last byte. */
	if (!error)
		error = unpack(unpacker, &excess, sizeof(excess), &got);
	if (error)
		return error;
	if (got)
		return image_refuse(source, -ENOEXEC,
				    "is damaged: more than 0x%llx bytes of kernel in as many bytes "
				    "of memory",
				    (unsigned long long)size);
	return 0;
}

/* Behind the data there may be zeros, which pad to the size of a block: gzip(1). */
static int padding_check(struct unpacker *unpacker)
{
	z_stream *stream = &unpacker->stream;
	uint64_t left = unpack_left(unpacker);

	while (unpack_left(unpacker)) {
		int error = stream->avail_in ? 0 : unpack_refill(unpacker);

		if (error)
			return error;
		if (*stream->next_in)
			return image_refuse(unpacker->source, -ENOEXEC,
					    "is damaged: 0x%llx bytes behind the end of its gzip "
					    "data",
					    (unsigned long long)left);
		stream->next_in++;
		stream->avail_in--;
	}
	return 0;
}

/* Load the gzip data that is all of the @size bytes at @offset of the file. */
static int packed_load(const struct image_source *source, uint64_t offset, uint64_t size,
		       struct image *image)
{
	struct unpacker unpacker = { .source = source, .offset = offset, .end = offset + size };
	int error;

	/* 16: with gzip's header and checksum. */
	if (inflateInit2(&unpacker.stream, 16 + MAX_WBITS) != Z_OK)
		return unpack_status(&unpacker, Z_MEM_ERROR);
	error = unpack_kernel(&unpacker, image);
	if (!error)
		error = padding_check(&unpacker);
	inflateEnd(&unpacker.stream);
	return error;
}

static int zboot_load(const struct image_source *source, const uint8_t *start, struct image *image)
{
	char type[ZBOOT_TYPE_SIZE + 1] = { 0 };

	memcpy(type, start + ZBOOT_TYPE, ZBOOT_TYPE_SIZE);
	if (!strcmp(type, "gzip"))
		return packed_load(source, le_load(start + ZBOOT_PAYLOAD, 4),
				   le_load(start + ZBOOT_PAYLOAD_SIZE, 4), image);
	/* It may be anything, and goes to a terminal. */
	type[strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789")] = '\0';
	return image_refuse(source, -ENOEXEC,
			    "is an EFI zboot image that is packed with \"%s\": only gzip can be "
			    "unpacked. Use an uncompressed Image (`make Image` in Linux), or "
			    "CONFIG_KERNEL_GZIP=y",
			    type);
}

/* ---- all ---- */

static int refuse_unknown(const struct image_source *source, const uint8_t *start)
{
	Elf64_Ehdr elf;

	memcpy(&elf, start, sizeof(elf));
	if (image_magic_is(start, IMAGE_BZIMAGE_MAGIC_OFFSET, IMAGE_BZIMAGE_MAGIC))
		return image_refuse(source, -ENOEXEC,
				    "is a bzImage for x86-64, but this host is arm64");
	if (memcmp(start, ELFMAG, SELFMAG))
		return image_refuse(source, -ENOEXEC,
				    "is not an arm64 Image, neither plain, nor packed with gzip, "
				    "nor EFI zboot");
	if (elf.e_machine != EM_AARCH64)
		return image_refuse(source, -ENOEXEC,
				    "is an ELF image for another architecture than arm64");
	return image_refuse(source, -ENOEXEC,
			    "is an ELF image: arm64 boots the Image that is made of it, "
			    "arch/arm64/boot/Image in Linux");
}

int image_arch_load(const struct image_source *source, const uint8_t *start, struct image *image)
{
	if (image_magic_is(start, IMAGE_ARM64_MAGIC_OFFSET, IMAGE_ARM64_MAGIC))
		return plain_load(source, image);
	if (image_magic_is(start, 0, GZIP_MAGIC))
		return packed_load(source, 0, source->size, image);
	if (image_magic_is(start, IMAGE_ZBOOT_MAGIC_OFFSET, IMAGE_ZBOOT_MAGIC))
		return zboot_load(source, start, image);
	return refuse_unknown(source, start);
}
