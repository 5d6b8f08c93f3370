/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfio/vga.c. The input is a list of steps: what a guest does to the command register, the power
 * state and the reset of a VGA controller, and accesses at and around the legacy ranges. An access
 * comes to the device if and only if it lies in one range that the guest has turned on, with the
 * same address, size and data; else reads are all-ones.
 *
 * A step: a byte that says which, and then
 *	0, 1	the command register: a byte
 *	2	the power state, or with the top bit set a reset: a byte
 *	3	a call that fails: see fuzz_fail_any()
 *	4 to 7	an access: a byte (bits 0 and 1: 1, 2, 4 or 8 bytes; 2: three bytes instead; 3: a
 *		read; 4 and 5: where), two for the address, eight for the data of a write
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_host.h"

#define PM_AT	   0x40
#define EXPRESS_AT 0x50

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static struct fuzz_host *const host = &fuzz_host;

static struct fuzz_device *device_make(void)
{
	struct fuzz_device *device = fuzz_device_add();
	struct vfio_region *region = &device->regions[VFIO_PCI_VGA_REGION_INDEX];
	uint8_t *bytes;

	le_store(&device->config[PCI_CLASS_DEVICE], 2, 0x0300);
	region->size = 0xc0000;
	region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	bytes = fuzz_capability_add(device, PCI_CAP_ID_PM, PM_AT);
	bytes[PCI_PM_PMC] = 3;
	bytes = fuzz_capability_add(device, PCI_CAP_ID_EXP, EXPRESS_AT);
	bytes[PCI_EXP_FLAGS] = 2;
	return device;
}

/* Is the access to come to the device? */
static bool answers(const struct fuzz_device *device, bool is_port, uint64_t addr,
		    unsigned int size)
{
	const uint8_t *config = device->function.pci.config;
	bool in_range;

	if ((config[PM_AT + PCI_PM_CTRL] & 3) == 3 ||
	    !(config[PCI_COMMAND] & (is_port ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	in_range = is_port ? range_within(addr, size, 0x3b0, 0xc) ||
				     range_within(addr, size, 0x3c0, 0x20)
			   : range_within(addr, size, 0xa0000, 0x20000);
	return in_range;
}

static void read_step(const struct fuzz_device *device, bool is_port, uint64_t addr,
		      unsigned int size)
{
	unsigned int failed = host->failed;
	uint64_t value = is_port ? fuzz_port_read(addr, size) : fuzz_memory_read(addr, size);
	uint64_t expected = bytes_mask(size);

	if (answers(device, is_port, addr, size) && host->failed == failed)
		expected = fuzz_pattern(device, VFIO_PCI_VGA_REGION_INDEX, addr, size);
	if (value != expected)
		fuzz_violation("0x%llx: %u bytes read as %llx, not %llx", (unsigned long long)addr,
			       size, (unsigned long long)value, (unsigned long long)expected);
}

static void write_step(const struct fuzz_device *device, bool is_port, uint64_t addr,
		       unsigned int size, uint64_t value)
{
	unsigned int failed = host->failed, count = device->write_count;
	bool arrived;

	if (is_port)
		fuzz_port_write(addr, size, value);
	else
		fuzz_memory_write(addr, size, value);
	arrived = device->write_count == count + 1 &&
		  device->write_index == VFIO_PCI_VGA_REGION_INDEX &&
		  device->write_offset == addr && device->write_size == size &&
		  !((device->write_value ^ value) & bytes_mask(size));
	if (answers(device, is_port, addr, size) && host->failed == failed
		    ? !arrived
		    : device->write_count != count)
		fuzz_violation("0x%llx: a write of %u bytes %s the device",
			       (unsigned long long)addr, size,
			       arrived ? "comes to" : "does not come as it is to");
}

static void access_step(const struct fuzz_device *device, struct fuzz_input *in)
{
	/* Where the ranges begin and end is in the middle of what can be reached. */
	static const uint64_t places[] = { 0x9f000, 0xbf000, 0x390, 0x3a0 };
	unsigned int how = fuzz_u8(in), where = how >> 4 & 3, offset = fuzz_u16(in);
	unsigned int size = how & 4 ? 3 : 1U << (how & 3);
	uint64_t addr = places[where] + (where < 2 ? offset % 0x2000 : offset % 0x60);

	if (how & 8)
		read_step(device, where >= 2, addr, size);
	else
		write_step(device, where >= 2, addr, size, fuzz_u64(in));
}

static void power_step(struct fuzz_device *device, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in);

	if (how & 0x80)
		fuzz_config_write(device, EXPRESS_AT + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	else
		fuzz_config_write(device, PM_AT + PCI_PM_CTRL, 2, how & 3);
}

static void step(struct fuzz_device *device, struct fuzz_input *in)
{
	switch (fuzz_u8(in) % 8) {
	case 0:
	case 1:
		fuzz_config_write(device, PCI_COMMAND, 2, fuzz_u8(in));
		break;
	case 2:
		power_step(device, in);
		break;
	case 3:
		fuzz_fail_any(in);
		break;
	default:
		access_step(device, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_device *device;

	fuzz_host_reset();
	device = device_make();
	host->vga = &device->function;
	if (fuzz_machine_start())
		while (in.size)
			step(device, &in);
	fuzz_machine_end();
	return 0;
}

#pragma clang attribute pop
