/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/vga.c: what of a guest's accesses to the legacy ranges of VGA comes to the device. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

#define BOTH (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

#define PM_AT 0x40

/* What each range is, and the command bit that turns it on. */
static const struct {
	uint64_t base, size;
	bool is_port;
	uint16_t command;
} ranges[] = {
	{ 0xa0000, 0x20000, false, PCI_COMMAND_MEMORY },
	{ 0x3b0, 0xc, true, PCI_COMMAND_IO },
	{ 0x3c0, 0x20, true, PCI_COMMAND_IO },
};

static struct machine *start_vga(void **state)
{
	struct machine *machine = *state;

	machine->vga = true;
	fake_vga_add(machine->fake);
	fake_pm_add(machine->fake, PM_AT);
	machine_start(machine);
	return machine;
}

/* One access of a vCPU. Returns what was read; is it answered by anybody? is in *@answered. */
static uint64_t guest_access(struct machine *machine, bool is_port, struct access access,
			     bool *answered)
{
	*answered = bus_access(is_port ? &machine->ports : &machine->memory, &access);
	return access.data;
}

static void legacy_write(struct machine *machine, bool is_port, uint64_t addr, uint8_t size,
			 uint64_t data)
{
	bool answered;

	guest_access(machine, is_port,
		     (struct access){ .addr = addr, .size = size, .data = data, .is_write = true },
		     &answered);
}

static uint64_t legacy_read(struct machine *machine, bool is_port, uint64_t addr, uint8_t size)
{
	bool answered;

	return guest_access(machine, is_port, (struct access){ .addr = addr, .size = size },
			    &answered);
}

/* The device's file was used this often since the last call. */
static void uses_expect(struct machine *machine, unsigned int reads, unsigned int writes)
{
	assert_int_equal(machine->fake->reads, reads);
	assert_int_equal(machine->fake->writes, writes);
	machine->fake->reads = machine->fake->writes = 0;
}

static void uses_forget(struct machine *machine)
{
	machine->fake->reads = machine->fake->writes = 0;
	fake_log_take(machine->kvm);
}

static void test_addresses_of_the_guest_are_offsets_of_the_region(void **state)
{
	struct machine *machine = start_vga(state);
	char line[64];

	command_set(machine, BOTH);
	uses_forget(machine);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const uint64_t places[] = { ranges[i].base, ranges[i].base + ranges[i].size - 4 };

		for (size_t j = 0; j < ARRAY_SIZE(places); j++) {
			uint32_t value = (uint32_t)(0x12345600 + 16 * i + j);

			legacy_write(machine, ranges[i].is_port, places[j], 4, value);
			snprintf(line, sizeof(line), "bar_write 8 %llx 4 %x\n",
				 (unsigned long long)places[j], value);
			log_expect(machine, line);
			assert_int_equal(legacy_read(machine, ranges[i].is_port, places[j], 4),
					 value);
			uses_expect(machine, 1, 1);
		}
	}
}

static void test_accesses_of_every_size_and_place_are_one_of_the_device(void **state)
{
	struct machine *machine = start_vga(state);
	char line[64];

	command_set(machine, BOTH);
	uses_forget(machine);
	/* KVM makes two of one that crosses a page: one of them may have three bytes. */
	for (uint8_t size = 1; size <= 8; size++)
		for (uint64_t offset = 0; offset < 9; offset++) {
			uint64_t addr = 0xb8000 + offset;

			legacy_write(machine, false, addr, size, 0x8877665544332211);
			snprintf(line, sizeof(line), "bar_write 8 %llx %u %llx\n",
				 (unsigned long long)addr, size,
				 (unsigned long long)(0x8877665544332211 & bytes_mask(size)));
			log_expect(machine, line);
			assert_int_equal(legacy_read(machine, false, addr, size),
					 0x8877665544332211 & bytes_mask(size));
			uses_expect(machine, 1, 1);
		}
}

static void test_each_range_answers_while_the_command_register_says_so(void **state)
{
	static const uint16_t commands[] = { 0, PCI_COMMAND_IO, PCI_COMMAND_MEMORY, BOTH,
					     PCI_COMMAND_MASTER };
	struct machine *machine = start_vga(state);

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		for (size_t j = 0; j < ARRAY_SIZE(ranges); j++) {
			bool decodes = commands[i] & ranges[j].command;

			command_set(machine, commands[i]);
			uses_forget(machine);
			legacy_write(machine, ranges[j].is_port, ranges[j].base + 2, 1, 0x5a);
			assert_int_equal(
				legacy_read(machine, ranges[j].is_port, ranges[j].base + 2, 1),
				decodes ? 0x5a : 0xff);
			uses_expect(machine, decodes, decodes);
		}
}

static void test_a_card_that_sleeps_does_not_answer(void **state)
{
	struct machine *machine = start_vga(state);

	command_set(machine, BOTH);
	guest_write(machine, PM_AT + PCI_PM_CTRL, 2, 3);
	uses_forget(machine);
	legacy_write(machine, false, 0xa0000, 4, 0);
	assert_int_equal(legacy_read(machine, true, 0x3c0, 1), 0xff);
	uses_expect(machine, 0, 0);
	guest_write(machine, PM_AT + PCI_PM_CTRL, 2, 0);
	uses_forget(machine);
	assert_int_equal(legacy_read(machine, true, 0x3c0, 1), 0);
	uses_expect(machine, 1, 0);
}

/* While the device is being reset: what the guest's other CPU does meanwhile. */
static void accesses_during_reset(void *opaque)
{
	struct machine *machine = opaque;

	uses_forget(machine);
	legacy_write(machine, false, 0xa0000, 4, 0);
	assert_int_equal(legacy_read(machine, true, 0x3c0, 1), 0xff);
	uses_expect(machine, 0, 0);
}

static void test_a_card_that_is_being_reset_does_not_answer(void **state)
{
	struct machine *machine = *state;

	fake_express_add(machine->fake, 0x60, 2);
	start_vga(state);
	command_set(machine, BOTH);
	machine->fake->slow = accesses_during_reset;
	machine->fake->opaque = machine;
	guest_write(machine, 0x60 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(machine->fake->resets, 1);
	machine->fake->slow = NULL;
	/* The reset has turned decoding off. */
	assert_int_equal(legacy_read(machine, true, 0x3c0, 1), 0xff);
}

static void test_what_is_beside_the_ranges_is_nobodys(void **state)
{
	static const struct access beside[] = {
		{ .addr = 0x9fffc, .size = 4 }, { .addr = 0xc0000, .size = 4 },
		{ .addr = 0x3af, .size = 1 },	{ .addr = 0x3bc, .size = 1 },
		{ .addr = 0x3bf, .size = 1 },	{ .addr = 0x3e0, .size = 1 },
		{ .addr = 0x3ba, .size = 4 },
	};
	struct machine *machine = start_vga(state);

	command_set(machine, BOTH);
	uses_forget(machine);
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		bool answered;

		guest_access(machine, beside[i].addr < 0x10000, beside[i], &answered);
		assert_false(answered);
	}
	uses_expect(machine, 0, 0);
}

static void test_without_vga_the_ranges_are_nobodys(void **state)
{
	struct machine *machine = start_with(state, fake_vga_add);
	bool answered;

	command_set(machine, BOTH);
	uses_forget(machine);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		guest_access(machine, ranges[i].is_port,
			     (struct access){ .addr = ranges[i].base, .size = 1 }, &answered);
		assert_false(answered);
	}
	uses_expect(machine, 0, 0);
}

static void test_a_refused_access_is_all_ones_and_said_once(void **state)
{
	struct machine *machine = start_vga(state);
	struct capture capture;
	char text[512];

	command_set(machine, BOTH);
	fake_fail(machine->kvm, "region_read", 0, -EIO);
	fake_fail(machine->kvm, "region_write", 0, -EIO);
	fake_fail(machine->kvm, "region_read", 0, -EIO);
	capture = capture_start();
	assert_int_equal(legacy_read(machine, true, 0x3c4, 2), 0xffff);
	legacy_write(machine, false, 0xa0000, 4, 0);
	assert_int_equal(legacy_read(machine, true, 0x3c4, 2), 0xffff);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, BDF ": the host refuses 2 bytes at 0x3c4 of the VGA ranges"));
}

static void test_the_ranges_are_for_one_function(void **state)
{
	struct machine *machine = *state;

	fake_vga_add(machine->fake);
	assert_int_equal(vfio_vga_attach(machine->function, &machine->memory, &machine->ports), 0);
	assert_int_equal(vfio_vga_attach(machine->function, &machine->memory, &machine->ports),
			 -EEXIST);
	machine_start(machine);
}

static void test_a_function_that_cannot_have_them_is_refused_with_the_remedy(void **state)
{
	struct machine *machine = *state;
	struct vfio_region *region = &machine->function->device.regions[VFIO_PCI_VGA_REGION_INDEX];
	uint8_t *config;

	fake_vga_add(machine->fake);
	machine_start(machine);
	config = machine->function->pci.config;
	assert_int_equal(vfio_vga_check(machine->function, machine->why), 0);
	region->size = 0;
	assert_int_equal(vfio_vga_check(machine->function, machine->why), -ENODEV);
	assert_non_null(strstr(machine->why, BDF ": vga=on: the host's VFIO does not offer"));
	assert_non_null(strstr(machine->why, "CONFIG_VFIO_PCI_VGA"));
	/* A display controller of another kind: a second card of a laptop. */
	le_store(&config[PCI_CLASS_DEVICE], 2, 0x0302);
	assert_int_equal(vfio_vga_check(machine->function, machine->why), -EINVAL);
	assert_non_null(strstr(machine->why, "class 0302: leave vga=on out"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_addresses_of_the_guest_are_offsets_of_the_region),
		TEST(test_accesses_of_every_size_and_place_are_one_of_the_device),
		TEST(test_each_range_answers_while_the_command_register_says_so),
		TEST(test_a_card_that_sleeps_does_not_answer),
		TEST(test_a_card_that_is_being_reset_does_not_answer),
		TEST(test_what_is_beside_the_ranges_is_nobodys),
		TEST(test_without_vga_the_ranges_are_nobodys),
		TEST(test_a_refused_access_is_all_ones_and_said_once),
		TEST(test_the_ranges_are_for_one_function),
		TEST(test_a_function_that_cannot_have_them_is_refused_with_the_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
