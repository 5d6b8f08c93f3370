/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImage: Documentation/arch/x86/boot.rst of Linux. ELF with a PVH note: Xen's
 * docs/misc/pvh.pandoc and xen/include/public/elfnote.h.
 */
#include "guest/image_source.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "kvm/vm.h"
#include "lib/util.h"

#define SETUP_HEADER_OFFSET 0x1f1
#define SETUP_SECTOR	    512
#define PROTOCOL_OLDEST	    0x20c /* 2.12: the first with xloadflags */
#define ENTRY_64	    0x200 /* from the start of the loaded kernel */

/* Notes of more bytes than this are not looked at: vmlinux has a few hundred. */
#define NOTES_MAX	    (64 * KIB)
#define PROGRAM_HEADERS_MAX 64
#define NOTE_PHYS32_ENTRY   18	 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define COMMAND_LINE_SIZE   2048 /* Linux, with the NUL: arch/x86/include/asm/setup.h */

/* ---- bzImage ---- */

/* Refuse what cannot be started through the 64-bit entry point; @payload is the kernel's size. */
static int bzimage_check(const struct image_source *source, const struct setup_header *header,
			 size_t header_size, uint64_t payload)
{
	if (header->version < PROTOCOL_OLDEST)
		return image_refuse(
			source, -ENOEXEC,
			"has boot protocol %u.%02u: 2.12 (Linux 3.8) is the oldest that works",
			header->version >> 8, header->version & 0xff);
	if (header_size < offsetof(struct setup_header, init_size) + sizeof(header->init_size))
		return image_refuse(source, -ENOEXEC, "is damaged: its setup header is too short");
	if (!(header->xloadflags & XLF_KERNEL_64))
		return image_refuse(source, -ENOEXEC,
				    "has no 64-bit entry point: it is a 32-bit kernel");
	if (payload <= ENTRY_64 || payload > header->init_size)
		return image_refuse(source, -ENOEXEC,
				    "is damaged: %llu bytes of kernel in %u bytes of memory",
				    (unsigned long long)payload, header->init_size);
	if (header->pref_address < LAYOUT_HIGH_RAM || header->pref_address >= LAYOUT_MEM32)
		return image_refuse(source, -ENOEXEC,
				    "wants to be loaded at 0x%llx, where RAM cannot be",
				    (unsigned long long)header->pref_address);
	return 0;
}

/*
 * The kernel goes to its preferred address even when it is relocatable. A lower one would save
 * nothing: the kernel moves itself up to the preferred one before it unpacks (boot.rst, init_size),
 * and needs init_size bytes there.
 */
static int bzimage_load(const struct image_source *source, const uint8_t *start,
			struct image *image)
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
	if (image->end > image_ram_end(source))
		return image_refuse_size(source, "", image->end);
	return image_source_read(source, (sectors + 1) * SETUP_SECTOR,
				 vm_gpa_to_hva(source->vm, header.pref_address, payload), payload);
}

/* ---- ELF with a PVH note ---- */

static int elf_check(const struct image_source *source, const Elf64_Ehdr *elf)
{
	if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf->e_machine != EM_X86_64)
		return image_refuse(source, -ENOEXEC, "is not a 64-bit ELF image for x86-64");
	if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum > PROGRAM_HEADERS_MAX)
		return image_refuse(source, -ENOEXEC, "is damaged: %u program headers of %u bytes",
				    elf->e_phnum, elf->e_phentsize);
	return 0;
}

static int elf_segment_read(const struct image_source *source, const Elf64_Ehdr *elf,
			    unsigned int index, Elf64_Phdr *segment)
{
	return image_source_read(source, elf->e_phoff + index * sizeof(*segment), segment,
				 sizeof(*segment));
}

/* What the notes of an ELF image tell. */
struct elf_notes {
	uint32_t entry; /* PVH's; 0: there is none */
	bool is_linux;
};

/* Is there room for a note at @at, and is it @name's? */
static bool note_is(const uint8_t *at, const uint8_t *end, const char *name)
{
	Elf64_Nhdr header;
	size_t size = strlen(name) + 1;

	if ((size_t)(end - at) < sizeof(header) + size)
		return false;
	memcpy(&header, at, sizeof(header));
	return header.n_namesz == size && !memcmp(at + sizeof(header), name, size);
}

/* Linux writes 8 bytes, of which the upper 4 are 0. */
static void note_entry_read(const uint8_t *at, const uint8_t *end, struct elf_notes *notes)
{
	const size_t name_size = sizeof("Xen");
	Elf64_Nhdr header;

	memcpy(&header, at, sizeof(header));
	if (header.n_type != NOTE_PHYS32_ENTRY || header.n_descsz < sizeof(notes->entry) ||
	    (size_t)(end - at) < sizeof(header) + name_size + sizeof(notes->entry))
		return;
	notes->entry = (uint32_t)le_load(at + sizeof(header) + name_size, sizeof(notes->entry));
}

/*
 * A note is three words (sizes of name and descriptor, type), the name and the descriptor, both
 * padded. To 4 bytes, mostly, whatever p_align says, and with more padding where the linker put
 * notes of 8 bytes' alignment beside others. A note that matters is therefore looked for by its
 * first words, at every multiple of 4.
 */
static int elf_notes_read(const struct image_source *source, const Elf64_Phdr *segment,
			  struct elf_notes *notes)
{
	uint8_t data[NOTES_MAX];
	const uint8_t *end;
	int error;

	if (segment->p_filesz > NOTES_MAX)
		return 0;
	error = image_source_read(source, segment->p_offset, data, segment->p_filesz);
	if (error)
		return error;
	end = data + segment->p_filesz;
	for (const uint8_t *at = data; at < end; at += min(4, end - at)) {
		if (!notes->entry && note_is(at, end, "Xen"))
			note_entry_read(at, end, notes);
		notes->is_linux |= note_is(at, end, "Linux");
	}
	return 0;
}

static int elf_notes_find(const struct image_source *source, const Elf64_Ehdr *elf,
			  struct elf_notes *notes)
{
	Elf64_Phdr segment;
	int error = 0;

	for (unsigned int i = 0; i < elf->e_phnum && !error; i++) {
		error = elf_segment_read(source, elf, i, &segment);
		if (!error && segment.p_type == PT_NOTE)
			error = elf_notes_read(source, &segment, notes);
	}
	if (!error && !notes->entry)
		return image_refuse(source, -ENOEXEC,
				    "has no PVH entry point: a Linux kernel needs CONFIG_PVH=y");
	return error;
}

/* Copy one PT_LOAD segment; what the file does not fill is zero already, as all RAM is. */
static int elf_segment_load(const struct image_source *source, const Elf64_Phdr *segment)
{
	uint64_t end = segment->p_paddr + segment->p_memsz;

	if (segment->p_filesz > segment->p_memsz)
		return image_refuse(source, -ENOEXEC,
				    "is damaged: a segment is smaller than its contents");
	if (!range_within(segment->p_paddr, segment->p_memsz, LAYOUT_HIGH_RAM,
			  LAYOUT_MEM32 - LAYOUT_HIGH_RAM))
		return image_refuse(source, -ENOEXEC,
				    "has a segment of 0x%llx bytes at 0x%llx, where RAM cannot be",
				    (unsigned long long)segment->p_memsz,
				    (unsigned long long)segment->p_paddr);
	if (end > image_ram_end(source))
		return image_refuse_size(source, "", end);
	return image_source_read(source, segment->p_offset,
				 vm_gpa_to_hva(source->vm, segment->p_paddr, segment->p_filesz),
				 segment->p_filesz);
}

static int elf_load(const struct image_source *source, const uint8_t *start, struct image *image)
{
	struct elf_notes notes = { .entry = 0 };
	bool entry_loaded = false;
	Elf64_Phdr segment;
	Elf64_Ehdr elf;
	int error;

	memcpy(&elf, start, sizeof(elf));
	error = elf_check(source, &elf);
	if (!error)
		error = elf_notes_find(source, &elf, &notes);
	image->entry = notes.entry;
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
		return image_refuse(source, -ENOEXEC,
				    "has its PVH entry point 0x%llx outside of its segments",
				    (unsigned long long)image->entry);
	image->kind = IMAGE_PVH;
	/* The start info has 64 bits, but the guest's first code 32. */
	image->initrd_max = UINT32_MAX;
	/* Linux copies what it has room for, and then goes on to look for the NUL. */
	image->cmdline_max = (notes.is_linux ? COMMAND_LINE_SIZE : LAYOUT_CMDLINE_SIZE) - 1;
	return 0;
}

/* ---- both ---- */

static int refuse_unknown(const struct image_source *source, const uint8_t *start)
{
	if (image_magic_is(start, IMAGE_ARM64_MAGIC_OFFSET, IMAGE_ARM64_MAGIC))
		return image_refuse(source, -ENOEXEC,
				    "is an Image for arm64, but this host is x86-64");
	if (image_magic_is(start, IMAGE_ZBOOT_MAGIC_OFFSET, IMAGE_ZBOOT_MAGIC))
		return image_refuse(source, -ENOEXEC,
				    "is an EFI zboot image, which is for another architecture "
				    "than x86-64");
	return image_refuse(source, -ENOEXEC, "is neither a Linux bzImage nor an ELF image");
}

int image_arch_load(const struct image_source *source, const uint8_t *start, struct image *image)
{
	if (!memcmp(start, ELFMAG, SELFMAG))
		return elf_load(source, start, image);
	if (image_magic_is(start, IMAGE_BZIMAGE_MAGIC_OFFSET, IMAGE_BZIMAGE_MAGIC))
		return bzimage_load(source, start, image);
	return refuse_unknown(source, start);
}
