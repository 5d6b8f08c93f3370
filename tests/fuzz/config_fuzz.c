/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfio/config.c and the way to it. The input is a device with whatever is in its configuration
 * space, and then a list of steps: accesses of the guest, and what the device does meanwhile.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_host.h"

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

/* What is known of the guest's configuration space from its start on. */
struct subject {
	struct fuzz_device *device;
	uint8_t initial[PCI_CONFIG_SIZE];
};

/* ---- the device ---- */

/* A power of two, or something that no BAR can be. */
static uint64_t size_take(struct fuzz_input *in)
{
	uint8_t value = fuzz_u8(in);

	return value < 64 ? BIT(value) & ~1ULL : (uint64_t)value << (value & 7);
}

static void regions_take(struct fuzz_device *device, struct fuzz_input *in)
{
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++)
		fuzz_bar_add(device, i, size_take(in), 0);
	device->irqs[VFIO_PCI_INTX_IRQ_INDEX] = (uint32_t)fuzz_range(in, 0, 1);
	device->irqs[VFIO_PCI_MSI_IRQ_INDEX] = (uint32_t)fuzz_range(in, 0, 32);
	device->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = (uint32_t)fuzz_range(in, 0, 2048);
}

/* Pieces of configuration space, each with its offset and length before it. */
static void config_take(struct fuzz_device *device, struct fuzz_input *in)
{
	for (unsigned int left = fuzz_u8(in); left && in->size; left--) {
		unsigned int offset = fuzz_u16(in) % PCI_CONFIG_SIZE;
		unsigned int size = fuzz_u8(in);

		fuzz_bytes(in, &device->config[offset], min(size, PCI_CONFIG_SIZE - offset));
	}
}

static void device_take(struct fuzz_device *device, struct fuzz_input *in)
{
	uint8_t flags = fuzz_u8(in);

	device->can_reset = !(flags & 1);
	device->is_dynamic = !(flags & 2);
	fuzz_host.relayed = flags & 4;
	fuzz_host.watched = flags & 8;
	if (flags & 0x10)
		device->regions[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CFG_SPACE_SIZE;
	if (flags & 0x20)
		device->host_vectors = 1 + flags / 64;
	fuzz_host.msix_table = flags / 64 % 3;
	device->has_bus = flags & 0x40;
	device->has_foreigner = flags & 0x80;
	regions_take(device, in);
	config_take(device, in);
	/* VFIO shows no vector of what is not in configuration space; there may be fewer. */
	device->irqs[VFIO_PCI_MSI_IRQ_INDEX] &= 0x3f;
}

/* ---- what must hold ---- */

/* VFIO makes the counts from the same capabilities that posthorn reads. */
static void irqs_agree(struct fuzz_device *device)
{
	const uint8_t *config = device->config;
	unsigned int at = config[PCI_CAPABILITY_LIST] & ~3U;
	bool has_msi = false, has_msix = false;

	for (unsigned int left = 48; left && at >= PCI_STD_HEADER_SIZEOF; left--) {
		uint32_t flags = (uint32_t)le_load(&config[at + 2], 2);

		if (config[at] == PCI_CAP_ID_MSI && !has_msi) {
			has_msi = true;
			if (device->irqs[VFIO_PCI_MSI_IRQ_INDEX])
				device->irqs[VFIO_PCI_MSI_IRQ_INDEX] =
					1U << ((flags & PCI_MSI_FLAGS_QMASK) >> 1);
		} else if (config[at] == PCI_CAP_ID_MSIX && !has_msix) {
			has_msix = true;
			if (device->irqs[VFIO_PCI_MSIX_IRQ_INDEX])
				device->irqs[VFIO_PCI_MSIX_IRQ_INDEX] =
					(flags & PCI_MSIX_FLAGS_QSIZE) + 1;
		}
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
}

/* The guest's list of capabilities ends, and has nothing in it that it may not. */
static void list_check(struct fuzz_device *device)
{
	static const uint8_t ids[] = { PCI_CAP_ID_PM,	PCI_CAP_ID_VPD,	  PCI_CAP_ID_MSI,
				       PCI_CAP_ID_VNDR, PCI_CAP_ID_SSVID, PCI_CAP_ID_EXP,
				       PCI_CAP_ID_MSIX };
	unsigned int at = fuzz_config_read(device, PCI_CAPABILITY_LIST, 1), left = 48;
	uint32_t seen = 0;

	for (; at; at = fuzz_config_read(device, at + PCI_CAP_LIST_NEXT, 1)) {
		unsigned int id = fuzz_config_read(device, at, 1);

		if (!left-- || at < PCI_STD_HEADER_SIZEOF || at % 4)
			fuzz_violation("the list of capabilities goes astray at 0x%x", at);
		if (!memchr(ids, (int)id, sizeof(ids)))
			fuzz_violation("capability %x is not hidden", id);
		if (id != PCI_CAP_ID_VNDR && id != PCI_CAP_ID_SSVID && (seen & BIT(id)))
			fuzz_violation("capability %x is there twice", id);
		seen |= 1U << id;
	}
}

static void extended_check(struct fuzz_device *device)
{
	unsigned int at = PCI_CFG_SPACE_SIZE, left = 480;

	while (at) {
		uint32_t header = fuzz_config_read(device, at, 4);
		unsigned int id = PCI_EXT_CAP_ID(header);

		if (!left-- || at < PCI_CFG_SPACE_SIZE)
			fuzz_violation("the list of extended capabilities goes astray at 0x%x", at);
		if (id != PCI_EXT_CAP_ID_VNDR && id != PCI_EXT_CAP_ID_DSN &&
		    id != PCI_EXT_CAP_ID_DVSEC && (id || at != PCI_CFG_SPACE_SIZE))
			fuzz_violation("extended capability %x is not hidden", id);
		at = PCI_EXT_CAP_NEXT(header);
	}
}

/* The same, when nothing on the way can fail. */
static void lists_check(struct fuzz_device *device)
{
	list_check(device);
	extended_check(device);
}

/* After a function-level reset everything is as the guest found it. */
static void reset_check(const struct subject *subject)
{
	const struct vfio_function *function = &subject->device->function;

	if (memcmp(function->pci.config, subject->initial, PCI_CONFIG_SIZE) != 0)
		fuzz_violation("a reset leaves something in configuration space");
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++)
		if (function->pci.bars[i].mapped)
			fuzz_violation("a reset leaves BAR %u mapped", i);
	if (subject->device->active != VFIO_PCI_NUM_IRQS || subject->device->asleep)
		fuzz_violation("a reset leaves interrupts on, or the device asleep");
}

/* What posthorn believes of the device agrees with what the device was told. */
static void state_check(const struct subject *subject)
{
	const struct fuzz_device *device = subject->device;
	const struct vfio_function *function = &device->function;
	const uint8_t *config = function->pci.config;
	unsigned int msix = function->policy.msix, msi = function->policy.msi;
	enum irq_kind kind = IRQ_KIND_NONE;

	if (msi && (config[msi + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE))
		kind = IRQ_KIND_MSI;
	if (msix && (le_load(&config[msix + PCI_MSIX_FLAGS], 2) & PCI_MSIX_FLAGS_ENABLE))
		kind = IRQ_KIND_MSIX;
	/* In D3hot nothing is turned on or off. */
	if (!function->pci.asleep &&
	    (kind != IRQ_KIND_NONE ? function->irqs.active != kind
				   : function->irqs.active > IRQ_KIND_INTX))
		fuzz_violation("interrupts of kind %d are on, not %d", function->irqs.active, kind);
	if (fuzz_host.failed)
		return;
	if (device->command != le_load(&config[PCI_COMMAND], 2))
		fuzz_violation("the device's command register is %x", device->command);
	if (device->asleep != function->pci.asleep)
		fuzz_violation("the device sleeps, or does not, and the guest does not know");
	for (unsigned int i = 0; i < PCI_BARS_MAX; i++)
		if (function->pci.bars[i].mapped && !(device->command & 3))
			fuzz_violation("BAR %u answers, with decoding off", i);
}

/* ---- steps ---- */

/* By ECAM, of 1 to 8 bytes at any offset, or by the ports of the old way. */
static void config_step(struct fuzz_device *device, struct fuzz_input *in, bool is_write)
{
	unsigned int how = fuzz_u8(in), size = 1U << (how & 3);
	unsigned int offset = fuzz_u16(in) % PCI_CONFIG_SIZE, devfn = device->function.pci.devfn;
	uint64_t addr = FUZZ_ECAM + (devfn << 12) + offset;

	if (how & 4) {
		fuzz_port_write(0xcf8, 4, 0x80000000U | devfn << 8 | (offset & 0xff));
		if (is_write)
			fuzz_port_write(0xcfc + (how >> 4 & 3), size, fuzz_u32(in));
		else
			fuzz_port_read(0xcfc + (how >> 4 & 3), size);
		return;
	}
	if (is_write)
		fuzz_memory_write(addr, size, size == 8 ? fuzz_u64(in) : fuzz_u32(in));
	else
		fuzz_memory_read(addr, size);
}

/* A write that is likely to mean something: to what the guest's list shows. */
static void capability_step(struct fuzz_device *device, struct fuzz_input *in)
{
	const struct config_policy *policy = &device->function.policy;
	const unsigned int places[] = { PCI_COMMAND, policy->pm, policy->express, policy->msi,
					policy->msix };
	unsigned int place = places[fuzz_range(in, 0, ARRAY_SIZE(places) - 1)];
	unsigned int how = fuzz_u8(in);

	fuzz_config_write(device, place + (how >> 2) % 24, 1U << (how & 3) % 3, fuzz_u32(in));
}

static void reset_step(const struct subject *subject)
{
	struct fuzz_device *device = subject->device;
	unsigned int at = device->function.policy.express, resets = device->resets;
	bool can_reset = device->can_reset || device->function.bus_resets;

	if (!at)
		return;
	fuzz_config_write(device, at + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	if (device->resets != resets + can_reset)
		fuzz_violation("a function-level reset does not happen, or should not");
	if (can_reset)
		reset_check(subject);
}

static void bar_step(struct fuzz_device *device, struct fuzz_input *in, bool is_write)
{
	unsigned int how = fuzz_u8(in);
	const struct pci_bar *bar = &device->function.pci.bars[how % PCI_BARS_MAX];
	uint64_t addr = bar->addr + fuzz_u16(in);
	unsigned int size = 1U << (how >> 6);

	if (!(bar->flags & PCI_BASE_ADDRESS_SPACE_IO) && is_write)
		fuzz_memory_write(addr, size, fuzz_u64(in));
	else if (!(bar->flags & PCI_BASE_ADDRESS_SPACE_IO))
		fuzz_memory_read(addr, size);
	else if (is_write)
		fuzz_port_write(addr, size, fuzz_u64(in));
	else
		fuzz_port_read(addr, size);
}

static void step(const struct subject *subject, struct fuzz_input *in)
{
	struct fuzz_device *device = subject->device;
	unsigned int what = fuzz_u8(in);

	switch (what % 12) {
	case 0:
	case 1:
		config_step(device, in, true);
		break;
	case 2:
		config_step(device, in, false);
		break;
	case 3:
	case 4:
	case 5:
		capability_step(device, in);
		break;
	case 6:
		device->config[fuzz_u16(in) % PCI_CONFIG_SIZE] = fuzz_u8(in);
		break;
	case 7:
		fuzz_fire(device, (unsigned int)fuzz_range(in, 0, FUZZ_VECTORS_MAX - 1));
		break;
	case 8:
		fuzz_fail_any(in);
		break;
	case 9:
		bar_step(device, in, what & 0x80);
		break;
	case 10:
		fuzz_intx_set(device, what & 0x80);
		fuzz_pin_acknowledge(device->function.irqs.intx_gsi);
		break;
	default:
		reset_step(subject);
	}
	state_check(subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct subject subject;

	fuzz_host_reset();
	subject.device = fuzz_device_add();
	device_take(subject.device, &in);
	irqs_agree(subject.device);
	if (fuzz_machine_start()) {
		memcpy(subject.initial, subject.device->function.pci.config, PCI_CONFIG_SIZE);
		lists_check(subject.device);
		while (in.size)
			step(&subject, &in);
		memset(fuzz_host.failures, 0, sizeof(fuzz_host.failures));
		lists_check(subject.device);
	}
	fuzz_machine_end();
	return 0;
}

#pragma clang attribute pop
