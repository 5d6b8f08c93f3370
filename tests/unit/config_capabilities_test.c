/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/config.c: the capabilities that the guest works with, and function-level reset. */
#include "tests/unit/assigned_machine.h"

#include <errno.h>

#include "tests/unit/stderr_capture.h"

/* The NVMe-like device: its capabilities. */
#define PM_CTRL (0x60 + PCI_PM_CTRL)
#define EXP	0x80

/* ---- PCI Express ---- */

static void test_function_is_an_integrated_endpoint_without_a_link(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	uint32_t flags = guest_read(machine, EXP + PCI_EXP_FLAGS, 2);

	assert_int_equal(flags & PCI_EXP_FLAGS_VERS, 2);
	assert_int_equal((flags & PCI_EXP_FLAGS_TYPE) >> 4, PCI_EXP_TYPE_RC_END);
	assert_int_equal(flags & (PCI_EXP_FLAGS_SLOT | PCI_EXP_FLAGS_IRQ), 0);
	zero_expect(machine, EXP + PCI_EXP_LNKCAP, EXP + PCI_EXP_DEVCTL2);
	zero_expect(machine, EXP + PCI_EXP_DEVCTL2 + 2, EXP + 0x40);
}

static void test_first_version_of_express_is_kept_to_its_length(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	assert_int_equal(guest_read(machine, 0xe0 + PCI_EXP_FLAGS, 2), 0x91);
	zero_expect(machine, 0xe0 + PCI_EXP_LNKCAP, 0x100);
	guest_write(machine, 0xe0 + PCI_EXP_LNKCTL, 4, 0xffffffff);
	log_expect(machine, "");
}

static void test_device_control_passes_what_concerns_the_guest(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVCTL, 2), 0x2810);
	/* Payload size, extended tags, phantom functions and auxiliary power stay the host's. */
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 2, 0x7fff);
	log_expect(machine, "config_write 88 2 781f\n");
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 2, 0x0000);
	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVCTL, 2), 0x0000);
	fake_log_take(machine->kvm);
	guest_write(machine, EXP + PCI_EXP_DEVCTL2, 2, 0xffff);
	assert_int_equal(le_load(&machine->fake->config[EXP + PCI_EXP_DEVCTL2], 2),
			 PCI_EXP_DEVCTL2_LTR_EN | PCI_EXP_DEVCTL2_COMP_TIMEOUT |
				 PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	guest_write(machine, EXP + PCI_EXP_LNKCTL, 2, 0xffff);
	guest_write(machine, EXP + PCI_EXP_DEVCAP, 4, 0);
	assert_int_equal(machine->fake->config[EXP + PCI_EXP_LNKCTL], 0x5a);
	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVCAP, 4),
			 0x05008fe2 | PCI_EXP_DEVCAP_FLR);
}

/* VFIO would drop the writes, anyway. */
static void test_device_status_is_the_devices_and_read_only(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVSTA, 2), 0x9);
	guest_write(machine, EXP + PCI_EXP_DEVSTA, 2, 0xffff);
	log_expect(machine, "");
	machine->fake->config[EXP + PCI_EXP_DEVSTA] = 0x40;
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 4, 0x00010000);
	log_expect(machine, "config_write 88 2 0\n");
	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVSTA, 2), 0x40);
}

static void test_reset_is_offered_as_far_as_the_host_can(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	fake_vfio_nvme(fake);
	fake->can_reset = false;
	fake->config[EXP + PCI_EXP_DEVCAP + 3] |= PCI_EXP_DEVCAP_FLR >> 24;
	machine = start(state);
	assert_int_equal(guest_read(machine, EXP + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR, 0);
	command_set(machine, PCI_COMMAND_MEMORY);
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR | 0x0010);
	assert_int_equal(fake->resets, 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
	assert_int_equal(fake->config[EXP + PCI_EXP_DEVCTL + 1] & 0x80, 0);
}

/* ---- function-level reset ---- */

static void test_reset_rebuilds_everything_that_the_guest_sees(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	uint8_t before[PCI_CONFIG_SIZE];

	memcpy(before, machine->function->pci.config, sizeof(before));
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	guest_write(machine, BAR(0), 4, 0x200000);
	guest_write(machine, PCI_INTERRUPT_LINE, 1, 0x42);
	guest_write(machine, 0x40 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	memory_write(machine, MEM64 + 0x202000, 8, 0xfee01000);
	memory_write(machine, MEM64 + 0x202008, 8, 0x4041);
	fake_log_take(machine->kvm);
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	log_expect(machine, "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "iommu_unmap 800200000\n"
			    "memslot_remove 800200000\n"
			    "config_write 4 2 0\n"
			    "reset\n");
	assert_memory_equal(machine->function->pci.config, before, sizeof(before));
	assert_int_equal(machine->fake->resets, 1);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	assert_true(machine->function->irqs.sets[IRQ_KIND_MSIX].vectors[0].masked);
	/* And it works again, INTx included. */
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
	assert_int_equal(machine->function->irqs.active, IRQ_KIND_INTX);
}

static void test_reset_wakes_a_sleeping_device(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	guest_write(machine, PM_CTRL, 2, 3);
	guest_write(machine, EXP + PCI_EXP_DEVCTL + 1, 1, 0x80);
	assert_int_equal(machine->fake->resets, 1);
	assert_int_equal(guest_read(machine, PM_CTRL, 2), 0);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
}

/* The fake knows it for a violation when the table is written in D3hot. */
static void test_reset_wakes_the_device_before_its_interrupts_go(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	guest_write(machine, 0x40 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	guest_write(machine, PM_CTRL, 2, 3);
	fake_log_take(machine->kvm);
	guest_write(machine, EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	log_expect(machine, "config_write 64 2 0\n"
			    "irqs_disable msix\n"
			    "config_write 4 2 0\n"
			    "reset\n");
}

static void test_failed_reset_is_said_once_and_rebuilds_all_the_same(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	struct capture capture = capture_start();

	for (unsigned int i = 0; i < 2; i++) {
		command_set(machine, PCI_COMMAND_MEMORY);
		fake_fail(machine->kvm, "reset", 0, -ENOTTY);
		guest_write(machine, EXP + PCI_EXP_DEVCTL, 4, 0x8000);
		assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
		assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	}
	assert_int_equal(capture_lines(capture), 1);
}

/* ---- MSI ---- */

static void msi_device_make(struct fake_vfio *fake, unsigned int flags)
{
	fake_pm_add(fake, 0x40);
	fake_msi_add(fake, 0x50, flags);
}

static void test_msi_registers_are_where_their_layout_puts_them(void **state)
{
	static const struct {
		unsigned int flags, high, data, mask, end;
	} layouts[] = {
		{ 0, 0, PCI_MSI_DATA_32, 0, 10 },
		{ PCI_MSI_FLAGS_64BIT, PCI_MSI_ADDRESS_HI, PCI_MSI_DATA_64, 0, 14 },
		{ PCI_MSI_FLAGS_MASKBIT, 0, PCI_MSI_DATA_32, PCI_MSI_MASK_32, 20 },
		{ PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, PCI_MSI_ADDRESS_HI, PCI_MSI_DATA_64,
		  PCI_MSI_MASK_64, 24 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct machine *machine;

		memset(fake_of(state)->config + 0x40, 0xa5, 0xc0);
		msi_device_make(fake_of(state), layouts[i].flags | 0x4); /* four vectors */
		machine = start(state);
		zero_expect(machine, 0x54, 0x50 + layouts[i].end);
		for (unsigned int at = 2; at < 0x20; at += 2)
			guest_write(machine, 0x50 + at, 2, at == PCI_MSI_FLAGS ? 0xfffe : 0xffff);
		assert_int_equal(guest_read(machine, 0x50 + PCI_MSI_FLAGS, 2),
				 layouts[i].flags | 0x4 | PCI_MSI_FLAGS_QSIZE);
		assert_int_equal(guest_read(machine, 0x54, 4), 0xfffffffc);
		assert_int_equal(guest_read(machine, 0x50 + layouts[i].data, 2), 0xffff);
		if (layouts[i].high)
			assert_int_equal(guest_read(machine, 0x50 + layouts[i].high, 4), ~0U);
		if (layouts[i].mask)
			assert_int_equal(guest_read(machine, 0x50 + layouts[i].mask, 4), ~0U);
		assert_int_equal(guest_read(machine, 0x50 + layouts[i].end, 2), 0xa5a5);
		log_expect(machine, "");
		machine_renew(state);
	}
}

/* 64-bit with masks, eight vectors: what a guest does to use four of them. */
static struct machine *msi_machine_start(void **state)
{
	struct machine *machine;

	msi_device_make(fake_of(state), PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 0x6);
	machine = start(state);
	guest_write(machine, 0x54, 4, 0xfee01000);
	guest_write(machine, 0x58, 4, 0x1);
	guest_write(machine, 0x5c, 2, 0x4043);
	log_expect(machine, "");
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	return machine;
}

static void test_msi_vectors_differ_in_the_low_bits_of_the_data(void **state)
{
	struct machine *machine = msi_machine_start(state);

	for (unsigned int i = 0; i < 4; i++)
		fake_vfio_fire(machine->fake, i);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(fake_kvm_injected(machine->kvm, 0x1fee01000, 0x4040 + i), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 4);
}

static void test_msi_mask_keeps_pending_bits_that_can_be_read(void **state)
{
	struct machine *machine = msi_machine_start(state);

	guest_write(machine, 0x60, 4, 0x0000000a);
	fake_vfio_fire(machine->fake, 0);
	fake_vfio_fire(machine->fake, 1);
	fake_vfio_fire(machine->fake, 3);
	assert_int_equal(guest_read(machine, 0x64, 4), 0xa);
	assert_int_equal(guest_read(machine, 0x64, 1), 0xa);
	assert_int_equal(guest_read(machine, 0x66, 2), 0);
	guest_write(machine, 0x64, 4, 0);
	assert_int_equal(guest_read(machine, 0x64, 4), 0xa);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 1);
	guest_write(machine, 0x60, 1, 0x08);
	assert_int_equal(guest_read(machine, 0x64, 4), 0x8);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0x1fee01000, 0x4041), 1);
	assert_int_equal(machine->fake->reads, 0);
}

static void test_live_msi_follows_address_and_data(void **state)
{
	struct machine *machine = msi_machine_start(state);

	fake_log_take(machine->kvm);
	guest_write(machine, 0x5c, 2, 0x5050);
	log_expect(machine, "irqfd_detach 24\nirqfd_detach 25\nirqfd_detach 26\nirqfd_detach 27\n"
			    "route 24 1fee01000 5050\nroute 25 1fee01000 5051\n"
			    "route 26 1fee01000 5052\nroute 27 1fee01000 5053\n"
			    "irqfd_attach 24\nirqfd_attach 25\nirqfd_attach 26\nirqfd_attach 27\n");
	guest_write(machine, 0x58, 4, 0);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee01000, 0x5052), 1);
}

static void test_msi_count_changed_while_on_takes_effect(void **state)
{
	struct machine *machine = msi_machine_start(state);

	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 3 << 4);
	assert_int_equal(fake_vectors_triggered(machine->fake), 8);
	fake_vfio_fire(machine->fake, 7);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0x1fee01000, 0x4047), 1);
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 0 << 4);
	assert_int_equal(fake_vectors_triggered(machine->fake), 1);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 1);
	fake_vfio_fire(machine->fake, 0);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0x1fee01000, 0x4043), 1);
}

/* tg3: a reset by the device's own registers clears the bit, and the driver sets it again. */
static void test_msi_that_the_device_forgot_is_turned_on_again(void **state)
{
	struct machine *machine = msi_machine_start(state);
	uint8_t *flags = &machine->fake->config[0x52];

	*flags = 0;
	fake_log_take(machine->kvm);
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	log_expect(machine, "config_write 52 2 1a7\n");
	assert_int_equal(*flags & PCI_MSI_FLAGS_ENABLE, PCI_MSI_FLAGS_ENABLE);
	/* It is the control word only that VFIO takes from us. */
	guest_write(machine, 0x5c, 2, 0x4043);
	guest_write(machine, 0x60, 4, 0);
	log_expect(machine, "");
	/* Neither of a device that sleeps, nor when MSI is off. */
	guest_write(machine, 0x40 + PCI_PM_CTRL, 2, 3);
	fake_log_take(machine->kvm);
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | 2 << 4);
	log_expect(machine, "");
	guest_write(machine, 0x40 + PCI_PM_CTRL, 2, 0);
	guest_write(machine, 0x52, 2, 0);
	fake_log_take(machine->kvm);
	guest_write(machine, 0x52, 2, 2 << 4);
	log_expect(machine, "");
}

static void test_more_msi_vectors_than_there_are_mean_all(void **state)
{
	struct machine *machine = msi_machine_start(state);

	for (unsigned int log2_count = 4; log2_count < 8; log2_count++) {
		guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE | log2_count << 4);
		assert_int_equal(fake_vectors_triggered(machine->fake), 8);
	}
}

static void test_msi_without_host_vectors_is_hidden(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	memset(fake->config + 0x50, 0xa5, 0x20);
	msi_device_make(fake, PCI_MSI_FLAGS_64BIT);
	fake->irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0;
	machine = start(state);
	capabilities_expect(machine, "1@40");
	zero_expect(machine, 0x50, 0x100);
	guest_write(machine, 0x52, 2, PCI_MSI_FLAGS_ENABLE);
	log_expect(machine, "");
}

/* ---- MSI-X ---- */

static void test_msix_capability_is_read_only_but_for_enable_and_mask(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	for (unsigned int at = 0; at < 12; at++)
		if (at != 3)
			guest_write(machine, 0x40 + at, 1, 0xff);
	assert_int_equal(guest_read(machine, 0x40, 4), 0x00400000 | 0x80 << 8 | PCI_CAP_ID_MSIX);
	assert_int_equal(guest_read(machine, 0x44, 4), 0x2000);
	assert_int_equal(guest_read(machine, 0x48, 4), 0x3000);
	log_expect(machine, "");
	guest_write(machine, 0x40, 4, 0xffffffff);
	assert_int_equal(guest_read(machine, 0x42, 2), 0xc040);
	log_expect(machine, "irqs_set msix 0 1 [-1]\n");
	guest_write(machine, 0x43, 1, 0);
	log_expect(machine, "irqs_disable msix\n");
}

/* A table that is not where it could be: its length, its BAR, or the kind of BAR. */
static void test_msix_whose_table_is_out_of_place_is_hidden_and_said(void **state)
{
	static const uint32_t tables[] = { 0x3ff8 | 3, 0x0 | 2, 0x0 | 4, 0x0 | 6, 0xfffffff8 | 3 };

	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		struct machine *machine;
		struct capture capture = capture_start();

		fake_vfio_e1000e(fake_of(state));
		le_store(&fake_of(state)->config[0xa0 + PCI_MSIX_TABLE], 4, tables[i]);
		machine = start(state);
		assert_int_equal(capture_lines(capture), 1);
		capabilities_expect(machine, "1@c8 5@d0 10@e0");
		zero_expect(machine, 0xa0, 0xac);
		machine_renew(state);
	}
}

/* A virtual function has nothing else, and drivers do not look at the pending bits. */
static void test_msix_whose_pending_bits_are_out_of_place_works(void **state)
{
	static const uint32_t places[] = { 0x4000 | 3, 0x0 | 2, 0x0 | 5, 0x0 | 7 };

	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		struct machine *machine;
		struct capture capture = capture_start();

		fake_vfio_e1000e(fake_of(state));
		le_store(&fake_of(state)->config[0xa0 + PCI_MSIX_PBA], 4, places[i]);
		machine = start(state);
		assert_int_equal(capture_lines(capture), 1);
		capabilities_expect(machine, "1@c8 5@d0 10@e0 11@a0");
		command_set(machine, PCI_COMMAND_MEMORY);
		guest_write(machine, 0xa0 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
		memory_write(machine, guest_read(machine, BAR(3), 4), 8, 0xfee01000);
		memory_write(machine, guest_read(machine, BAR(3), 4) + 8, 8, 0x4041);
		fake_vfio_fire(machine->fake, 0);
		assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee01000, 0x4041), 1);
		machine_renew(state);
	}
}

/* It is pending in the device alone, which has the entry masked, until it gets its trigger. */
static void test_vector_that_pends_before_its_first_unmask_is_seen_and_delivered(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	uint64_t bar = guest_read(machine, BAR(3), 4);

	command_set(machine, PCI_COMMAND_MEMORY);
	guest_write(machine, 0xa0 + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	memory_write(machine, bar + 16 * 2, 8, 0xfee01000);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(memory_read(machine, bar + 0x2000, 4), 1 << 2);
	memory_write(machine, bar + 16 * 2 + 8, 8, 0x4042);
	assert_int_equal(memory_read(machine, bar + 0x2000, 4), 0);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee01000, 0x4042), 1);
}

/* ---- capabilities of the vendor ---- */

static void test_vendor_capability_is_the_devices_but_for_its_header(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_virtio);

	/* VIRTIO 1.2, 4.1.4.9: the window into BARs, which software writes to. */
	guest_write(machine, 0x84 + 8, 4, 0x14);
	guest_write(machine, 0x84 + 17, 1, 0x7f);
	log_expect(machine, "config_write 8c 4 14\n"
			    "config_write 95 1 7f\n");
	le_store(&machine->fake->config[0x94], 4, 0xfeedbeef);
	assert_int_equal(guest_read(machine, 0x94, 4), 0xfeedbeef);
	assert_int_equal(guest_read(machine, 0x96, 2), 0xfeed);
	/* Id and link are the guest's, the length the device's. */
	guest_write(machine, 0x84, 2, 0xffff);
	log_expect(machine, "");
	assert_int_equal(guest_read(machine, 0x84, 4), 0x05149809);
}

static void test_subsystem_ids_are_seen_and_read_only(void **state)
{
	struct fake_vfio *fake = fake_of(state);
	struct machine *machine;

	le_store(fake_capability_add(fake, PCI_CAP_ID_SSVID, 0x40) + 4, 4, 0x12345678);
	machine = start(state);
	capabilities_expect(machine, "d@40");
	guest_write(machine, 0x44, 4, 0);
	assert_int_equal(guest_read(machine, 0x44, 4), 0x12345678);
	log_expect(machine, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_function_is_an_integrated_endpoint_without_a_link),
		TEST(test_first_version_of_express_is_kept_to_its_length),
		TEST(test_device_control_passes_what_concerns_the_guest),
		TEST(test_device_status_is_the_devices_and_read_only),
		TEST(test_reset_is_offered_as_far_as_the_host_can),
		TEST(test_reset_rebuilds_everything_that_the_guest_sees),
		TEST(test_reset_wakes_a_sleeping_device),
		TEST(test_reset_wakes_the_device_before_its_interrupts_go),
		TEST(test_failed_reset_is_said_once_and_rebuilds_all_the_same),
		TEST(test_msi_registers_are_where_their_layout_puts_them),
		TEST(test_msi_vectors_differ_in_the_low_bits_of_the_data),
		TEST(test_msi_mask_keeps_pending_bits_that_can_be_read),
		TEST(test_live_msi_follows_address_and_data),
		TEST(test_msi_count_changed_while_on_takes_effect),
		TEST(test_msi_that_the_device_forgot_is_turned_on_again),
		TEST(test_more_msi_vectors_than_there_are_mean_all),
		TEST(test_msi_without_host_vectors_is_hidden),
		TEST(test_msix_capability_is_read_only_but_for_enable_and_mask),
		TEST(test_msix_whose_table_is_out_of_place_is_hidden_and_said),
		TEST(test_msix_whose_pending_bits_are_out_of_place_works),
		TEST(test_vector_that_pends_before_its_first_unmask_is_seen_and_delivered),
		TEST(test_vendor_capability_is_the_devices_but_for_its_header),
		TEST(test_subsystem_ids_are_seen_and_read_only),
	};

	return cmocka_run_group_tests_name("config_capabilities", tests, NULL, NULL);
}
