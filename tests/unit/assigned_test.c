/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole lives of assigned devices, from the guest's access on the bus to what the host is asked to
 * do: what Linux does from finding a device to giving it up, over made-up devices.
 */
#include <errno.h>

#include "lib/file.h"
#include "tests/unit/assigned_machine.h"

#define ADDRESS 0xfee01000U

/* ---- what a driver of Linux does ---- */

static uint64_t bar_address(struct machine *machine, unsigned int bar)
{
	uint32_t low = guest_read(machine, BAR(bar), 4);
	uint64_t address = low & PCI_BASE_ADDRESS_MEM_MASK;

	if (low & PCI_BASE_ADDRESS_MEM_TYPE_64)
		address |= (uint64_t)guest_read(machine, BAR(bar + 1), 4) << 32;
	return low & PCI_BASE_ADDRESS_SPACE_IO ? low & PCI_BASE_ADDRESS_IO_MASK : address;
}

/* drivers/pci/probe.c: with decoding off, all-ones, read, and back. Returns the size. */
static uint32_t bar_size(struct machine *machine, unsigned int offset, uint32_t ones)
{
	uint32_t address = guest_read(machine, offset, 4), mask;

	guest_write(machine, offset, 4, ones);
	mask = guest_read(machine, offset, 4);
	guest_write(machine, offset, 4, address);
	assert_int_equal(guest_read(machine, offset, 4), address);
	mask &= mask & PCI_BASE_ADDRESS_SPACE_IO ? PCI_BASE_ADDRESS_IO_MASK
						 : PCI_BASE_ADDRESS_MEM_MASK;
	return ~mask + 1;
}

static void command_change(struct machine *machine, uint16_t clear, uint16_t set)
{
	uint16_t command = (uint16_t)guest_read(machine, PCI_COMMAND, 2);

	command_set(machine, (command & ~clear) | set);
}

static void msix_flags_change(struct machine *machine, uint16_t clear, uint16_t set)
{
	unsigned int at = capability_find(machine, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;

	guest_write(machine, at, 2, (guest_read(machine, at, 2) & ~clear) | set);
}

static uint64_t msix_entry(struct machine *machine, unsigned int vector)
{
	uint32_t table =
		guest_read(machine, capability_find(machine, PCI_CAP_ID_MSIX) + PCI_MSIX_TABLE, 4);

	return bar_address(machine, table & PCI_MSIX_TABLE_BIR) + (table & PCI_MSIX_TABLE_OFFSET) +
	       PCI_MSIX_ENTRY_SIZE * vector;
}

static void msix_mask_set(struct machine *machine, unsigned int vector, bool masked)
{
	memory_write(machine, msix_entry(machine, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, masked);
}

static void msix_message_write(struct machine *machine, unsigned int vector, uint32_t data)
{
	uint64_t entry = msix_entry(machine, vector);

	memory_write(machine, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, ADDRESS);
	memory_write(machine, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
	memory_write(machine, entry + PCI_MSIX_ENTRY_DATA, 4, data);
}

/* drivers/pci/msi: pci_alloc_irq_vectors(), then request_irq() for each of @count vectors. */
static void msix_start(struct machine *machine, unsigned int count)
{
	unsigned int flags =
		guest_read(machine, capability_find(machine, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS, 2);

	msix_flags_change(machine, 0, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (unsigned int i = 0; i <= (flags & PCI_MSIX_FLAGS_QSIZE); i++)
		msix_mask_set(machine, i, true);
	command_change(machine, 0, PCI_COMMAND_INTX_DISABLE);
	msix_flags_change(machine, PCI_MSIX_FLAGS_MASKALL, 0);
	for (unsigned int i = 0; i < count; i++) {
		msix_message_write(machine, i, 0x4021 + i);
		msix_mask_set(machine, i, false);
	}
}

static void msix_stop(struct machine *machine)
{
	msix_flags_change(machine, PCI_MSIX_FLAGS_ENABLE, 0);
	command_change(machine, PCI_COMMAND_INTX_DISABLE, 0);
}

static void power_set(struct machine *machine, uint32_t power)
{
	guest_write(machine, capability_find(machine, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2, power);
}

static void function_reset(struct machine *machine)
{
	unsigned int at = capability_find(machine, PCI_CAP_ID_EXP);

	assert_true(guest_read(machine, at + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	guest_write(machine, at + PCI_EXP_DEVCTL, 2,
		    guest_read(machine, at + PCI_EXP_DEVCTL, 2) | PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_not_equal(guest_read(machine, PCI_VENDOR_ID, 2), 0xffff);
}

static unsigned int injected(struct machine *machine, uint32_t data)
{
	return fake_kvm_injected(machine->kvm, ADDRESS, data);
}

/* Every vector that is in use delivers, once each. */
static void vectors_deliver(struct machine *machine, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int before = injected(machine, 0x4021 + i);

		fake_vfio_fire(machine->fake, i);
		assert_int_equal(injected(machine, 0x4021 + i), before + 1);
	}
}

/* ---- a network card: MSI-X in a BAR of its own ---- */

static void test_network_card_is_found(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 4), 0x10d38086);
	assert_int_equal(guest_read(machine, PCI_CLASS_REVISION, 4) >> 8, 0x020000);
	assert_int_equal(bar_size(machine, BAR(0), ~0U), 0x20000);
	assert_int_equal(bar_size(machine, BAR(1), ~0U), 0x20000);
	assert_int_equal(bar_size(machine, BAR(2), ~0U), 0x20);
	assert_int_equal(bar_size(machine, BAR(3), ~0U), 0x4000);
	assert_int_equal(bar_size(machine, BAR(4), ~0U), 0);
	assert_int_equal(bar_size(machine, PCI_ROM_ADDRESS, PCI_ROM_ADDRESS_MASK), 0x40000);
	assert_int_equal(capability_find(machine, PCI_CAP_ID_PM), 0xc8);
	assert_int_equal(capability_find(machine, PCI_CAP_ID_MSI), 0xd0);
	assert_int_equal(capability_find(machine, PCI_CAP_ID_MSIX), 0xa0);
	assert_int_equal(capability_find(machine, PCI_CAP_ID_VPD), 0);
	/* All of that is between the guest and us. */
	log_expect(machine, "");
}

static struct machine *network_card_use(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	power_set(machine, 0);
	command_change(machine, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	command_change(machine, 0, PCI_COMMAND_MASTER);
	fake_log_take(machine->kvm);
	msix_start(machine, 3);
	return machine;
}

static void test_network_card_is_enabled_and_wired_as_the_driver_goes(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);

	command_change(machine, 0, PCI_COMMAND_MEMORY);
	log_expect(machine, "config_write 4 2 2\n"
			    "memslot_add c0040000 20000\n"
			    "iommu_map c0040000 20000\n"
			    "memslot_add c0060000 20000\n"
			    "iommu_map c0060000 20000\n"
			    "memslot_add c0081000 1000\n"
			    "iommu_map c0081000 1000\n"
			    "memslot_add c0083000 1000\n"
			    "iommu_map c0083000 1000\n"
			    "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n");
	command_change(machine, 0, PCI_COMMAND_MASTER);
	log_expect(machine, "intx_mask\n"
			    "config_write 4 2 6\n"
			    "intx_unmask\n");
	msix_start(machine, 2);
	log_expect(machine, "irqs_disable intx\n"
			    "irqfd_detach 17\n"
			    "irqs_set msix 0 1 [-1]\n"
			    "config_write 4 2 406\n"
			    "route 24 fee01000 4021\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 0 1 [fd]\n"
			    "route 25 fee01000 4022\n"
			    "irqfd_attach 25\n"
			    "irqs_set msix 1 1 [fd]\n");
	vectors_deliver(machine, 2);
}

static void test_registers_are_the_guests_and_io_ports_are_trapped(void **state)
{
	struct machine *machine = network_card_use(state);
	uint32_t value = 0x00000400;
	struct access access = { .size = 4, .data = 0x5400, .is_write = true };

	memcpy(fake_kvm_hva(machine->kvm, bar_address(machine, 0) + 0x38), &value, 4);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x38), value);
	access.addr = bar_address(machine, 2) + 4;
	bus_access(&machine->ports, &access);
	assert_int_equal(fake_memory_load(machine->fake, 2, 4), 0x5400);
	access.is_write = false;
	bus_access(&machine->ports, &access);
	assert_int_equal(access.data, 0x5400);
}

static void test_affinity_change_loses_nothing(void **state)
{
	struct machine *machine = network_card_use(state);

	fake_vfio_fire(machine->fake, 1);
	fake_log_take(machine->kvm);
	msix_mask_set(machine, 1, true);
	fake_vfio_fire(machine->fake, 1);
	msix_message_write(machine, 1, 0x4199);
	/* The pending bits are at 0x2000 of BAR 3. */
	assert_int_equal(memory_read(machine, bar_address(machine, 3) + 0x2000, 4), 1 << 1);
	msix_mask_set(machine, 1, false);
	log_expect(machine, "irqfd_detach 25\n"
			    "route 25 fee01000 4199\n"
			    "irqfd_attach 25\n");
	assert_int_equal(memory_read(machine, bar_address(machine, 3) + 0x2000, 4), 0);
	assert_int_equal(injected(machine, 0x4022), 1);
	assert_int_equal(injected(machine, 0x4199), 1);
	fake_vfio_fire(machine->fake, 1);
	assert_int_equal(injected(machine, 0x4199), 2);
}

static void test_suspend_and_resume(void **state)
{
	struct machine *machine = network_card_use(state);

	msix_stop(machine);
	command_change(machine, PCI_COMMAND_MASTER, 0);
	power_set(machine, 3);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_int_equal(machine->fake->config[0xcc] & 3, 3);
	/* What a stray access gets while the device sleeps: nothing. */
	assert_int_equal(memory_read(machine, bar_address(machine, 0), 4), 0xffffffff);
	power_set(machine, 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 4);
	command_change(machine, 0, PCI_COMMAND_MASTER);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
}

static void test_function_reset_and_restore(void **state)
{
	struct machine *machine = network_card_use(state);
	uint32_t header[16];

	for (unsigned int i = 0; i < ARRAY_SIZE(header); i++)
		header[i] = guest_read(machine, 4 * i, 4);
	fake_log_take(machine->kvm);
	command_set(machine, PCI_COMMAND_INTX_DISABLE);
	function_reset(machine);
	assert_int_equal(machine->fake->resets, 1);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
	/* pci_restore_state(): from the last double word to the first. */
	for (unsigned int i = ARRAY_SIZE(header); i-- > 0;)
		guest_write(machine, 4 * i, 4, header[i]);
	assert_int_equal(fake_kvm_slots(machine->kvm), 4);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
}

static void test_shutdown_gives_everything_back(void **state)
{
	struct machine *machine = network_card_use(state);

	fake_log_take(machine->kvm);
	msix_stop(machine);
	log_expect(machine, "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n"
			    "irqfd_detach 26\n"
			    "irqfd_attach 17 resample\n"
			    "irqs_set intx 0 1 [fd]\n"
			    "intx_unmask_set\n"
			    "intx_mask\n"
			    "config_write 4 2 407\n"
			    "intx_unmask\n"
			    "intx_mask\n"
			    "config_write 4 2 7\n"
			    "intx_unmask\n");
	command_set(machine, 0);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_int_equal(fake_kvm_maps(machine->kvm), 0);
	assert_int_equal(fake_kvm_gsis(machine->kvm), 0);
}

/* The end of the function, and of the machine: this is what happens in the host. */
static void function_end(void **state, const char *log)
{
	struct machine *machine = *state;

	vfio_function_cleanup(machine->function);
	log_expect(machine, log);
	*state = NULL;
	fake_vfio_free(machine->fake);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
}

/* The guest stops in the middle of everything; the order is what matters. */
static void test_sudden_end_takes_bars_then_triggers_then_irqfds(void **state)
{
	struct machine *machine = network_card_use(state);

	fake_log_take(machine->kvm);
	pci_root_cleanup(&machine->root);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	fake_log_take(machine->kvm);
	function_end(state, "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n"
			    "irqfd_detach 26\n");
}

/* The fake knows it for a violation when the MSI-X table is written in D3hot. */
static void test_sudden_end_wakes_the_device_first(void **state)
{
	struct machine *machine = network_card_use(state);

	power_set(machine, 3);
	pci_root_cleanup(&machine->root);
	fake_log_take(machine->kvm);
	function_end(state, "config_write cc 2 0\n"
			    "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n"
			    "irqfd_detach 26\n");
}

/* The device raises its pin; the guest, which has taken @count by then, acknowledges. */
static void pin_interrupts(struct machine *machine, int gsi, unsigned int count)
{
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, gsi));
	assert_int_equal(fake_kvm_injected_all(machine->kvm), count);
	fake_vfio_intx_set(machine->fake, false);
	fake_kvm_pin_acknowledge(machine->kvm, gsi);
}

static void test_network_card_without_msi_works_by_its_pin(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_e1000e);
	int gsi = (int)guest_read(machine, PCI_INTERRUPT_LINE, 1);

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (unsigned int i = 1; i < 4; i++) {
		pin_interrupts(machine, gsi, i);
		assert_false(fake_kvm_pin_asserted(machine->kvm, gsi));
	}
	/* The guest can turn the pin off, and what it has missed comes when it turns it on. */
	command_change(machine, 0, PCI_COMMAND_INTX_DISABLE);
	fake_vfio_intx_set(machine->fake, true);
	assert_false(fake_kvm_pin_asserted(machine->kvm, gsi));
	command_change(machine, PCI_COMMAND_INTX_DISABLE, 0);
	fake_vfio_intx_set(machine->fake, true);
	assert_true(fake_kvm_pin_asserted(machine->kvm, gsi));
}

/* Of such a device VFIO may not take the eventfd that unmasks its INTx. */
static void test_a_mediated_device_works_by_its_pin(void **state)
{
	struct machine *machine = *state;
	struct vfio_function *function = machine->function;
	int gsi;

	machine->options.device.bdf = "83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4";
	fake_fail(machine->kvm, "intx_unmask_set", 0, -ENOTTY);
	start_with(state, fake_vfio_e1000e);
	gsi = (int)guest_read(machine, PCI_INTERRUPT_LINE, 1);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	fake_log_take(machine->kvm);
	/* It need not be masked for such a write, as vfio-pci's has to be. */
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	log_expect(machine, "config_write 4 2 6\n");
	for (unsigned int i = 1; i < 4; i++) {
		pin_interrupts(machine, gsi, i);
		/* The control: nothing comes before it is unmasked. */
		fake_vfio_intx_set(machine->fake, true);
		assert_int_equal(fake_kvm_injected_all(machine->kvm), i);
		fake_vfio_intx_set(machine->fake, false);
		assert_true(eventfd_pending(function->events[VFIO_EVENT_UNMASK]));
		/* By the main thread, or by an access that comes before it. */
		if (i == 2)
			memory_read(machine, guest_read(machine, BAR(0), 4) + 0x20000, 4);
		else
			assert_false(vfio_function_event_take(function, VFIO_EVENT_UNMASK));
		log_expect(machine, "intx_unmask\n");
		assert_false(eventfd_pending(function->events[VFIO_EVENT_UNMASK]));
	}
}

static void test_network_card_works_without_dynamic_msix(void **state)
{
	struct machine *machine;

	fake_of(state)->is_dynamic = false;
	machine = network_card_use(state);
	log_expect(machine, "irqs_disable intx\n"
			    "irqfd_detach 17\n"
			    "irqs_set msix 0 1 [-1]\n"
			    "config_write 4 2 407\n"
			    "route 24 fee01000 4021\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 0 1 [fd]\n"
			    "irqs_disable msix\n"
			    "irqs_set msix 0 2 [fd fd]\n"
			    "route 25 fee01000 4022\n"
			    "irqfd_attach 25\n"
			    "irqs_disable msix\n"
			    "irqs_set msix 0 4 [fd fd fd -1]\n"
			    "route 26 fee01000 4023\n"
			    "irqfd_attach 26\n");
	vectors_deliver(machine, 3);
}

/* ---- an NVMe drive: registers, table and pending bits in one BAR ---- */

static void test_nvme_registers_stay_mapped_beside_the_table(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	uint64_t bar = bar_address(machine, 0);
	uint32_t value = 0x00460001;

	assert_int_equal(bar, MEM64);
	assert_int_equal(bar_size(machine, BAR(0), ~0U), 0x4000);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	/* Registers and doorbells without an exit, the two pages of MSI-X with one. */
	memcpy(fake_kvm_hva(machine->kvm, bar + 0x14), &value, 4);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x14), value);
	assert_non_null(fake_kvm_hva(machine->kvm, bar + 0x1008));
	assert_null(fake_kvm_hva(machine->kvm, bar + 0x2000));
	assert_null(fake_kvm_hva(machine->kvm, bar + 0x3000));
	/* What the vendor has behind the table is reached all the same. */
	memory_write(machine, bar + 0x2800, 4, 0x1357);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x2800), 0x1357);
	assert_int_equal(memory_read(machine, bar + 0x2800, 4), 0x1357);
}

/* drivers/nvme: one vector for the admin queue, then again with one for each I/O queue. */
static void test_nvme_driver_starts_msix_twice(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 1);
	vectors_deliver(machine, 1);
	msix_stop(machine);
	msix_start(machine, 5);
	vectors_deliver(machine, 5);
	/* Of 65 vectors, only those in use take anything from the host. */
	assert_int_equal(fake_kvm_gsis(machine->kvm), 5);
	assert_int_equal(fake_vectors_allocated(machine->fake), 5);
}

/* A completion that comes between mask and unmask of a queue is not lost, however they nest. */
static void test_nvme_completions_survive_masks(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);
	uint64_t pending = bar_address(machine, 0) + 0x3000;

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 65);
	msix_flags_change(machine, 0, PCI_MSIX_FLAGS_MASKALL);
	msix_mask_set(machine, 64, true);
	fake_vfio_fire(machine->fake, 0);
	fake_vfio_fire(machine->fake, 63);
	fake_vfio_fire(machine->fake, 64);
	assert_true(memory_read(machine, pending, 8) == 0x8000000000000001);
	assert_int_equal(memory_read(machine, pending + 8, 8), 1);
	msix_flags_change(machine, PCI_MSIX_FLAGS_MASKALL, 0);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 2);
	assert_int_equal(memory_read(machine, pending + 8, 8), 1);
	msix_mask_set(machine, 64, false);
	assert_int_equal(injected(machine, 0x4021 + 64), 1);
	assert_int_equal(fake_kvm_injected_all(machine->kvm), 3);
}

static void test_nvme_bar_moves_with_its_table(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_nvme);

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 2);
	guest_write(machine, BAR(0), 4, 0x40000000);
	assert_int_equal(bar_address(machine, 0), MEM64 + 0x40000000);
	assert_null(fake_kvm_hva(machine->kvm, MEM64));
	assert_non_null(fake_kvm_hva(machine->kvm, MEM64 + 0x40000000));
	vectors_deliver(machine, 2);
	msix_mask_set(machine, 0, true);
	fake_vfio_fire(machine->fake, 0);
	assert_int_equal(memory_read(machine, MEM64 + 0x40003000, 1), 1);
	assert_int_equal(memory_read(machine, MEM64 + 0x3000, 1), 0xff);
}

/* ---- a virtio device: vendor capabilities lead the driver ---- */

static void test_virtio_driver_finds_its_structures_and_uses_them(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_virtio);
	unsigned int at = capability_find(machine, PCI_CAP_ID_VNDR), count = 0;
	uint32_t feature = 0x1;

	for (; at && guest_read(machine, at, 1) == PCI_CAP_ID_VNDR; count++) {
		assert_int_equal(guest_read(machine, at + 3, 1), count + 1);
		assert_int_equal(guest_read(machine, at + 4, 1), 4);
		assert_int_equal(guest_read(machine, at + 8, 4), 0x1000 * count);
		at = guest_read(machine, at + PCI_CAP_LIST_NEXT, 1);
	}
	assert_int_equal(count, 5);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	memcpy(fake_kvm_hva(machine->kvm, bar_address(machine, 4)), &feature, 4);
	assert_int_equal(fake_memory_load(machine->fake, 4, 0), feature);
	assert_null(fake_kvm_hva(machine->kvm, bar_address(machine, 1)));
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
}

/* ---- an SR-IOV virtual function ---- */

static void test_virtual_function_lives_without_a_pin(void **state)
{
	struct machine *machine = start_with(state, fake_vfio_vf);

	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(machine->function->irqs.active, IRQ_KIND_NONE);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
	function_reset(machine);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
	msix_stop(machine);
	assert_int_equal(machine->fake->active, VFIO_PCI_NUM_IRQS);
}

/* ---- an MSI-X table in a BAR of its own ---- */

static uint32_t msix_where(struct machine *machine, unsigned int structure)
{
	return guest_read(machine, capability_find(machine, PCI_CAP_ID_MSIX) + structure, 4);
}

static void nvme_mappable(struct fake_vfio *fake)
{
	fake_vfio_nvme(fake);
	fake->regions[0].msix_mappable = true;
}

static struct machine *nvme_start(void **state, uint64_t page_size, enum msix_table table)
{
	struct machine *machine = *state;

	machine->page_size = page_size;
	machine->options.msix_table = table;
	start_with(state, nvme_mappable);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return machine;
}

/* Of the nvme with its 65 vectors: all of BAR 0 is memory, and what is in BAR 5 is trapped. */
static void own_table_expect(struct machine *machine)
{
	uint64_t bar = bar_address(machine, 0), own = bar_address(machine, 5);

	assert_int_equal(msix_where(machine, PCI_MSIX_TABLE), 0 | 5);
	assert_int_equal(msix_where(machine, PCI_MSIX_PBA), 65 * 16 | 5);
	assert_int_equal(guest_read(machine, BAR(5), 4) & ~PCI_BASE_ADDRESS_MEM_MASK, 0);
	for (uint64_t offset = 0; offset < 0x4000; offset += 0x1000)
		assert_non_null(fake_kvm_hva(machine->kvm, bar + offset));
	assert_null(fake_kvm_hva(machine->kvm, own));
	assert_int_equal(bar_size(machine, BAR(5), ~0U), machine->page_size);
}

static void test_own_table_leaves_all_of_the_device_to_the_guest(void **state)
{
	struct machine *machine = nvme_start(state, 0x1000, MSIX_TABLE_OWN);
	uint64_t own = bar_address(machine, 5);

	own_table_expect(machine);
	msix_start(machine, 65);
	vectors_deliver(machine, 65);
	/* Behind the pending bits, which are 16 bytes, is nothing, and the device hears of nothing.
	 */
	machine->fake->reads = machine->fake->writes = 0;
	memory_write(machine, own + 65 * 16 + 16, 4, 0);
	assert_int_equal(memory_read(machine, own + 65 * 16 + 16, 4), 0xffffffff);
	assert_int_equal(machine->fake->reads + machine->fake->writes, 0);
	/* It moves, sleeps and is reset as the device's own BARs are. */
	guest_write(machine, BAR(5), 4, MEM32 + 0x1000000);
	vectors_deliver(machine, 65);
	msix_mask_set(machine, 64, true);
	fake_vfio_fire(machine->fake, 64);
	assert_int_equal(memory_read(machine, MEM32 + 0x1000000 + 65 * 16 + 8, 4), 1);
	assert_int_equal(memory_read(machine, own, 4), 0xffffffff);
	function_reset(machine);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	own_table_expect(machine);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
}

static void test_own_table_shows_the_pending_bits_that_the_device_has(void **state)
{
	struct machine *machine = nvme_start(state, 0x1000, MSIX_TABLE_OWN);

	fake_memory_store(machine->fake, 0, 0x3008, 1);
	assert_int_equal(memory_read(machine, bar_address(machine, 5) + 65 * 16 + 8, 8), 1);
	assert_int_equal(memory_read(machine, bar_address(machine, 5) + 65 * 16, 8), 0);
}

/* Pending bits that are nowhere in the device have a place all the same. */
static void test_own_table_has_pending_bits_of_its_own(void **state)
{
	struct machine *machine = *state;
	unsigned int reads;

	nvme_mappable(fake_of(state));
	le_store(&fake_of(state)->config[0x40 + PCI_MSIX_PBA], 4, 0x8000 | 0);
	machine->options.msix_table = MSIX_TABLE_OWN;
	machine_start(machine);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 65);
	msix_mask_set(machine, 64, true);
	fake_vfio_fire(machine->fake, 64);
	reads = machine->fake->reads;
	assert_int_equal(memory_read(machine, bar_address(machine, 5) + 65 * 16 + 8, 8), 1);
	assert_int_equal(machine->fake->reads, reads);
}

/* 6.8.2 keeps registers out of the 4 KiB of the table: smaller pages trap none, larger ones do. */
static void test_table_moves_by_itself_where_registers_share_its_page(void **state)
{
	static const struct {
		uint64_t page_size;
		uint32_t table, pba;
		bool mappable, moves;
	} cases[] = {
		{ 0x1000, 0x2000, 0x3000, true, false },
		{ 0x4000, 0x2000, 0x3000, true, true },
		{ 0x10000, 0x2000, 0x3000, true, true },
		{ 0x4000, 0x2000, 0x3000, false, false },
		/* The table alone in its page, and the pending bits not; and the other way. */
		{ 0x4000, 0x4000, 0x8000, true, true },
		{ 0x4000, 0x8000, 0x5000, true, true },
		/* All of four pages is the table, or behind the BAR. */
		{ 0x4000, 0x8000, 0xb000, true, false },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_vfio *fake = fake_of(state);
		struct machine *machine = *state;

		nvme_mappable(fake);
		fake_bar_add(fake, 0, 0x10000, PCI_BASE_ADDRESS_MEM_TYPE_64);
		fake->regions[0].msix_mappable = cases[i].mappable;
		if (i == ARRAY_SIZE(cases) - 1) {
			/* 12 KiB of table, and then the pending bits. */
			le_store(&fake->config[0x40 + PCI_MSIX_FLAGS], 2, 767);
			fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 768;
		}
		le_store(&fake->config[0x40 + PCI_MSIX_TABLE], 4, cases[i].table);
		le_store(&fake->config[0x40 + PCI_MSIX_PBA], 4, cases[i].pba);
		machine->page_size = cases[i].page_size;
		machine_start(machine);
		assert_int_equal(msix_where(machine, PCI_MSIX_TABLE),
				 cases[i].moves ? 5 : cases[i].table);
		machine_renew(state);
	}
}

static void test_table_stays_where_it_is_asked_to(void **state)
{
	struct machine *machine = nvme_start(state, 0x4000, MSIX_TABLE_DEVICE);

	assert_int_equal(msix_where(machine, PCI_MSIX_TABLE), 0x2000);
	assert_null(fake_kvm_hva(machine->kvm, bar_address(machine, 0)));
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
}

/* The highest number; the upper half of a 64-bit BAR is none. */
static void test_own_table_takes_a_number_that_is_free(void **state)
{
	struct machine *machine = *state;

	fake_vfio_nvme(fake_of(state));
	fake_bar_add(fake_of(state), 4, 0x1000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_bar_add(fake_of(state), 3, 0x20, PCI_BASE_ADDRESS_SPACE_IO);
	machine->options.msix_table = MSIX_TABLE_OWN;
	machine_start(machine);
	assert_int_equal(msix_where(machine, PCI_MSIX_TABLE), 2);
}

static void six_bars(struct fake_vfio *fake)
{
	nvme_mappable(fake);
	fake_bar_add(fake, 2, 0x1000, PCI_BASE_ADDRESS_MEM_TYPE_64);
	fake_bar_add(fake, 4, 0x1000, PCI_BASE_ADDRESS_MEM_TYPE_64);
}

static void test_table_stays_when_no_number_is_free(void **state)
{
	struct machine *machine = *state;

	machine->page_size = 0x4000;
	start_with(state, six_bars);
	assert_int_equal(msix_where(machine, PCI_MSIX_TABLE), 0x2000);
}

static void test_own_table_that_cannot_be_is_refused(void **state)
{
	struct machine *machine = *state;

	six_bars(fake_of(state));
	machine->options.msix_table = MSIX_TABLE_OWN;
	assert_int_equal(function_init(machine, machine->function, &machine->options), -EINVAL);
	assert_non_null(strstr(machine->why, BDF ": msix-table=own: the device has all BARs"));
	vfio_function_cleanup(machine->function);
	machine_renew(state);
	machine = *state;
	fake_bar_add(machine->fake, 0, 0x1000, 0);
	machine->options.msix_table = MSIX_TABLE_OWN;
	assert_int_equal(function_init(machine, machine->function, &machine->options), -EINVAL);
	assert_non_null(strstr(machine->why, BDF ": msix-table=own: it has no MSI-X"));
}

/* ---- functions of one device ---- */

/* Requester id and header type are those of its place, also after a reset; the pin is the slot's.
 */
static void test_function_is_one_of_its_slot(void **state)
{
	struct machine *machine = *state;

	machine->options.devfn = PCI_DEVFN(5, 3);
	machine->options.is_multifunction = true;
	start_with(state, fake_vfio_e1000e);
	assert_int_equal(memory_read(machine, ECAM + (5 << 15) + (3 << 12), 4), 0x10d38086);
	assert_int_equal(memory_read(machine, ECAM + (5 << 15), 4), 0xffffffff);
	assert_int_equal(guest_read(machine, PCI_HEADER_TYPE, 1), PCI_MULTIFUNCTION);
	assert_int_equal(guest_read(machine, PCI_INTERRUPT_LINE, 1),
			 16 + 5 + guest_read(machine, PCI_INTERRUPT_PIN, 1) - 1);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	function_reset(machine);
	assert_int_equal(guest_read(machine, PCI_HEADER_TYPE, 1), PCI_MULTIFUNCTION);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	msix_start(machine, 3);
	vectors_deliver(machine, 3);
	for (int gsi = 24; gsi < 27; gsi++)
		assert_int_equal(machine->kvm->routes[gsi].message.device_id, PCI_DEVFN(5, 3));
}

static void test_place_that_is_taken_is_refused(void **state)
{
	struct machine *machine = *state;

	machine->options.devfn = 0;
	assert_int_equal(function_init(machine, machine->function, &machine->options), -EINVAL);
	assert_non_null(strstr(machine->why, BDF));
}

/* ---- BARs smaller than a page ---- */

static void test_small_bars_have_a_page_each_and_are_memory(void **state)
{
	struct machine *machine;
	uint64_t first, second;

	fake_bar_add(fake_of(state), 0, 0x200, 0);
	fake_bar_add(fake_of(state), 1, 0x100, 0);
	machine = start(state);
	command_set(machine, PCI_COMMAND_MEMORY);
	first = bar_address(machine, 0);
	second = bar_address(machine, 1);
	assert_non_null(fake_kvm_hva(machine->kvm, first));
	assert_non_null(fake_kvm_hva(machine->kvm, second));
	/* There is no place in another one's page: the first stays, and the second waits. */
	guest_write(machine, BAR(1), 4, (uint32_t)first + 0x800);
	assert_non_null(fake_kvm_hva(machine->kvm, first));
	assert_null(fake_kvm_hva(machine->kvm, second));
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
	guest_write(machine, BAR(0), 4, (uint32_t)second + 0x1000);
	assert_true(fake_bar_mapped(machine->fake, 1, 0));
	assert_int_equal(fake_kvm_slots(machine->kvm), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_network_card_is_found),
		TEST(test_network_card_is_enabled_and_wired_as_the_driver_goes),
		TEST(test_registers_are_the_guests_and_io_ports_are_trapped),
		TEST(test_affinity_change_loses_nothing),
		TEST(test_suspend_and_resume),
		TEST(test_function_reset_and_restore),
		TEST(test_shutdown_gives_everything_back),
		TEST(test_sudden_end_takes_bars_then_triggers_then_irqfds),
		TEST(test_sudden_end_wakes_the_device_first),
		TEST(test_network_card_without_msi_works_by_its_pin),
		TEST(test_a_mediated_device_works_by_its_pin),
		TEST(test_network_card_works_without_dynamic_msix),
		TEST(test_nvme_registers_stay_mapped_beside_the_table),
		TEST(test_nvme_driver_starts_msix_twice),
		TEST(test_nvme_completions_survive_masks),
		TEST(test_nvme_bar_moves_with_its_table),
		TEST(test_virtio_driver_finds_its_structures_and_uses_them),
		TEST(test_virtual_function_lives_without_a_pin),
		TEST(test_own_table_leaves_all_of_the_device_to_the_guest),
		TEST(test_own_table_shows_the_pending_bits_that_the_device_has),
		TEST(test_own_table_has_pending_bits_of_its_own),
		TEST(test_table_moves_by_itself_where_registers_share_its_page),
		TEST(test_table_stays_where_it_is_asked_to),
		TEST(test_own_table_takes_a_number_that_is_free),
		TEST(test_table_stays_when_no_number_is_free),
		TEST(test_own_table_that_cannot_be_is_refused),
		TEST(test_function_is_one_of_its_slot),
		TEST(test_place_that_is_taken_is_refused),
		TEST(test_small_bars_have_a_page_each_and_are_memory),
	};

	return cmocka_run_group_tests_name("assigned", tests, NULL, NULL);
}
