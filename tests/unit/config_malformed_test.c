/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/config.c: devices that lie, and guests that write anything anywhere. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

/* The list of capabilities by hand: the byte at @link leads to @at, where @id is. */
static uint8_t *capability_put(struct fake_vfio *fake, unsigned int link, unsigned int id,
			       unsigned int at)
{
	fake->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	fake->config[link] = (uint8_t)at;
	fake->config[at & ~3U] = (uint8_t)id;
	return &fake->config[at & ~3U];
}

/* ---- lists that lead astray ---- */

static void test_list_that_leads_to_itself_ends(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_pm_add(fake, 0x40);
	fake->config[0x41] = 0x40;
	machine = start(state);
	capabilities_expect(machine, "1@40");
	assert_int_equal(guest_read(machine, 0x40 + PCI_PM_PMC, 2), 3 | PCI_PM_CAP_DSI);
}

static void test_list_that_goes_in_circles_shows_each_once(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_pm_add(fake, 0x40);
	fake_msi_add(fake, 0x50, PCI_MSI_FLAGS_64BIT);
	fake_capability_add(fake, PCI_CAP_ID_EA, 0x70);
	fake_capability_add(fake, PCI_CAP_ID_VNDR, 0x80)[2] = 8;
	fake->config[0x81] = 0x50;
	machine = start(state);
	capabilities_expect(machine, "1@40 5@50 9@80");
	guest_write(machine, 0x54, 4, 0xfee00000);
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE);
	fake_vfio_fire(machine->fake, 0);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
}

static void test_list_that_leads_into_the_header_ends(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_pm_add(fake, 0x40);
	fake->config[0x41] = 0x3c;
	machine = start(state);
	capabilities_expect(machine, "1@40");
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_LINE, 4), 0);
}

static void test_list_that_begins_in_the_header_is_empty(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	capability_put(fake, PCI_CAPABILITY_LIST, PCI_CAP_ID_PM, 0x10);
	machine = start(state);
	capabilities_expect(machine, "");
}

/* The two low bits of a link are reserved: PCI Local Bus 3.0, 6.7. */
static void test_low_bits_of_links_are_ignored(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	capability_put(fake, PCI_CAPABILITY_LIST, PCI_CAP_ID_PM, 0x43);
	capability_put(fake, 0x41, PCI_CAP_ID_SSVID, 0x4a);
	machine = start(state);
	capabilities_expect(machine, "1@40 d@48");
}

static void test_list_of_a_device_that_says_it_has_none_is_ignored(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_pm_add(fake, 0x40);
	fake->config[PCI_STATUS] = 0;
	machine = start(state);
	capabilities_expect(machine, "");
	/* There is nothing, then, but bytes of the device's. */
	guest_write(machine, 0x44, 2, 3);
	log_expect(machine, "");
}

/* Every known capability at the end of the space, where there is too little of it. */
static void test_capability_that_does_not_fit_is_hidden(void **state)
{
	static const uint8_t ids[] = { PCI_CAP_ID_PM,	 PCI_CAP_ID_MSI, PCI_CAP_ID_VNDR,
				       PCI_CAP_ID_SSVID, PCI_CAP_ID_EXP, PCI_CAP_ID_MSIX };

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
		for (unsigned int room = 4; room < 12; room += 4) {
			struct fake_vfio *fake = fake_of(state);
			struct machine *machine;
			uint8_t *bytes =
				capability_put(fake, PCI_CAPABILITY_LIST, ids[i], 0x100 - room);
			bool fits = room == 8 &&
				    (ids[i] == PCI_CAP_ID_PM || ids[i] == PCI_CAP_ID_SSVID);

			memset(bytes + 2, 0x12, room - 2);
			if (ids[i] == PCI_CAP_ID_VNDR)
				bytes[2] = 2;
			machine = start(state);
			if (!fits)
				capabilities_expect(machine, "");
			if (!fits)
				zero_expect(machine, 0x40, 0x100);
			assert_int_equal(!!guest_read(machine, PCI_CAPABILITY_LIST, 1), fits);
			machine_renew(state);
		}
}

static void test_only_the_first_of_a_kind_is_kept(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_e1000e(fake);
	fake_pm_add(fake, 0x40);
	fake_msi_add(fake, 0x48, 0);
	fake_msix_add(fake, 0x58, 2, 0x3000 | 3, 0x3800 | 3);
	fake_express_add(fake, 0x68, 1);
	machine = start(state);
	capabilities_expect(machine, "1@c8 5@d0 10@e0 11@a0");
	zero_expect(machine, 0x40, 0xa0);
	/* The first power capability works, the second does nothing. */
	fake->pm = 0xc8;
	guest_write(machine, 0x44, 2, 3);
	log_expect(machine, "");
	guest_write(machine, 0xcc, 2, 3);
	log_expect(machine, "config_write cc 2 3\n");
}

/* ---- capabilities in each other's way ---- */

static void test_vendor_capability_ends_where_another_begins(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_bar_add(fake, 0, 0x1000, 0);
	fake_capability_add(fake, PCI_CAP_ID_VNDR, 0x40)[2] = 0xc0;
	fake_pm_add(fake, 0x60);
	fake_capability_add(fake, PCI_CAP_ID_EA, 0x80)[4] = 0x77;
	machine = start(state);
	capabilities_expect(machine, "9@40 1@60");
	guest_write(machine, 0x5c, 4, 0x1234);
	log_expect(machine, "config_write 5c 4 1234\n");
	zero_expect(machine, 0x80, 0x100);
	guest_write(machine, 0x84, 4, 0x1234);
	log_expect(machine, "");
	/* The power state is not the vendor's: the BAR goes before the device sleeps. */
	command_set(machine, PCI_COMMAND_MEMORY);
	fake_log_take(machine->kvm);
	guest_write(machine, 0x64, 2, 3);
	log_expect(machine, "iommu_unmap c0000000\n"
			    "memslot_remove c0000000\n"
			    "config_write 64 2 3\n");
}

static void test_vendor_capability_that_runs_over_the_end_is_cut(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_capability_add(fake, PCI_CAP_ID_VNDR, 0xf0)[2] = 0xff;
	machine = start(state);
	capabilities_expect(machine, "9@f0");
	guest_write(machine, 0xfc, 4, 0x1234);
	assert_int_equal(guest_read(machine, 0xfc, 4), 0x1234);
	guest_write(machine, 0x100, 4, 0x1234);
	assert_int_equal(guest_read(machine, 0x100, 4), 0);
}

static void test_vendor_capability_without_a_length_is_hidden(void **state)
{
	for (unsigned int length = 0; length < 3; length++) {
		struct fake_vfio *fake = fake_of(state);
		struct machine *machine;

		fake_capability_add(fake, PCI_CAP_ID_VNDR, 0x40)[2] = (uint8_t)length;
		machine = start(state);
		capabilities_expect(machine, "");
		machine_renew(state);
	}
}

static void test_capability_that_another_begins_in_is_hidden(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_msi_add(fake, 0x40, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
	fake_pm_add(fake, 0x50);
	machine = start(state);
	capabilities_expect(machine, "1@50");
	zero_expect(machine, 0x40, 0x50);
}

/* Integrated endpoints of the second version end at 0x2c, and the next capability may follow. */
static void test_capability_right_behind_express_is_kept(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_express_add(fake, 0x40, 2);
	fake_pm_add(fake, 0x6c);
	machine = start(state);
	capabilities_expect(machine, "10@40 1@6c");
	zero_expect(machine, 0x4c, 0x68);
}

/* ---- numbers that cannot be ---- */

static void test_msi_of_too_many_vectors_is_hidden(void **state)
{
	for (unsigned int log2_count = 6; log2_count < 8; log2_count++) {
		struct fake_vfio *fake = fake_of(state);
		struct machine *machine;

		fake_msi_add(fake, 0x40, log2_count << 1);
		machine = start(state);
		capabilities_expect(machine, "");
		zero_expect(machine, 0x40, 0x100);
		machine_renew(state);
	}
}

/* ---- extended capabilities ---- */

static void test_extended_list_that_goes_in_circles_ends(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_VNDR, 1, 0x100) + 4, 4, 0x01000001);
	fake_extended_add(fake, PCI_EXT_CAP_ID_DSN, 1, 0x200);
	fake_extended_add(fake, PCI_EXT_CAP_ID_ERR, 1, 0x300);
	le_store(fake->config + 0x300, 4, PCI_EXT_CAP_ID_ERR | 0x10000 | 0x100 << 20);
	machine = start(state);
	extended_expect(machine, "b@100 3@200");
}

static void test_extended_list_that_leads_to_itself_ends(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(fake->config + 0x100, 4, PCI_EXT_CAP_ID_DSN | 0x10000 | 0x100 << 20);
	machine = start(state);
	extended_expect(machine, "3@100");
}

static void test_extended_list_that_leads_out_of_bounds_ends(void **state)
{
	static const unsigned int next[] = { 0x004, 0x0fc, 0xffc };

	for (unsigned int i = 0; i < ARRAY_SIZE(next); i++) {
		struct fake_vfio *fake = fake_of(state);
		struct machine *machine;

		le_store(fake->config + 0x100, 4, PCI_EXT_CAP_ID_DSN | 0x10000 | next[i] << 20);
		le_store(fake->config + 0xffc, 4, PCI_EXT_CAP_ID_DSN | 0x10000);
		machine = start(state);
		extended_expect(machine, "3@100");
		zero_expect(machine, 0x10c, 0xffc);
		guest_write(machine, 0xffc, 4, 0xffffffff);
		log_expect(machine, "");
		machine_renew(state);
	}
}

static void test_extended_vendor_capability_is_cut_to_its_place(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	/* Two that would reach over what follows, and over the end. */
	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_VNDR, 1, 0x100) + 4, 4, 0xfff00001);
	memset(fake_extended_add(fake, PCI_EXT_CAP_ID_SRIOV, 1, 0x200) + 4, 0x5a, 0x3c);
	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_DVSEC, 1, 0xff0) + 4, 4, 0x0200abcd);
	machine = start(state);
	extended_expect(machine, "b@100 23@ff0");
	zero_expect(machine, 0x200, 0xff0);
	guest_write(machine, 0x208, 2, 0x1);
	log_expect(machine, "");
	guest_write(machine, 0x1fc, 4, 0x1);
	guest_write(machine, 0xffc, 4, 0x2);
	log_expect(machine, "config_write 1fc 4 1\n"
			    "config_write ffc 4 2\n");
}

static void test_extended_vendor_capability_without_a_length_is_hidden(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_VNDR, 1, 0x100) + 4, 4, 0x00400001);
	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_DVSEC, 1, 0x180) + 4, 4, 0x00000001);
	machine = start(state);
	extended_expect(machine, "");
	zero_expect(machine, 0x100, 0x1000);
}

/* ---- devices that do not answer ---- */

static void start_refused(struct machine *machine, const char *why)
{
	assert_int_equal(function_init(machine, machine->function, &machine->options), -EIO);
	assert_string_equal(machine->why, why);
}

static void test_device_that_is_gone_ends_the_start(void **state)
{
	struct fake_vfio *fake = fake_of(state);

	fake_vfio_e1000e(fake);
	memset(fake->config, 0xff, sizeof(fake->config));
	start_refused(*state, BDF ": its configuration space cannot be read: No such device");
}

static void test_device_that_cannot_be_read_ends_the_start(void **state)
{
	struct machine *machine = *state;

	fake_vfio_e1000e(fake_of(state));
	fake_fail(machine->kvm, "read_block", 0, -EIO);
	start_refused(machine, BDF ": its configuration space cannot be read: No data available");
}

/* ---- a device that does not take what it is told ---- */

static void test_what_the_device_refuses_is_said_once(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	struct capture capture = capture_start();
	char text[256];

	fake_fail(machine->kvm, "region_write", 0, -EIO);
	command_set(machine, PCI_COMMAND_MEMORY);
	fake_fail(machine->kvm, "region_read", 0, -EIO);
	assert_int_equal(guest_read(machine, PCI_STATUS, 2), 0xffff);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "0000:01:00.0: the device refuses 2 bytes at 0x4 of its "
				     "configuration space: Input/output error"));
}

static void test_device_that_cannot_be_woken_stays_asleep(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	unsigned int at = machine->fake->pm + PCI_PM_CTRL;

	command_set(machine, PCI_COMMAND_MEMORY);
	guest_write(machine, at, 2, 3);
	fake_fail(machine->kvm, "region_write", 0, -EIO);
	guest_write(machine, at, 2, 0);
	assert_int_equal(guest_read(machine, at, 2) & PCI_PM_CTRL_STATE_MASK, 3);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	guest_write(machine, at, 2, 0);
	assert_int_equal(guest_read(machine, at, 2) & PCI_PM_CTRL_STATE_MASK, 0);
	assert_true(fake_bar_mapped(machine->fake, 0, 0));
}

/* All-ones, which is what a failed read gives, would set bits that are not the guest's. */
static void test_write_is_dropped_when_the_bits_beside_it_cannot_be_read(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	unsigned int at = machine->fake->express + PCI_EXP_DEVCTL;

	fake_fail(machine->kvm, "region_read", 0, -EIO);
	guest_write(machine, at, 2, PCI_EXP_DEVCTL_RELAX_EN);
	log_expect(machine, "");
	assert_int_equal(guest_read(machine, at, 2), 0x2810);
}

static void test_ports_are_no_guest_memory_whatever_vfio_says(void **state)
{
	struct machine *machine = *state;
	struct vfio_region *region = &machine->fake->regions[0];

	fake_bar_add(machine->fake, 0, 0x1000, PCI_BASE_ADDRESS_SPACE_IO);
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->areas[0] = (struct vfio_area){ 0, region->size };
	region->area_count = 1;
	machine_start(machine);
	command_set(machine, PCI_COMMAND_IO);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_true(machine->function->pci.bars[0].mapped);
}

/* ---- any write at all ---- */

static uint32_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 32);
}

/* Which bits of the device's own configuration space a guest may change. */
static void permitted_mark(struct fake_vfio *fake, uint8_t permitted[PCI_CONFIG_SIZE])
{
	memset(permitted, 0, PCI_CONFIG_SIZE);
	le_store(permitted + PCI_COMMAND, 2, 0x0547);
	if (fake->pm)
		le_store(permitted + fake->pm + PCI_PM_CTRL, 2, 0xffff);
	if (fake->express)
		le_store(permitted + fake->express + PCI_EXP_DEVCTL, 2, 0x781f);
	if (fake->express && (fake->original[fake->express + PCI_EXP_FLAGS] & 0xf) >= 2)
		le_store(permitted + fake->express + PCI_EXP_DEVCTL2, 2, 0x001f);
	if (fake->function.policy.msi)
		permitted[fake->function.policy.msi + PCI_MSI_FLAGS] =
			PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;
	for (unsigned int at = fake->original[PCI_CAPABILITY_LIST]; at;
	     at = fake->original[at + PCI_CAP_LIST_NEXT])
		if (fake->original[at] == PCI_CAP_ID_VNDR)
			memset(permitted + at + 2, 0xff, fake->original[at + 2] - 2U);
}

static void write_anything(struct machine *machine, uint64_t *seed)
{
	static const uint32_t values[] = { 0, 0xffffffff, 0x80008000, 0x00010001 };
	unsigned int size = 1U << random_next(seed) % 4, choice = random_next(seed) % 8;
	unsigned int space = random_next(seed) % 4 ? PCI_CFG_SPACE_SIZE : PCI_CONFIG_SIZE;
	unsigned int offset = random_next(seed) % space & ~(size - 1);
	uint64_t value = choice < 4 ? values[choice] : random_next(seed);

	memory_write(machine, ecam_of(machine, offset), (uint8_t)size, value << 32 | value);
	memory_read(machine, ecam_of(machine, random_next(seed) % space & ~(size - 1)),
		    (uint8_t)size);
	fake_vfio_fire(machine->fake, random_next(seed) % 3);
	fake_vfio_intx_set(machine->fake, random_next(seed) & 1);
}

/* Writes of any width anywhere: the fakes watch what the host is asked to do. */
static void writes_are_harmless(void **state, void (*make)(struct fake_vfio *fake))
{
	uint8_t permitted[PCI_CONFIG_SIZE], hidden[PCI_CONFIG_SIZE];
	struct machine *machine = start_with(state, make);
	struct capture capture = capture_start();
	struct fake_vfio *fake = machine->fake;
	uint64_t seed = 1;

	permitted_mark(fake, permitted);
	for (unsigned int offset = 0; offset < PCI_CONFIG_SIZE; offset++)
		hidden[offset] =
			offset >= 0x40 && !permitted[offset] && !guest_read(machine, offset, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		write_anything(machine, &seed);
		fake_log_take(machine->kvm);
		machine->kvm->injection_count = 0;
	}
	capture_lines(capture);
	for (unsigned int offset = 0; offset < PCI_CONFIG_SIZE; offset++) {
		bool is_msi = machine->function->policy.msi &&
			      offset - machine->function->policy.msi < 24;

		if ((fake->config[offset] ^ fake->original[offset]) & ~permitted[offset])
			fail_msg("byte 0x%x of the device changed from 0x%x to 0x%x", offset,
				 fake->original[offset], fake->config[offset]);
		if (hidden[offset] && !is_msi && guest_read(machine, offset, 1) &&
		    (offset & ~1U) != machine->function->policy.msix + PCI_MSIX_FLAGS)
			fail_msg("byte 0x%x was hidden and now is 0x%x", offset,
				 guest_read(machine, offset, 1));
	}
	assert_true(fake->enables > 10);
	assert_true(!fake->pm || fake->resets > 0 || !fake->express);
}

static void test_any_write_to_a_network_card_is_harmless(void **state)
{
	writes_are_harmless(state, fake_vfio_e1000e);
}

static void test_any_write_to_an_nvme_drive_is_harmless(void **state)
{
	writes_are_harmless(state, fake_vfio_nvme);
}

static void test_any_write_to_a_virtio_device_is_harmless(void **state)
{
	writes_are_harmless(state, fake_vfio_virtio);
}

static void test_any_write_to_a_virtual_function_is_harmless(void **state)
{
	writes_are_harmless(state, fake_vfio_vf);
}

/* And on a kernel that cannot add vectors, with few of them. */
static void test_any_write_is_harmless_without_dynamic_msix(void **state)
{
	fake_of(state)->is_dynamic = false;
	fake_of(state)->host_vectors = 1;
	writes_are_harmless(state, fake_vfio_e1000e);
}

/* ---- any device at all ---- */

/*
 * Configuration space of random bytes, but with lists in it that mostly lead on, of capabilities
 * that mostly mean something.
 */
static void device_make_up(struct fake_vfio *fake, uint64_t *seed)
{
	static const uint8_t ids[] = { 1, 3, 5, 9, 13, 16, 17, 17 };
	static const uint16_t extended_ids[] = { 1, 3, 0xb, 0x10, 0x23, 0xb };
	unsigned int at, step;

	for (at = 0; at < PCI_CONFIG_SIZE; at += 4)
		le_store(&fake->config[at], 4, random_next(seed));
	for (at = 0x40; at < 0x100; at += step) {
		step = 4 + 4 * (random_next(seed) % 8);
		fake->config[at] = ids[random_next(seed) % ARRAY_SIZE(ids)];
		if (fake->config[at] == PCI_CAP_ID_MSIX && at < 0xf8 && random_next(seed) % 2) {
			le_store(&fake->config[at + 2], 2, random_next(seed) % 0x400);
			le_store(&fake->config[at + 4], 4, (random_next(seed) & 0x2ff8) | 0);
			le_store(&fake->config[at + 8], 4, (random_next(seed) & 0x7ff8) | 2);
		}
		if (random_next(seed) % 8)
			fake->config[at + 1] = (uint8_t)(at + step);
	}
	fake->config[PCI_CAPABILITY_LIST] = 0x40;
	for (at = 0x100; at < 0x1000; at += step) {
		step = 8 + 8 * (random_next(seed) % 32);
		le_store(&fake->config[at], 4,
			 extended_ids[random_next(seed) % ARRAY_SIZE(extended_ids)] | 0x10000 |
				 (random_next(seed) % 8 ? at + step : random_next(seed)) << 20);
	}
	fake->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	memset(&fake->config[PCI_BASE_ADDRESS_0], 0, 24);
	fake_bar_add(fake, 0, 0x8000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_bar_add(fake, 2, 0x10000, 0);
	fake_bar_add(fake, 3, 0x40, PCI_BASE_ADDRESS_SPACE_IO);
	fake_bar_add(fake, 4, 0x100, 0);
	fake->irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	fake->irqs[VFIO_PCI_MSI_IRQ_INDEX] = 32;
	fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 2048;
}

static void test_any_device_is_survived(void **state)
{
	unsigned int kept = 0;
	uint64_t seed = 7;

	for (unsigned int i = 0; i < 400; i++) {
		struct capture capture = capture_start();
		struct machine *machine;

		device_make_up(fake_of(state), &seed);
		machine = start(state);
		capability_find(machine, 0); /* the guest's list ends */
		if ((machine->fake->pm = machine->function->policy.pm))
			machine->fake->config[machine->fake->pm + PCI_PM_CTRL] &= ~3;
		kept += machine->function->policy.msi || machine->function->policy.msix;
		for (unsigned int j = 0; j < 300; j++)
			write_anything(machine, &seed);
		capture_lines(capture);
		machine_renew(state);
	}
	assert_true(kept > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list_that_leads_to_itself_ends),
		TEST(test_list_that_goes_in_circles_shows_each_once),
		TEST(test_list_that_leads_into_the_header_ends),
		TEST(test_list_that_begins_in_the_header_is_empty),
		TEST(test_low_bits_of_links_are_ignored),
		TEST(test_list_of_a_device_that_says_it_has_none_is_ignored),
		TEST(test_capability_that_does_not_fit_is_hidden),
		TEST(test_only_the_first_of_a_kind_is_kept),
		TEST(test_vendor_capability_ends_where_another_begins),
		TEST(test_vendor_capability_that_runs_over_the_end_is_cut),
		TEST(test_vendor_capability_without_a_length_is_hidden),
		TEST(test_capability_that_another_begins_in_is_hidden),
		TEST(test_capability_right_behind_express_is_kept),
		TEST(test_msi_of_too_many_vectors_is_hidden),
		TEST(test_extended_list_that_goes_in_circles_ends),
		TEST(test_extended_list_that_leads_to_itself_ends),
		TEST(test_extended_list_that_leads_out_of_bounds_ends),
		TEST(test_extended_vendor_capability_is_cut_to_its_place),
		TEST(test_extended_vendor_capability_without_a_length_is_hidden),
		TEST(test_device_that_is_gone_ends_the_start),
		TEST(test_device_that_cannot_be_read_ends_the_start),
		TEST(test_any_write_to_a_network_card_is_harmless),
		TEST(test_what_the_device_refuses_is_said_once),
		TEST(test_device_that_cannot_be_woken_stays_asleep),
		TEST(test_write_is_dropped_when_the_bits_beside_it_cannot_be_read),
		TEST(test_ports_are_no_guest_memory_whatever_vfio_says),
		TEST(test_any_write_to_an_nvme_drive_is_harmless),
		TEST(test_any_write_to_a_virtio_device_is_harmless),
		TEST(test_any_write_to_a_virtual_function_is_harmless),
		TEST(test_any_write_is_harmless_without_dynamic_msix),
		TEST(test_any_device_is_survived),
	};

	return cmocka_run_group_tests_name("config_malformed", tests, NULL, NULL);
}
