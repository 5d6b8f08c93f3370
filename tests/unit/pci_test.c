/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space and the header's registers. Decoding and placement: pci_bars_test.c. */
#include "tests/unit/pci_machine.h"

/* ---- ECAM ---- */

static void what_does_not_exist_reads_all_ones(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);

	machine_start(machine);
	assert_int_equal(config_read(machine, device, PCI_VENDOR_ID, 4), 0x56781234);
	/* other slots, other functions */
	assert_int_equal(read_at(&machine->memory, ECAM + (2 << 15), 4), 0xffffffff);
	assert_int_equal(read_at(&machine->memory, ECAM + (31 << 15), 2), 0xffff);
	assert_int_equal(config_read(machine, device, 1 << 12, 4), 0xffffffff);
	assert_int_equal(config_read(machine, device, 7 << 12, 1), 0xff);
	write_at(&machine->memory, ECAM + (31 << 15), 4, 0);
	config_write(machine, device, (1 << 12) + PCI_COMMAND, 2, COMMAND_ALL);
	assert_int_equal(config_read(machine, device, PCI_COMMAND, 2), 0);
}

static void the_host_bridge_is_there_and_read_only(void **state)
{
	struct machine *machine = *state;
	unsigned int offset;

	machine_start(machine);
	for (offset = 0; offset < PCI_CONFIG_SIZE; offset += 4)
		write_at(&machine->memory, ECAM + offset, 4, 0xffffffff);
	assert_int_equal(read_at(&machine->memory, ECAM + PCI_VENDOR_ID, 4), 0x00081b36);
	assert_int_equal(read_at(&machine->memory, ECAM + PCI_CLASS_REVISION, 4), 0x06000000);
	for (offset = 0x0c; offset < PCI_CFG_SPACE_SIZE; offset += 4)
		assert_int_equal(read_at(&machine->memory, ECAM + offset, 4), 0);
	/* A conventional function has no extended configuration space. */
	for (; offset < PCI_CONFIG_SIZE; offset += 4)
		assert_int_equal(read_at(&machine->memory, ECAM + offset, 4), 0xffffffff);
	assert_int_equal(read_at(&machine->memory, ECAM + PCI_COMMAND, 4), 0);
}

static void config_bytes_are_read_in_every_size(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);

	le_store(device->pci.config + 0xff8, 8, 0x8877665544332211);
	machine_start(machine);
	assert_int_equal(config_read(machine, device, 0xff9, 1), 0x22);
	assert_int_equal(config_read(machine, device, 0xffe, 2), 0x8877);
	assert_int_equal(config_read(machine, device, 0xffc, 4), 0x88776655);
	assert_int_equal(config_read(machine, device, 0xff8, 8), 0x8877665544332211);
}

static void misaligned_config_accesses_read_all_ones_and_are_dropped(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);

	machine_start(machine);
	assert_int_equal(config_read(machine, device, 1, 2), 0xffff);
	assert_int_equal(config_read(machine, device, 2, 4), 0xffffffff);
	assert_int_equal(config_read(machine, device, 4, 8), UINT64_MAX);
	assert_int_equal(config_read(machine, device, 0, 3), 0xffffff);
	assert_int_equal(config_read(machine, device, 0xffe, 4), 0xffffffff);
	config_write(machine, device, PCI_INTERRUPT_LINE - 1, 4, 0xffffffff);
	config_write(machine, device, PCI_INTERRUPT_LINE, 2, 0xffff);
	assert_int_equal(config_read(machine, device, PCI_INTERRUPT_LINE, 1), 0xff);
	config_write(machine, device, PCI_CACHE_LINE_SIZE - 1, 4, 0xffffffff);
	assert_int_equal(config_read(machine, device, PCI_CACHE_LINE_SIZE, 2), 0);
}

/* A device that has its own operations, and what they were called with. */
struct config_call {
	unsigned int offset, size;
	uint32_t value;
	bool is_write;
};

struct config_recorder {
	struct pci_device pci;
	struct config_call calls[8];
	unsigned int count;
};

static uint32_t recorder_read(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct config_recorder *recorder = (struct config_recorder *)pci;

	recorder->calls[recorder->count++] = (struct config_call){ offset, size, 0, false };
	return 0xa0000000 + offset;
}

static void recorder_write(struct pci_device *pci, unsigned int offset, unsigned int size,
			   uint32_t value)
{
	struct config_recorder *recorder = (struct config_recorder *)pci;

	recorder->calls[recorder->count++] = (struct config_call){ offset, size, value, true };
}

static void a_device_sees_aligned_accesses_of_up_to_four_bytes(void **state)
{
	static const struct pci_device_ops ops = { .cfg_read = recorder_read,
						   .cfg_write = recorder_write };
	static const struct config_call expected[] = {
		{ 0x40, 4, 0, false },	       { 0x44, 4, 0, false },
		{ 0x102, 2, 0, false },	       { 0x48, 4, 0x11223344, true },
		{ 0x4c, 4, 0x8899aabb, true }, { 0xfff, 1, 0xee, true },
	};
	struct config_recorder recorder = { .pci = { .ops = &ops, .name = "recorder" } };
	struct machine *machine = *state;
	uint64_t base;
	unsigned int i;

	assert_int_equal(
		pci_device_add(&machine->root, &recorder.pci, PCI_DEVFN(1, 0), machine->why), 0);
	machine_start(machine);
	base = ECAM + (recorder.pci.devfn << 12);
	assert_int_equal(read_at(&machine->memory, base + 0x40, 8), 0xa0000044a0000040);
	assert_int_equal(read_at(&machine->memory, base + 0x102, 2), 0x0102);
	write_at(&machine->memory, base + 0x48, 8, 0x8899aabb11223344);
	write_at(&machine->memory, base + 0xfff, 1, 0xffffee);
	assert_int_equal(recorder.count, ARRAY_SIZE(expected));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(recorder.calls[i].offset, expected[i].offset);
		assert_int_equal(recorder.calls[i].size, expected[i].size);
		assert_int_equal(recorder.calls[i].value, expected[i].value);
		assert_int_equal(recorder.calls[i].is_write, expected[i].is_write);
	}
}

/* ---- ports 0xCF8 and 0xCFC ---- */

static void address_set(struct machine *machine, uint32_t address)
{
	write_at(&machine->ports, 0xcf8, 4, address);
}

static void the_address_register_is_written_and_read_by_four_bytes_only(void **state)
{
	struct machine *machine = *state;
	unsigned int port;

	machine_start(machine);
	address_set(machine, 0x80000a14);
	assert_int_equal(read_at(&machine->ports, 0xcf8, 4), 0x80000a14);
	for (port = 0xcf8; port < 0xcfc; port++) {
		write_at(&machine->ports, port, 1, 0x06);
		write_at(&machine->ports, port, 2, 0x0606);
		assert_int_equal(read_at(&machine->ports, port, 1), 0xff);
		assert_int_equal(read_at(&machine->ports, port, 2), 0xffff);
	}
	write_at(&machine->ports, 0xcf9, 4, 0);
	assert_int_equal(read_at(&machine->ports, 0xcf9, 4), 0xffffffff);
	assert_int_equal(read_at(&machine->ports, 0xcf8, 4), 0x80000a14);
	/* Reserved bits are zero. */
	address_set(machine, 0xffffffff);
	assert_int_equal(read_at(&machine->ports, 0xcf8, 4), 0x80fffffc);
}

static void the_data_port_reads_the_bytes_that_the_address_names(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);
	unsigned int byte;

	le_store(device->pci.config + 0x40, 4, 0x44332211);
	le_store(device->pci.config + 0xfc, 4, 0x0badcafe);
	machine_start(machine);
	address_set(machine, 0x80000000 | device->pci.devfn << 8 | 0x40);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0x44332211);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 2), 0x2211);
	assert_int_equal(read_at(&machine->ports, 0xcfe, 2), 0x4433);
	for (byte = 0; byte < 4; byte++)
		assert_int_equal(read_at(&machine->ports, 0xcfc + byte, 1), 0x11 * (byte + 1));
	/* Misaligned, or beyond the port. */
	assert_int_equal(read_at(&machine->ports, 0xcfd, 2), 0xffff);
	assert_int_equal(read_at(&machine->ports, 0xcfe, 4), 0xffffffff);
	address_set(machine, 0x80000000 | device->pci.devfn << 8 | 0xfc);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0x0badcafe);
	/* The extended registers cannot be reached: the bits for them are reserved. */
	address_set(machine, 0x81000000 | device->pci.devfn << 8 | 0x40);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0x44332211);
}

/* By ECAM and by ports; with a slot of which function 0 is not the first that was added. */
static void the_functions_of_a_slot_answer_each_for_itself(void **state)
{
	static const unsigned int devfns[] = { PCI_DEVFN(3, 7), PCI_DEVFN(3, 0), PCI_DEVFN(31, 1) };
	struct machine *machine = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(devfns); i++)
		device_add_at(machine, devfns[i], one_page)->pci.config[0x40] = (uint8_t)(i + 1);
	machine_start(machine);
	for (unsigned int devfn = 1; devfn < PCI_FUNCTIONS_MAX; devfn++) {
		uint64_t expected = 0xff;

		for (i = 0; i < ARRAY_SIZE(devfns); i++)
			if (devfns[i] == devfn)
				expected = i + 1;
		assert_int_equal(read_at(&machine->memory, ECAM + (devfn << 12) + 0x40, 1),
				 expected);
		address_set(machine, 0x80000000 | devfn << 8 | 0x40);
		assert_int_equal(read_at(&machine->ports, 0xcfc, 1), expected);
	}
	/* BARs are placed by slot and function. */
	assert_int_equal(config_read(machine, &machine->devices[1], BAR(0), 4), MEM32);
	assert_int_equal(config_read(machine, &machine->devices[0], BAR(0), 4), MEM32 + 0x1000);
	assert_int_equal(config_read(machine, &machine->devices[2], BAR(0), 4), MEM32 + 0x2000);
}

static void the_data_port_answers_for_bus_0_when_enabled(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);
	uint32_t base = device->pci.devfn << 8;

	machine_start(machine);
	address_set(machine, 0x80000000 | base);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0x56781234);
	address_set(machine, base);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0xffffffff);
	address_set(machine, 0x80010000 | base);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0xffffffff);
	address_set(machine, 0x80000100 | base);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 4), 0xffffffff);
	address_set(machine, 0x80000000 | 31 << 11);
	assert_int_equal(read_at(&machine->ports, 0xcfc, 2), 0xffff);
	write_at(&machine->ports, 0xcfc, 2, 0);
}

static void the_data_port_writes_what_ecam_shows(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);
	uint32_t base = 0x80000000 | device->pci.devfn << 8;

	machine_start(machine);
	address_set(machine, base | PCI_INTERRUPT_LINE);
	write_at(&machine->ports, 0xcfc, 1, 0x0b);
	assert_int_equal(config_read(machine, device, PCI_INTERRUPT_LINE, 1), 0x0b);
	address_set(machine, base | PCI_CACHE_LINE_SIZE);
	write_at(&machine->ports, 0xcfd, 1, 0x40);
	assert_int_equal(config_read(machine, device, PCI_CACHE_LINE_SIZE, 2), 0x4000);
	write_at(&machine->ports, 0xcfc, 1, 0x10); /* leaves its neighbour alone */
	assert_int_equal(config_read(machine, device, PCI_CACHE_LINE_SIZE, 2), 0x4010);
	address_set(machine, (base & ~0x80000000) | PCI_INTERRUPT_LINE);
	write_at(&machine->ports, 0xcfc, 1, 0xff);
	assert_int_equal(config_read(machine, device, PCI_INTERRUPT_LINE, 1), 0x0b);
}

/* ---- the header ---- */

static void only_some_bits_of_the_header_can_be_written(void **state)
{
	static const struct {
		uint8_t offset;
		uint32_t writable;
	} registers[] = {
		{ PCI_COMMAND, 0x0547 }, /* the status above it stays */
		{ PCI_CACHE_LINE_SIZE, 0x0000ffff },
		{ PCI_INTERRUPT_LINE, 0x000000ff },
	};
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);
	unsigned int offset, i;

	machine_start(machine);
	for (offset = 0; offset < 0x100; offset += 4) {
		uint32_t before = (uint32_t)config_read(machine, device, offset, 4), writable = 0;

		for (i = 0; i < ARRAY_SIZE(registers); i++)
			if (registers[i].offset == offset)
				writable = registers[i].writable;
		config_write(machine, device, offset, 4, 0xffffffff);
		assert_int_equal(config_read(machine, device, offset, 4), before | writable);
		config_write(machine, device, offset, 4, 0);
		assert_int_equal(config_read(machine, device, offset, 4), before & ~writable);
	}
}

static void a_header_write_may_have_any_offset_and_size(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, one_page);
	struct pci_device *pci = &device->pci;

	machine_start(machine);
	mutex_lock(&pci->lock);
	pci_header_write(pci, PCI_COMMAND + 1, 4, 0xffffffff);
	assert_int_equal(le_load(pci->config + PCI_COMMAND, 2), 0x0500);
	pci_header_write(pci, PCI_REVISION_ID + 3, 3, 0x332211);
	assert_int_equal(le_load(pci->config + PCI_CACHE_LINE_SIZE, 4), 0x3322);
	pci_header_write(pci, BAR(0) + 3, 1, 0xc1);
	assert_int_equal(le_load(pci->config + BAR(0), 4), 0xc1000000);
	pci_header_write(pci, PCI_INTERRUPT_LINE, 8, 0xffffff05);
	assert_int_equal(le_load(pci->config + PCI_INTERRUPT_LINE, 4), 0x05);
	pci_header_write(pci, 0x3f, 4, 0xffffffff);
	pci_header_write(pci, 0x40, 4, 0xffffffff);
	pci_header_write(pci, UINT32_MAX, 4, 0xffffffff);
	assert_int_equal(le_load(pci->config + 0x3c, 8), 0x05);
	mutex_unlock(&pci->lock);
}

static void a_header_reset_brings_back_what_was_placed(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, all_kinds);
	uint8_t before[PCI_STD_HEADER_SIZEOF];
	unsigned int offset;

	device->pci.config[PCI_LATENCY_TIMER] = 0x20;
	machine_start(machine);
	memcpy(before, device->pci.config, sizeof(before));
	for (offset = PCI_CACHE_LINE_SIZE; offset < PCI_STD_HEADER_SIZEOF; offset += 4)
		config_write(machine, device, offset, 4, 0xd1000000 + (offset << 16));
	command_write(machine, device, 0xffff);
	events_expect(device, "+0@d1100000 ");
	mutex_lock(&device->pci.lock);
	pci_header_reset(&device->pci);
	mutex_unlock(&device->pci.lock);
	assert_memory_equal(device->pci.config, before, sizeof(before));
	events_expect(device, "-0@d1100000 ");
}

static void a_header_reset_keeps_read_only_bits_that_changed(void **state)
{
	struct machine *machine = *state;
	struct test_device *device = device_add(machine, no_bars);

	machine_start(machine);
	le_store(device->pci.config + PCI_STATUS, 2, PCI_STATUS_INTERRUPT);
	mutex_lock(&device->pci.lock);
	pci_header_reset(&device->pci);
	mutex_unlock(&device->pci.lock);
	assert_int_equal(config_read(machine, device, PCI_STATUS, 2), PCI_STATUS_INTERRUPT);
}

#define pci_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pci_test(what_does_not_exist_reads_all_ones),
		pci_test(the_host_bridge_is_there_and_read_only),
		pci_test(config_bytes_are_read_in_every_size),
		pci_test(misaligned_config_accesses_read_all_ones_and_are_dropped),
		pci_test(a_device_sees_aligned_accesses_of_up_to_four_bytes),
		pci_test(the_address_register_is_written_and_read_by_four_bytes_only),
		pci_test(the_data_port_reads_the_bytes_that_the_address_names),
		pci_test(the_functions_of_a_slot_answer_each_for_itself),
		pci_test(the_data_port_answers_for_bus_0_when_enabled),
		pci_test(the_data_port_writes_what_ecam_shows),
		pci_test(only_some_bits_of_the_header_can_be_written),
		pci_test(a_header_write_may_have_any_offset_and_size),
		pci_test(a_header_reset_brings_back_what_was_placed),
		pci_test(a_header_reset_keeps_read_only_bits_that_changed),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
