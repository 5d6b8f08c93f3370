/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfio/irqs.c, reached as a guest does: by its capabilities and by the table in a BAR. The input is
 * the size of everything, and then a list of steps of guest, device and host. After each, what the
 * guest got is compared with what its registers and the device's signals make due: every interrupt
 * is delivered once or is pending, and none comes twice.
 *
 * Some hosts cannot be that exact, and rather send one too many: where MSI-X is turned off and on
 * to grow, and where what is posted can be lost. There none may be missing. After a call failed
 * nothing is known until the guest turns the kind off.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_host.h"

#define MSI_AT	    0x40
#define MSIX_AT	    0x60
#define EXPRESS_AT  0x80
#define VECTORS_MAX 72 /* enough for two quad words of pending bits */
#define BAR_SIZE    0x2000
#define PBA_AT	    0x800

struct subject {
	struct fuzz_device *device;
	struct vfio_irqs *irqs;
	bool is_exact;	    /* the host is one that never sends one too many */
	bool trigger_first; /* irq_deassign_defect() */
	/* What is known: the kind that is on, and since when. */
	enum irq_kind kind;
	unsigned int count;
	unsigned int failed;	    /* how many calls had, when it came on */
	unsigned int turned_on;	    /* struct fuzz_device */
	bool live[VECTORS_MAX];	    /* enabled and not masked */
	bool was_live[VECTORS_MAX]; /* since the kind is on: the host has a vector for it */
	bool pending[VECTORS_MAX];
};

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

static struct fuzz_host *const host = &fuzz_host;

/* ---- the device ---- */

static void device_take(struct subject *subject, struct fuzz_input *in)
{
	struct fuzz_device *device = fuzz_device_add();
	unsigned int flags = fuzz_u8(in), layout = fuzz_u8(in), msi_flags = (layout >> 2) % 6 << 1;
	unsigned int msix = (unsigned int)fuzz_range(in, 0, VECTORS_MAX);
	uint8_t *bytes;

	*subject = (struct subject){ .device = device, .irqs = &device->function.irqs };
	host->relayed = flags & 1;
	host->watched = flags & 2;
	host->vm.irq.detach_discards = flags & 4;
	device->is_dynamic = !(flags & 8);
	subject->trigger_first = (flags & 0x31) == 0x20;
	subject->is_exact =
		device->is_dynamic && !host->vm.irq.detach_discards && !subject->trigger_first;
	if (flags & 0x10)
		device->host_vectors = 1 + (flags >> 5);
	device->config[PCI_INTERRUPT_PIN] = 1;
	device->irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	fuzz_bar_add(device, 0, BAR_SIZE, 0);
	bytes = fuzz_capability_add(device, PCI_CAP_ID_MSI, MSI_AT);
	device->irqs[VFIO_PCI_MSI_IRQ_INDEX] = 1U << msi_flags / 2;
	msi_flags |= layout & 1 ? PCI_MSI_FLAGS_64BIT : 0;
	msi_flags |= layout & 2 ? PCI_MSI_FLAGS_MASKBIT : 0;
	le_store(bytes + PCI_MSI_FLAGS, 2, msi_flags);
	bytes = fuzz_capability_add(device, PCI_CAP_ID_EXP, EXPRESS_AT);
	bytes[PCI_EXP_FLAGS] = 2;
	if (!msix)
		return;
	host->msix_table = layout & 0x80 ? MSIX_TABLE_OWN : MSIX_TABLE_DEVICE;
	bytes = fuzz_capability_add(device, PCI_CAP_ID_MSIX, MSIX_AT);
	le_store(bytes + PCI_MSIX_FLAGS, 2, msix - 1);
	le_store(bytes + PCI_MSIX_PBA, 4, PBA_AT);
	device->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = msix;
}

/* ---- what is due ---- */

static const struct irq_set *set_of(const struct subject *subject, enum irq_kind kind)
{
	return &subject->irqs->sets[kind];
}

/* What the guest's registers say: which kind is on, how many vectors it has. */
static enum irq_kind kind_wanted(const struct subject *subject, unsigned int *count)
{
	const uint8_t *config = subject->device->function.pci.config;
	const struct config_policy *policy = &subject->device->function.policy;
	unsigned int msix = 0, msi = config[MSI_AT + PCI_MSI_FLAGS];

	if (policy->msix)
		msix = (unsigned int)le_load(&config[MSIX_AT + PCI_MSIX_FLAGS], 2);
	*count = 0;
	if (msix & PCI_MSIX_FLAGS_ENABLE) {
		*count = policy->msix_vectors;
		return IRQ_KIND_MSIX;
	}
	if (msi & PCI_MSI_FLAGS_ENABLE) {
		*count = min(1U << ((msi & PCI_MSI_FLAGS_QSIZE) >> 4), policy->msi_vectors);
		return IRQ_KIND_MSI;
	}
	return subject->irqs->active == IRQ_KIND_INTX ? IRQ_KIND_INTX : IRQ_KIND_NONE;
}

static bool is_masked(const struct subject *subject, unsigned int number)
{
	const uint8_t *config = subject->device->function.pci.config;
	const struct config_policy *policy = &subject->device->function.policy;
	unsigned int at = policy->msi_64bit ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32;

	if (subject->kind == IRQ_KIND_MSI)
		return policy->msi_maskable && (le_load(&config[MSI_AT + at], 4) >> number & 1);
	if (le_load(&config[MSIX_AT + PCI_MSIX_FLAGS], 2) & PCI_MSIX_FLAGS_MASKALL)
		return true;
	return subject->irqs->sets[IRQ_KIND_MSIX].vectors[number].masked;
}

/* The message of a vector: an MSI-X table's entry, or MSI's with the number in its low bits. */
static struct msi_message message_of(const struct subject *subject, unsigned int number)
{
	const uint8_t *config = subject->device->function.pci.config;
	bool is_64bit = subject->device->function.policy.msi_64bit;
	struct msi_message message = { .device_id = subject->device->function.pci.devfn };

	if (subject->kind == IRQ_KIND_MSIX)
		return subject->irqs->sets[IRQ_KIND_MSIX].vectors[number].message;
	message.address = le_load(&config[MSI_AT + PCI_MSI_ADDRESS_LO], is_64bit ? 8 : 4);
	message.data = (uint32_t)le_load(
		&config[MSI_AT + (is_64bit ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32)], 2);
	message.data = (message.data & ~(subject->count - 1)) | number;
	return message;
}

static unsigned int failures(void)
{
	return host->failed + host->exhausted;
}

/* Nothing is sure any more until the kind is turned off. */
static bool is_lax(const struct subject *subject)
{
	return failures() != subject->failed;
}

/* Take one injection of this message off the list. */
static bool injection_take(const struct msi_message *message)
{
	for (unsigned int i = 0; i < host->injection_count; i++) {
		if (memcmp(&host->injections[i], message, sizeof(*message)) != 0)
			continue;
		host->injections[i] = host->injections[--host->injection_count];
		return true;
	}
	return false;
}

static void pending_due(struct subject *subject)
{
	for (unsigned int i = 0; i < subject->count; i++) {
		struct msi_message message;

		if (!subject->live[i] || !subject->pending[i])
			continue;
		message = message_of(subject, i);
		subject->pending[i] = false;
		if (!injection_take(&message) && !is_lax(subject))
			fuzz_violation("vector %u: an interrupt is lost", i);
	}
}

/* What came and was not due. */
static void surplus_check(struct subject *subject)
{
	if (!host->injection_count)
		return;
	for (unsigned int i = 0; i < subject->count && !subject->is_exact; i++) {
		struct msi_message message = message_of(subject, i);

		while (subject->live[i] && injection_take(&message))
			;
	}
	if (host->injection_count && !is_lax(subject))
		fuzz_violation("an interrupt comes too many: address %llx, data %x",
			       (unsigned long long)host->injections[0].address,
			       host->injections[0].data);
	host->injection_count = 0;
}

/* The pending bits that the guest reads, against what was sent and not delivered. */
static void bits_check(struct subject *subject)
{
	const struct irq_set *set = set_of(subject, subject->kind);

	for (unsigned int i = 0; i < subject->count; i++) {
		bool pending = irqs_vector_pending(subject->irqs, subject->kind, i);
		bool expected = subject->pending[i] && subject->was_live[i];

		if (expected ? !pending : pending && subject->is_exact)
			fuzz_violation("vector %u: its pending bit is %d", i, pending);
		if (set->vectors[i].wire.attached !=
			    (subject->live[i] && set->vectors[i].triggered) ||
		    (subject->live[i] && !set->vectors[i].triggered))
			fuzz_violation("vector %u is %sconnected", i,
				       subject->live[i] ? "not " : "");
	}
}

/* GSIs, eventfds and irqfds are there for vectors that are on, and for nothing else. */
static void books_check(const struct subject *subject)
{
	const struct irq_set *sets[] = { &subject->irqs->sets[IRQ_KIND_MSI],
					 &subject->irqs->sets[IRQ_KIND_MSIX] };
	unsigned int gsis = 0, files = 2, used = 0, allocated = 0, connected = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++)
		for (unsigned int j = 0; j < sets[i]->size; j++) {
			gsis += sets[i]->vectors[j].wire.gsi >= 0;
			connected +=
				sets[i]->vectors[j].wire.attached && sets[i]->vectors[j].triggered;
		}
	if (host->watched && !is_lax(subject) && host->watch.connected != connected)
		fuzz_violation("%u vectors are watched, not %u", host->watch.connected, connected);
	if (gsis && subject->kind != IRQ_KIND_MSI && subject->kind != IRQ_KIND_MSIX)
		fuzz_violation("%u GSIs are in use, with MSI and MSI-X off", gsis);
	files += gsis + 2 * (subject->irqs->active == IRQ_KIND_INTX);
	for (unsigned int i = 0; i < host->file_top; i++)
		used += host->files[i].used;
	for (unsigned int i = IRQ_PINS; i < host->gsi_top; i++)
		allocated += host->gsis[i].allocated;
	if (used != files || allocated != gsis)
		fuzz_violation("%u eventfds and %u GSIs are in use, not %u and %u", used, allocated,
			       files, gsis);
}

static void intx_check(const struct subject *subject)
{
	const struct fuzz_device *device = subject->device;
	bool asserted = fuzz_pin_asserted(subject->irqs->intx_gsi);

	if (subject->irqs->active != IRQ_KIND_INTX)
		return;
	if (device->active != VFIO_PCI_INTX_IRQ_INDEX)
		fuzz_violation("INTx is not on in the device");
	if (device->intx_level && !(device->command & PCI_COMMAND_INTX_DISABLE) && !asserted)
		fuzz_violation("INTx is up in the device and not in the guest");
}

/*
 * The guest did something, or the device: does what follows from it hold? @failed: how many calls
 * had before.
 */
static void settle(struct subject *subject, unsigned int failed)
{
	unsigned int count, turned_on = subject->turned_on;
	enum irq_kind kind = kind_wanted(subject, &count);

	if (subject->irqs->active != kind)
		fuzz_violation("interrupts of kind %d are on, not %d", subject->irqs->active, kind);
	if (kind != subject->kind || count != subject->count) {
		turned_on = subject->device->turned_on;
		memset(subject->pending, 0, sizeof(subject->pending));
		memset(subject->was_live, kind == IRQ_KIND_MSI, sizeof(subject->was_live));
		subject->failed = failed;
	}
	/* It went off and on to grow: what was sent meanwhile is gone, so all get an interrupt. */
	for (unsigned int i = 0; i < count && subject->device->turned_on != turned_on; i++)
		subject->pending[i] = subject->was_live[i];
	subject->turned_on = subject->device->turned_on;
	subject->kind = kind;
	subject->count = count;
	for (unsigned int i = 0; i < count; i++) {
		subject->live[i] = !is_masked(subject, i);
		subject->was_live[i] |= subject->live[i];
	}
	pending_due(subject);
	surplus_check(subject);
	if (!is_lax(subject))
		bits_check(subject);
	books_check(subject);
	intx_check(subject);
}

/* ---- steps ---- */

static void device_fires(struct subject *subject, struct fuzz_input *in)
{
	unsigned int number = fuzz_u8(in);

	if (!subject->count || (subject->kind != IRQ_KIND_MSI && subject->kind != IRQ_KIND_MSIX))
		return;
	number %= subject->count;
	fuzz_fire(subject->device, number);
	subject->pending[number] = true;
}

/* The guest's BAR that has the table and the pending bits. */
static unsigned int table_bar(const struct subject *subject)
{
	const uint8_t *config = subject->device->function.pci.config;

	return config[MSIX_AT + PCI_MSIX_TABLE] & PCI_MSIX_TABLE_BIR;
}

static uint64_t table_address(const struct subject *subject)
{
	return subject->device->function.pci.bars[table_bar(subject)].addr;
}

static bool table_is_mapped(const struct subject *subject)
{
	return subject->device->function.pci.bars[table_bar(subject)].mapped;
}

static void table_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), size = 1U << (how & 3);
	uint64_t offset = fuzz_u16(in) % BAR_SIZE, value = fuzz_u64(in);
	uint64_t addr = table_address(subject) + offset;

	if (how & 4)
		fuzz_memory_read(addr, size);
	else
		fuzz_memory_write(addr, size, value);
}

/* What software does: a whole entry, aligned; and what it reads is what it wrote. */
static void entry_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int number = fuzz_u8(in), field = fuzz_u8(in);
	unsigned int size = field & 0x80 ? 8 : 4, count = subject->irqs->sets[IRQ_KIND_MSIX].size;
	uint64_t value = fuzz_u32(in), addr, expected;

	if (!count || !table_is_mapped(subject))
		return;
	field = field % (16 / size) * size;
	addr = table_address(subject) + number % count * 16 + field;
	if (size == 8)
		value |= value << 32;
	fuzz_memory_write(addr, size, value);
	expected = value;
	if (field == 0)
		expected &= ~3ULL;
	if (field == 12)
		expected &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	if (field == 8 && size == 8)
		expected &= ~0ULL >> 31;
	if (fuzz_memory_read(addr, size) != expected)
		fuzz_violation("entry %u of the table does not read as it was written",
			       number % count);
}

static void mask_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int number = fuzz_u8(in), count = subject->irqs->sets[IRQ_KIND_MSIX].size;

	if (count)
		fuzz_memory_write(table_address(subject) + (number & 0x7f) % count * 16 +
					  PCI_MSIX_ENTRY_VECTOR_CTRL,
				  4, number >> 7);
}

static void pba_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int offset = fuzz_u8(in) % 16 & ~7U;
	const struct vfio_bar *bar = &subject->device->function.bars[table_bar(subject)];
	uint64_t bits, addr = table_address(subject) + bar->pba.offset + offset;

	if (!table_is_mapped(subject) || subject->kind != IRQ_KIND_MSIX || is_lax(subject) ||
	    offset * 8 >= subject->count)
		return;
	bits = fuzz_memory_read(addr, 8);
	for (unsigned int i = 0; i < 64; i++) {
		unsigned int number = offset * 8 + i;
		bool sent = number < subject->count && subject->pending[number];
		bool expected = sent && subject->was_live[number];
		/* Before the first unmask it is the device's own bit, whose read may fail. */
		bool allowed = sent && subject->device->latched[number];

		if (expected ? !(bits >> i & 1) : (bits >> i & 1) && !allowed && subject->is_exact)
			fuzz_violation("pending bit %u reads %llu", number, bits >> i & 1ULL);
	}
}

static void capability_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int how = fuzz_u8(in), size = 1U << (how & 3) % 3;
	unsigned int at = how & 0x80 ? MSIX_AT : MSI_AT;

	fuzz_config_write(subject->device, (at + (how >> 2 & 0x1f)) & ~(size - 1), size,
			  fuzz_u32(in));
}

static void enable_step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int value = fuzz_u8(in);

	if (value & 0x80)
		fuzz_config_write(subject->device, MSI_AT + PCI_MSI_FLAGS, 2, value & 0x7f);
	else
		fuzz_config_write(subject->device, MSIX_AT + PCI_MSIX_FLAGS, 2, value << 14);
}

static void step(struct subject *subject, struct fuzz_input *in)
{
	unsigned int what = fuzz_u8(in);

	switch (what % 14) {
	case 0:
	case 1:
		device_fires(subject, in);
		break;
	case 2:
	case 3:
		mask_step(subject, in);
		break;
	case 4:
		entry_step(subject, in);
		break;
	case 5:
	case 6:
		enable_step(subject, in);
		break;
	case 7:
		capability_step(subject, in);
		break;
	case 8:
		table_step(subject, in);
		break;
	case 9:
		pba_step(subject, in);
		break;
	case 10:
		fuzz_fail_any(in);
		break;
	case 11:
		fuzz_intx_set(subject->device, what & 0x80);
		break;
	case 12:
		fuzz_pin_acknowledge(subject->irqs->intx_gsi);
		break;
	default:
		if (what & 0x80)
			fuzz_config_write(subject->device, EXPRESS_AT + PCI_EXP_DEVCTL, 2,
					  PCI_EXP_DEVCTL_BCR_FLR);
		fuzz_config_write(subject->device, PCI_COMMAND, 2, what & 0x70 ? 0x406 : 6);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct subject subject;

	fuzz_host_reset();
	device_take(&subject, &in);
	if (!fuzz_machine_start())
		fuzz_violation("a device without fault is refused");
	host->vm.irq.deassign_defect = subject.trigger_first;
	fuzz_config_write(subject.device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	settle(&subject, 0);
	while (in.size) {
		unsigned int failed = failures();

		step(&subject, &in);
		settle(&subject, failed);
	}
	fuzz_machine_end();
	return 0;
}

#pragma clang attribute pop
