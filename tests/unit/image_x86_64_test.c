/* SPDX-License-Identifier: BSD-2-Clause */
#include <asm/bootparam.h>
#include <elf.h>

#include "tests/unit/image_machine.h"

/* ---- kernels that are made up ---------------------------------------------------------------- */

#define HEADER(member)	     (0x1f1 + offsetof(struct setup_header, member))
#define BZIMAGE_PAYLOAD	     0x400 /* 1 + setup_sects sectors */
#define BZIMAGE_PAYLOAD_SIZE 0x1000
#define BZIMAGE_LOAD	     0x1000000
#define BZIMAGE_INIT_SIZE    0x600000
#define BZIMAGE_HEADER_END   0x268

static void bzimage_make(struct file *file)
{
	struct setup_header header = {
		.setup_sects = 1,
		.syssize = BZIMAGE_PAYLOAD_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0xeb | (BZIMAGE_HEADER_END - 0x202) << 8,
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 2 * MIB,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = 2047,
		.pref_address = BZIMAGE_LOAD,
		.init_size = BZIMAGE_INIT_SIZE,
	};

	memset(file, 0, sizeof(*file));
	pattern_fill(file->data, BZIMAGE_PAYLOAD, 1);
	memcpy(file->data + 0x1f1, &header, sizeof(header));
	pattern_fill(file->data + BZIMAGE_PAYLOAD, BZIMAGE_PAYLOAD_SIZE, 2);
	file->size = BZIMAGE_PAYLOAD + BZIMAGE_PAYLOAD_SIZE;
}

/* Where things are in the ELF file: three program headers, the notes, two segments. */
#define ELF_NOTE_HEADER	 (sizeof(Elf64_Ehdr))
#define ELF_TEXT_HEADER	 (ELF_NOTE_HEADER + sizeof(Elf64_Phdr))
#define ELF_DATA_HEADER	 (ELF_TEXT_HEADER + sizeof(Elf64_Phdr))
#define ELF_NOTES	 0x200
#define ELF_NOTES_SIZE	 (sizeof(struct elf_notes))
#define ELF_TEXT	 0x400
#define ELF_TEXT_SIZE	 0x1000
#define ELF_TEXT_LOAD	 0x100000
#define ELF_DATA	 0x1400
#define ELF_DATA_SIZE	 0x345
#define ELF_DATA_LOAD	 0x400000
#define ELF_DATA_MEMSIZE 0x200000
#define ELF_ENTRY	 (ELF_TEXT_LOAD + 0x30)

/* What is before the one that matters: another owner's note of the same type, and a Xen one. */
struct elf_notes {
	Elf64_Nhdr other;
	char other_name[8]; /* 6 with the NUL */
	uint8_t other_descriptor[4];
	Elf64_Nhdr xen;
	char xen_name[4];
	uint8_t xen_descriptor[8]; /* 6 used */
	Elf64_Nhdr pvh;
	char pvh_name[4];
	uint64_t entry;
} __attribute__((packed));

#define ELF_NOTE(member) (ELF_NOTES + offsetof(struct elf_notes, member))

static void elf_make(struct file *file)
{
	Elf64_Ehdr elf = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = 0x12345, /* of no interest */
		.e_phoff = ELF_NOTE_HEADER,
		.e_ehsize = sizeof(elf),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	const Elf64_Phdr segments[] = {
		{ PT_NOTE, PF_R, ELF_NOTES, 0, 0, ELF_NOTES_SIZE, ELF_NOTES_SIZE, 4 },
		{ PT_LOAD, PF_R | PF_X, ELF_TEXT, 0xffffffff81000000, ELF_TEXT_LOAD, ELF_TEXT_SIZE,
		  ELF_TEXT_SIZE, 0x1000 },
		{ PT_LOAD, PF_R | PF_W, ELF_DATA, 0xffffffff81300000, ELF_DATA_LOAD, ELF_DATA_SIZE,
		  ELF_DATA_MEMSIZE, 0x1000 },
	};
	const struct elf_notes notes = {
		.other = { 6, 4, 18 },
		.other_name = "Linux",
		.xen = { 4, 6, 6 },
		.xen_name = "Xen",
		.pvh = { 4, 8, 18 },
		.pvh_name = "Xen",
		.entry = ELF_ENTRY,
	};

	memset(file, 0, sizeof(*file));
	memcpy(file->data, &elf, sizeof(elf));
	memcpy(file->data + ELF_NOTE_HEADER, segments, sizeof(segments));
	memcpy(file->data + ELF_NOTES, &notes, sizeof(notes));
	pattern_fill(file->data + ELF_TEXT, ELF_TEXT_SIZE, 3);
	pattern_fill(file->data + ELF_DATA, ELF_DATA_SIZE, 4);
	file->size = ELF_DATA + ELF_DATA_SIZE;
}

/* ---- bzImage ------------------------------------------------------------------------------- */

static void test_a_bzimage_goes_to_its_preferred_address(void **state)
{
	struct fixture *fixture = *state;

	bzimage_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.kind, IMAGE_BZIMAGE);
	assert_int_equal(fixture->image.entry, BZIMAGE_LOAD + 0x200);
	assert_int_equal(fixture->image.end, BZIMAGE_LOAD + BZIMAGE_INIT_SIZE);
	assert_int_equal(fixture->image.cmdline_max, 2047);
	assert_loaded(fixture, BZIMAGE_LOAD, BZIMAGE_PAYLOAD, BZIMAGE_PAYLOAD_SIZE);
}

static void test_only_ram_for_the_file_is_touched(void **state)
{
	struct fixture *fixture = *state;

	bzimage_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fake_ram_pages_touched(&fixture->vm), BZIMAGE_PAYLOAD_SIZE / 4096);
}

static void test_the_setup_header_is_kept_up_to_its_own_end(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t jumps[] = { BZIMAGE_HEADER_END - 0x202, 0x6a, 0xff };
	static const size_t sizes[] = { BZIMAGE_HEADER_END - 0x1f1, 0x26c - 0x1f1, 0x290 - 0x1f1 };

	for (size_t i = 0; i < ARRAY_SIZE(jumps); i++) {
		bzimage_make(&fixture->file);
		fixture->file.data[0x201] = jumps[i];
		assert_int_equal(kernel_load(fixture), 0);
		assert_int_equal(fixture->image.setup_header_size, sizes[i]);
		assert_memory_equal(fixture->image.setup_header, fixture->file.data + 0x1f1,
				    sizes[i]);
	}
}

static void test_no_setup_sectors_mean_four(void **state)
{
	struct fixture *fixture = *state;
	struct file *file = &fixture->file;

	bzimage_make(file);
	file->data[HEADER(setup_sects)] = 0;
	memmove(file->data + 5 * 512, file->data + BZIMAGE_PAYLOAD, BZIMAGE_PAYLOAD_SIZE);
	file->size = 5 * 512 + BZIMAGE_PAYLOAD_SIZE;
	assert_int_equal(kernel_load(fixture), 0);
	assert_loaded(fixture, BZIMAGE_LOAD, 5 * 512, BZIMAGE_PAYLOAD_SIZE);
}

static void test_a_signature_behind_the_kernel_is_not_loaded(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *behind;

	bzimage_make(&fixture->file);
	memset(fixture->file.data + fixture->file.size, 0xee, 1000);
	fixture->file.size += 1000;
	assert_int_equal(kernel_load(fixture), 0);
	assert_loaded(fixture, BZIMAGE_LOAD, BZIMAGE_PAYLOAD, BZIMAGE_PAYLOAD_SIZE);
	behind = vm_gpa_to_hva(&fixture->vm, BZIMAGE_LOAD + BZIMAGE_PAYLOAD_SIZE, 1);
	assert_int_equal(*behind, 0);
}

static void test_the_highest_initrd_address_is_the_kernels(void **state)
{
	struct fixture *fixture = *state;

	bzimage_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_true(fixture->image.initrd_max == UINT64_MAX);
	fixture->file.data[HEADER(xloadflags)] = XLF_KERNEL_64;
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.initrd_max, 0x7fffffff);
}

static const struct bad_row bzimage_rows[] = {
	{ "what is changed does not matter", 0, 1, 0, 0, "" },
	{ "no magic", HEADER(header), 1, 'h', -ENOEXEC,
	  "neither a Linux bzImage nor an ELF image" },
	{ "protocol 2.11", HEADER(version), 2, 0x20b, -ENOEXEC, "boot protocol 2.11: 2.12" },
	{ "protocol 2.12", HEADER(version), 2, 0x20c, 0, "" },
	{ "protocol 1.99", HEADER(version), 2, 0x163, -ENOEXEC, "boot protocol 1.99" },
	{ "32-bit kernel", HEADER(xloadflags), 2, 0xfffe, -ENOEXEC, "no 64-bit entry point" },
	{ "header ends before init_size ends", 0x201, 1, 0x61, -ENOEXEC, "header is too short" },
	{ "header ends where init_size ends", 0x201, 1, 0x62, 0, "" },
	{ "no kernel", HEADER(syssize), 4, 0, -ENOEXEC, "0 bytes of kernel" },
	{ "no entry point", HEADER(syssize), 4, 0x20, -ENOEXEC, "512 bytes of kernel" },
	{ "more than there is", HEADER(syssize), 4, 0x101, -ENOEXEC, "is truncated" },
	{ "more than any file has", HEADER(syssize), 4, UINT32_MAX, -ENOEXEC, "is damaged" },
	{ "setup beyond the file", HEADER(setup_sects), 1, 0xff, -ENOEXEC, "is truncated" },
	{ "less memory than kernel", HEADER(init_size), 4, 0xfff, -ENOEXEC, "is damaged" },
	{ "as much memory as kernel", HEADER(init_size), 4, 0x1000, 0, "" },
	{ "below 1 MiB", HEADER(pref_address), 8, 0xff000, -ENOEXEC, "at 0xff000, where" },
	{ "at 1 MiB", HEADER(pref_address), 8, 0x100000, 0, "" },
	{ "in the PCI window", HEADER(pref_address), 8, LAYOUT_MEM32, -ENOEXEC,
	  "where RAM cannot" },
	{ "near 2^64", HEADER(pref_address), 8, 0 - MIB, -ENOEXEC, "where RAM cannot be" },
	{ "memory to the end of RAM", HEADER(init_size), 4, RAM_SIZE - BZIMAGE_LOAD, 0, "" },
	{ "a byte more", HEADER(init_size), 4, RAM_SIZE - BZIMAGE_LOAD + 1, -ENOSPC,
	  "needs 33 MiB of RAM, the guest has 32 MiB: raise --memory" },
	{ "most memory", HEADER(init_size), 4, UINT32_MAX, -ENOSPC, "needs 4112 MiB of RAM" },
};

static void test_each_bad_field_of_a_bzimage_is_refused(void **state)
{
	struct fixture *fixture = *state;

	rows_check(fixture, bzimage_make, bzimage_rows, ARRAY_SIZE(bzimage_rows));
}

static void test_more_memory_is_not_the_remedy_when_a_hole_is_in_the_way(void **state)
{
	struct fixture *fixture = *state;

	bzimage_make(&fixture->file);
	le_store(fixture->file.data + HEADER(init_size), 4, RAM_SIZE);
	fixture->vm.ram_count = 2;
	assert_refused(fixture, kernel_load(fixture), -ENOSPC,
		       "needs 48 MiB of RAM, the guest has 32 MiB up to the first hole", "hole");
	assert_null(strstr(fixture->why, "--memory"));
}

/* ---- ELF ----------------------------------------------------------------------------------- */

static void test_an_elf_image_is_loaded_segment_by_segment(void **state)
{
	struct fixture *fixture = *state;

	elf_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.kind, IMAGE_PVH);
	assert_int_equal(fixture->image.entry, ELF_ENTRY);
	assert_int_equal(fixture->image.end, ELF_DATA_LOAD + ELF_DATA_MEMSIZE);
	assert_int_equal(fixture->image.initrd_max, UINT32_MAX);
	assert_int_equal(fixture->image.setup_header_size, 0);
	assert_loaded(fixture, ELF_TEXT_LOAD, ELF_TEXT, ELF_TEXT_SIZE);
	assert_loaded(fixture, ELF_DATA_LOAD, ELF_DATA, ELF_DATA_SIZE);
	assert_int_equal(fake_ram_pages_touched(&fixture->vm), 2);
}

/* Of a segment of notes that is aligned to 8 bytes, this entry is found. */
static void assert_entry_of_notes(struct fixture *fixture, const void *notes, size_t size)
{
	elf_make(&fixture->file);
	memcpy(fixture->file.data + ELF_NOTES, notes, size);
	le_store(fixture->file.data + ELF_NOTE_HEADER + offsetof(Elf64_Phdr, p_align), 8, 8);
	le_store(fixture->file.data + ELF_NOTE_HEADER + offsetof(Elf64_Phdr, p_filesz), 8, size);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.entry, ELF_ENTRY + 8);
}

static void test_notes_may_be_padded_to_8_bytes(void **state)
{
	struct fixture *fixture = *state;
	const struct {
		Elf64_Nhdr other;
		char name[5]; /* descriptor at 24 */
		uint8_t padding[7], descriptor[1], padding_2[7];
		Elf64_Nhdr pvh; /* at 32 */
		char pvh_name[4];
		uint32_t entry;
	} notes = {
		.other = { 5, 1, 18 },
		.name = "Four",
		.pvh = { 4, 4, 18 },
		.pvh_name = "Xen",
		.entry = ELF_ENTRY + 8,
	};

	assert_entry_of_notes(fixture, &notes, sizeof(notes));
}

/* The linker aligns the second section of notes to 8, and leaves 4 bytes of zeros before it. */
static void test_notes_of_4_and_8_bytes_alignment_may_share_a_segment(void **state)
{
	struct fixture *fixture = *state;
	const struct {
		Elf64_Nhdr xen;
		char xen_name[4], descriptor[4], padding[4];
		Elf64_Nhdr property; /* at 24 */
		char property_name[4];
		uint8_t properties[16];
		Elf64_Nhdr pvh;
		char pvh_name[4];
		uint64_t entry;
	} notes = {
		.xen = { 4, 4, 6 },
		.xen_name = "Xen",
		.descriptor = "tst",
		.property = { 4, 16, 5 },
		.property_name = "GNU",
		.pvh = { 4, 8, 18 },
		.pvh_name = "Xen",
		.entry = ELF_ENTRY + 8,
	};

	assert_entry_of_notes(fixture, &notes, sizeof(notes));
}

/* Linux has a buffer of 2,048 bytes for its command line; it says what it is in its notes. */
static void test_the_longest_command_line_is_the_kernels(void **state)
{
	struct fixture *fixture = *state;

	elf_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.cmdline_max, 2047);
	memcpy(fixture->file.data + ELF_NOTE(other_name), "Other", 6);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.cmdline_max, LAYOUT_CMDLINE_SIZE - 1);
}

#define ELF(member)   offsetof(Elf64_Ehdr, member)
#define NOTES(member) (ELF_NOTE_HEADER + offsetof(Elf64_Phdr, member))
#define TEXT(member)  (ELF_TEXT_HEADER + offsetof(Elf64_Phdr, member))
#define DATA(member)  (ELF_DATA_HEADER + offsetof(Elf64_Phdr, member))

static const struct bad_row elf_rows[] = {
	{ "what is changed does not matter", ELF(e_entry), 8, 0, 0, "" },
	{ "no magic", 0, 1, 0, -ENOEXEC, "neither" },
	{ "32-bit", EI_CLASS, 1, ELFCLASS32, -ENOEXEC, "not a 64-bit ELF image for x86-64" },
	{ "big-endian", EI_DATA, 1, ELFDATA2MSB, -ENOEXEC, "not a 64-bit ELF image for x86-64" },
	{ "arm64", ELF(e_machine), 2, EM_AARCH64, -ENOEXEC, "not a 64-bit ELF image for x86-64" },
	{ "other program headers", ELF(e_phentsize), 2, 32, -ENOEXEC, "headers of 32 bytes" },
	{ "too many", ELF(e_phnum), 2, 65, -ENOEXEC, "65 program headers" },
	{ "none", ELF(e_phnum), 2, 0, -ENOEXEC, "no PVH entry point" },
	{ "program headers beyond the file", ELF(e_phoff), 8, 0x1740, -ENOEXEC, "truncated" },
	{ "program headers near 2^64", ELF(e_phoff), 8, 0 - 56ULL, -ENOEXEC, "truncated" },
	{ "no notes", NOTES(p_type), 4, PT_NULL, -ENOEXEC, "no PVH entry point" },
	{ "notes beyond the file", NOTES(p_offset), 8, 0x1740, -ENOEXEC, "truncated" },
	{ "notes near 2^64", NOTES(p_offset), 8, 0 - 8ULL, -ENOEXEC, "truncated" },
	{ "too many notes", NOTES(p_filesz), 8, 64 * KIB + 1, -ENOEXEC, "no PVH entry" },
	{ "notes that end within the one", NOTES(p_filesz), 8, ELF_NOTES_SIZE - 5, -ENOEXEC,
	  "no PVH entry" },
	{ "an entry point of 4 bytes", NOTES(p_filesz), 8, ELF_NOTES_SIZE - 4, 0, "" },
	{ "endless name before it", ELF_NOTE(other.n_namesz), 4, UINT32_MAX, 0, "" },
	{ "endless descriptor before it", ELF_NOTE(xen.n_descsz), 4, UINT32_MAX, 0, "" },
	{ "another owner's", ELF_NOTE(pvh_name), 1, 'x', -ENOEXEC, "no PVH entry point" },
	{ "another name size", ELF_NOTE(pvh.n_namesz), 4, 3, -ENOEXEC, "no PVH entry point" },
	{ "another type", ELF_NOTE(pvh.n_type), 4, 17, -ENOEXEC, "no PVH entry point" },
	{ "no descriptor", ELF_NOTE(pvh.n_descsz), 4, 3, -ENOEXEC, "no PVH entry point" },
	{ "entry point below", ELF_NOTE(entry), 4, ELF_TEXT_LOAD - 1, -ENOEXEC,
	  "PVH entry point 0xfffff outside" },
	{ "entry point above", ELF_NOTE(entry), 4, ELF_TEXT_LOAD + ELF_TEXT_SIZE, -ENOEXEC,
	  "outside of its segments" },
	{ "entry point in the bss", ELF_NOTE(entry), 4, ELF_DATA_LOAD + ELF_DATA_SIZE, -ENOEXEC,
	  "outside of its segments" },
	{ "entry point that is not loaded", TEXT(p_type), 4, PT_NULL, -ENOEXEC,
	  "outside of its segments" },
	{ "contents larger than memory", DATA(p_memsz), 8, ELF_DATA_SIZE - 1, -ENOEXEC,
	  "smaller than its contents" },
	{ "empty segment anywhere", DATA(p_memsz), 8, 0, 0, "" },
	{ "segment beyond the file", DATA(p_offset), 8, ELF_DATA + 1, -ENOEXEC, "truncated" },
	{ "segment near 2^64", DATA(p_offset), 8, 0 - 16ULL, -ENOEXEC, "truncated" },
	{ "below 1 MiB", TEXT(p_paddr), 8, 0xff000, -ENOEXEC, "at 0xff000, where RAM cannot be" },
	{ "in the PCI window", DATA(p_paddr), 8, LAYOUT_MEM32 - 0x1000, -ENOEXEC, "cannot be" },
	{ "address near 2^64", DATA(p_paddr), 8, 0 - 0x1000ULL, -ENOEXEC, "cannot be" },
	{ "endless", DATA(p_memsz), 8, UINT64_MAX, -ENOEXEC, "cannot be" },
	{ "to the end of RAM", DATA(p_paddr), 8, RAM_SIZE - ELF_DATA_MEMSIZE, 0, "" },
	{ "a byte more", DATA(p_paddr), 8, RAM_SIZE - ELF_DATA_MEMSIZE + 1, -ENOSPC,
	  "needs 33 MiB of RAM, the guest has 32 MiB: raise --memory" },
};

static void test_each_bad_field_of_an_elf_image_is_refused(void **state)
{
	struct fixture *fixture = *state;

	rows_check(fixture, elf_make, elf_rows, ARRAY_SIZE(elf_rows));
}

/* ---- other kernels ----------------------------------------------------------------------------
 */

static void test_a_kernel_for_another_architecture_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *magic;
		size_t offset;
		const char *words;
	} rows[] = {
		{ "ARM\x64", 56, "is an Image for arm64, but this host is x86-64" },
		{ "zimg", 4, "is an EFI zboot image, which is for another architecture" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&fixture->file, 0, sizeof(fixture->file));
		memcpy(fixture->file.data, "MZ", 2);
		memcpy(fixture->file.data + rows[i].offset, rows[i].magic, 4);
		fixture->file.size = 64;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, rows[i].words,
			       rows[i].magic);
	}
}

/* ---- any kernel ---------------------------------------------------------------------------- */

static void (*const makers[])(struct file *file) = { bzimage_make, elf_make };

static void test_every_truncated_kernel_is_refused(void **state)
{
	struct fixture *fixture = *state;

	for (size_t maker = 0; maker < ARRAY_SIZE(makers); maker++) {
		makers[maker](&fixture->file);
		for (size_t size = fixture->file.size; size--;) {
			fixture->file.size = size;
			assert_refused(fixture, kernel_load(fixture), -ENOEXEC, ": ", "truncated");
		}
	}
}

static void test_no_damage_to_a_kernel_does_damage_here(void **state)
{
	struct fixture *fixture = *state;
	unsigned int accepted = 0;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		struct file *file = &fixture->file;

		makers[round % 2](file);
		for (unsigned int i = 0; i <= (unsigned int)random() % 3; i++)
			file->data[(size_t)random() % 0x280] = (uint8_t)random();
		if (kernel_load(fixture)) {
			assert_true(strlen(fixture->why) > strlen(file->path));
			continue;
		}
		accepted++;
		assert_true(fixture->image.end <= RAM_SIZE);
		assert_true(fixture->image.entry < fixture->image.end);
		assert_true(fixture->image.setup_header_size <= IMAGE_SETUP_HEADER_MAX);
	}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_bzimage_goes_to_its_preferred_address),
		TEST(test_only_ram_for_the_file_is_touched),
		TEST(test_the_setup_header_is_kept_up_to_its_own_end),
		TEST(test_no_setup_sectors_mean_four),
		TEST(test_a_signature_behind_the_kernel_is_not_loaded),
		TEST(test_the_highest_initrd_address_is_the_kernels),
		TEST(test_each_bad_field_of_a_bzimage_is_refused),
		TEST(test_more_memory_is_not_the_remedy_when_a_hole_is_in_the_way),
		TEST(test_an_elf_image_is_loaded_segment_by_segment),
		TEST(test_notes_may_be_padded_to_8_bytes),
		TEST(test_notes_of_4_and_8_bytes_alignment_may_share_a_segment),
		TEST(test_the_longest_command_line_is_the_kernels),
		TEST(test_each_bad_field_of_an_elf_image_is_refused),
		TEST(test_a_kernel_for_another_architecture_is_refused),
		TEST(test_every_truncated_kernel_is_refused),
		TEST(test_no_damage_to_a_kernel_does_damage_here),
	};

	return cmocka_run_group_tests_name("image_x86_64", tests, NULL, NULL);
}
