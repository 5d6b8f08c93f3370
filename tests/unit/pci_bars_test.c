/* SPDX-License-Identifier: BSD-2-Clause */
/* BARs: sizing, decoding, overlap, trapped accesses, placement; and the root around them. */
#include <errno.h>

#include "tests/unit/pci_machine.h"
#include "tests/unit/stderr_capture.h"

/* ---- sizing ---- */

/* As Linux's __pci_read_base(): write ones, read, put back. */
static uint32_t sizing_read(struct machine *machine, struct test_device *device,
			    unsigned int offset, uint32_t ones)
{
	uint32_t before = (uint32_t)config_read(machine, device, offset, 4), sizes;

	config_write(machine, device, offset, 4, ones);
	sizes = (uint32_t)config_read(machine, device, offset, 4);
	config_write(machine, device, offset, 4, before);
	assert_int_equal(config_read(machine, device, offset, 4), before);
	return sizes;
}

static void sizing_shows_the_size_and_the_flags_of_each_bar(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0xffffffff), 0xffff0000);
	assert_int_equal(sizing_read(machine, device, BAR(1), 0xffffffff), 0xffffffe1);
	assert_int_equal(sizing_read(machine, device, BAR(2), 0xffffffff), 0xffffc00c);
	assert_int_equal(sizing_read(machine, device, BAR(3), 0xffffffff), 0xffffffff);
	assert_int_equal(sizing_read(machine, device, BAR(4), 0xffffffff), 0);
	assert_int_equal(sizing_read(machine, device, BAR(5), 0xffffffff), 0);
	assert_int_equal(sizing_read(machine, device, PCI_ROM_ADDRESS, 0xffffffff), 0xffff8001);
}

static void sizing_works_with_any_value(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	assert_int_equal(sizing_read(machine, device, PCI_ROM_ADDRESS, PCI_ROM_ADDRESS_MASK),
			 0xffff8000);
	assert_int_equal(sizing_read(machine, device, PCI_ROM_ADDRESS, 0xfffffffe), 0xffff8000);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0xfffffff0), 0xffff0000);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0x0000ffff), 0);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0x12345678), 0x12340000);
	assert_int_equal(sizing_read(machine, device, BAR(1), 0), 1);
	assert_int_equal(sizing_read(machine, device, BAR(2), 0), 0xc);
}

static void a_bar_of_4_gib_and_more_has_its_size_in_the_upper_half(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		[0] = { .size = 0x400000000, .flags = TYPE_64 },
		[4] = { .size = 0x80000000, .flags = TYPE_64 },
	};
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);

	machine_attach(machine, 0x800000000);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0xffffffff), 0x00000004);
	assert_int_equal(sizing_read(machine, device, BAR(1), 0xffffffff), 0xfffffffc);
	assert_int_equal(sizing_read(machine, device, BAR(4), 0xffffffff), 0x80000004);
	assert_int_equal(sizing_read(machine, device, BAR(5), 0xffffffff), 0xffffffff);
}

static void the_smallest_bars_keep_their_flag_bits(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		{ .size = 16, .flags = PREFETCH },
		{ .size = 4, .flags = TYPE_IO },
		[PCI_BAR_ROM] = { .size = 0x800 },
	};
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);

	machine_start(machine);
	assert_int_equal(sizing_read(machine, device, BAR(0), 0xffffffff), 0xfffffff8);
	assert_int_equal(sizing_read(machine, device, BAR(1), 0xffffffff), 0xfffffffd);
	assert_int_equal(sizing_read(machine, device, PCI_ROM_ADDRESS, 0xffffffff), 0xfffff801);
}

/* ---- decoding ---- */

static void a_bar_answers_while_its_bit_of_the_command_register_is_on(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	events_expect(device, "");
	command_write(machine, device, PCI_COMMAND_MEMORY);
	events_expect(device, "+0@c0000000 +2@800000000 ");
	command_write(machine, device, COMMAND_ALL);
	events_expect(device, "+1@1000 ");
	command_write(machine, device, PCI_COMMAND_IO);
	events_expect(device, "-0@c0000000 -2@800000000 ");
	command_write(machine, device, 0);
	events_expect(device, "-1@1000 ");
}

static void the_rom_needs_its_own_enable_bit_too(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);
	uint32_t rom;

	machine_start(machine);
	rom = (uint32_t)config_read(machine, device, PCI_ROM_ADDRESS, 4);
	assert_int_equal(rom, 0xc0010000);
	config_write(machine, device, PCI_ROM_ADDRESS, 4, rom | PCI_ROM_ADDRESS_ENABLE);
	events_expect(device, "");
	command_write(machine, device, PCI_COMMAND_MEMORY);
	events_expect(device, "+0@c0000000 +2@800000000 +6@c0010000 ");
	config_write(machine, device, PCI_ROM_ADDRESS, 4, rom);
	events_expect(device, "-6@c0010000 ");
}

static void nothing_is_mapped_again_when_nothing_moved(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);
	unsigned int offset;

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	device->events[0] = '\0';
	command_write(machine, device, COMMAND_ALL);
	command_write(machine, device, COMMAND_ALL | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	config_write(machine, device, PCI_INTERRUPT_LINE, 1, 11);
	for (offset = BAR(0); offset <= BAR(5); offset += 4)
		config_write(machine, device, offset, 4, config_read(machine, device, offset, 4));
	config_write(machine, device, BAR(0), 4, 0xc000ffff); /* below the address mask */
	sleep_set(machine, device, false);
	events_expect(device, "");
}

static void a_bar_that_moves_is_unmapped_at_its_old_address_first(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	device->events[0] = '\0';
	config_write(machine, device, BAR(0), 4, 0xd0000000);
	events_expect(device, "-0@c0000000 +0@d0000000 ");
	config_write(machine, device, BAR(1), 4, 0x2000);
	events_expect(device, "-1@1000 +1@2000 ");
	assert_int_equal(read_at(&machine->memory, 0xc0000000, 4), 0xffffffff);
	assert_int_equal(read_at(&machine->memory, 0xd0000000, 4), 0xd0);
	assert_int_equal(read_at(&machine->ports, 0x2000, 1), 0xd1);
}

/* Linux leaves decoding on for devices that it must not disturb. */
static void a_bar_that_is_sized_while_it_answers_comes_back(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	device->events[0] = '\0';
	sizing_read(machine, device, BAR(0), 0xffffffff);
	events_expect(device, "-0@c0000000 +0@c0000000 ");
	sizing_read(machine, device, BAR(1), 0xffffffff);
	events_expect(device, "-1@1000 +1@1000 ");
}

/* With ones in both halves the BAR would end at 2^64: sums of address and size wrap. */
static void a_64_bit_bar_near_the_end_of_the_address_space_does_not_answer(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, PCI_COMMAND_MEMORY);
	device->events[0] = '\0';
	config_write(machine, device, BAR(3), 4, 0xffffffff);
	events_expect(device, "-2@800000000 ");
	config_write(machine, device, BAR(2), 4, 0xffffffff);
	assert_int_equal(config_read(machine, device, BAR(2), 8), 0xffffffffffffc00c);
	config_write(machine, device, BAR(2), 4, 0);
	events_expect(device, "");
	config_write(machine, device, BAR(3), 4, 0x8);
	events_expect(device, "+2@800000000 ");
}

static void a_bar_answers_only_wholly_inside_its_window(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		[0] = { .size = 0x10000 },
		[2] = { .size = 0x10000, .flags = TYPE_64 },
		[4] = { .size = 0x100, .flags = TYPE_IO },
	};
	static const struct {
		unsigned int offset;
		uint64_t value;
		const char *events;
	} cases[] = {
		{ BAR(0), 0, "" },
		{ BAR(0), 0xbfff0000, "" },
		{ BAR(0), 0xe0000000, "" }, /* ECAM */
		{ BAR(0), 0xdfff0000, "+0@dfff0000 " },
		{ BAR(2), 0x4, "" },
		{ BAR(2), 0x7ffff0004, "" },
		{ BAR(2), 0x900000004, "" },
		{ BAR(2), 0x8ffff0004, "+2@8ffff0000 " },
		/* The other window, by way of where the lower half alone leads. */
		{ BAR(2), 0xc0000004, "-2@8ffff0000 +2@8c0000000 -2@8c0000000 +2@c0000000 " },
		{ BAR(2), 0xfee00004, "-2@c0000000 " },
		{ BAR(4), 0x0f01, "" },
		{ BAR(4), 0x10001, "" },
		{ BAR(4), 0xc0001001, "" },
		{ BAR(4), 0xff01, "+4@ff00 " },
	};
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);
	unsigned int i;

	machine_attach(machine, 0x100000000);
	command_write(machine, device, COMMAND_ALL);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		config_write(machine, device, cases[i].offset, cases[i].offset == BAR(2) ? 8 : 4,
			     cases[i].value);
		events_expect(device, cases[i].events);
	}
	assert_true(device->pci.bars[0].mapped && device->pci.bars[4].mapped);
	assert_false(device->pci.bars[2].mapped);
}

static void a_64_bit_bar_may_lie_below_4_gib(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	config_write(machine, device, BAR(2), 8, 0xd0000000);
	command_write(machine, device, PCI_COMMAND_MEMORY);
	events_expect(device, "+0@c0000000 +2@d0000000 ");
	assert_int_equal(read_at(&machine->memory, 0xd0003fff, 1), 0xd2);
}

static void a_device_that_sleeps_answers_nowhere(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	device->events[0] = '\0';
	sleep_set(machine, device, true);
	events_expect(device, "-0@c0000000 -1@1000 -2@800000000 ");
	config_write(machine, device, BAR(0), 4, 0xd0000000);
	events_expect(device, "");
	sleep_set(machine, device, false);
	events_expect(device, "+0@d0000000 +1@1000 +2@800000000 ");
}

/* ---- overlap ---- */

static void of_two_bars_that_overlap_the_first_keeps_answering(void **state)
{
	struct machine *machine = *state;
	struct test_device *first = device_add(machine, one_page);
	struct test_device *second = device_add(machine, one_page);
	struct capture capture = capture_start();

	machine_start(machine);
	command_write(machine, first, PCI_COMMAND_MEMORY);
	events_expect(first, "+0@c0000000 ");
	config_write(machine, second, BAR(0), 4, 0xc0000000);
	command_write(machine, second, PCI_COMMAND_MEMORY);
	events_expect(second, "");
	read_at(&machine->memory, 0xc0000000, 4);
	assert_int_equal(first->accesses, 1);
	/* The other follows as soon as it can. */
	config_write(machine, first, BAR(0), 4, 0xc0005000);
	events_expect(first, "-0@c0000000 +0@c0005000 ");
	events_expect(second, "+0@c0000000 ");
	read_at(&machine->memory, 0xc0000000, 4);
	assert_int_equal(second->accesses, 1);
	assert_int_equal(capture_lines(capture), 1);
}

static void what_was_kept_out_follows_whatever_made_room(void **state)
{
	struct machine *machine = *state;
	struct test_device *first = device_add(machine, one_page);
	struct test_device *second = device_add(machine, one_page);
	struct capture capture = capture_start();

	machine_start(machine);
	config_write(machine, second, BAR(0), 4, 0xc0000000);
	command_write(machine, first, PCI_COMMAND_MEMORY);
	command_write(machine, second, PCI_COMMAND_MEMORY);
	events_expect(first, "+0@c0000000 ");
	sleep_set(machine, first, true);
	events_expect(second, "+0@c0000000 ");
	sleep_set(machine, first, false); /* now this one is kept out */
	command_write(machine, second, 0);
	events_expect(first, "-0@c0000000 +0@c0000000 ");
	command_write(machine, second, PCI_COMMAND_MEMORY);
	command_write(machine, first, 0);
	events_expect(second, "-0@c0000000 +0@c0000000 ");
	command_write(machine, first, PCI_COMMAND_MEMORY);
	/* Each was kept out more than once, and said so once. */
	assert_int_equal(capture_lines(capture), 2);
}

static void bars_of_one_device_keep_each_other_out_too(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = { { .size = 0x1000 }, { .size = 0x4000 } };
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);
	struct capture capture = capture_start();

	machine_start(machine);
	config_write(machine, device, BAR(0), 4, 0xc0003000); /* in the last page of BAR 1 */
	command_write(machine, device, PCI_COMMAND_MEMORY);
	events_expect(device, "+0@c0003000 ");
	config_write(machine, device, BAR(0), 4, 0xc0004000);
	events_expect(device, "-0@c0003000 +0@c0004000 +1@c0000000 ");
	assert_int_equal(capture_lines(capture), 1);
}

static void neighbours_and_other_spaces_do_not_overlap(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		{ .size = 0x1000 },
		{ .size = 0x1000 },
		{ .size = 0x1000, .flags = TYPE_IO },
	};
	const struct pci_window mem32 = { 0x1000, 0x8000 }, mem64 = { 0 }, io = { 0x1000, 0x8000 };
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);

	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &mem64, &io),
			 0);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	command_write(machine, device, COMMAND_ALL);
	events_expect(device, "+0@1000 +1@2000 +2@1000 ");
	assert_int_equal(read_at(&machine->memory, 0x1ffc, 4), 0xd0);
	assert_int_equal(read_at(&machine->memory, 0x2000, 4), 0xd1);
	assert_int_equal(read_at(&machine->ports, 0x1ffc, 4), 0xd2);
}

/* ---- trapped accesses ---- */

static void a_trapped_access_reaches_the_bar_that_holds_all_of_it(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	write_at(&machine->memory, 0xc000fffc, 4, 0x11223344);
	assert_int_equal(device->last_bar, 0);
	assert_int_equal(device->last_offset, 0xfffc);
	assert_int_equal(device->last_access.data, 0x11223344);
	assert_int_equal(device->last_access.size, 4);
	assert_true(device->last_access.is_write);
	assert_int_equal(read_at(&machine->memory, MEM64 + 8, 8), 0xd2);
	assert_int_equal(device->last_offset, 8);
	assert_int_equal(read_at(&machine->ports, 0x101f, 1), 0xd1);
	assert_int_equal(device->last_offset, 0x1f);
	assert_int_equal(device->accesses, 3);
	/* across the end, beside it, in a ROM that is off */
	assert_int_equal(read_at(&machine->memory, 0xc000fffe, 4), 0xffffffff);
	assert_int_equal(read_at(&machine->ports, 0x101f, 2), 0xffff);
	assert_int_equal(read_at(&machine->memory, 0xc0010000, 4), 0xffffffff);
	write_at(&machine->memory, 0xc0020000, 4, 0);
	assert_int_equal(device->accesses, 3);
}

static void what_is_not_decoded_reads_all_ones(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	assert_int_equal(read_at(&machine->memory, 0xc0000000, 4), 0xffffffff);
	assert_int_equal(read_at(&machine->memory, MEM64, 8), UINT64_MAX);
	assert_int_equal(read_at(&machine->ports, 0x1000, 2), 0xffff);
	assert_int_equal(device->accesses, 0);
}

static void operations_may_be_missing(void **state)
{
	static const struct pci_device_ops no_ops = { 0 };
	struct pci_device bare = { .ops = &no_ops, .name = "bare", .bars = { { .size = 0x1000 } } };
	struct machine *machine = *state;

	assert_int_equal(pci_device_add(&machine->root, &bare, PCI_DEVFN(1, 0), machine->why), 0);
	machine_start(machine);
	write_at(&machine->memory, ECAM + (1 << 15) + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(bare.bars[0].mapped);
	assert_int_equal(read_at(&machine->memory, 0xc0000000, 4), 0xffffffff);
	write_at(&machine->memory, ECAM + (1 << 15) + PCI_COMMAND, 2, 0);
	assert_false(bare.bars[0].mapped);
}

/* ---- placement ---- */

static void bars_are_placed_largest_first_at_multiples_of_their_size(void **state)
{
	static const struct pci_bar small[PCI_BARS_MAX] = {
		[0] = { .size = 0x20, .flags = TYPE_IO },
		[1] = { .size = 0x1000 },
		[2] = { .size = 0x100, .flags = TYPE_IO },
		[3] = { .size = 0x200000, .flags = TYPE_64 },
		[5] = { .size = 0x10 },
	};
	static const struct pci_bar large[PCI_BARS_MAX] = {
		[0] = { .size = 0x100000 },
		[1] = { .size = 0x40000000, .flags = TYPE_64 | PREFETCH },
		[PCI_BAR_ROM] = { .size = 0x10000 },
	};
	struct machine *machine = *state;
	struct test_device *first = device_add(machine, small);
	struct test_device *second = device_add(machine, large);

	machine_start(machine);
	assert_int_equal(config_read(machine, second, BAR(0), 4), 0xc0000000);
	assert_int_equal(config_read(machine, second, PCI_ROM_ADDRESS, 4), 0xc0100000);
	assert_int_equal(config_read(machine, first, BAR(1), 4), 0xc0110000);
	assert_int_equal(config_read(machine, first, BAR(5), 4), 0xc0111000);
	assert_int_equal(config_read(machine, second, BAR(1), 4), 0x0000000c);
	assert_int_equal(config_read(machine, second, BAR(2), 4), 0x8);
	assert_int_equal(config_read(machine, first, BAR(3), 4), 0x40000004);
	assert_int_equal(config_read(machine, first, BAR(4), 4), 0x8);
	assert_int_equal(config_read(machine, first, BAR(2), 4), 0x1001);
	assert_int_equal(config_read(machine, first, BAR(0), 4), 0x1101);
	assert_int_equal(config_read(machine, first, PCI_COMMAND, 2), 0);
	events_expect(first, "");
	events_expect(second, "");
}

/* The window starts where a BAR of its size cannot. */
static void alignment_counts_as_taken(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = { { .size = 0x2000 }, { .size = 0x1000 } };
	const struct pci_window none = { 0 };
	struct pci_window mem32 = { 0xc0001000, 0x4000 };
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, bars);

	assert_int_equal(
		pci_root_attach(&machine->root, &machine->memory, NULL, ECAM, &mem32, &none, NULL),
		0);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	assert_int_equal(config_read(machine, device, BAR(0), 4), 0xc0002000);
	assert_int_equal(config_read(machine, device, BAR(1), 4), 0xc0004000);
	for (mem32.size = 0; mem32.size < 0x4000; mem32.size += 0x1000) {
		machine->root.mem32 = mem32;
		assert_int_equal(pci_bars_place(&machine->root, machine->why), -ENOSPC);
	}
}

static void without_a_window_above_4_gib_64_bit_bars_go_below(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_attach(machine, 0);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	assert_int_equal(config_read(machine, device, BAR(0), 4), 0xc0000000);
	assert_int_equal(config_read(machine, device, BAR(2), 8), 0xc001800c);
	assert_int_equal(machine->memory.count, 2); /* ECAM and one window */
}

static void without_ports_there_is_no_place_for_io_bars(void **state)
{
	const struct pci_window mem32 = { MEM32, 0x20000000 }, mem64 = { 0 };
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	assert_int_equal(
		pci_root_attach(&machine->root, &machine->memory, NULL, ECAM, &mem32, &mem64, NULL),
		0);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	command_write(machine, device, COMMAND_ALL);
	assert_int_equal(config_read(machine, device, BAR(1), 4), 0x1);
	events_expect(device, "+0@c0000000 +2@c0018000 ");
}

static void a_bar_that_fits_nowhere_is_an_error_with_a_message(void **state)
{
	static const struct pci_bar bars[][PCI_BARS_MAX] = {
		{ { .size = 0x20000000 }, { .size = 0x1000 } },
		{ { .size = 0x100000000, .flags = TYPE_64 },
		  [2] = { .size = 0x1000, .flags = TYPE_64 } },
		{ { .size = 0x8000, .flags = TYPE_IO }, { .size = 0x8000, .flags = TYPE_IO } },
		{ { .size = BIT(63), .flags = TYPE_64 } },
		{ { .size = BIT(63) } },
	};
	unsigned int i;

	teardown(state);
	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		struct machine *machine;

		setup(state);
		machine = *state;
		device_add(machine, bars[i]);
		machine_attach(machine, 0x100000000);
		assert_int_equal(pci_bars_place(&machine->root, machine->why), -ENOSPC);
		assert_non_null(strstr(machine->why, "device 1: no room for BAR "));
		teardown(state);
	}
	setup(state);
}

static void mem64_needed_is_what_placement_takes(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		[0] = { .size = 0x1000, .flags = TYPE_64 },
		[2] = { .size = 0x10000000, .flags = TYPE_64 },
		[4] = { .size = 0x2000, .flags = TYPE_64 },
	};
	struct machine *machine = *state;
	struct test_device *last;
	uint64_t needed;

	assert_int_equal(pci_mem64_needed(&machine->root), 0);
	device_add(machine, one_page);
	assert_int_equal(pci_mem64_needed(&machine->root), 0);
	device_add(machine, bars);
	last = device_add(machine, bars);
	needed = pci_mem64_needed(&machine->root);
	assert_int_equal(needed, 2 * (0x1000 + 0x10000000 + 0x2000));
	machine_attach(machine, needed);
	assert_int_equal(pci_bars_place(&machine->root, machine->why), 0);
	assert_int_equal(config_read(machine, last, BAR(0), 8), MEM64 + needed - 0x1000 + TYPE_64);
}

static void mem64_needed_does_not_wrap(void **state)
{
	static const struct pci_bar bars[PCI_BARS_MAX] = {
		[0] = { .size = BIT(63), .flags = TYPE_64 },
		[2] = { .size = BIT(63), .flags = TYPE_64 },
	};
	struct machine *machine = *state;

	device_add(machine, bars);
	assert_int_equal(pci_mem64_needed(&machine->root), UINT64_MAX);
}

/* ---- devices and the root ---- */

static void every_function_but_the_host_bridge_can_be_taken_once(void **state)
{
	static const struct pci_device_ops no_ops = { 0 };
	struct pci_device *devices = calloc(PCI_FUNCTIONS_MAX, sizeof(*devices));
	struct pci_device other = { .ops = &no_ops, .name = "one too many" };
	struct machine *machine = *state;
	unsigned int i;

	assert_non_null(devices);
	for (i = 1; i < PCI_FUNCTIONS_MAX; i++) {
		devices[i].ops = &no_ops;
		devices[i].name = "filler";
		assert_int_equal(pci_device_add(&machine->root, &devices[i], i, machine->why), 0);
		assert_int_equal(devices[i].devfn, i);
		assert_ptr_equal(devices[i].root, &machine->root);
	}
	for (i = 0; i <= PCI_FUNCTIONS_MAX; i++)
		assert_int_equal(pci_device_add(&machine->root, &other, i, machine->why), -EINVAL);
	assert_int_equal(pci_device_add(&machine->root, &other, PCI_DEVFN(31, 7), machine->why),
			 -EINVAL);
	assert_string_equal(machine->why, "one too many: the guest's PCI bus has no function 1f.7, "
					  "or it is taken");
	machine_start(machine);
	assert_int_equal(read_at(&machine->memory, ECAM + (31 << 15), 4), 0);
	free(devices);
}

static void what_can_be_no_bar_is_refused(void **state)
{
	static const struct pci_bar bars[][PCI_BARS_MAX] = {
		{ { .size = 0x3000 } },
		{ { .size = 8 } },
		{ { .size = 2, .flags = TYPE_IO } },
		{ { .size = 0x1000, .flags = 0x10 } },
		{ { .size = 0x1000, .flags = TYPE_IO | PREFETCH } },
		{ { .size = 0x1000, .flags = TYPE_64 }, { .size = 0x1000 } },
		{ [5] = { .size = 0x1000, .flags = TYPE_64 } },
		{ [PCI_BAR_ROM] = { .size = 0x1000, .flags = TYPE_64 } },
		{ [PCI_BAR_ROM] = { .size = 0x1000, .flags = TYPE_IO } },
	};
	struct machine *machine = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bars); i++) {
		struct pci_device device = { .ops = &test_ops, .name = "odd" };

		memcpy(device.bars, bars[i], sizeof(device.bars));
		assert_int_equal(
			pci_device_add(&machine->root, &device, PCI_DEVFN(1, 0), machine->why),
			-EIO);
		assert_non_null(strstr(machine->why, "odd: BAR "));
	}
	assert_null(machine->root.devices[1]);
}

static void adding_a_device_clears_command_and_bars(void **state)
{
	struct machine *machine = *state;
	struct test_device *device, *bare;

	memset(machine->devices[0].pci.config, 0xff, PCI_CONFIG_SIZE);
	memset(machine->devices[1].pci.config, 0xff, PCI_CONFIG_SIZE);
	device = device_add(machine, all_kinds);
	bare = device_add(machine, no_bars);
	machine_attach(machine, 0);
	assert_int_equal(config_read(machine, device, PCI_COMMAND, 2), 0);
	assert_int_equal(config_read(machine, device, BAR(0), 8), 0x100000000);
	assert_int_equal(config_read(machine, device, BAR(2), 8), 0xc);
	assert_int_equal(config_read(machine, device, BAR(4), 8), 0);
	assert_int_equal(config_read(machine, device, PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(config_read(machine, bare, BAR(0), 4), 0);
	assert_int_equal(config_read(machine, bare, PCI_ROM_ADDRESS, 4), 0);
	assert_int_equal(config_read(machine, device, PCI_INTERRUPT_LINE, 1), 0xff);
	assert_int_equal(config_read(machine, device, PCI_CAPABILITY_LIST, 1), 0xff);
}

static void cleanup_unmaps_what_is_mapped(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);

	machine_start(machine);
	command_write(machine, device, COMMAND_ALL);
	device->events[0] = '\0';
	pci_root_cleanup(&machine->root);
	events_expect(device, "-2@800000000 -0@c0000000 -1@1000 ");
	pci_root_init(&machine->root);
}

static void attach_fails_when_a_range_is_taken(void **state)
{
	const struct pci_window mem32 = { MEM32, 0x20000000 }, mem64 = { MEM32, 0x1000 };
	const struct pci_window io = { 0xc00, 0x1000 }, none = { 0 };
	struct machine *machine = *state;

	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &mem64, &io),
			 -EEXIST);
	bus_init(&machine->memory, "memory");
	assert_int_equal(pci_root_attach(&machine->root, &machine->memory, &machine->ports, ECAM,
					 &mem32, &none, &io),
			 -EEXIST);
	bus_init(&machine->memory, "memory");
	assert_int_equal(
		pci_root_attach(&machine->root, &machine->memory, NULL, MEM32, &mem32, &none, &io),
		-EEXIST);
}

static void intx_pins_are_swizzled_over_8_gsis(void **state)
{
	struct pci_device device = { .devfn = PCI_DEVFN(1, 0) };

	(void)state;
	assert_int_equal(pci_intx_gsi(&device, 1), 17);
	assert_int_equal(pci_intx_gsi(&device, 4), 20);
	device.devfn = PCI_DEVFN(7, 0);
	assert_int_equal(pci_intx_gsi(&device, 1), 23);
	assert_int_equal(pci_intx_gsi(&device, 2), 16);
	device.devfn = PCI_DEVFN(31, 0);
	assert_int_equal(pci_intx_gsi(&device, 4), 18);
	device.devfn = PCI_DEVFN(31, 7);
	assert_int_equal(pci_intx_gsi(&device, 4), 18);
}

#define pci_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pci_test(sizing_shows_the_size_and_the_flags_of_each_bar),
		pci_test(sizing_works_with_any_value),
		pci_test(a_bar_of_4_gib_and_more_has_its_size_in_the_upper_half),
		pci_test(the_smallest_bars_keep_their_flag_bits),
		pci_test(a_bar_answers_while_its_bit_of_the_command_register_is_on),
		pci_test(the_rom_needs_its_own_enable_bit_too),
		pci_test(nothing_is_mapped_again_when_nothing_moved),
		pci_test(a_bar_that_moves_is_unmapped_at_its_old_address_first),
		pci_test(a_bar_that_is_sized_while_it_answers_comes_back),
		pci_test(a_64_bit_bar_near_the_end_of_the_address_space_does_not_answer),
		pci_test(a_bar_answers_only_wholly_inside_its_window),
		pci_test(a_64_bit_bar_may_lie_below_4_gib),
		pci_test(a_device_that_sleeps_answers_nowhere),
		pci_test(of_two_bars_that_overlap_the_first_keeps_answering),
		pci_test(what_was_kept_out_follows_whatever_made_room),
		pci_test(bars_of_one_device_keep_each_other_out_too),
		pci_test(neighbours_and_other_spaces_do_not_overlap),
		pci_test(a_trapped_access_reaches_the_bar_that_holds_all_of_it),
		pci_test(what_is_not_decoded_reads_all_ones),
		pci_test(operations_may_be_missing),
		pci_test(bars_are_placed_largest_first_at_multiples_of_their_size),
		pci_test(alignment_counts_as_taken),
		pci_test(without_a_window_above_4_gib_64_bit_bars_go_below),
		pci_test(without_ports_there_is_no_place_for_io_bars),
		pci_test(a_bar_that_fits_nowhere_is_an_error_with_a_message),
		pci_test(mem64_needed_is_what_placement_takes),
		pci_test(mem64_needed_does_not_wrap),
		pci_test(every_function_but_the_host_bridge_can_be_taken_once),
		pci_test(what_can_be_no_bar_is_refused),
		pci_test(adding_a_device_clears_command_and_bars),
		pci_test(cleanup_unmaps_what_is_mapped),
		pci_test(attach_fails_when_a_range_is_taken),
		pci_test(intx_pins_are_swizzled_over_8_gsis),
	};

	return cmocka_run_group_tests_name("pci_bars", tests, NULL, NULL);
}
