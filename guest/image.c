/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImage: Documentation/arch/x86/boot.rst of Linux. ELF with a PVH note: Xen's
 * docs/misc/pvh.pandoc and xen/include/public/elfnote.h.
 */
#include "guest/image.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/layout.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/util.h"

#define SETUP_HEADER_OFFSET 0x1f1
#define SETUP_HEADER_MAGIC  0x53726448 /* "HdrS" */
#define SETUP_SECTOR	    512
#define PROTOCOL_OLDEST	    0x20c /* 2.12: the first with xloadflags */
#define ENTRY_64	    0x200 /* from the start of the loaded kernel */

/* A note of more bytes than this is not looked at: vmlinux has a few hundred. */
#define NOTES_MAX	    (64 * KIB)
#define PROGRAM_HEADERS_MAX 64
#define NOTE_PHYS32_ENTRY   18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define NOTE_NAME	    "Xen"
#define PAGE		    4096ULL

/* A file that is being loaded, and where to say what is wrong with it. */
struct source {
	struct vm *vm;
	const char *path;
	int fd;
	uint64_t size;
	char *why;
	size_t why_size;
};

/* Write "path: ..." and return @error. */
__attribute__((format(printf, 3, 4))) static int refuse(const struct source *source, int error,
							const char *format, ...)
{
	va_list args;
	int length;

	length = snprintf(source->why, source->why_size, "%s: ", source->path);
	if (length < 0 || (size_t)length >= source->why_size)
		return error;
	va_start(args, format);
	vsnprintf(source->why + length, source->why_size - (size_t)length, format, args);
	va_end(args);
	return error;
}

static int source_open(struct source *source)
{
	struct stat status;
	int error;

	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0)
		return refuse(source, -errno, "cannot be opened: %s", strerror(errno));
	if (fstat(source->fd, &status) < 0)
		error = refuse(source, -errno, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		error = refuse(source, -ENOEXEC, "is not a regular file");
	else if (!status.st_size)
		error = refuse(source, -ENOEXEC, "is empty");
	else {
		source->size = (uint64_t)status.st_size;
		return 0;
	}
	fd_close(&source->fd);
	return error;
}

static int source_read(const struct source *source, uint64_t offset, void *to, uint64_t size)
{
	int error;

	if (!range_within(offset, size, 0, source->size))
		return refuse(
			source, -ENOEXEC,
			"is truncated: it has 0x%llx bytes, its headers tell of 0x%llx at 0x%llx",
			(unsigned long long)source->size, (unsigned long long)size,
			(unsigned long long)offset);
	error = fd_pread_all(source->fd, to, size, (off_t)offset);
	if (error)
		return refuse(source, error, "cannot be read: %s", strerror(-error));
	return 0;
}

/* Bytes of RAM from 0 up, without a hole. */
static uint64_t ram_size(const struct source *source)
{
	return source->vm->ram[0].size;
}

static unsigned long long mib_round_up(uint64_t size)
{
	return (size + MIB - 1) / MIB;
}

static int refuse_size(const struct source *source, const char *subject, uint64_t needed)
{
	/* More memory would go above the hole, where it does not help. */
	const char *remedy =
		source->vm->ram_count > 1 ? " up to the first hole" : ": raise --memory";

	return refuse(source, -ENOSPC, "%sneeds %llu MiB of RAM, the guest has %llu MiB%s", subject,
		      mib_round_up(needed), (unsigned long long)(ram_size(source) / MIB), remedy);
}

/* ---- bzImage ---- */

/* Refuse what cannot be started through the 64-bit entry point; @payload is the kernel's size. */
static int bzimage_check(const struct source *source, const struct setup_header *header,
			 size_t header_size, uint64_t payload)
{
	if (header->version < PROTOCOL_OLDEST)
		return refuse(
			source, -ENOEXEC,
			"has boot protocol %u.%02u: 2.12 (Linux 3.8) is the oldest that works",
			header->version >> 8, header->version & 0xff);
	if (header_size < offsetof(struct setup_header, init_size) + sizeof(header->init_size))
		return refuse(source, -ENOEXEC, "is damaged: its setup header is too short");
	if (!(header->xloadflags & XLF_KERNEL_64))
		return refuse(source, -ENOEXEC, "has no 64-bit entry point: it is a 32-bit kernel");
	if (payload <= ENTRY_64 || payload > header->init_size)
		return refuse(source, -ENOEXEC,
			      "is damaged: %llu bytes of kernel in %u bytes of memory",
			      (unsigned long long)payload, header->init_size);
	if (header->pref_address < LAYOUT_HIGH_RAM || header->pref_address >= LAYOUT_MEM32)
		return refuse(source, -ENOEXEC, "wants to be loaded at 0x%llx, where RAM cannot be",
			      (unsigned long long)header->pref_address);
	return 0;
}

/*
 * The kernel goes to its preferred address even when it is relocatable. A lower one would save
 * nothing: the kernel moves itself up to the preferred one before it unpacks (boot.rst, init_size),
 * and needs init_size bytes there.
 */
static int bzimage_load(const struct source *source, const uint8_t *start, struct image *image)
{
	uint64_t sectors, payload;
	struct setup_header header;
	size_t header_size;
	int error;

	memcpy(&header, start + SETUP_HEADER_OFFSET, sizeof(header));
	/* The jump instruction before "HdrS" leads to the end of the header. */
	header_size = 0x202 + (header.jump >> 8) - SETUP_HEADER_OFFSET;
	header_size = min(header_size, sizeof(image->setup_header));
	sectors = header.setup_sects ? header.setup_sects : 4;
	payload = header.syssize * 16ULL;
	error = bzimage_check(source, &header, header_size, payload);
	if (error)
		return error;

	image->kind = IMAGE_BZIMAGE;
	image->entry = header.pref_address + ENTRY_64;
	image->end = header.pref_address + header.init_size;
	image->initrd_max = header.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G ? UINT64_MAX
									   : header.initrd_addr_max;
	image->cmdline_max = header.cmdline_size;
	memcpy(image->setup_header, start + SETUP_HEADER_OFFSET, header_size);
	image->setup_header_size = header_size;
	if (image->end > ram_size(source))
		return refuse_size(source, "", image->end);
	return source_read(source, (sectors + 1) * SETUP_SECTOR,
			   vm_gpa_to_hva(source->vm, header.pref_address, payload), payload);
}

/* ---- ELF with a PVH note ---- */

static int elf_check(const struct source *source, const Elf64_Ehdr *elf)
{
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf->e_machine != EM_X86_64)
		return refuse(source, -ENOEXEC, "is not an ELF image for 64-bit x86");
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum > PROGRAM_HEADERS_MAX)
		return refuse(source, -ENOEXEC, "is damaged: %u program headers of %u bytes",
			      elf->e_phnum, elf->e_phentsize);
	return 0;
}

static int elf_segment_read(const struct source *source, const Elf64_Ehdr *elf, unsigned int index,
			    Elf64_Phdr *segment)
{
	return source_read(source, elf->e_phoff + index * sizeof(*segment), segment,
			   sizeof(*segment));
}

/*
 * Look for the PVH entry point in the notes of @segment; *@entry is left alone when it is not
 * there. A note is three words (sizes of name and descriptor, type), the name and the descriptor,
 * both padded.
 */
static int elf_notes_read(const struct source *source, const Elf64_Phdr *segment, uint64_t *entry)
{
	struct {
		Elf64_Nhdr header;
		char name[sizeof(NOTE_NAME)];
		uint32_t entry; /* Linux writes 8 bytes, of which the upper 4 are 0 */
	} note;
	uint64_t offset = 0, align = segment->p_align == 8 ? 8 : 4;

	if (segment->p_filesz > NOTES_MAX)
		return 0;
	while (range_within(offset, sizeof(note), 0, segment->p_filesz)) {
		int error = source_read(source, segment->p_offset + offset, &note, sizeof(note));

		if (error)
			return error;
		if (note.header.n_type == NOTE_PHYS32_ENTRY &&
		    note.header.n_namesz == sizeof(note.name) &&
		    note.header.n_descsz >= sizeof(note.entry) &&
		    !memcmp(note.name, NOTE_NAME, sizeof(note.name))) {
			*entry = note.entry;
			return 0;
		}
		offset += align_up(sizeof(note.header) + note.header.n_namesz, align);
		offset += align_up(note.header.n_descsz, align);
	}
	return 0;
}

static int elf_entry_find(const struct source *source, const Elf64_Ehdr *elf, uint64_t *entry)
{
	Elf64_Phdr segment;
	int error = 0;

	*entry = 0;
	for (unsigned int i = 0; i < elf->e_phnum && !error; i++) {
		error = elf_segment_read(source, elf, i, &segment);
		if (!error && segment.p_type == PT_NOTE)
			error = elf_notes_read(source, &segment, entry);
	}
	if (!error && !*entry)
		return refuse(source, -ENOEXEC,
			      "has no PVH entry point: a Linux kernel needs CONFIG_PVH=y");
	return error;
}

/* Copy one PT_LOAD segment; what the file does not fill is zero already, as all RAM is. */
static int elf_segment_load(const struct source *source, const Elf64_Phdr *segment)
{
	uint64_t end = segment->p_paddr + segment->p_memsz;

	if (segment->p_filesz > segment->p_memsz)
		return refuse(source, -ENOEXEC,
			      "is damaged: a segment is smaller than its contents");
	if (!range_within(segment->p_paddr, segment->p_memsz, LAYOUT_HIGH_RAM,
			  LAYOUT_MEM32 - LAYOUT_HIGH_RAM))
		return refuse(source, -ENOEXEC,
			      "has a segment of 0x%llx bytes at 0x%llx, where RAM cannot be",
			      (unsigned long long)segment->p_memsz,
			      (unsigned long long)segment->p_paddr);
	if (end > ram_size(source))
		return refuse_size(source, "", end);
	return source_read(source, segment->p_offset,
			   vm_gpa_to_hva(source->vm, segment->p_paddr, segment->p_filesz),
			   segment->p_filesz);
}

static int elf_load(const struct source *source, const uint8_t *start, struct image *image)
{
	bool entry_loaded = false;
	Elf64_Phdr segment;
	Elf64_Ehdr elf;
	int error;

	memcpy(&elf, start, sizeof(elf));
	error = elf_check(source, &elf);
	if (!error)
		error = elf_entry_find(source, &elf, &image->entry);
	for (unsigned int i = 0; i < elf.e_phnum && !error; i++) {
		error = elf_segment_read(source, &elf, i, &segment);
		if (error || segment.p_type != PT_LOAD || !segment.p_memsz)
			continue;
		error = elf_segment_load(source, &segment);
		image->end = max(image->end, segment.p_paddr + segment.p_memsz);
		entry_loaded |= range_within(image->entry, 1, segment.p_paddr, segment.p_filesz);
	}
	if (error)
		return error;
	if (!entry_loaded)
		return refuse(source, -ENOEXEC,
			      "has its PVH entry point 0x%llx outside of its segments",
			      (unsigned long long)image->entry);
	image->kind = IMAGE_PVH;
	image->initrd_max =
		UINT32_MAX; /* the start info has 64 bits, but the guest's first code 32 */
	image->cmdline_max = LAYOUT_CMDLINE_SIZE - 1;
	return 0;
}

/* ---- both ---- */

static int kernel_load(const struct source *source, struct image *image)
{
	uint8_t start[SETUP_HEADER_OFFSET + IMAGE_SETUP_HEADER_MAX] = { 0 };
	uint32_t magic;
	int error;

	error = source_read(source, 0, start, min(source->size, sizeof(start)));
	if (error)
		return error;
	if (!memcmp(start, ELFMAG, SELFMAG))
		return elf_load(source, start, image);
	memcpy(&magic, start + SETUP_HEADER_OFFSET + offsetof(struct setup_header, header),
	       sizeof(magic));
	if (magic == SETUP_HEADER_MAGIC)
		return bzimage_load(source, start, image);
	return refuse(source, -ENOEXEC, "is neither a Linux bzImage nor an ELF image");
}

int image_kernel_load(struct vm *vm, const char *path, struct image *image, char *why, size_t size)
{
	struct source source = { .vm = vm, .path = path, .why = why, .why_size = size };
	int error;

	memset(image, 0, sizeof(*image));
	error = source_open(&source);
	if (error)
		return error;
	error = kernel_load(&source, image);
	fd_close(&source.fd);
	return error;
}

static int initrd_load(const struct source *source, const struct image *image,
		       struct image_range *initrd)
{
	uint64_t start = align_up(image->end, PAGE), end = ram_size(source);

	if (start + source->size > end)
		return refuse_size(source, "with the kernel ", start + source->size);
	if (image->initrd_max < end)
		end = image->initrd_max + 1;
	if (start + source->size > end)
		return refuse(source, -ENOSPC,
			      "does not fit between the end of the kernel, 0x%llx, and the highest "
			      "address that the kernel takes an initrd at, 0x%llx",
			      (unsigned long long)start, (unsigned long long)image->initrd_max);
	initrd->size = source->size;
	initrd->gpa = align_down(end - source->size, PAGE);
	return source_read(source, 0, vm_gpa_to_hva(source->vm, initrd->gpa, initrd->size),
			   initrd->size);
}

int image_initrd_load(struct vm *vm, const char *path, const struct image *image,
		      struct image_range *initrd, char *why, size_t size)
{
	struct source source = { .vm = vm, .path = path, .why = why, .why_size = size };
	int error;

	*initrd = (struct image_range){ 0 };
	error = source_open(&source);
	if (error)
		return error;
	error = initrd_load(&source, image, initrd);
	fd_close(&source.fd);
	return error;
}
