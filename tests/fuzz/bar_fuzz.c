/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfio/bar.c and the decoding of devices/pci.c. The input is one or two devices with any BARs, and
 * then a list of steps: where the guest puts them, and what it reads there. After each, every
 * memslot must be where the guest's registers have that part of a BAR, and none may be missing that
 * nothing is in the way of; the bus answers the rest.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_host.h"

#define PM_AT	   0x40
#define EXPRESS_AT 0x50
#define MSIX_AT	   0x90

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static struct fuzz_host *const host = &fuzz_host;

/* A BAR as the guest's registers have it. */
struct place {
	struct fuzz_device *device;
	unsigned int index;
	uint64_t size, addr;
	bool is_io, wanted, overlapped;
	uint64_t mappable; /* bytes that can be guest memory */
	uint64_t mapped;   /* bytes that are */
};

struct subject {
	struct place places[FUZZ_DEVICES_MAX * PCI_BARS_MAX];
	unsigned int count;
};

/* ---- the devices ---- */

/* Up to three parts that can be mapped, in ascending order. */
static void areas_take(struct vfio_region *region, struct fuzz_input *in)
{
	uint64_t start = 0;

	region->area_count = 0;
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t offset = start + ((uint64_t)fuzz_u8(in) << 10);
		uint64_t size = (uint64_t)fuzz_u8(in) << 10;

		if (!size || !range_within(offset, size, 0, region->size))
			continue;
		region->areas[region->area_count++] = (struct vfio_area){ offset, size };
		start = offset + size;
	}
}

static void bars_take(struct fuzz_device *device, struct fuzz_input *in)
{
	for (unsigned int i = 0; i < PCI_BAR_ROM; i++) {
		unsigned int kind = fuzz_u8(in), log2_size = fuzz_u8(in);
		bool is_64bit = (kind & 3) == 2 && i < PCI_BAR_ROM - 1;

		if (!(kind & 7))
			continue;
		if ((kind & 3) == 1)
			fuzz_bar_add(device, i, BIT(2 + log2_size % 7), PCI_BASE_ADDRESS_SPACE_IO);
		else
			fuzz_bar_add(device, i, BIT(4 + log2_size % (is_64bit ? 28 : 22)),
				     is_64bit ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0);
		if ((kind & 0x18) == 0x18 && (kind & 3) != 1)
			areas_take(&device->regions[i], in);
		device->regions[i].msix_mappable = kind & 0x80;
		if ((kind & 0x60) == 0x60)
			device->regions[i].flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
		if (!(device->regions[i].flags & VFIO_REGION_INFO_FLAG_MMAP))
			device->regions[i].area_count = 0;
		i += is_64bit;
	}
}

static void device_take(struct fuzz_input *in)
{
	struct fuzz_device *device = fuzz_device_add();
	unsigned int rom = fuzz_u8(in);
	uint8_t *bytes;

	device->can_reset = !(rom & 8);
	device->has_bus = rom & 0x10;
	device->has_foreigner = rom & 0x20;
	bars_take(device, in);
	if (rom % 8)
		fuzz_bar_add(device, PCI_BAR_ROM, BIT(10 + rom % 8), 0);
	bytes = fuzz_capability_add(device, PCI_CAP_ID_PM, PM_AT);
	bytes[PCI_PM_PMC] = 3;
	bytes = fuzz_capability_add(device, PCI_CAP_ID_EXP, EXPRESS_AT);
	bytes[PCI_EXP_FLAGS] = 2;
	if (!(rom & 0x80))
		return;
	bytes = fuzz_capability_add(device, PCI_CAP_ID_MSIX, MSIX_AT);
	device->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 1 + fuzz_u16(in) % 2048;
	le_store(bytes + PCI_MSIX_FLAGS, 2, device->irqs[VFIO_PCI_MSIX_IRQ_INDEX] - 1);
	le_store(bytes + PCI_MSIX_TABLE, 4, fuzz_u32(in) & 0x3ffffff);
	le_store(bytes + PCI_MSIX_PBA, 4, fuzz_u32(in) & 0x3ffffff);
}

/* ---- what must hold ---- */

/* How much of [a, a + a_size) is in [b, b + b_size). */
static uint64_t common(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	uint64_t start = max(a, b), end = min(a + a_size, b + b_size);

	return end > start ? end - start : 0;
}

/* The pages of @range, where it begins and how many bytes they are. */
static struct bar_range pages_of(const struct bar_range *range)
{
	uint64_t start = align_down(range->offset, host->page_size);

	if (!range->size)
		return (struct bar_range){ 0, 0 };
	return (struct bar_range){ start,
				   align_up(range->offset + range->size, host->page_size) - start };
}

static uint64_t mappable(const struct fuzz_device *device, unsigned int index)
{
	const struct vfio_bar *bar = &device->function.bars[index];
	const struct vfio_region *region = &device->regions[index];
	struct bar_range table = pages_of(&bar->table), pba = pages_of(&bar->pba);
	uint64_t sum = 0;

	if (index == PCI_BAR_ROM) /* a copy, when the guest has read it */
		return bar->rom == ROM_COPY_MADE ? align_up(region->size, host->page_size) : 0;
	for (unsigned int i = 0; i < region->area_count; i++) {
		uint64_t start = align_up(region->areas[i].offset, host->page_size);
		uint64_t end = align_down(region->areas[i].offset + region->areas[i].size,
					  host->page_size);
		uint64_t both = max(table.offset, pba.offset);

		if (region->size < host->page_size)
			end = host->page_size;
		if (end <= start)
			continue;
		sum += end - start - common(start, end - start, table.offset, table.size) -
		       common(start, end - start, pba.offset, pba.size) +
		       common(start, end - start, both,
			      common(table.offset, table.size, pba.offset, pba.size));
	}
	return sum;
}

/* Bytes of the BAR as the guest is to see it: memory is whole pages. */
static uint64_t shown_size(const struct fuzz_device *device, unsigned int index)
{
	uint64_t size = device->regions[index].size;
	bool is_io = device->function.pci.bars[index].flags & PCI_BASE_ADDRESS_SPACE_IO;

	if (!size) /* the BAR of the MSI-X table */
		return device->function.pci.bars[index].size;
	return is_io ? size : max(size, host->page_size);
}

static void places_find(struct subject *subject)
{
	memset(subject, 0, sizeof(*subject));
	for (unsigned int i = 0; i < host->device_count * PCI_BARS_MAX; i++) {
		struct fuzz_device *device = &host->devices[i / PCI_BARS_MAX];
		unsigned int index = i % PCI_BARS_MAX;
		const struct pci_bar *bar = &device->function.pci.bars[index];

		if (!bar->size)
			continue;
		subject->places[subject->count++] = (struct place){
			.device = device,
			.index = index,
			.size = shown_size(device, index),
			.is_io = bar->flags & PCI_BASE_ADDRESS_SPACE_IO,
			.mappable = bar->flags & PCI_BASE_ADDRESS_SPACE_IO
					    ? 0
					    : mappable(device, index),
		};
	}
}

/* Does the guest want the BAR to answer, and where? */
static void place_update(struct place *place)
{
	const uint8_t *config = place->device->function.pci.config;
	bool is_rom = place->index == PCI_BAR_ROM;
	unsigned int at = is_rom ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * place->index;
	uint64_t value = le_load(&config[at], 4), mask = place->is_io ? 3 : is_rom ? 0x7ff : 15;
	unsigned int enable = place->is_io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	if (!is_rom && !place->is_io && (value & PCI_BASE_ADDRESS_MEM_TYPE_64))
		value |= le_load(&config[at + 4], 4) << 32;
	place->addr = value & ~mask;
	place->wanted = (config[PCI_COMMAND] & enable) && (config[PM_AT + PCI_PM_CTRL] & 3) != 3 &&
			(!is_rom || (value & PCI_ROM_ADDRESS_ENABLE));
	if (place->addr % place->size)
		fuzz_violation("BAR %u, %llx bytes, is at %llx", place->index,
			       (unsigned long long)place->size, (unsigned long long)place->addr);
	if (place->is_io)
		place->wanted &= range_within(place->addr, place->size, FUZZ_IO, FUZZ_IO_SIZE);
	else
		place->wanted &=
			range_within(place->addr, place->size, FUZZ_MEM32, FUZZ_MEM32_SIZE) ||
			range_within(place->addr, place->size, FUZZ_MEM64, FUZZ_MEM64_SIZE);
	place->overlapped = false;
	place->mapped = 0;
}

static void places_compare(struct subject *subject)
{
	for (unsigned int i = 0; i < subject->count; i++) {
		struct place *a = &subject->places[i];

		for (unsigned int j = 0; j < subject->count && a->wanted; j++) {
			const struct place *b = &subject->places[j];

			if (a == b || !b->wanted || a->is_io != b->is_io)
				continue;
			a->overlapped |= ranges_overlap(a->addr, a->size, b->addr, b->size);
		}
	}
}

/* The BAR that a memslot is a part of, and where in it. */
static struct place *slot_place(struct subject *subject, const struct fuzz_range *slot,
				uint64_t *offset)
{
	for (unsigned int i = 0; i < subject->count; i++) {
		struct place *place = &subject->places[i];
		const struct vfio_bar *bar = &place->device->function.bars[place->index];

		for (unsigned int j = 0; j < bar->area_count; j++) {
			*offset = bar->areas[j].offset;
			if (bar->areas[j].hva == slot->hva)
				return place;
		}
	}
	fuzz_violation("a memslot of no BAR");
}

static void slot_check(struct subject *subject, const struct fuzz_range *slot)
{
	uint64_t offset;
	struct place *place = slot_place(subject, slot, &offset);

	if (!place->wanted || place->is_io || slot->base != place->addr + offset)
		fuzz_violation("a memslot at %llx: BAR %u is %s %llx",
			       (unsigned long long)slot->base, place->index,
			       place->wanted ? "at" : "off, and not at",
			       (unsigned long long)place->addr);
	place->mapped += slot->size;
}

static void places_check(struct subject *subject)
{
	unsigned int slots = 0, maps = 0;

	for (unsigned int i = 0; i < subject->count; i++)
		place_update(&subject->places[i]);
	places_compare(subject);
	for (unsigned int i = 0; i < host->slot_top; i++) {
		if (host->slots[i].used)
			slot_check(subject, &host->slots[i]);
		slots += host->slots[i].used && !host->slots[i].read_only;
		maps += host->maps[i].used;
	}
	if (maps != slots && !host->failed)
		fuzz_violation("%u memslots and %u DMA maps", slots, maps);
	for (unsigned int i = 0; i < subject->count; i++) {
		struct place *place = &subject->places[i];

		if (place->index == PCI_BAR_ROM)
			place->mappable = mappable(place->device, place->index);
		if (place->wanted && !place->overlapped && !host->failed && !host->exhausted &&
		    place->mapped != place->mappable)
			fuzz_violation("BAR %u: %llx bytes are mapped, and %llx can be",
				       place->index, (unsigned long long)place->mapped,
				       (unsigned long long)place->mappable);
	}
}

/* ---- steps ---- */

static struct place *place_take(struct subject *subject, struct fuzz_input *in)
{
	return &subject->places[fuzz_u8(in) % subject->count];
}

static unsigned int register_of(const struct place *place)
{
	return place->index == PCI_BAR_ROM ? PCI_ROM_ADDRESS
					   : PCI_BASE_ADDRESS_0 + 4 * place->index;
}

/* Any bytes into a BAR's register, as when it is sized. */
static void register_step(struct subject *subject, struct fuzz_input *in)
{
	const struct place *place = place_take(subject, in);
	unsigned int how = fuzz_u8(in), size = 1U << (how & 3) % 3;
	uint32_t value = how & 0x80 ? UINT32_MAX : fuzz_u32(in);

	fuzz_config_write(place->device, (register_of(place) + (how >> 2 & 7)) & ~(size - 1), size,
			  value);
}

/* A move to where it is likely to answer, or to be in the way of another. */
static void move_step(struct subject *subject, struct fuzz_input *in)
{
	const struct place *place = place_take(subject, in), *other = place_take(subject, in);
	unsigned int how = fuzz_u8(in), at = register_of(place);
	uint64_t delta = (uint64_t)fuzz_u16(in) << (how & 0x40 ? 12 : 4), addr = FUZZ_MEM32 + delta;

	if (place->is_io)
		addr = FUZZ_IO + fuzz_u16(in);
	else if (how & 1)
		addr = other->addr + (how & 2 ? delta : 0);
	else if (how & 4)
		addr = FUZZ_MEM64 + delta;
	fuzz_config_write(place->device, at, 4, (uint32_t)addr | (place->index == PCI_BAR_ROM));
	places_check(subject); /* it is somewhere on the way */
	if (place->device->function.pci.bars[place->index].flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
		fuzz_config_write(place->device, at + 4, 4, (uint32_t)(addr >> 32));
}

static void power_step(struct subject *subject, struct fuzz_input *in)
{
	struct fuzz_device *device = place_take(subject, in)->device;
	unsigned int how = fuzz_u8(in);

	if (how & 0x80)
		fuzz_config_write(device, EXPRESS_AT + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	else
		fuzz_config_write(device, PM_AT + PCI_PM_CTRL, 2, how & 3);
}

static void command_step(struct subject *subject, struct fuzz_input *in)
{
	struct fuzz_device *device = place_take(subject, in)->device;

	fuzz_config_write(device, PCI_COMMAND, 2, fuzz_u8(in));
}

static bool is_memory(uint64_t addr, unsigned int size)
{
	for (unsigned int i = 0; i < host->slot_top; i++)
		if (host->slots[i].used &&
		    ranges_overlap(addr, size, host->slots[i].base, host->slots[i].size))
			return true;
	return false;
}

static bool is_msix(const struct place *place, uint64_t offset, unsigned int size)
{
	const struct vfio_bar *bar = &place->device->function.bars[place->index];

	return ranges_overlap(bar->table.offset, bar->table.size, offset, size) ||
	       ranges_overlap(bar->pba.offset, bar->pba.size, offset, size);
}

/* A trapped read gives what the device has at that place. */
static void read_step(const struct place *place, uint64_t offset, unsigned int size)
{
	unsigned int failed = host->failed;
	uint64_t addr = place->addr + offset, value, expected = bytes_mask(size);

	value = place->is_io ? fuzz_port_read(addr, size) : fuzz_memory_read(addr, size);
	if (!place->wanted || place->overlapped || is_msix(place, offset, size) ||
	    host->failed != failed || (place->index == PCI_BAR_ROM && host->failed))
		return;
	if (!range_within(offset, size, 0, place->device->regions[place->index].size))
		return;
	/* Where the guest's table is in a BAR of its own, it reaches the device's. */
	if (fuzz_is_pending_bits(place->device, place->index, offset, size))
		return;
	expected = fuzz_pattern(place->device, place->index, offset, size);
	/* The copy is made of bytes. */
	for (unsigned int i = 0; place->index == PCI_BAR_ROM && i < size; i++)
		le_store((uint8_t *)&expected + i, 1,
			 fuzz_pattern(place->device, place->index, offset + i, 1));
	if (value != expected)
		fuzz_violation("BAR %u, 0x%llx: reads %llx, not %llx", place->index,
			       (unsigned long long)offset, (unsigned long long)value,
			       (unsigned long long)expected);
}

static void write_step(const struct place *place, uint64_t offset, unsigned int size,
		       uint64_t value)
{
	unsigned int failed = host->failed, writes = place->device->write_count;
	const struct fuzz_device *device = place->device;
	uint64_t addr = place->addr + offset;

	if (place->is_io)
		fuzz_port_write(addr, size, value);
	else
		fuzz_memory_write(addr, size, value);
	if (!place->wanted || place->overlapped || is_msix(place, offset, size) ||
	    place->index == PCI_BAR_ROM || host->failed != failed ||
	    !range_within(offset, size, 0, place->device->regions[place->index].size))
		return;
	if (device->write_count != writes + 1 || device->write_index != place->index ||
	    device->write_offset != offset || device->write_size != size ||
	    ((device->write_value ^ value) & bytes_mask(size)))
		fuzz_violation("BAR %u, 0x%llx: a write does not come to the device", place->index,
			       (unsigned long long)offset);
}

/* What got here before it was guest memory. The device is not to see it: see detour_check(). */
static void late_step(uint64_t addr, unsigned int size, bool is_read)
{
	if (is_read)
		fuzz_memory_read(addr, size);
	else
		fuzz_memory_write(addr, size, 0);
}

static void access_step(struct subject *subject, struct fuzz_input *in)
{
	const struct place *place = place_take(subject, in);
	unsigned int how = fuzz_u8(in), size = 1U << (how & 3);
	uint64_t offset = fuzz_u32(in) % place->size;

	if (how & 4) /* near what MSI-X has */
		offset = (place->device->function.bars[place->index].table.offset + (how >> 4)) %
			 place->size;
	if (!place->is_io && is_memory(place->addr + offset, size)) {
		late_step(place->addr + offset, size, how & 8);
		return;
	}
	if (how & 8)
		read_step(place, offset, size);
	else
		write_step(place, offset, size, fuzz_u64(in));
}

static void step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int what = fuzz_u8(in);

	switch (what % 9) {
	case 0:
		register_step(subject, in);
		break;
	case 1:
	case 2:
	case 3:
		move_step(subject, in);
		break;
	case 4:
		power_step(subject, in);
		break;
	case 5:
	case 6:
		command_step(subject, in);
		break;
	case 7:
		access_step(subject, in);
		break;
	default:
		fuzz_fail_any(in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct subject subject;
	unsigned int flags;

	fuzz_host_reset();
	flags = fuzz_u8(&in);
	host->page_size = 4096U << 2 * (flags % 3);
	host->msix_table = (flags >> 4) % 3;
	device_take(&in);
	if (flags & 0x80)
		device_take(&in);
	if (fuzz_machine_start()) {
		places_find(&subject);
		while (in.size && subject.count) {
			places_check(&subject);
			step(&subject, &in);
		}
		places_check(&subject);
	}
	fuzz_machine_end();
	return 0;
}

#pragma clang attribute pop
