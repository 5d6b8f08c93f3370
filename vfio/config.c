/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/config.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vfio/reset.h"

/* What a write to a field does, beyond storing the writable bits. */
enum config_action {
	ACTION_STORE,	/* nothing: the value is in pci_device.config */
	ACTION_DEVICE,	/* the field is the device's: reads and writes go there */
	ACTION_COMMAND, /* pci_header_write(), and the device's own command register follows */
	ACTION_PM,
	ACTION_VPD,	/* the device's, but nothing is written to its memory */
	ACTION_EXPRESS, /* device control: the device's, but a function-level reset is ours */
	ACTION_MSI,
	ACTION_MSI_PENDING,
	ACTION_MSIX,
};

struct config_rule {
	uint8_t offset, size; /* bytes, from the start of the capability; size is 1, 2 or 4 */
	uint8_t action;
	uint32_t writable;
};

/* PCI Local Bus 3.0, 6.2; what else of the header can be written is up to devices/pci.c. */
static const struct config_rule header_rules[] = {
	{ PCI_COMMAND, 2, ACTION_COMMAND, 0 },
	{ PCI_STATUS, 2, ACTION_DEVICE, 0 }, /* VFIO lets nobody clear its error bits */
};

/* PCI Bus Power Management 1.2, 3.2: only the power state is the guest's to choose. */
static const struct config_rule pm_rules[] = {
	{ PCI_PM_CTRL, 2, ACTION_PM, PCI_PM_CTRL_STATE_MASK },
};

/*
 * PCI Local Bus 3.0, appendix I: a write of the address, with its top bit clear, asks for four
 * bytes of data. VFIO waits for the device in this write.
 */
static const struct config_rule vpd_rules[] = {
	{ PCI_VPD_ADDR, 2, ACTION_VPD, 0 },
	{ PCI_VPD_DATA, 4, ACTION_DEVICE, 0 },
};

/*
 * PCI Local Bus 3.0, 6.8.1: four layouts, by 64-bit addresses and by mask bits. Addresses of 64
 * bits put all that follows them 4 bytes further: MSI_TAIL of the capability.
 */
static const struct config_rule msi_rules[] = {
	{ PCI_MSI_FLAGS, 2, ACTION_MSI, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE },
	{ PCI_MSI_ADDRESS_LO, 4, ACTION_MSI, 0xfffffffc },
	/* The last: with 64-bit addresses. */
	{ PCI_MSI_ADDRESS_HI, 4, ACTION_MSI, 0xffffffff },
};
static const struct config_rule msi_tail_rules[] = {
	{ PCI_MSI_DATA_32, 2, ACTION_MSI, 0xffff },
	/* The last two: with mask bits. */
	{ PCI_MSI_MASK_32, 4, ACTION_MSI, 0xffffffff },
	{ PCI_MSI_PENDING_32, 4, ACTION_MSI_PENDING, 0 },
};
#define MSI_TAIL(policy) ((policy)->msi + ((policy)->msi_64bit ? 4 : 0))

static const struct config_rule msix_rules[] = {
	{ PCI_MSIX_FLAGS, 2, ACTION_MSIX, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL },
};

/*
 * PCI Express Base 6.0, 7.5.3. Of device control the guest sets what concerns its own traffic:
 * error reporting, relaxed ordering, no snoop, read request size. Payload size and extended tags
 * are matters of the host's fabric. VFIO watches over these fields too, and drops writes of device
 * status.
 */
#define EXPRESS_CONTROL                                                                           \
	(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE | \
	 PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ)

/* Bytes of the capability from version 2 on, with all registers that a port has (7.5.3). */
#define EXPRESS_SIZE 0x3c

static const struct config_rule express_rules[] = {
	{ PCI_EXP_DEVCTL, 2, ACTION_EXPRESS, EXPRESS_CONTROL },
	{ PCI_EXP_DEVSTA, 2, ACTION_DEVICE, 0 },
	/* The last: from version 2 on. */
	{ PCI_EXP_DEVCTL2, 2, ACTION_DEVICE,
	  PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS },
};

static uint8_t *config_at(struct vfio_function *function, unsigned int offset)
{
	return &function->pci.config[offset];
}

static uint32_t config_load(struct vfio_function *function, unsigned int offset, unsigned int size)
{
	return (uint32_t)le_load(config_at(function, offset), size);
}

static void config_store(struct vfio_function *function, unsigned int offset, unsigned int size,
			 uint32_t value)
{
	le_store(config_at(function, offset), size, value);
}

/* ---- making the policy ---- */

/*
 * While the policy is made, config_policy.initial holds what the device has, and pci_device.config
 * what the guest is to see of it: nothing, until it is revealed.
 */
static void reveal(struct vfio_function *function, unsigned int offset, unsigned int size)
{
	memcpy(config_at(function, offset), &function->policy.initial[offset], size);
}

static void hide(struct vfio_function *function, unsigned int offset, unsigned int size)
{
	memset(config_at(function, offset), 0, size);
}

static void computed_mark(struct config_policy *policy, unsigned int offset)
{
	policy->computed[offset / 4 / 64] |= BIT(offset / 4 % 64);
}

static bool action_is_computed(unsigned int action)
{
	return action == ACTION_DEVICE || action == ACTION_EXPRESS || action == ACTION_VPD ||
	       action == ACTION_MSI_PENDING;
}

static void rule_apply(struct config_policy *policy, unsigned int base,
		       const struct config_rule *rule)
{
	for (unsigned int i = 0; i < rule->size; i++) {
		unsigned int offset = base + rule->offset + i;

		policy->action[offset] = rule->action;
		policy->writable[offset] = (uint8_t)(rule->writable >> (8 * i));
		if (action_is_computed(rule->action))
			computed_mark(policy, offset);
	}
}

static void rules_apply(struct config_policy *policy, unsigned int base,
			const struct config_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rule_apply(policy, base, &rules[i]);
}

/* Bytes of the device's that are read from it each time, and of which these bits may be written. */
static void device_apply(struct config_policy *policy, unsigned int start, unsigned int end,
			 uint8_t writable)
{
	for (unsigned int offset = start; offset < end; offset++) {
		policy->action[offset] = ACTION_DEVICE;
		policy->writable[offset] = writable;
		computed_mark(policy, offset);
	}
}

static bool pm_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	uint32_t capabilities = config_load(function, at + PCI_PM_PMC, 2);

	(void)length;
	if (function->policy.pm)
		return false;
	/* No wake-up events, and of the states only D0 and D3. */
	capabilities &= ~(uint32_t)(PCI_PM_CAP_PME_MASK | PCI_PM_CAP_D1 | PCI_PM_CAP_D2);
	config_store(function, at + PCI_PM_PMC, 2, capabilities);
	/*
	 * Of a device that forgets its state in D3hot VFIO saves and restores configuration space,
	 * but not the registers: its driver has to know.
	 */
	config_store(function, at + PCI_PM_CTRL, 4,
		     config_load(function, at + PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
	function->policy.pm = at;
	rules_apply(&function->policy, at, pm_rules, ARRAY_SIZE(pm_rules));
	return true;
}

static bool vpd_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	(void)length;
	if (function->policy.vpd)
		return false;
	function->policy.vpd = at;
	rules_apply(&function->policy, at, vpd_rules, ARRAY_SIZE(vpd_rules));
	return true;
}

static unsigned int msi_length(uint32_t flags)
{
	return (flags & PCI_MSI_FLAGS_64BIT ? 14 : 10) + (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0);
}

static bool msi_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	struct config_policy *policy = &function->policy;
	uint32_t flags = config_load(function, at + PCI_MSI_FLAGS, 2);
	unsigned int log2_vectors = (flags & PCI_MSI_FLAGS_QMASK) >> 1;

	if (policy->msi || log2_vectors > 5 || !function->device.irqs[VFIO_PCI_MSI_IRQ_INDEX].count)
		return false;
	policy->msi = at;
	policy->msi_64bit = flags & PCI_MSI_FLAGS_64BIT;
	policy->msi_maskable = flags & PCI_MSI_FLAGS_MASKBIT;
	policy->msi_vectors = 1U << log2_vectors;
	hide(function, at + PCI_MSI_ADDRESS_LO, length - PCI_MSI_ADDRESS_LO);
	flags &= PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT;
	config_store(function, at + PCI_MSI_FLAGS, 2, flags);
	rules_apply(policy, at, msi_rules, ARRAY_SIZE(msi_rules) - (policy->msi_64bit ? 0 : 1));
	rules_apply(policy, MSI_TAIL(policy), msi_tail_rules,
		    ARRAY_SIZE(msi_tail_rules) - (policy->msi_maskable ? 0 : 2));
	return true;
}

/* A structure of MSI-X must lie in a memory BAR that exists. */
static bool msix_place_valid(struct vfio_function *function, uint32_t where, uint64_t size)
{
	unsigned int bar = where & PCI_MSIX_TABLE_BIR;

	return bar < PCI_BAR_ROM &&
	       range_within(where & PCI_MSIX_TABLE_OFFSET, size, 0,
			    function->device.regions[bar].size) &&
	       !(config_load(function, PCI_BASE_ADDRESS_0 + 4 * bar, 1) &
		 PCI_BASE_ADDRESS_SPACE_IO);
}

static bool msix_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	struct config_policy *policy = &function->policy;
	uint32_t flags = config_load(function, at + PCI_MSIX_FLAGS, 2);
	uint32_t table = config_load(function, at + PCI_MSIX_TABLE, 4);
	uint32_t pba = config_load(function, at + PCI_MSIX_PBA, 4);
	unsigned int vectors = (flags & PCI_MSIX_FLAGS_QSIZE) + 1;

	(void)length;
	if (policy->msix || !function->device.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count)
		return false;
	if (!msix_place_valid(function, table, (uint64_t)vectors * PCI_MSIX_ENTRY_SIZE)) {
		log_warn("%s: its MSI-X table lies outside of its BARs; MSI-X is hidden from the "
			 "guest",
			 function->device.bdf);
		return false;
	}
	/* Drivers hardly ever look at the pending bits, and a VF may have no other interrupts. */
	policy->msix_has_pba = msix_place_valid(function, pba, align_up(vectors, 64) / 8);
	if (!policy->msix_has_pba)
		log_warn("%s: its MSI-X pending bits lie outside of its BARs; the guest cannot "
			 "read them",
			 function->device.bdf);
	policy->msix = at;
	policy->msix_vectors = vectors;
	policy->msix_table = table;
	policy->msix_pba = pba;
	config_store(function, at + PCI_MSIX_FLAGS, 2, vectors - 1);
	rules_apply(policy, at, msix_rules, ARRAY_SIZE(msix_rules));
	return true;
}

void vfio_config_msix_move(struct vfio_function *function, uint32_t table, uint32_t pba)
{
	config_store(function, function->policy.msix + PCI_MSIX_TABLE, 4, table);
	config_store(function, function->policy.msix + PCI_MSIX_PBA, 4, pba);
}

/* What a root-complex integrated endpoint has of it: the registers of a link are not there. */
static unsigned int express_length(uint32_t flags)
{
	return (flags & PCI_EXP_FLAGS_VERS) >= 2 ? PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V2
						 : PCI_CAP_EXP_RC_ENDPOINT_SIZEOF_V1;
}

/* The bit that says so: also what a reset brings back. */
void vfio_config_reset_offer(struct vfio_function *function)
{
	unsigned int at = function->policy.express + PCI_EXP_DEVCAP;

	if (!function->policy.express)
		return;
	config_store(function, at, 4, config_load(function, at, 4) | PCI_EXP_DEVCAP_FLR);
	memcpy(&function->policy.initial[at], config_at(function, at), 4);
}

/*
 * The function sits on the guest's root bus, and is therefore a root-complex integrated endpoint:
 * without a link, whose registers read as zero (PCI Express Base 6.0, 7.5.3).
 */
static bool express_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	uint32_t flags = config_load(function, at + PCI_EXP_FLAGS, 2);
	unsigned int version = flags & PCI_EXP_FLAGS_VERS;
	uint32_t capabilities = config_load(function, at + PCI_EXP_DEVCAP, 4);

	if (function->policy.express)
		return false;
	function->policy.express = at;
	flags = version | PCI_EXP_TYPE_RC_END << 4;
	capabilities &= ~PCI_EXP_DEVCAP_FLR;
	hide(function, at + PCI_EXP_DEVCTL, length - PCI_EXP_DEVCTL);
	config_store(function, at + PCI_EXP_FLAGS, 2, flags);
	config_store(function, at + PCI_EXP_DEVCAP, 4, capabilities);
	/* Of the second set of registers, the completion timeout is all that concerns the guest. */
	rules_apply(&function->policy, at, express_rules,
		    ARRAY_SIZE(express_rules) - (version >= 2 ? 0 : 1));
	return true;
}

static unsigned int vendor_length(uint32_t flags)
{
	return flags & 0xff;
}

static bool vendor_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	/* Only the device knows what is in it. Its header stays ours. */
	device_apply(&function->policy, at + PCI_CAP_FLAGS, at + length, 0xff);
	return true;
}

/* Read-only and without anything to change: it need only be seen. */
static bool subsystem_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	(void)function;
	(void)at;
	(void)length;
	return true;
}

/* The capabilities that a guest may see. */
static const struct {
	uint8_t id;
	uint8_t length;				   /* bytes; 0: length_of() knows */
	unsigned int (*length_of)(uint32_t flags); /* from the two bytes after the header */
	/* Called when it is revealed; returns whether this one is fit to be seen. */
	bool (*add)(struct vfio_function *function, unsigned int at, unsigned int length);
} capabilities[] = {
	{ PCI_CAP_ID_PM, PCI_PM_SIZEOF, NULL, pm_add },
	{ PCI_CAP_ID_VPD, PCI_CAP_VPD_SIZEOF, NULL, vpd_add },
	{ PCI_CAP_ID_MSI, 0, msi_length, msi_add },
	{ PCI_CAP_ID_VNDR, 0, vendor_length, vendor_add },
	{ PCI_CAP_ID_SSVID, 8, NULL, subsystem_add },
	{ PCI_CAP_ID_EXP, 0, express_length, express_add },
	{ PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, NULL, msix_add },
};

/*
 * @room: bytes up to where the next capability begins. Returns how many the guest sees of it, 0: it
 * is hidden.
 */
static unsigned int capability_add(struct vfio_function *function, unsigned int at,
				   unsigned int room)
{
	const uint8_t *original = &function->policy.initial[at];

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		unsigned int length = capabilities[i].length;

		if (capabilities[i].id != original[PCI_CAP_LIST_ID])
			continue;
		if (!length)
			length = capabilities[i].length_of(
				(uint32_t)le_load(&original[PCI_CAP_FLAGS], 2));
		/* Of the vendor's bytes nobody knows which matter; of the others all do. */
		if (capabilities[i].id == PCI_CAP_ID_VNDR)
			length = min(length, room);
		if (length <= PCI_CAP_FLAGS || length > room)
			return 0;
		reveal(function, at, length);
		if (capabilities[i].add(function, at, length))
			return length;
		hide(function, at, length);
	}
	return 0;
}

/* Where the capabilities of the list begin: a bit for each double word. It may go in circles. */
static uint64_t capabilities_find(const uint8_t *original)
{
	unsigned int at = original[PCI_CAPABILITY_LIST] & ~3U;
	uint64_t found = 0;

	while (at >= PCI_STD_HEADER_SIZEOF && !(found & BIT(at / 4))) {
		found |= BIT(at / 4);
		at = original[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
	return found;
}

/* Bytes from @at to the next bit that is set in @starts, or to the end. */
static unsigned int capability_room(uint64_t starts, unsigned int at)
{
	uint64_t above = starts & ~(2 * BIT(at / 4) - 1);

	return (above ? 4 * (unsigned int)__builtin_ctzll(above) : PCI_CFG_SPACE_SIZE) - at;
}

/*
 * How many bytes of a capability that the guest sees as @length bytes, and that has @room, are
 * something that it names. Of PCI Express the guest does not see all registers.
 */
static unsigned int capability_extent(const uint8_t *capability, unsigned int length,
				      unsigned int room)
{
	bool is_version1 = (capability[PCI_EXP_FLAGS] & PCI_EXP_FLAGS_VERS) < 2;

	if (!length) /* hidden: what of it is where nobody here knows */
		return room;
	if (capability[PCI_CAP_LIST_ID] == PCI_CAP_ID_EXP)
		length = is_version1 ? PCI_CAP_EXP_ENDPOINT_SIZEOF_V1 : EXPRESS_SIZE;
	return min(length, room);
}

/* Walk the device's list, and link what is kept into the guest's. */
static void capabilities_init(struct vfio_function *function)
{
	const uint8_t *original = function->policy.initial;
	uint8_t *config = function->pci.config;
	unsigned int at = original[PCI_CAPABILITY_LIST] & ~3U;
	unsigned int link = PCI_CAPABILITY_LIST, length, room;
	uint64_t starts = 0, left;

	if (le_load(&original[PCI_STATUS], 2) & PCI_STATUS_CAP_LIST)
		starts = capabilities_find(original);
	/* What is before the first one, or all of it. */
	device_apply(&function->policy, PCI_STD_HEADER_SIZEOF,
		     starts ? 4 * (unsigned int)__builtin_ctzll(starts) : PCI_CFG_SPACE_SIZE, 0);
	left = starts;
	while (at >= PCI_STD_HEADER_SIZEOF && (left & BIT(at / 4))) {
		left &= ~BIT(at / 4);
		room = capability_room(starts, at);
		length = capability_add(function, at, room);
		device_apply(&function->policy, at + capability_extent(&original[at], length, room),
			     at + room, 0);
		if (length) {
			config[link] = (uint8_t)at;
			link = at + PCI_CAP_LIST_NEXT;
			config[link] = 0;
		}
		at = original[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
}

/*
 * Bytes of an extended capability that the guest may see, its header included; 0 if it may not.
 * Both kinds of vendor capabilities have their length in the top bits of the second double word.
 */
static unsigned int extended_length(const uint8_t *original, unsigned int at)
{
	switch (PCI_EXT_CAP_ID((uint32_t)le_load(&original[at], 4))) {
	case PCI_EXT_CAP_ID_DSN:
		return 12;
	case PCI_EXT_CAP_ID_VNDR:
	case PCI_EXT_CAP_ID_DVSEC:
		return (unsigned int)(le_load(&original[at + 4], 4) >> 20);
	default:
		return 0;
	}
}

/* Where the extended capabilities begin, by double word. Their list may go in circles, too. */
static void extended_find(const uint8_t *original, bool starts[PCI_CONFIG_SIZE / 4])
{
	unsigned int at = PCI_CFG_SPACE_SIZE;

	memset(starts, 0, PCI_CONFIG_SIZE / 4 * sizeof(*starts));
	while (at >= PCI_CFG_SPACE_SIZE && !starts[at / 4]) {
		starts[at / 4] = true;
		at = PCI_EXT_CAP_NEXT((uint32_t)le_load(&original[at], 4));
	}
}

/* Bytes from @at to where the next extended capability begins, or to the end. */
static unsigned int extended_room(const bool starts[PCI_CONFIG_SIZE / 4], unsigned int at)
{
	unsigned int end = at + 4;

	while (end < PCI_CONFIG_SIZE && !starts[end / 4])
		end += 4;
	return end - at;
}

static void extended_add(struct vfio_function *function, unsigned int at, unsigned int length)
{
	reveal(function, at, length);
	config_store(function, at, 4, config_load(function, at, 4) & 0xfffff);
	if (PCI_EXT_CAP_ID(config_load(function, at, 4)) != PCI_EXT_CAP_ID_DSN)
		device_apply(&function->policy, at + 4, at + length, 0xff);
}

/*
 * The same for the extended capabilities. Their list begins at 0x100, whatever is there: what is
 * hidden at its head becomes a null capability (PCI Express Base 6.0, 7.9.28), id and version 0.
 */
static void extended_init(struct vfio_function *function)
{
	const uint8_t *original = function->policy.initial;
	unsigned int at = PCI_CFG_SPACE_SIZE, link = PCI_CFG_SPACE_SIZE;
	bool starts[PCI_CONFIG_SIZE / 4], left[PCI_CONFIG_SIZE / 4];

	extended_find(original, starts);
	memcpy(left, starts, sizeof(left));
	while (at >= PCI_CFG_SPACE_SIZE && at <= PCI_CONFIG_SIZE - 8 && left[at / 4]) {
		unsigned int room = extended_room(starts, at);
		unsigned int length = min(extended_length(original, at), room);

		left[at / 4] = false;
		/* No capability at all: the list is empty, or begins with a null capability. */
		if (!(le_load(&original[at], 4) & 0xfffff))
			device_apply(&function->policy, at + 4, at + room, 0);
		if (length >= 8) {
			device_apply(&function->policy, at + length, at + room, 0);
			extended_add(function, at, length);
			if (at != link)
				config_store(function, link, 4,
					     config_load(function, link, 4) | at << 20);
			link = at;
		}
		at = PCI_EXT_CAP_NEXT((uint32_t)le_load(&original[at], 4));
	}
}

int vfio_config_init(struct vfio_function *function)
{
	struct config_policy *policy = &function->policy;
	const struct vfio_region *region = &function->device.regions[VFIO_PCI_CONFIG_REGION_INDEX];
	int error;

	memset(policy, 0, sizeof(*policy));
	error = vfio_region_read_block(&function->device, VFIO_PCI_CONFIG_REGION_INDEX, 0,
				       policy->initial,
				       min(region->size, (uint64_t)PCI_CONFIG_SIZE));
	if (error < 0)
		return error;
	/* What a read gives when nobody answers; no vendor has this number. */
	if (le_load(&policy->initial[PCI_VENDOR_ID], 2) == 0xffff)
		return -ENODEV;
	reveal(function, 0, PCI_STD_HEADER_SIZEOF);
	hide(function, PCI_COMMAND, 2);
	hide(function, PCI_CAPABILITY_LIST, 1);
	hide(function, PCI_BIST, 1);
	/* Which functions are in its slot in the guest is not for the host's device to say. */
	function->pci.config[PCI_HEADER_TYPE] &= ~PCI_MULTIFUNCTION;
	rules_apply(policy, 0, header_rules, ARRAY_SIZE(header_rules));
	capabilities_init(function);
	if (region->size >= PCI_CONFIG_SIZE)
		extended_init(function);
	return 0;
}

/* ---- the hardware's ---- */

static int refusal_report(struct vfio_function *function, unsigned int offset, unsigned int size,
			  int error)
{
	if (error < 0 && !function->config_refused) {
		function->config_refused = true;
		log_warn("%s: the device refuses %u bytes at 0x%x of its configuration space: %s",
			 function->device.bdf, size, offset, strerror(-error));
	}
	return error;
}

/*
 * The hardware's own configuration space, by VFIO's region of it: @size is 1 to 4 bytes. 0, or
 * -errno and then all-ones are read. A failure is reported, the first one of a function.
 */
static int device_config_read(struct vfio_function *function, unsigned int offset,
			      unsigned int size, uint64_t *value)
{
	return refusal_report(function, offset, size,
			      vfio_region_read(&function->device, VFIO_PCI_CONFIG_REGION_INDEX,
					       offset, size, value));
}

static int device_config_write(struct vfio_function *function, unsigned int offset,
			       unsigned int size, uint64_t value)
{
	return refusal_report(function, offset, size,
			      vfio_region_write(&function->device, VFIO_PCI_CONFIG_REGION_INDEX,
						offset, size, value));
}

/* ---- reads ---- */

/* MSI's pending bits: PCI Local Bus 3.0, 6.8.1.8. */
static uint32_t msi_pending(struct vfio_function *function)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < function->policy.msi_vectors; i++)
		if (irqs_vector_pending(&function->irqs, IRQ_KIND_MSI, i))
			bits |= 1U << i;
	return bits;
}

/* A double word some of whose bytes are the device's, or are found out when asked for. */
static uint32_t config_compute(struct vfio_function *function, unsigned int offset,
			       unsigned int size)
{
	const struct config_policy *policy = &function->policy;
	uint32_t value = config_load(function, offset, size);
	uint64_t device = 0;
	bool is_read = false;

	for (unsigned int i = 0; i < size; i++) {
		uint8_t action = policy->action[offset + i];
		uint32_t byte;

		if (!action_is_computed(action))
			continue;
		if (action == ACTION_MSI_PENDING) {
			byte = msi_pending(function) >> (8 * ((offset + i) % 4));
		} else {
			if (!is_read)
				device_config_read(function, offset, size, &device);
			is_read = true;
			byte = (uint32_t)(device >> (8 * i));
		}
		value = (value & ~(0xffU << (8 * i))) | (byte & 0xff) << (8 * i);
	}
	return value;
}

uint32_t vfio_config_read(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct vfio_function *function = container_of(pci, struct vfio_function, pci);

	if (function->policy.computed[offset / 4 / 64] & BIT(offset / 4 % 64))
		return config_compute(function, offset, size);
	return config_load(function, offset, size);
}

/* ---- writes ---- */

static int device_command_write(struct vfio_function *function, uint64_t value)
{
	int error;

	irqs_intx_mask(&function->irqs);
	error = device_config_write(function, PCI_COMMAND, 2, value);
	irqs_intx_unmask(&function->irqs);
	return error;
}

/*
 * The device must decode before its BARs are mapped into the guest and until after they are
 * unmapped: in between, an access would fault in the host. So when it cannot be told to decode, the
 * write is dropped.
 *
 * A write that changes nothing goes to VFIO too. Some devices (tg3, mlx4) are reset through their
 * own registers, which clears the command register behind everybody's back; drivers then write what
 * it was. VFIO finds out by that write, and restores the real BARs first (vfio_basic_config_write()
 * in Linux's vfio_pci_config.c).
 */
static void command_write(struct vfio_function *function, unsigned int offset, unsigned int size,
			  uint32_t value) LOCK_HELD(function->pci.lock)
{
	const uint32_t on = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	const uint8_t *writable = function->pci.header_writable;
	uint32_t former = config_load(function, PCI_COMMAND, 2);
	uint32_t wanted = former;
	uint32_t present;
	int error;

	memcpy((uint8_t *)&wanted + (offset - PCI_COMMAND), &value,
	       min(size, PCI_COMMAND + 2 - offset));
	wanted &= (uint32_t)le_load(&writable[PCI_COMMAND], 2);
	error = device_command_write(function, former | wanted);
	if (error < 0 && (wanted & ~former))
		return;
	pci_header_write(&function->pci, offset, size, value);
	present = config_load(function, PCI_COMMAND, 2);
	if (present != (former | wanted))
		device_command_write(function, present);
	if (!(former & on) && (present & on)) {
		function->irqs.sets[IRQ_KIND_INTX].enabled = true;
		irqs_sync(&function->irqs);
	}
}

/* Writes of D1 and D2, which the capability does not offer, leave the state as it is. */
static void pm_write(struct vfio_function *function) LOCK_HELD(function->pci.lock)
{
	unsigned int at = function->policy.pm + PCI_PM_CTRL;
	uint32_t state = config_load(function, at, 2) & PCI_PM_CTRL_STATE_MASK;
	uint32_t kept = config_load(function, at, 2) & PCI_PM_CTRL_NO_SOFT_RESET;
	struct pci_device *pci = &function->pci;
	bool was_asleep = pci->asleep;

	if (state != 0 && state != 3)
		state = was_asleep ? 3 : 0;
	config_store(function, at, 2, kept | state);
	if (was_asleep == (state == 3))
		return;
	/* In D3hot the BARs do not answer: unmap them before, map them after. */
	pci->asleep = true;
	pci_decode_update(&function->pci);
	if (device_config_write(function, at, 2, state) < 0 && was_asleep) {
		config_store(function, at, 2, kept | 3);
		return;
	}
	pci->asleep = state == 3;
	pci_decode_update(&function->pci);
	/* A device that sleeps keeps the interrupts it has; what changes waits until it wakes. */
	function->irqs.asleep = pci->asleep;
	irqs_sync(&function->irqs);
}

/*
 * Some devices (tg3) clear MSI's enable bit when they are reset through their own registers;
 * drivers then write it again. VFIO puts its own MSI into the hardware's control word when this is
 * written (vfio_msi_config_write() in Linux's vfio_pci_config.c).
 */
static void msi_flags_pass(struct vfio_function *function)
{
	unsigned int at = function->policy.msi + PCI_MSI_FLAGS;

	if (function->irqs.active == IRQ_KIND_MSI && !function->irqs.asleep)
		device_config_write(function, at, 2, config_load(function, at, 2));
}

/* PCI Local Bus 3.0, 6.8.1: vector i is the message with its number in the low bits of the data. */
static void msi_write(struct vfio_function *function)
{
	const struct config_policy *policy = &function->policy;
	struct irq_set *set = &function->irqs.sets[IRQ_KIND_MSI];
	uint32_t flags = config_load(function, policy->msi + PCI_MSI_FLAGS, 2);
	unsigned int log2_count = (flags & PCI_MSI_FLAGS_QSIZE) >> 4;
	uint64_t address = config_load(function, policy->msi + PCI_MSI_ADDRESS_LO, 4);
	uint32_t data, mask = 0;

	if (policy->msi_64bit)
		address |= (uint64_t)config_load(function, policy->msi + PCI_MSI_ADDRESS_HI, 4)
			   << 32;
	data = config_load(function, MSI_TAIL(policy) + PCI_MSI_DATA_32, 2);
	if (policy->msi_maskable)
		mask = config_load(function, MSI_TAIL(policy) + PCI_MSI_MASK_32, 4);
	set->enabled = flags & PCI_MSI_FLAGS_ENABLE;
	set->count = min(1U << log2_count, set->size);
	for (unsigned int i = 0; i < set->count; i++) {
		set->vectors[i].message.address = address;
		set->vectors[i].message.data = (data & ~(set->count - 1)) | i;
		set->vectors[i].masked = mask >> i & 1;
	}
	irqs_sync(&function->irqs);
}

static void msix_write(struct vfio_function *function)
{
	uint32_t flags = config_load(function, function->policy.msix + PCI_MSIX_FLAGS, 2);
	struct irq_set *set = &function->irqs.sets[IRQ_KIND_MSIX];

	set->enabled = flags & PCI_MSIX_FLAGS_ENABLE;
	set->all_masked = flags & PCI_MSIX_FLAGS_MASKALL;
	irqs_sync(&function->irqs);
}

/* Write the bytes [@offset, @offset + @size), all of one action, of the device itself. */
static void device_write(struct vfio_function *function, unsigned int offset, unsigned int size,
			 uint32_t value)
{
	const uint8_t *writable = &function->policy.writable[offset];
	uint32_t mask = (uint32_t)le_load(writable, size);
	uint64_t present = 0;

	if (!mask)
		return;
	/* Without the value of the bits that the guest may not change, nothing is written. */
	if (mask != bytes_mask(size) && device_config_read(function, offset, size, &present) < 0)
		return;
	device_config_write(function, offset, size, (present & ~(uint64_t)mask) | (value & mask));
}

/*
 * Turning MSI-X off, the kernel writes the device's table, which does not answer in D3hot: an
 * Unsupported Request, and on some arm64 hosts an external abort.
 */
void vfio_config_wake(struct vfio_function *function)
{
	if (function->pci.asleep)
		device_config_write(function, function->policy.pm + PCI_PM_CTRL, 2, 0);
}

void vfio_config_reset(struct vfio_function *function)
{
	struct pci_device *pci = &function->pci;
	char why[WHY_SIZE];
	int error;

	vfio_config_wake(function);
	irqs_reset(&function->irqs);
	/* BARs go first: touching them while the device resets would fault in the host. */
	memcpy(pci->config, function->policy.initial, sizeof(pci->config));
	pci->asleep = false;
	pci_header_reset(&function->pci);
	device_command_write(function, 0);
	pci_device_leave(&function->pci);
	error = vfio_reset(function, why);
	pci_device_return(&function->pci);
	if (error < 0 && !function->reset_failed) {
		function->reset_failed = true;
		log_error("%s", why);
	}
}

static void express_write(struct vfio_function *function, unsigned int offset, unsigned int size,
			  uint32_t value) LOCK_HELD(function->pci.lock)
{
	unsigned int high = function->policy.express + PCI_EXP_DEVCTL + 1;
	uint32_t offered = config_load(function, function->policy.express + PCI_EXP_DEVCAP, 4);

	/* Initiate Function Level Reset is the top bit; it has effect only where it is offered. */
	if (offset + size > high && (value >> (8 * (high - offset)) & 0x80) &&
	    offered & PCI_EXP_DEVCAP_FLR) {
		vfio_config_reset(function);
		return;
	}
	device_write(function, offset, size, value);
}

/* A write with the top bit set is one of the device's memory, which outlives the guest: dropped. */
static void vpd_write(struct vfio_function *function, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	unsigned int high = function->policy.vpd + PCI_VPD_ADDR + 1;

	if (offset + size > high && (value >> (8 * (high - offset)) & 0x80))
		return;
	device_config_write(function, offset, size, value);
}

/* Carry out a write to [@offset, @offset + @size), all of which has @action. */
static void field_write(struct vfio_function *function, unsigned int action, unsigned int offset,
			unsigned int size, uint32_t value) LOCK_HELD(function->pci.lock)
{
	uint32_t former = config_load(function, offset, size);
	uint32_t mask = (uint32_t)le_load(&function->policy.writable[offset], size);

	switch (action) {
	case ACTION_COMMAND:
		command_write(function, offset, size, value);
		return;
	case ACTION_DEVICE:
		device_write(function, offset, size, value);
		return;
	case ACTION_EXPRESS:
		express_write(function, offset, size, value);
		return;
	case ACTION_VPD:
		vpd_write(function, offset, size, value);
		return;
	}
	config_store(function, offset, size, (former & ~mask) | (value & mask));
	switch (action) {
	case ACTION_PM:
		pm_write(function);
		break;
	case ACTION_MSI:
		msi_write(function);
		if (offset < function->policy.msi + PCI_MSI_FLAGS + 2)
			msi_flags_pass(function);
		break;
	case ACTION_MSIX:
		msix_write(function);
		break;
	}
}

static bool action_changes_irqs(unsigned int action)
{
	return action == ACTION_COMMAND || action == ACTION_PM || action == ACTION_EXPRESS ||
	       action == ACTION_MSI || action == ACTION_MSIX;
}

/* A write may span fields: cut it where the action changes. */
void vfio_config_write(struct pci_device *pci, unsigned int offset, unsigned int size,
		       uint32_t value)
{
	struct vfio_function *function = container_of(pci, struct vfio_function, pci);
	const uint8_t *action = function->policy.action;
	unsigned int start = offset, end = offset + size;

	mutex_assert_held(&function->pci.lock);
	while (start < end) {
		unsigned int next = start + 1;

		while (next < end && action[next] == action[start])
			next++;
		if (action_changes_irqs(action[start]))
			irqs_wait(&function->irqs);
		/* What was waited for may have been a reset. */
		if (pci->away)
			return;
		field_write(function, action[start], start, next - start,
			    value >> (8 * (start - offset)));
		start = next;
	}
}
