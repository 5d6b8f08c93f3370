/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/config.c: what the guest sees of an assigned function, its header, BARs and power. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

/* ---- what is seen ---- */

static void test_kept_capabilities_are_linked_in_the_devices_order(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	capabilities_expect(machine, "1@c8 5@d0 10@e0 11@a0");
	extended_expect(machine, "0@100 3@140");
	assert_int_equal(guest_read(machine, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST,
			 PCI_STATUS_CAP_LIST);
}

static void test_vendor_capabilities_are_kept_all(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_virtio);

	capabilities_expect(machine, "9@40 9@50 9@60 9@74 9@84 11@98 1@a4 10@ac");
	extended_expect(machine, "");
}

static void test_virtual_function_has_what_vfio_shows(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	capabilities_expect(machine, "11@70 10@a0");
	extended_expect(machine, "3@100");
	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 4), 0x15208086);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(guest_read(machine, PCI_BASE_ADDRESS_0, 4) & 0xf,
			 PCI_BASE_ADDRESS_MEM_TYPE_64);
}

static void test_other_capabilities_are_unlinked_and_zero(void **state)
{
	static const unsigned int hidden[] = { PCI_CAP_ID_AGP,
					       PCI_CAP_ID_SLOTID,
					       PCI_CAP_ID_PCIX,
					       PCI_CAP_ID_HT,
					       PCI_CAP_ID_DBG,
					       PCI_CAP_ID_SHPC,
					       PCI_CAP_ID_SATA,
					       PCI_CAP_ID_AF,
					       PCI_CAP_ID_EA,
					       0x15,
					       0xff };
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_pm_add(fake, 0x40);
	for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++)
		memset(fake_capability_add(fake, hidden[i], 0x50 + 8 * i) + 2, 0xa5, 6);
	machine = start(state);
	capabilities_expect(machine, "1@40");
	/* The last one's bytes may go on to the end. */
	zero_expect(machine, 0x50, 0x100);
}

static void test_hidden_extended_capabilities_are_unlinked_and_zero(void **state)
{
	static const unsigned int hidden[] = {
		PCI_EXT_CAP_ID_ERR,
		PCI_EXT_CAP_ID_VC,
		PCI_EXT_CAP_ID_PWR,
		PCI_EXT_CAP_ID_ACS,
		PCI_EXT_CAP_ID_ARI,
		PCI_EXT_CAP_ID_ATS,
		PCI_EXT_CAP_ID_SRIOV,
		PCI_EXT_CAP_ID_PRI,
		PCI_EXT_CAP_ID_REBAR,
		PCI_EXT_CAP_ID_LTR,
		PCI_EXT_CAP_ID_PASID,
		PCI_EXT_CAP_ID_DPC,
		PCI_EXT_CAP_ID_L1SS,
		PCI_EXT_CAP_ID_PTM,
		0x2f,
		0xffff,
	};
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;
	uint8_t *bytes;

	for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++)
		memset(fake_extended_add(fake, hidden[i], 1, 0x100 + 0x20 * i) + 4, 0xa5, 0x1c);
	bytes = fake_extended_add(fake, PCI_EXT_CAP_ID_DSN, 1, 0x400);
	le_store(bytes + 4, 8, 0x1122334455667788);
	machine = start(state);
	extended_expect(machine, "0@100 3@400");
	assert_int_equal(guest_read(machine, 0x100, 4), 0x40000000);
	assert_int_equal(guest_read(machine, 0x400, 4), 0x00010003);
	assert_int_equal(guest_read(machine, 0x404, 4), 0x55667788);
	zero_expect(machine, 0x104, 0x400);
}

static void test_extended_vendor_capabilities_are_kept_in_order(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_VNDR, 1, 0x100) + 4, 4, 0x01810001);
	fake_extended_add(fake, PCI_EXT_CAP_ID_SRIOV, 1, 0x200);
	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_DVSEC, 1, 0x180) + 4, 4, 0x01001234);
	fake->config[0x110] = 0x77;
	fake->config[0x200 + 4] = 0x77;
	machine = start(state);
	extended_expect(machine, "b@100 23@180");
	/* The device answers, in all the bytes but the header, and takes what is written. */
	assert_int_equal(guest_read(machine, 0x104, 4), 0x01810001);
	fake->config[0x110] = 0x78;
	assert_int_equal(guest_read(machine, 0x110, 4), 0x78);
	guest_write(machine, 0x110, 2, 0x1234);
	guest_write(machine, 0x100, 4, 0xffffffff);
	log_expect(machine, "config_write 110 2 1234\n");
	assert_int_equal(guest_read(machine, 0x100, 4), 0x1801000b);
	zero_expect(machine, 0x200, 0x210);
}

/* Drivers look for registers there, which nobody else knows: be2net, tg3. */
static void test_bytes_that_no_capability_names_are_the_devices_and_read_only(void **state)
{
	/* Before, between and behind those of fake_vfio_e1000e(), and at the end. */
	static const unsigned int offsets[] = { 0x40, 0x9c, 0xac, 0xc4, 0xf4, 0xfc, 0x14c, 0xffc };
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	fake_log_take(machine->kvm);
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++) {
		unsigned int at = offsets[i];

		le_store(&machine->fake->config[at], 4, 0x11223300 + i);
		assert_int_equal(guest_read(machine, at, 4), 0x11223300 + i);
		assert_int_equal(guest_read(machine, at + 2, 1), 0x22);
		guest_write(machine, at, 4, 0xffffffff);
		guest_write(machine, at + 3, 1, 0);
	}
	log_expect(machine, "");
}

/* A hidden capability's length is not known: it may reach up to the next one, or to the end. */
static void test_bytes_behind_a_hidden_capability_are_hidden(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	memset(fake->config + 0x40, 0xa5, PCI_CONFIG_SIZE - 0x40);
	fake_capability_add(fake, PCI_CAP_ID_EA, 0x60);
	fake_pm_add(fake, 0x80);
	fake_extended_add(fake, PCI_EXT_CAP_ID_ERR, 1, 0x100);
	fake_extended_add(fake, PCI_EXT_CAP_ID_DSN, 1, 0x200);
	fake_extended_add(fake, PCI_EXT_CAP_ID_SRIOV, 1, 0x300);
	machine = start(state);
	assert_int_equal(guest_read(machine, 0x5c, 4), 0xa5a5a5a5);
	zero_expect(machine, 0x60, 0x80);
	assert_int_equal(guest_read(machine, 0x88, 4), 0xa5a5a5a5);
	zero_expect(machine, 0x104, 0x200);
	assert_int_equal(guest_read(machine, 0x20c, 4), 0xa5a5a5a5);
	zero_expect(machine, 0x300, 0x1000);
}

/* It has the registers of a link, and of version 2 all the others, where the guest sees none. */
static void test_registers_of_express_that_are_hidden_are_not_nobodys(void **state)
{
	for (unsigned int version = 1; version <= 2; version++) {
		struct machine *machine;

		memset(fake_of(state)->config + 0x40, 0xa5, 0xc0);
		fake_express_add(fake_of(state), 0x80, version);
		memset(fake_of(state)->config + 0x8c, 0xa5, 0x70);
		machine = start(state);
		zero_expect(machine, 0x8c, version == 1 ? 0x94 : 0xa4);
		assert_int_equal(guest_read(machine, version == 1 ? 0x94 : 0xbc, 4), 0xa5a5a5a5);
		machine_renew(state);
	}
}

static void test_vpd_is_read_through_the_device_and_never_written(void **state)
{
	const unsigned int at = 0x60;
	struct machine *machine;

	fake_capability_add(fake_of(state), PCI_CAP_ID_VPD, at);
	machine = start(state);
	capabilities_expect(machine, "3@60");
	/* VFIO reads in the write of the address, and sets the top bit when there is data. */
	guest_write(machine, at + PCI_VPD_ADDR, 2, 0x0010);
	log_expect(machine, "config_write 62 2 10\n");
	le_store(&machine->fake->config[at + PCI_VPD_ADDR], 2, 0x8010);
	le_store(&machine->fake->config[at + PCI_VPD_DATA], 4, 0x55aa1234);
	assert_int_equal(guest_read(machine, at + PCI_VPD_ADDR, 2), 0x8010);
	assert_int_equal(guest_read(machine, at + PCI_VPD_DATA, 4), 0x55aa1234);
	/* The address again, with that bit still set in the device. */
	guest_write(machine, at + PCI_VPD_ADDR, 2, 0x0014);
	guest_write(machine, at + PCI_VPD_ADDR + 1, 1, 0x01);
	log_expect(machine, "config_write 62 2 14\n"
			    "config_write 63 1 1\n");
	/* What would be written to its memory: data, and the address with the bit set. */
	guest_write(machine, at + PCI_VPD_DATA, 4, 0xdeadbeef);
	guest_write(machine, at + PCI_VPD_ADDR, 2, 0x8010);
	guest_write(machine, at + PCI_VPD_ADDR + 1, 1, 0x80);
	guest_write(machine, at, 4, 0x80100000);
	log_expect(machine, "");
}

static void test_reads_of_what_is_not_the_devices_cost_no_system_call(void **state)
{
	/* The header, and capabilities of fake_vfio_e1000e(). */
	static const struct {
		unsigned int from, to;
	} ranges[] = {
		{ 0, 0x40 }, { 0xa0, 0xac }, { 0xc8, 0xdc }, { 0xe0, 0xf4 }, { 0x100, 0x14c }
	};
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		for (unsigned int offset = ranges[i].from; offset < ranges[i].to; offset += 4)
			guest_read(machine, offset, 4);
	/* Status, and device control with device status. */
	assert_int_equal(machine->fake->reads, 2);
	assert_int_equal(machine->fake->writes, 0);
}

static void test_device_with_256_bytes_has_no_extended_capabilities(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_e1000e(fake);
	fake->regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CFG_SPACE_SIZE;
	machine = start(state);
	capabilities_expect(machine, "1@c8 5@d0 10@e0 11@a0");
	zero_expect(machine, 0x100, 0x1000);
}

/* ---- the header ---- */

static void test_identity_is_the_devices_and_read_only(void **state)
{
	static const unsigned int fixed[] = { PCI_VENDOR_ID, PCI_CLASS_REVISION, 0x28,
					      PCI_SUBSYSTEM_VENDOR_ID };
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(&fake->config[PCI_SUBSYSTEM_VENDOR_ID], 4, 0xabcd8086);
	le_store(&fake->config[PCI_MIN_GNT], 2, 0x0201);
	machine = start_with(state, fake_vfio_e1000e);
	for (unsigned int i = 0; i < ARRAY_SIZE(fixed); i++) {
		guest_write(machine, fixed[i], 4, 0xffffffff);
		guest_write(machine, fixed[i], 4, 0);
		assert_int_equal(guest_read(machine, fixed[i], 4),
				 le_load(&fake->config[fixed[i]], 4));
	}
	assert_int_equal(guest_read(machine, PCI_SUBSYSTEM_ID, 2), 0xabcd);
	guest_write(machine, PCI_MIN_GNT, 2, 0xffff);
	assert_int_equal(guest_read(machine, PCI_MIN_GNT, 2), 0x0201);
	log_expect(machine, "");
}

static void test_function_stands_alone_and_has_no_self_test(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_e1000e(fake);
	fake->config[PCI_HEADER_TYPE] = 0x80;
	fake->config[PCI_BIST] = 0x80;
	machine = start(state);
	assert_int_equal(guest_read(machine, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(guest_read(machine, PCI_BIST, 1), 0);
	guest_write(machine, PCI_BIST, 1, 0x40);
	log_expect(machine, "");
}

/* VFIO would drop the writes, anyway. */
static void test_status_is_the_devices_and_read_only(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	le_store(&fake->config[PCI_STATUS], 2, 0xf900 | PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
	assert_int_equal(guest_read(machine, PCI_STATUS, 2),
			 0xf900 | PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
	guest_write(machine, PCI_STATUS, 2, 0xffff);
	guest_write(machine, PCI_STATUS + 1, 1, 0x08);
	guest_write(machine, PCI_STATUS, 2, 0);
	log_expect(machine, "");
	assert_int_equal(machine->fake->writes, 0);
	assert_int_equal(guest_read(machine, PCI_STATUS, 2),
			 0xf900 | PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
}

static void test_write_over_command_and_status_reaches_command(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	guest_write(machine, PCI_COMMAND, 4, 0xf9000000 | PCI_COMMAND_MASTER);
	log_expect(machine, "config_write 4 2 4\n"
			    "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
}

static void test_interrupt_line_is_the_gsi_and_writable(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	unsigned int gsi = pci_intx_gsi(&machine->function->pci, 1);

	assert_int_equal(guest_read(machine, PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_LINE, 1), gsi);
	guest_write(machine, PCI_INTERRUPT_LINE, 2, 0x020b);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_LINE, 2), 0x010b);
	guest_write(machine, PCI_CACHE_LINE_SIZE, 2, 0x4010);
	assert_int_equal(guest_read(machine, PCI_CACHE_LINE_SIZE, 2), 0x4010);
	log_expect(machine, "");
}

/* A pin that leads nowhere would have the guest wait for interrupts. */
static void test_pin_is_hidden_when_there_is_no_intx(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_e1000e(fake);
	fake->irqs[VFIO_PCI_INTX_IRQ_INDEX] = 0;
	machine = start(state);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_PIN, 1), 0);
	command_set(machine, PCI_COMMAND_MASTER);
	log_expect(machine, "config_write 4 2 4\n");
}

static void test_impossible_pin_is_hidden(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_e1000e(fake);
	fake->config[PCI_INTERRUPT_PIN] = 5;
	machine = start(state);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_PIN, 1), 0);
	command_set(machine, PCI_COMMAND_MASTER);
	log_expect(machine, "config_write 4 2 4\n");
}

/* ---- command ---- */

static void test_guest_starts_with_command_zero_whatever_the_host_left(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(&fake->config[PCI_COMMAND], 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	machine = start_with(state, fake_vfio_vf);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
}

static void test_device_decodes_before_its_bars_are_mapped_and_until_after(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	command_set(machine, PCI_COMMAND_MEMORY);
	log_expect(machine, "config_write 4 2 2\n"
			    "memslot_add 800000000 4000\n"
			    "iommu_map 800000000 4000\n"
			    "memslot_add 800005000 1000\n"
			    "iommu_map 800005000 1000\n"
			    "memslot_add 800007000 1000\n"
			    "iommu_map 800007000 1000\n");
	command_set(machine, 0);
	log_expect(machine, "config_write 4 2 2\n"
			    "iommu_unmap 800000000\n"
			    "memslot_remove 800000000\n"
			    "iommu_unmap 800005000\n"
			    "memslot_remove 800005000\n"
			    "iommu_unmap 800007000\n"
			    "memslot_remove 800007000\n"
			    "config_write 4 2 0\n");
}

static void test_bits_that_come_go_first_and_bits_that_go_go_last(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	command_set(machine, PCI_COMMAND_MASTER);
	log_expect(machine, "config_write 4 2 4\n");
	command_set(machine, PCI_COMMAND_MEMORY);
	fake_log_take(machine->kvm);
	assert_int_equal(le_load(&machine->fake->config[PCI_COMMAND], 2), PCI_COMMAND_MEMORY);
	command_set(machine, PCI_COMMAND_MASTER);
	assert_int_equal(le_load(&machine->fake->config[PCI_COMMAND], 2), PCI_COMMAND_MASTER);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
}

static void test_command_that_does_not_change_is_passed_on_too(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	command_set(machine, 0);
	log_expect(machine, "config_write 4 2 0\n");
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	fake_log_take(machine->kvm);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	guest_write(machine, PCI_COMMAND + 1, 1, 0);
	/* INTx is on, and must not come in the midst of such a write. */
	log_expect(machine, "intx_mask\n"
			    "config_write 4 2 6\n"
			    "intx_unmask\n"
			    "intx_mask\n"
			    "config_write 4 2 6\n"
			    "intx_unmask\n");
}

/* tg3, mlx4: a reset by the device's own registers, of which only the driver knows. */
static void test_command_that_the_device_forgot_comes_back_with_its_bars(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	unsigned int slots;

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	slots = fake_kvm_slots(machine->kvm);
	le_store(&machine->fake->config[PCI_COMMAND], 2, 0);
	fake_log_take(machine->kvm);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	log_expect(machine, "intx_mask\n"
			    "config_write 4 2 6\n"
			    "bars_restore\n"
			    "intx_unmask\n");
	assert_int_equal(le_load(&machine->fake->config[PCI_COMMAND], 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(fake_kvm_slots(machine->kvm), slots);
}

/* Decoding that the device does not learn about may go off in the guest, but not on. */
static void test_command_that_cannot_be_written_only_turns_off(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	fake_fail(machine->kvm, "region_write", 0, -EIO);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_true(fake_bar_mapped(machine->fake, 0, 0));
	fake_fail(machine->kvm, "region_write", 0, -EIO);
	command_set(machine, 0);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
}

static void test_reserved_command_bits_never_reach_the_device(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	command_set(machine, 0xf800 | PCI_COMMAND_WAIT | PCI_COMMAND_SPECIAL);
	log_expect(machine, "config_write 4 2 0\n");
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	command_set(machine, 0xffff & ~PCI_COMMAND_MEMORY);
	log_expect(machine, "config_write 4 2 545\n");
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0x545);
}

static void test_command_can_be_written_by_bytes(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	guest_write(machine, PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	guest_write(machine, PCI_COMMAND + 1, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	assert_int_equal(le_load(&machine->fake->config[PCI_COMMAND], 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	guest_write(machine, PCI_COMMAND, 1, 0);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(le_load(&machine->fake->config[PCI_COMMAND], 2), PCI_COMMAND_INTX_DISABLE);
}

static void test_intx_comes_with_the_first_command_and_stays(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	guest_write(machine, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 0);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 1);
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, 17));
	command_set(machine, 0);
	assert_int_equal(fake_kvm_irqfds(machine->kvm), 1);
}

/* ---- BARs ---- */

static void test_bar_tells_its_size_and_the_device_hears_nothing(void **state)
{
	static const struct {
		unsigned int bar;
		uint32_t size;
	} bars[] = { { BAR(0), 0xfffe0000 },	     { BAR(1), 0xfffe0000 }, { BAR(2), 0xffffffe1 },
		     { BAR(3), 0xffffc000 },	     { BAR(4), 0 },	     { BAR(5), 0 },
		     { PCI_ROM_ADDRESS, 0xfffc0000 } };
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	for (unsigned int i = 0; i < ARRAY_SIZE(bars); i++) {
		uint32_t address = guest_read(machine, bars[i].bar, 4);

		guest_write(machine, bars[i].bar, 4, 0xfffff800);
		assert_int_equal(guest_read(machine, bars[i].bar, 4) & 0xfffff800,
				 bars[i].size & 0xfffff800);
		guest_write(machine, bars[i].bar, 4,
			    bars[i].bar == PCI_ROM_ADDRESS ? ~1U : 0xffffffff);
		assert_int_equal(guest_read(machine, bars[i].bar, 4), bars[i].size);
		guest_write(machine, bars[i].bar, 4, address);
		assert_int_equal(guest_read(machine, bars[i].bar, 4), address);
	}
	log_expect(machine, "");
}

/* So each can be guest memory, whatever the guest puts beside it. */
static void test_bar_smaller_than_a_page_is_shown_as_one(void **state)
{
	struct machine *machine;

	fake_bar_add(fake_of(state), 0, 0x10, 0);
	fake_bar_add(fake_of(state), 1, 0x20, PCI_BASE_ADDRESS_SPACE_IO);
	fake_bar_add(fake_of(state), 2, 0x200, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_rom_add(fake_of(state), 0x800);
	machine = start(state);
	assert_int_equal(guest_read(machine, BAR(0), 4), MEM32);
	assert_int_equal(guest_read(machine, PCI_ROM_ADDRESS, 4), MEM32 + 0x1000);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_kvm_slots(machine->kvm), 2);
	guest_write(machine, BAR(0), 4, 0xffffffff);
	guest_write(machine, BAR(1), 4, 0xffffffff);
	guest_write(machine, BAR(2), 4, 0xffffffff);
	assert_int_equal(guest_read(machine, BAR(0), 4), 0xfffff000);
	assert_int_equal(guest_read(machine, BAR(1), 4), 0xffffffe1);
	assert_int_equal(guest_read(machine, BAR(2), 4), 0xfffff004);
	/* There is no address but that of a page. */
	guest_write(machine, BAR(0), 4, MEM32 + 0x2800);
	assert_int_equal(guest_read(machine, BAR(0), 4), MEM32 + 0x2000);
	assert_non_null(fake_kvm_hva(machine->kvm, MEM32 + 0x2000));
}

static void test_bar_that_is_sized_while_decoded_is_gone_for_so_long(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	uint32_t address;

	command_set(machine, PCI_COMMAND_MEMORY);
	address = guest_read(machine, BAR(0), 4);
	guest_write(machine, BAR(0), 4, 0xffffffff);
	guest_write(machine, BAR(1), 4, 0xffffffff);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_int_equal(guest_read(machine, BAR(0), 4), 0xffffc004);
	assert_int_equal(guest_read(machine, BAR(1), 4), 0xffffffff);
	guest_write(machine, BAR(0), 4, address);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	fake_log_take(machine->kvm);
	guest_write(machine, BAR(1), 4, MEM64 >> 32);
	log_expect(machine, "memslot_add 800000000 2000\n"
			    "iommu_map 800000000 2000\n");
}

static void test_moved_bar_takes_its_memory_along(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	command_set(machine, PCI_COMMAND_MEMORY);
	fake_log_take(machine->kvm);
	guest_write(machine, BAR(0), 4, 0x100000);
	log_expect(machine, "iommu_unmap 800000000\n"
			    "memslot_remove 800000000\n"
			    "memslot_add 800100000 2000\n"
			    "iommu_map 800100000 2000\n");
}

static void test_rom_appears_when_it_is_enabled(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	uint32_t address = guest_read(machine, PCI_ROM_ADDRESS, 4);

	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0xaa55);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_null(fake_kvm_hva(machine->kvm, address));
	guest_write(machine, PCI_ROM_ADDRESS, 4, address | PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(memory_read(machine, address, 2), 0xaa55);
	assert_memory_equal(fake_kvm_hva(machine->kvm, address), "\x55\xaa", 2);
	guest_write(machine, PCI_ROM_ADDRESS, 4, address);
	assert_null(fake_kvm_hva(machine->kvm, address));
}

/* ---- power ---- */

#define PM_CTRL (0x60 + PCI_PM_CTRL) /* of the NVMe-like device */

static void test_only_d0_and_d3_are_offered(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	assert_int_equal(guest_read(machine, 0x60 + PCI_PM_PMC, 2), 3 | PCI_PM_CAP_DSI);
	assert_int_equal(guest_read(machine, PM_CTRL, 4), 0);
}

/* VFIO restores configuration space, and not what the driver has set up in the registers. */
static void test_a_device_that_forgets_its_state_in_d3_says_so(void **state)
{
	struct machine *machine;

	fake_vfio_nvme(fake_of(state));
	fake_of(state)->config[PM_CTRL] |= PCI_PM_CTRL_NO_SOFT_RESET;
	machine = start(state);
	for (unsigned int i = 0; i < 2; i++) {
		guest_write(machine, PM_CTRL, 2, 3);
		assert_int_equal(guest_read(machine, PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET | 3);
		guest_write(machine, PM_CTRL, 2, 0);
		assert_int_equal(guest_read(machine, PM_CTRL, 2), PCI_PM_CTRL_NO_SOFT_RESET);
	}
}

static void test_bars_are_unmapped_before_sleep_and_mapped_after(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	command_set(machine, PCI_COMMAND_MEMORY);
	fake_log_take(machine->kvm);
	guest_write(machine, PM_CTRL, 2, 3);
	log_expect(machine, "iommu_unmap 800000000\n"
			    "memslot_remove 800000000\n"
			    "config_write 64 2 3\n");
	assert_int_equal(guest_read(machine, PM_CTRL, 2), 3);
	guest_write(machine, PM_CTRL, 2, 0);
	log_expect(machine, "config_write 64 2 0\n"
			    "memslot_add 800000000 2000\n"
			    "iommu_map 800000000 2000\n");
	assert_int_equal(guest_read(machine, PM_CTRL, 2), 0);
}

static void test_other_power_states_and_wake_ups_have_no_effect(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	for (unsigned int awake = 0; awake < 2; awake++) {
		uint32_t power = awake ? 0 : 3;

		guest_write(machine, PM_CTRL, 2, power);
		fake_log_take(machine->kvm);
		guest_write(machine, PM_CTRL, 2, 1);
		guest_write(machine, PM_CTRL, 2, 2);
		guest_write(machine, PM_CTRL, 1, 1);
		guest_write(machine, PM_CTRL, 4, 0xfffffffe);
		guest_write(machine, PM_CTRL + 1, 1, 0xff);
		guest_write(machine, PM_CTRL + 2, 2, 0xffff);
		guest_write(machine, PM_CTRL, 2, power | PCI_PM_CTRL_PME_STATUS);
		log_expect(machine, "");
		assert_int_equal(guest_read(machine, PM_CTRL, 4), power);
	}
}

static void test_command_of_a_sleeping_device_takes_effect_when_it_wakes(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	guest_write(machine, PM_CTRL, 1, 3);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	guest_write(machine, PM_CTRL, 1, 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
	guest_write(machine, PM_CTRL, 1, 3);
	command_set(machine, 0);
	guest_write(machine, PM_CTRL, 1, 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
}

/* Linux cannot turn MSI-X on in D3hot, and a driver may do so before it wakes its device. */
static void test_interrupts_of_a_sleeping_device_are_turned_on_when_it_wakes(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	unsigned int msix = machine->function->policy.msix;

	guest_write(machine, PM_CTRL, 2, 3);
	guest_write(machine, msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(machine->fake->active, VFIO_PCI_NUM_IRQS);
	guest_write(machine, PM_CTRL, 2, 0);
	assert_int_equal(machine->fake->active, VFIO_PCI_MSIX_IRQ_INDEX);
	guest_write(machine, PM_CTRL, 2, 3);
	guest_write(machine, msix + PCI_MSIX_FLAGS, 2, 0);
	assert_int_equal(machine->fake->active, VFIO_PCI_MSIX_IRQ_INDEX);
	guest_write(machine, PM_CTRL, 2, 0);
	assert_int_equal(machine->fake->active, VFIO_PCI_NUM_IRQS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept_capabilities_are_linked_in_the_devices_order),
		TEST(test_vendor_capabilities_are_kept_all),
		TEST(test_virtual_function_has_what_vfio_shows),
		TEST(test_other_capabilities_are_unlinked_and_zero),
		TEST(test_hidden_extended_capabilities_are_unlinked_and_zero),
		TEST(test_extended_vendor_capabilities_are_kept_in_order),
		TEST(test_bytes_that_no_capability_names_are_the_devices_and_read_only),
		TEST(test_bytes_behind_a_hidden_capability_are_hidden),
		TEST(test_registers_of_express_that_are_hidden_are_not_nobodys),
		TEST(test_vpd_is_read_through_the_device_and_never_written),
		TEST(test_reads_of_what_is_not_the_devices_cost_no_system_call),
		TEST(test_device_with_256_bytes_has_no_extended_capabilities),
		TEST(test_identity_is_the_devices_and_read_only),
		TEST(test_function_stands_alone_and_has_no_self_test),
		TEST(test_status_is_the_devices_and_read_only),
		TEST(test_write_over_command_and_status_reaches_command),
		TEST(test_interrupt_line_is_the_gsi_and_writable),
		TEST(test_pin_is_hidden_when_there_is_no_intx),
		TEST(test_impossible_pin_is_hidden),
		TEST(test_guest_starts_with_command_zero_whatever_the_host_left),
		TEST(test_device_decodes_before_its_bars_are_mapped_and_until_after),
		TEST(test_bits_that_come_go_first_and_bits_that_go_go_last),
		TEST(test_command_that_does_not_change_is_passed_on_too),
		TEST(test_command_that_the_device_forgot_comes_back_with_its_bars),
		TEST(test_command_that_cannot_be_written_only_turns_off),
		TEST(test_reserved_command_bits_never_reach_the_device),
		TEST(test_command_can_be_written_by_bytes),
		TEST(test_intx_comes_with_the_first_command_and_stays),
		TEST(test_bar_tells_its_size_and_the_device_hears_nothing),
		TEST(test_bar_smaller_than_a_page_is_shown_as_one),
		TEST(test_bar_that_is_sized_while_decoded_is_gone_for_so_long),
		TEST(test_moved_bar_takes_its_memory_along),
		TEST(test_rom_appears_when_it_is_enabled),
		TEST(test_only_d0_and_d3_are_offered),
		TEST(test_a_device_that_forgets_its_state_in_d3_says_so),
		TEST(test_bars_are_unmapped_before_sleep_and_mapped_after),
		TEST(test_other_power_states_and_wake_ups_have_no_effect),
		TEST(test_command_of_a_sleeping_device_takes_effect_when_it_wakes),
		TEST(test_interrupts_of_a_sleeping_device_are_turned_on_when_it_wakes),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
