/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/rom.c: what the guest finds as the ROM of a device, and what is said of one that is broken.
 */
#include "tests/unit/assigned_machine.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/stderr_capture.h"
#include "vfio/rom.h"

#define SIZE 0x800

/* A good image of 1 KiB in a ROM of 2 KiB, each byte behind the headers another one. */
static void image_make(uint8_t image[SIZE])
{
	for (unsigned int i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 7 + (i >> 8));
	le_store(image, 2, 0xaa55);
	image[2] = 2;
	le_store(image + 0x18, 2, 0x40);
	memcpy(image + 0x40, "PCIR", 4);
	le_store(image + 0x50, 2, 2);
}

/* ---- what is wrong with one ---- */

static void test_what_is_wrong_with_a_rom_is_named(void **state)
{
	static const struct {
		unsigned int offset, size;
		uint64_t value;
		const char *text;
	} cases[] = {
		{ 0, 2, 0x55aa, "does not begin with 55 aa, as a ROM does" },
		{ 0, 2, 0xaa54, "does not begin with 55 aa, as a ROM does" },
		{ 0x18, 2, SIZE - 0x17, "has no PCI data structure" },
		{ 0x18, 2, 0xffff, "has no PCI data structure" },
		{ 0x43, 1, 'S', "has no PCI data structure" },
		{ 0x50, 2, 5, "says that its first image has 2560 bytes, and has 2048 in all" },
		{ 0x50, 2, 0xffff, "says that its first image has 33553920 bytes, and has 2048" },
	};
	uint8_t image[SIZE];
	char text[128];

	(void)state;
	image_make(image);
	assert_false(vfio_rom_defect(image, SIZE, text, sizeof(text)));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_make(image);
		le_store(image + cases[i].offset, cases[i].size, cases[i].value);
		assert_true(vfio_rom_defect(image, SIZE, text, sizeof(text)));
		if (strncmp(text, cases[i].text, strlen(cases[i].text)) != 0)
			fail_msg("'%s' instead of '%s'", text, cases[i].text);
	}
	/* The last place where the structure and the length fit. */
	image_make(image);
	le_store(image + 0x18, 2, SIZE - 0x18);
	memcpy(image + SIZE - 0x18, "PCIR", 4);
	le_store(image + SIZE - 8, 2, SIZE / 512);
	assert_false(vfio_rom_defect(image, SIZE, text, sizeof(text)));
}

static void test_a_rom_of_all_ones_is_named_so(void **state)
{
	uint8_t image[SIZE];
	char text[128];

	(void)state;
	memset(image, 0xff, sizeof(image));
	assert_true(vfio_rom_defect(image, SIZE, text, sizeof(text)));
	assert_string_equal(text, "reads as all-ones");
}

static void test_any_size_of_a_rom_can_be_looked_at(void **state)
{
	uint8_t image[SIZE];
	char text[128];

	(void)state;
	image_make(image);
	for (size_t size = 0; size <= SIZE; size++) {
		uint8_t *exact = malloc(size + !size);

		memcpy(exact, image, size);
		assert_int_equal(vfio_rom_defect(exact, size, text, sizeof(text)), size < 1024);
		free(exact);
	}
}

/* ---- the device's own ---- */

static uint64_t rom_address(struct machine *machine)
{
	uint32_t value = guest_read(machine, PCI_ROM_ADDRESS, 4);

	guest_write(machine, PCI_ROM_ADDRESS, 4, value | PCI_ROM_ADDRESS_ENABLE);
	command_set(machine, PCI_COMMAND_MEMORY);
	return value;
}

static void test_a_broken_rom_is_said_once_and_read_as_it_is(void **state)
{
	struct machine *machine = *state;
	struct capture capture;
	char text[512];
	uint64_t address;

	fake_rom_add(machine->fake, SIZE);
	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0x12345678);
	machine_start(machine);
	capture = capture_start();
	address = rom_address(machine);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(memory_read(machine, address, 4), 0x12345678);
		command_set(machine, 0);
		command_set(machine, PCI_COMMAND_MEMORY);
	}
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, BDF ": its ROM does not begin with 55 aa"));
	assert_non_null(strstr(text, "romfile=FILE"));
}

/* ---- another one ---- */

static char path[] = "/tmp/rom_test.XXXXXX";

static void file_make(const void *data, size_t size)
{
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void test_a_file_is_read_in_place_of_the_rom(void **state)
{
	struct machine *machine = *state;
	uint8_t image[SIZE];
	uint64_t address;

	image_make(image);
	file_make(image, 0x700);
	fake_rom_add(machine->fake, 0x10000);
	machine->options.rom.file = path;
	machine_start(machine);
	unlink(path);
	address = rom_address(machine);
	log_expect(machine, "config_write 4 2 2\n"
			    "memslot_add c0000000 1000 read-only\n");
	assert_memory_equal(fake_kvm_hva(machine->kvm, address), image, 0x700);
	/* The BAR is a page, and the rest of it is nothing. */
	assert_memory_equal(fake_kvm_hva(machine->kvm, address + 0x700), "\xff\xff\xff\xff", 4);
	assert_memory_equal(fake_kvm_hva(machine->kvm, address + 0xffc), "\xff\xff\xff\xff", 4);
	assert_null(fake_kvm_hva(machine->kvm, address + 0x1000));
}

static void test_a_device_without_a_rom_can_have_a_file(void **state)
{
	struct machine *machine = *state;
	uint8_t image[SIZE];

	image_make(image);
	file_make(image, sizeof(image));
	machine->options.rom.file = path;
	machine_start(machine);
	unlink(path);
	assert_memory_equal(fake_kvm_hva(machine->kvm, rom_address(machine)), image, SIZE);
}

static void test_a_broken_file_is_said_at_the_start(void **state)
{
	struct machine *machine = *state;
	struct capture capture = capture_start();
	char text[512];

	file_make("no ROM", 6);
	machine->options.rom.file = path;
	machine_start(machine);
	unlink(path);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "is this the file that romfile= is to name?"));
	assert_memory_equal(fake_kvm_hva(machine->kvm, rom_address(machine)), "no ROM", 6);
}

static void test_a_file_shorter_than_it_says_is_said_whatever_the_bar_has(void **state)
{
	struct machine *machine = *state;
	struct capture capture = capture_start();
	uint8_t image[SIZE];
	char text[512];

	image_make(image);
	le_store(image + 0x50, 2, 5);
	file_make(image, sizeof(image));
	machine->options.rom.file = path;
	machine_start(machine);
	unlink(path);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "has 2560 bytes, and has 2048 in all"));
}

static void test_what_can_be_no_rom_is_refused(void **state)
{
	struct machine *machine = *state;
	struct vfio_rom_options options = { .file = path };

	machine_start(machine);
	file_make("", 0);
	assert_int_equal(vfio_rom_init(machine->function, &options, machine->why), -EINVAL);
	assert_non_null(strstr(machine->why, "give a regular file of 1 byte to 16 MiB"));
	assert_int_equal(truncate(path, (16 << 20) + 1), 0);
	assert_int_equal(vfio_rom_init(machine->function, &options, machine->why), -EINVAL);
	unlink(path);
	assert_int_equal(vfio_rom_init(machine->function, &options, machine->why), -EINVAL);
	assert_non_null(strstr(machine->why, "cannot be opened: No such file"));
	/* Opening it must not wait. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(vfio_rom_init(machine->function, &options, machine->why), -EINVAL);
	unlink(path);
}

static void test_a_hidden_rom_is_not_there(void **state)
{
	struct machine *machine = *state;

	fake_rom_add(machine->fake, SIZE);
	machine->options.rom.hidden = true;
	machine_start(machine);
	guest_write(machine, PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(guest_read(machine, PCI_ROM_ADDRESS, 4), 0);
}

/* ---- where programs of VGA look for it ---- */

static void test_the_shadow_is_the_first_image(void **state)
{
	struct machine *machine = *state;
	uint8_t room[SIZE];

	fake_rom_add(machine->fake, SIZE);
	fake_rom_image_add(machine->fake);
	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0x0002aa55);
	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 1020, 0x12345678);
	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 1024, 0x12345678);
	machine_start(machine);
	memset(room, 0xcc, sizeof(room));
	vfio_rom_shadow(machine->function, room, 1024);
	/* The device decodes for as long as that takes. */
	log_expect(machine, "config_write 4 2 2\n"
			    "read_block 6 800\n"
			    "config_write 4 2 0\n");
	assert_memory_equal(room, "\x55\xaa\x02", 3);
	assert_int_equal(le_load(room + 1020, 4), 0x12345678);
	assert_int_equal(room[1024], 0xcc);
	/* The guest's own reads find the copy. */
	assert_int_equal(memory_read(machine, rom_address(machine), 4), 0x0002aa55);
	log_expect(machine, "config_write 4 2 2\n"
			    "memslot_add c0000000 1000 read-only\n");
}

static void test_a_shadow_that_does_not_fit_is_left_out(void **state)
{
	struct machine *machine = *state;
	uint8_t room[SIZE];

	fake_rom_add(machine->fake, SIZE);
	fake_rom_image_add(machine->fake);
	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0x0002aa55);
	machine_start(machine);
	memset(room, 0xcc, sizeof(room));
	vfio_rom_shadow(machine->function, room, 1023);
	assert_int_equal(room[0], 0xcc);
}

static void test_without_a_rom_there_is_no_shadow(void **state)
{
	struct machine *machine = *state;
	uint8_t room[SIZE] = { 0xcc };

	machine_start(machine);
	vfio_rom_shadow(machine->function, room, sizeof(room));
	assert_int_equal(room[0], 0xcc);
	log_expect(machine, "");
}

static void test_a_rom_that_cannot_be_read_is_no_shadow(void **state)
{
	struct machine *machine = *state;
	struct capture capture;
	uint8_t room[SIZE] = { 0xcc };

	fake_rom_add(machine->fake, SIZE);
	machine_start(machine);
	fake_fail(machine->kvm, "read_block", 0, -EIO);
	capture = capture_start();
	vfio_rom_shadow(machine->function, room, sizeof(room));
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(room[0], 0xcc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_wrong_with_a_rom_is_named),
		TEST(test_a_rom_of_all_ones_is_named_so),
		TEST(test_any_size_of_a_rom_can_be_looked_at),
		TEST(test_a_broken_rom_is_said_once_and_read_as_it_is),
		TEST(test_a_file_is_read_in_place_of_the_rom),
		TEST(test_a_device_without_a_rom_can_have_a_file),
		TEST(test_a_broken_file_is_said_at_the_start),
		TEST(test_a_file_shorter_than_it_says_is_said_whatever_the_bar_has),
		TEST(test_what_can_be_no_rom_is_refused),
		TEST(test_a_hidden_rom_is_not_there),
		TEST(test_the_shadow_is_the_first_image),
		TEST(test_a_shadow_that_does_not_fit_is_left_out),
		TEST(test_without_a_rom_there_is_no_shadow),
		TEST(test_a_rom_that_cannot_be_read_is_no_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
