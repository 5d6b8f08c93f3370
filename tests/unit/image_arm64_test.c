/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <zlib.h>

#include "tests/unit/image_machine.h"

/* ---- kernels that are made up ---------------------------------------------------------------- */

#define TEXT_OFFSET 0x80000
#define KERNEL_LOAD (LAYOUT_KERNEL + TEXT_OFFSET)
#define KERNEL_SIZE 0x1800 /* in the file */
#define MEMORY_SIZE 0x300000

/* Where things are in an Image. */
#define HEADER_TEXT_OFFSET 8
#define HEADER_IMAGE_SIZE  16
#define HEADER_FLAGS	   24
#define HEADER_MAGIC	   56
#define HEADER_SIZE	   64

/* Where things are in the zboot image: the payload is not at its end. */
#define ZBOOT_OFFSET  8
#define ZBOOT_SIZE    12
#define ZBOOT_TYPE    24
#define ZBOOT_PAYLOAD 0x100
#define ZBOOT_BEHIND  0x50

struct kernel {
	uint8_t data[0x8000];
	size_t size;
	uint64_t zeros; /* behind the data, when it is packed */
};

static void kernel_make(struct kernel *kernel)
{
	memset(kernel, 0, sizeof(*kernel));
	kernel->size = KERNEL_SIZE;
	pattern_fill(kernel->data, KERNEL_SIZE, 6);
	memset(kernel->data, 0, HEADER_SIZE);
	le_store(kernel->data + HEADER_TEXT_OFFSET, 8, TEXT_OFFSET);
	le_store(kernel->data + HEADER_IMAGE_SIZE, 8, MEMORY_SIZE);
	memcpy(kernel->data + HEADER_MAGIC, "ARM\x64", 4);
}

/* Deflate @size bytes into the room that @stream has. */
static void deflate_all(z_stream *stream, const uint8_t *data, size_t size, int flush)
{
	uint8_t copy[0x8000];

	assert_true(size <= sizeof(copy));
	memcpy(copy, data, size);
	stream->next_in = copy;
	stream->avail_in = (uInt)size;
	assert_int_equal(deflate(stream, flush), flush == Z_FINISH ? Z_STREAM_END : Z_OK);
	assert_int_equal(stream->avail_in, 0);
}

/* Append @kernel, packed, to @file. */
static void gzip_append(struct file *file, const struct kernel *kernel)
{
	static const uint8_t zeros[0x8000];
	z_stream stream = {
		.next_out = file->data + file->size,
		.avail_out = (uInt)(sizeof(file->data) - file->size),
	};

	assert_int_equal(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	deflate_all(&stream, kernel->data, kernel->size, Z_NO_FLUSH);
	for (uint64_t left = kernel->zeros; left;) {
		size_t size = min(left, sizeof(zeros));

		deflate_all(&stream, zeros, size, Z_NO_FLUSH);
		left -= size;
	}
	deflate_all(&stream, zeros, 0, Z_FINISH);
	file->size = sizeof(file->data) - stream.avail_out;
	deflateEnd(&stream);
}

static void plain_pack(struct file *file, const struct kernel *kernel)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->data, kernel->data, kernel->size);
	file->size = kernel->size;
}

static void gzip_pack(struct file *file, const struct kernel *kernel)
{
	memset(file, 0, sizeof(*file));
	gzip_append(file, kernel);
}

static void zboot_pack(struct file *file, const struct kernel *kernel)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->data, "MZ\0\0zimg", 8);
	memcpy(file->data + ZBOOT_TYPE, "gzip", 4);
	file->size = ZBOOT_PAYLOAD;
	gzip_append(file, kernel);
	le_store(file->data + ZBOOT_OFFSET, 4, ZBOOT_PAYLOAD);
	le_store(file->data + ZBOOT_SIZE, 4, file->size - ZBOOT_PAYLOAD);
	memset(file->data + file->size, 0xee, ZBOOT_BEHIND);
	file->size += ZBOOT_BEHIND;
}

static const struct packing {
	const char *name;
	void (*pack)(struct file *file, const struct kernel *kernel);
} packings[] = { { "plain", plain_pack }, { "gzip", gzip_pack }, { "zboot", zboot_pack } };

#define PACKED	     (packings + 1) /* those with gzip in them */
#define PACKED_COUNT (ARRAY_SIZE(packings) - 1)

static void plain_make(struct file *file)
{
	struct kernel kernel;

	kernel_make(&kernel);
	plain_pack(file, &kernel);
}

static void gzip_make(struct file *file)
{
	struct kernel kernel;

	kernel_make(&kernel);
	gzip_pack(file, &kernel);
}

static void zboot_make(struct file *file)
{
	struct kernel kernel;

	kernel_make(&kernel);
	zboot_pack(file, &kernel);
}

/* ---- what is loaded -------------------------------------------------------------------------- */

#define UNTOUCHED 0xaa

static uint8_t *ram_at(struct fixture *fixture, uint64_t gpa)
{
	return vm_gpa_to_hva(&fixture->vm, gpa, 1);
}

/* Fill what is around the kernel to see whether it stays. */
static void ram_mark(struct fixture *fixture)
{
	memset(ram_at(fixture, LAYOUT_RAM), UNTOUCHED, KERNEL_LOAD + 2 * MIB - LAYOUT_RAM);
}

static void assert_ram_marked(struct fixture *fixture, uint64_t from, uint64_t to)
{
	const uint8_t *ram = ram_at(fixture, from);

	for (uint64_t i = 0; i < to - from; i++)
		if (ram[i] != UNTOUCHED)
			fail_msg("0x%llx was written", (unsigned long long)(from + i));
}

static void test_every_packing_is_loaded_at_its_offset(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;

	kernel_make(&kernel);
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++) {
		packings[i].pack(&fixture->file, &kernel);
		ram_mark(fixture);
		assert_refused(fixture, kernel_load(fixture), 0, "", packings[i].name);
		assert_int_equal(fixture->image.kind, IMAGE_ARM64);
		assert_int_equal(fixture->image.entry, KERNEL_LOAD);
		assert_int_equal(fixture->image.end, KERNEL_LOAD + MEMORY_SIZE);
		assert_int_equal(fixture->image.cmdline_max, 2047);
		assert_int_equal(fixture->image.setup_header_size, 0);
		assert_memory_equal(ram_at(fixture, KERNEL_LOAD), kernel.data, kernel.size);
		assert_ram_marked(fixture, LAYOUT_RAM, KERNEL_LOAD);
		assert_ram_marked(fixture, KERNEL_LOAD + kernel.size, KERNEL_LOAD + 2 * MIB);
	}
}

static void test_the_page_size_is_what_the_flags_say(void **state)
{
	struct fixture *fixture = *state;
	static const unsigned int sizes[] = { 0, 4096, 16384, 65536 };
	struct kernel kernel;

	for (size_t i = 0; i < ARRAY_SIZE(packings); i++)
		for (unsigned int flag = 0; flag < ARRAY_SIZE(sizes); flag++) {
			kernel_make(&kernel);
			kernel.data[HEADER_FLAGS] = (uint8_t)(flag << 1 | 0xf8);
			packings[i].pack(&fixture->file, &kernel);
			assert_refused(fixture, kernel_load(fixture), 0, "", packings[i].name);
			assert_int_equal(fixture->image.page_size, sizes[flag]);
		}
}

/* 32 GiB from the multiple of 1 GiB that the kernel is above. */
static void test_the_initrd_may_be_in_the_window_of_the_kernel(void **state)
{
	struct fixture *fixture = *state;

	plain_make(&fixture->file);
	assert_int_equal(kernel_load(fixture), 0);
	assert_int_equal(fixture->image.initrd_max, 0x40000000 + 32 * GIB - 1);
	assert_int_equal(initrd_load(fixture), 0);
	assert_int_equal(fixture->initrd.gpa, RAM_END - align_up(KERNEL_SIZE, 4096));
}

static void test_a_kernel_that_does_not_compress_is_read_in_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;

	srandom(2);
	kernel_make(&kernel);
	for (size_t i = HEADER_SIZE; i < sizeof(kernel.data); i++)
		kernel.data[i] = (uint8_t)random();
	kernel.size = sizeof(kernel.data);
	for (size_t i = 0; i < PACKED_COUNT; i++) {
		PACKED[i].pack(&fixture->file, &kernel);
		assert_true(fixture->file.size > sizeof(kernel.data));
		ram_mark(fixture);
		assert_refused(fixture, kernel_load(fixture), 0, "", PACKED[i].name);
		assert_memory_equal(ram_at(fixture, KERNEL_LOAD), kernel.data, kernel.size);
	}
}

/* ---- the header ------------------------------------------------------------------------------ */

#define TO_THE_END (RAM_END - KERNEL_LOAD)

static const struct bad_row header_rows[] = {
	{ "what is changed does not matter", 0, 8, UINT64_MAX, 0, "" },
	{ "before 3.17", HEADER_IMAGE_SIZE, 8, 0, -ENOEXEC, "Linux 3.17 is the oldest" },
	{ "big-endian", HEADER_FLAGS, 8, 1, -ENOEXEC, "big-endian kernel: it needs CONFIG_CPU_L" },
	{ "flags that nobody knows", HEADER_FLAGS, 8, UINT64_MAX - 1, 0, "" },
	{ "no header in memory", HEADER_IMAGE_SIZE, 8, HEADER_SIZE - 1, -ENOEXEC, "is damaged" },
	{ "as much memory as kernel", HEADER_IMAGE_SIZE, 8, KERNEL_SIZE, 0, "" },
	{ "less memory than kernel", HEADER_IMAGE_SIZE, 8, KERNEL_SIZE - 1, -ENOEXEC,
	  "of kernel in " },
	{ "memory to the end of RAM", HEADER_IMAGE_SIZE, 8, TO_THE_END, 0, "" },
	{ "a byte more", HEADER_IMAGE_SIZE, 8, TO_THE_END + 1, -ENOSPC,
	  "needs 33 MiB of RAM, the guest has 32 MiB: raise --memory" },
	{ "most memory", HEADER_IMAGE_SIZE, 8, UINT64_MAX, -ENOEXEC, "is damaged" },
	{ "much memory", HEADER_IMAGE_SIZE, 8, TIB - TEXT_OFFSET, -ENOSPC,
	  "needs 1048578 MiB of RAM" },
	{ "too much memory", HEADER_IMAGE_SIZE, 8, TIB - TEXT_OFFSET + 1, -ENOEXEC, "is damaged" },
	{ "no offset", HEADER_TEXT_OFFSET, 8, 0, 0, "" },
	{ "offset to the end of RAM", HEADER_TEXT_OFFSET, 8, RAM_END - LAYOUT_KERNEL - MEMORY_SIZE,
	  0, "" },
	{ "beyond the end of RAM", HEADER_TEXT_OFFSET, 8, RAM_END - LAYOUT_KERNEL - MEMORY_SIZE + 1,
	  -ENOSPC, "needs 33 MiB of RAM" },
	{ "offset near 2^64", HEADER_TEXT_OFFSET, 8, 0 - MIB, -ENOEXEC, "is damaged" },
};

static void test_each_bad_field_is_refused_in_every_packing(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;

	for (size_t i = 0; i < ARRAY_SIZE(header_rows) * ARRAY_SIZE(packings); i++) {
		const struct bad_row *row = &header_rows[i / ARRAY_SIZE(packings)];

		kernel_make(&kernel);
		le_store(kernel.data + row->offset, row->width, row->value);
		packings[i % ARRAY_SIZE(packings)].pack(&fixture->file, &kernel);
		assert_refused(fixture, kernel_load(fixture), row->error, row->words, row->rule);
	}
}

static void test_more_memory_is_not_the_remedy_when_a_hole_is_in_the_way(void **state)
{
	struct fixture *fixture = *state;

	plain_make(&fixture->file);
	le_store(fixture->file.data + HEADER_IMAGE_SIZE, 8, TO_THE_END + 1);
	fixture->vm.ram_count = 2;
	assert_refused(fixture, kernel_load(fixture), -ENOSPC,
		       "needs 33 MiB of RAM, the guest has 32 MiB up to the first hole", "hole");
	assert_null(strstr(fixture->why, "--memory"));
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static void test_unpacking_ends_at_the_memory_that_the_header_tells_of(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;

	for (size_t i = 0; i < PACKED_COUNT; i++)
		for (unsigned int more = 0; more < 2; more++) {
			kernel_make(&kernel);
			kernel.zeros = MEMORY_SIZE - kernel.size + more;
			PACKED[i].pack(&fixture->file, &kernel);
			*ram_at(fixture, KERNEL_LOAD + MEMORY_SIZE - 1) = UNTOUCHED;
			*ram_at(fixture, KERNEL_LOAD + MEMORY_SIZE) = UNTOUCHED;
			assert_refused(fixture, kernel_load(fixture), more ? -ENOEXEC : 0,
				       more ? "more than 0x300000 bytes of kernel" : "",
				       PACKED[i].name);
			assert_int_equal(*ram_at(fixture, KERNEL_LOAD + MEMORY_SIZE - 1), 0);
			assert_int_equal(*ram_at(fixture, KERNEL_LOAD + MEMORY_SIZE), UNTOUCHED);
		}
}

/* What is beyond the RAM faults. */
static void test_unpacking_ends_at_the_end_of_ram(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;

	kernel_make(&kernel);
	le_store(kernel.data + HEADER_IMAGE_SIZE, 8, TO_THE_END);
	kernel.zeros = TO_THE_END;
	gzip_pack(&fixture->file, &kernel);
	assert_refused(fixture, kernel_load(fixture), -ENOEXEC, "of kernel in as many", "bomb");
}

static void test_what_is_behind_the_gzip_data_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct file *file = &fixture->file;
	char words[64];

	gzip_make(file);
	/* More than is read at once. */
	snprintf(words, sizeof(words), "0x%zx bytes behind the end of its gzip data",
		 sizeof(file->data) - file->size);
	file->size = sizeof(file->data);
	file->data[file->size - 1] = 1;
	assert_refused(fixture, kernel_load(fixture), -ENOEXEC, words, "gzip, much");
	gzip_make(file);
	file->data[file->size++] = 0x1f;
	assert_refused(fixture, kernel_load(fixture), -ENOEXEC, "0x1 bytes behind", "gzip");
	zboot_make(file);
	file->data[ZBOOT_SIZE]++;
	assert_refused(fixture, kernel_load(fixture), -ENOEXEC, "0x1 bytes behind", "zboot");
}

/* What `gzip -t` finds nothing wrong with: zeros up to the end of a block. */
static void test_zeros_behind_the_gzip_data_are_padding(void **state)
{
	struct fixture *fixture = *state;
	struct file *file = &fixture->file;

	gzip_make(file);
	file->size++;
	assert_refused(fixture, kernel_load(fixture), 0, "", "a zero");
	file->size = sizeof(file->data);
	assert_refused(fixture, kernel_load(fixture), 0, "", "more than is read at once");
	zboot_make(file);
	file->data[ZBOOT_PAYLOAD + le_load(file->data + ZBOOT_SIZE, 4)] = 0;
	file->data[ZBOOT_SIZE]++;
	assert_refused(fixture, kernel_load(fixture), 0, "", "zboot");
}

/* The same: members one after the other, as of `cat a.gz b.gz`. */
static void test_gzip_members_are_put_together(void **state)
{
	static const size_t cuts[] = { 1, HEADER_SIZE - 1, HEADER_SIZE, KERNEL_SIZE - 1,
				       KERNEL_SIZE };
	struct fixture *fixture = *state;
	struct file *file = &fixture->file;
	struct kernel kernel, part;

	kernel_make(&kernel);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		memset(file, 0, sizeof(*file));
		part = kernel;
		part.size = cuts[i];
		gzip_append(file, &part);
		part.size = kernel.size - cuts[i];
		memcpy(part.data, kernel.data + cuts[i], part.size);
		gzip_append(file, &part);
		assert_refused(fixture, kernel_load(fixture), 0, "", "two members");
		assert_memory_equal(ram_at(fixture, KERNEL_LOAD), kernel.data, kernel.size);
		file->data[file->size - 1] ^= 1;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, "incorrect length check",
			       "the second one is damaged");
		file->size -= 4;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, "is truncated",
			       "the second one is cut");
	}
}

static void test_gzip_data_without_a_kernel_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = { 0, 1, HEADER_SIZE - 1, HEADER_SIZE, KERNEL_SIZE };
	struct kernel kernel;

	for (size_t i = 0; i < ARRAY_SIZE(sizes) * PACKED_COUNT; i++) {
		kernel_make(&kernel);
		kernel.size = sizes[i / PACKED_COUNT];
		kernel.data[HEADER_MAGIC] = 'a';
		PACKED[i % PACKED_COUNT].pack(&fixture->file, &kernel);
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC,
			       "does not hold an arm64 Image", "no kernel");
	}
}

static const struct bad_row gzip_rows[] = {
	{ "another method", 2, 1, 7, -ENOEXEC, "is damaged: gzip data with unknown compression" },
	{ "flags that nobody knows", 3, 1, 0xe0, -ENOEXEC, "is damaged: gzip data with" },
	{ "time", 4, 4, 0x12345678, 0, "" },
	{ "no such block", 10, 1, 7, -ENOEXEC, "is damaged: gzip data with invalid block type" },
};

static void test_each_bad_field_of_gzip_data_is_refused(void **state)
{
	rows_check(*state, gzip_make, gzip_rows, ARRAY_SIZE(gzip_rows));
}

static void test_the_checksum_and_the_length_are_checked(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 1; i <= 8; i++) {
		gzip_make(&fixture->file);
		fixture->file.data[fixture->file.size - i] ^= 1;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC,
			       i > 4 ? "incorrect data check" : "incorrect length check", "end");
	}
}

/* A byte of the gzip header may be of no interest; what is loaded is right all the same. */
static void test_damaged_gzip_data_is_refused_or_loaded_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct kernel kernel;
	unsigned int accepted = 0;

	kernel_make(&kernel);
	gzip_make(&fixture->file);
	for (size_t i = 2; i < 8 * fixture->file.size; i++) {
		int error;

		fixture->file.data[i / 8] ^= (uint8_t)(1 << i % 8);
		error = kernel_load(fixture);
		fixture->file.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (error) {
			assert_int_equal(error, -ENOEXEC);
			continue;
		}
		accepted++;
		assert_memory_equal(ram_at(fixture, KERNEL_LOAD), kernel.data, kernel.size);
	}
	assert_in_range(accepted, 1, 8 * 8);
}

/* ---- zboot ----------------------------------------------------------------------------------- */

#define TYPE(a, b, c, d) ((a) | (b) << 8 | (c) << 16 | (uint64_t)(d) << 24)

static const struct bad_row zboot_rows[] = {
	{ "zstd", ZBOOT_TYPE, 8, TYPE('z', 's', 't', 'd') | (uint64_t)('2' | '2' << 8) << 32,
	  -ENOEXEC,
	  "packed with \"zstd22\": only gzip can be unpacked. Use an uncompressed Image" },
	{ "xz", ZBOOT_TYPE, 4, TYPE('x', 'z', 0, 0), -ENOEXEC, "\"xz\": only gzip" },
	{ "longer than gzip", ZBOOT_TYPE + 4, 1, '2', -ENOEXEC, "\"gzip2\": only gzip" },
	{ "nothing", ZBOOT_TYPE, 1, 0, -ENOEXEC, "\"\": only gzip" },
	{ "for a terminal", ZBOOT_TYPE, 4, TYPE('l', 'z', 0x1b, '['), -ENOEXEC, "\"lz\": only" },
	{ "no magic", 4, 1, 'Z', -ENOEXEC, "is not an arm64 Image" },
	{ "no payload", ZBOOT_SIZE, 4, 0, -ENOEXEC, "is truncated" },
	{ "payload is something else", ZBOOT_OFFSET, 4, ZBOOT_PAYLOAD - 1, -ENOEXEC,
	  "incorrect header check" },
	{ "payload behind the file", ZBOOT_OFFSET, 4, 0x10000, -ENOEXEC, "is truncated" },
	{ "payload to the end of 32 bits", ZBOOT_OFFSET, 4, UINT32_MAX, -ENOEXEC, "is truncated" },
	{ "payload longer than the file", ZBOOT_SIZE, 4, 0x10000, -ENOEXEC, "is truncated" },
	{ "longest payload", ZBOOT_SIZE, 4, UINT32_MAX, -ENOEXEC, "is truncated" },
};

static void test_each_bad_field_of_a_zboot_image_is_refused(void **state)
{
	rows_check(*state, zboot_make, zboot_rows, ARRAY_SIZE(zboot_rows));
}

static void test_an_endless_name_of_a_packing_is_cut(void **state)
{
	struct fixture *fixture = *state;

	zboot_make(&fixture->file);
	memset(fixture->file.data + ZBOOT_TYPE, 'z', ZBOOT_PAYLOAD - ZBOOT_TYPE);
	assert_refused(fixture, kernel_load(fixture), -ENOEXEC,
		       "\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\": only gzip", "32 times z");
}

/* ---- any kernel ------------------------------------------------------------------------------ */

static void test_what_is_no_kernel_for_arm64_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *start;
		size_t offset;
		uint16_t machine;
		const char *words;
	} rows[] = {
		{ "HdrS", 0x202, 0, "is a bzImage for x86-64, but this host is arm64" },
		{ ELFMAG, 0, EM_X86_64, "an ELF image for another architecture than arm64" },
		{ ELFMAG, 0, EM_AARCH64, "arm64 boots the Image that is made of it" },
		{ "\xfd\x37zXZ", 0, 0, "is not an arm64 Image, neither plain, nor packed" },
		{ "MZ", 0, 0, "is not an arm64 Image" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&fixture->file, 0, sizeof(fixture->file));
		le_store(fixture->file.data + offsetof(Elf64_Ehdr, e_machine), 2, rows[i].machine);
		memcpy(fixture->file.data + rows[i].offset, rows[i].start, strlen(rows[i].start));
		fixture->file.size = 0x400;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, rows[i].words,
			       rows[i].words);
	}
}

/* A plain Image does not tell how long it is, behind its header. */
static void test_every_truncated_kernel_is_refused(void **state)
{
	struct fixture *fixture = *state;

	plain_make(&fixture->file);
	for (size_t size = HEADER_SIZE; --size;) {
		fixture->file.size = size;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, ": is ", "plain");
	}
	gzip_make(&fixture->file);
	for (size_t size = fixture->file.size; --size;) {
		fixture->file.size = size;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC,
			       size > 1 ? "is truncated" : "is not an arm64 Image", "gzip");
	}
	zboot_make(&fixture->file);
	for (size_t size = fixture->file.size - ZBOOT_BEHIND; --size;) {
		fixture->file.size = size;
		assert_refused(fixture, kernel_load(fixture), -ENOEXEC, ": is ", "zboot");
	}
}

static void test_no_damage_to_a_kernel_does_damage_here(void **state)
{
	struct fixture *fixture = *state;
	static void (*const makers[])(struct file *) = { plain_make, gzip_make, zboot_make };
	struct file *file = &fixture->file;
	unsigned int accepted = 0;

	srandom(1);
	for (unsigned int round = 0; round < 3000; round++) {
		makers[round % ARRAY_SIZE(makers)](file);
		for (unsigned int i = 0; i <= (unsigned int)random() % 3; i++)
			file->data[(size_t)random() % min(file->size, 0x200)] = (uint8_t)random();
		if (kernel_load(fixture)) {
			assert_true(strlen(fixture->why) > strlen(file->path));
			continue;
		}
		accepted++;
		assert_true(fixture->image.entry >= LAYOUT_KERNEL);
		assert_true(fixture->image.entry < fixture->image.end);
		assert_true(fixture->image.end <= RAM_END);
	}
	assert_true(accepted > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_packing_is_loaded_at_its_offset),
		TEST(test_the_page_size_is_what_the_flags_say),
		TEST(test_the_initrd_may_be_in_the_window_of_the_kernel),
		TEST(test_a_kernel_that_does_not_compress_is_read_in_pieces),
		TEST(test_each_bad_field_is_refused_in_every_packing),
		TEST(test_more_memory_is_not_the_remedy_when_a_hole_is_in_the_way),
		TEST(test_unpacking_ends_at_the_memory_that_the_header_tells_of),
		TEST(test_unpacking_ends_at_the_end_of_ram),
		TEST(test_what_is_behind_the_gzip_data_is_refused),
		TEST(test_zeros_behind_the_gzip_data_are_padding),
		TEST(test_gzip_members_are_put_together),
		TEST(test_gzip_data_without_a_kernel_is_refused),
		TEST(test_each_bad_field_of_gzip_data_is_refused),
		TEST(test_the_checksum_and_the_length_are_checked),
		TEST(test_damaged_gzip_data_is_refused_or_loaded_as_it_was),
		TEST(test_each_bad_field_of_a_zboot_image_is_refused),
		TEST(test_an_endless_name_of_a_packing_is_cut),
		TEST(test_what_is_no_kernel_for_arm64_is_refused),
		TEST(test_every_truncated_kernel_is_refused),
		TEST(test_no_damage_to_a_kernel_does_damage_here),
	};

	return cmocka_run_group_tests_name("image_arm64", tests, NULL, NULL);
}
