/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile guest: all CPUs read and write, at random, everything that leads out of the guest:
 * PCI's configuration space, BARs and where they are, MSI-X tables, registers of the assigned
 * devices, the board's chips, addresses where nothing is; and rarely what ends the VM. Interrupts
 * come in meanwhile. Options, on the kernel command line:
 *   seed=N         what is done depends on it, and on how the CPUs take turns
 *   operations=N   of all CPUs together
 *   ends=N         one operation in N is one that ends the VM; 2000000 if not given
 *   wait           wait for a byte on the serial port before the first and after the last, where
 *                  the guest is at rest and the host may be measured
 * Lines for the host: "hostile: ready", "hostile: at N" now and then, "hostile: KIND N" for each
 * kind of operation at the end, and "hostile: rest".
 */
#include "guest/payload/hostile.h"

#include "guest/layout.h"
#include "guest/payload/pci.h"

#define CPUS	       2
#define DEVICES	       4 /* as many as interrupt on arm64 */
#define PROGRESS       (1 << 10)
#define PROTECTED_SIZE 0x1000000 /* of RAM from its start: this program and all it was given */
#define STORM	       500	 /* interrupts */
#define SERIAL_TURNS   100000000
#define GIB	       0x40000000ULL

/* PCI Local Bus 3.0, 6.1 and 6.8; PCI Express Base 5.0, 7.5.3; PCI Power Management 1.2, 3.2. */
#define BAR_FIRST	0x10
#define BAR_ROM		0x30
#define BARS		7 /* with the ROM's */
#define BAR_PORTS	0x1
#define BAR_IS_64	0x4
#define CAPABILITY_PM	0x01
#define CAPABILITY_PCIE 0x10
#define CAPABILITY_MSIX 0x11
#define PM_CONTROL	4
#define PCIE_CONTROL	8
#define PCIE_RESET	0x8000
#define MSI_CONTROL	2
#define MSI_LENGTH	0x18
#define MSIX_CONTROL	2
#define MSIX_ENABLE	0x8000
#define MSIX_MASK_ALL	0x4000
#define MSIX_TABLE	4
#define MSIX_PBA	8
#define MSIX_ENTRY_SIZE 16
#define COMMAND_QUIET	0x402 /* memory; no DMA, no INTx */
#define COMMAND_ALL	0x7   /* ports, memory, DMA */

/*
 * QEMU's edu (docs/specs/edu.txt of QEMU), at a multiple of its BAR's size, 1 MiB. QEMU itself ends
 * when edu is told to copy beyond its buffer, and computes a factorial for as long as it takes.
 */
#define EDU_ID		0x11e81234
#define EDU_BAR_SIZE	0x100000
#define EDU_FACTORIAL	0x08
#define EDU_DMA		0x80 /* source, destination, count, command: 8 bytes each */
#define EDU_DMA_END	0xa0
#define EDU_BUFFER	0x40000
#define EDU_BUFFER_SIZE 4096
#define EDU_DMA_RUN	1
#define EDU_DMA_TO_RAM	2
#define EDU_DMA_RAISE	4

/*
 * Registers of the e1000e (82574, 10.2), at a multiple of its BAR's size, that are left alone: what
 * writes its non-volatile memory, which no reset mends; and the least times between interrupts.
 * Nor is its MSI-X turned on: QEMU 7.2 ends with an assertion when that happens within such a time
 * after an interrupt of another kind, and there is always one, of 128 us or more.
 */
#define E1000E_ID	0x10d38086
#define E1000E_BAR_SIZE 0x20000

static const struct {
	uint16_t offset, size;
} e1000e_untouched[] = {
	{ 0x00c4, 4 },	/* ITR */
	{ 0x00e8, 20 }, /* EITR */
	{ 0x102c, 4 },	/* EEWR */
};

/* All of these offsets have one of these bits: for the ports by which they can be reached, too. */
#define E1000E_UNTOUCHED_BITS 0x6060606060606060

struct bar {
	uint64_t at;	/* in configuration space */
	uint64_t size;	/* 0: there is none */
	uint64_t first; /* where firmware put it */
	volatile uint64_t
		base; /* where it was put last; may be in the way of another, or nowhere */
	bool is_64, is_ports;
};

struct device {
	uint64_t config, pm, msi, msix, express; /* addresses; 0: it has none */
	uint32_t id;
	struct bar bars[BARS];
	unsigned int vectors; /* of MSI-X */
	uint32_t table, pba;  /* the capability's registers: BAR and offset */
};

static struct device devices[DEVICES];
static unsigned int device_count, cpu_count;
static struct hostile_cpu cpus[CPUS];
static struct hostile_kind kinds[KINDS_MAX];
static unsigned int kind_count, weight_sum;
static uint64_t share; /* operations of each CPU */
static uint64_t ends;  /* one in so many is an end */
static volatile uint64_t interrupts;
static uint32_t other_id;

/* ---- numbers ---- */

static unsigned int random_size(struct hostile_cpu *cpu)
{
	return 1u << random_below(cpu, 4);
}

uint64_t random_value(struct hostile_cpu *cpu)
{
	switch (random_below(cpu, 8)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1ULL << random_below(cpu, 64);
	case 3:
		return random_below(cpu, 256);
	case 4:
		return random_address(cpu);
	case 5:
		return ~(1ULL << random_below(cpu, 64));
	default:
		return random_next(cpu);
	}
}

static struct device *random_device(struct hostile_cpu *cpu)
{
	return device_count ? &devices[random_below(cpu, device_count)] : NULL;
}

static struct bar *random_bar(struct hostile_cpu *cpu, struct device *device)
{
	struct bar *bar = &device->bars[random_below(cpu, BARS)];

	return bar->size ? bar : &device->bars[0];
}

/* Just before and just after a place are places too. */
static uint64_t random_near(struct hostile_cpu *cpu, uint64_t address)
{
	return address + random_below(cpu, 3) * 4096 - 4096 + random_below(cpu, 64);
}

uint64_t random_address(struct hostile_cpu *cpu)
{
	const struct device *device = random_device(cpu);

	switch (random_below(cpu, 8)) {
	case 0:
		return random_near(cpu, LAYOUT_ECAM + random_below(cpu, LAYOUT_ECAM_SIZE + 4096));
	case 1:
		return LAYOUT_MEM32 + random_below(cpu, LAYOUT_MEM32_SIZE);
	case 2:
		return random_near(cpu, LAYOUT_MEM32 + random_below(cpu, 2) * LAYOUT_MEM32_SIZE);
	case 3:
		return random_near(cpu, arch_address(cpu));
	case 4:
		return LAYOUT_RAM + PROTECTED_SIZE + random_below(cpu, GIB - PROTECTED_SIZE);
	case 5:
		if (device)
			return random_near(cpu, device->bars[random_below(cpu, BARS)].base);
		return random_next(cpu) >> 32;
	case 6:
		return random_next(cpu) >> random_below(cpu, 64);
	default:
		return random_next(cpu);
	}
}

/* ---- accesses ---- */

static void memory_write(uint64_t address, unsigned int size, uint64_t value)
{
	switch (size) {
	case 1:
		mmio_write8(address, (uint8_t)value);
		break;
	case 2:
		mmio_write16(address, (uint16_t)value);
		break;
	case 4:
		mmio_write32(address, (uint32_t)value);
		break;
	default:
		mmio_write64(address, value);
	}
}

static uint64_t memory_read(uint64_t address, unsigned int size)
{
	switch (size) {
	case 1:
		return mmio_read8(address);
	case 2:
		return mmio_read16(address);
	case 4:
		return mmio_read32(address);
	default:
		return mmio_read64(address);
	}
}

static bool overlaps(uint64_t offset, unsigned int size, uint64_t other, unsigned int other_size)
{
	return offset + size > other && offset < other + other_size;
}

/* In the windows of PCI: may this be written, and what? See EDU_ID and e1000e_untouched. */
static bool window_write_tame(uint64_t address, unsigned int size, uint64_t *value)
{
	uint64_t offset = address % EDU_BAR_SIZE;

	/* It may be taken for where to write to. */
	if (arch_dma_harms(*value, 4096) || arch_dma_harms(*value >> 32, 4096))
		*value = 0;
	if (overlaps(offset, size, EDU_DMA, EDU_DMA_END - EDU_DMA))
		return false;
	if (overlaps(offset, size, EDU_FACTORIAL, 8))
		*value &= 0x0f;
	offset = address % E1000E_BAR_SIZE;
	for (unsigned int i = 0; i < sizeof(e1000e_untouched) / sizeof(e1000e_untouched[0]); i++)
		if (overlaps(offset, size, e1000e_untouched[i].offset, e1000e_untouched[i].size))
			return false;
	return true;
}

/* In configuration space: is it anything but what turns on the MSI-X of an e1000e? */
static bool config_write_tame(uint64_t address, unsigned int size)
{
	for (unsigned int i = 0; i < device_count; i++)
		if (devices[i].id == E1000E_ID &&
		    overlaps(address, size, devices[i].msix + MSIX_CONTROL, 2))
			return false;
	return true;
}

uint64_t port_write_tame(uint64_t value)
{
	return value & ~E1000E_UNTOUCHED_BITS;
}

void memory_poke(struct hostile_cpu *cpu, uint64_t address, unsigned int size, bool write,
		 uint64_t value)
{
	(void)cpu;
	if (!arch_unaligned)
		address &= ~(uint64_t)(size - 1);
	if (address + 8 > LAYOUT_RAM && address < LAYOUT_RAM + PROTECTED_SIZE)
		return;
	if (!arch_reachable(address))
		return;
	if (!write)
		memory_read(address, size);
	else if (config_write_tame(address, size) && window_write_tame(address, size, &value))
		memory_write(address, size, value);
}

/* ---- configuration space ---- */

/* Where something happens when it is written, or something else is read next time. */
static uint64_t config_register(struct hostile_cpu *cpu, const struct device *device)
{
	switch (random_below(cpu, 8)) {
	case 0:
		return random_below(cpu, 0x40);
	case 1:
		return device->msi ? device->msi - device->config + random_below(cpu, MSI_LENGTH)
				   : 0x3c;
	case 2:
		return device->msix ? device->msix - device->config + random_below(cpu, 12) : 0x0c;
	case 3:
		return device->express ? device->express - device->config + random_below(cpu, 60)
				       : 0x34;
	case 4:
		return device->pm ? device->pm - device->config + random_below(cpu, 8) : 0x06;
	case 5:
		return random_below(cpu, 4096);
	default:
		return 0x40 + random_below(cpu, 0xc0);
	}
}

static uint64_t config_base(struct hostile_cpu *cpu, const struct device **device)
{
	static const struct device bridge;

	*device = random_device(cpu);
	if (*device && !random_one_in(cpu, 8))
		return (*device)->config;
	*device = &bridge;
	return pci_config(0, 0);
}

static void config_read_run(struct hostile_cpu *cpu)
{
	const struct device *device;
	uint64_t base = config_base(cpu, &device);

	memory_poke(cpu, base + config_register(cpu, device), random_size(cpu), false, 0);
}

/*
 * Costs little: what turns on and off has kinds of its own. A write of four bytes or less, which
 * does not start a reset or move a BAR all the time.
 */
static void config_write_run(struct hostile_cpu *cpu)
{
	static const uint16_t registers[] = { 0x00, 0x06, 0x08, 0x0c, 0x0e,  0x2c,  0x34,
					      0x3c, 0x3e, 0x40, 0xfe, 0x100, 0x104, 0xffc };
	const struct device *device;
	uint64_t base = config_base(cpu, &device);
	uint64_t offset = registers[random_below(cpu, sizeof(registers) / sizeof(registers[0]))];

	if (device->express && random_one_in(cpu, 4)) {
		memory_poke(cpu, device->express + PCIE_CONTROL + random_below(cpu, 4), 2, true,
			    random_value(cpu) & ~(uint64_t)PCIE_RESET & 0x7fff);
		return;
	}
	memory_poke(cpu, base + offset, 1u << random_below(cpu, 3), true, random_value(cpu));
}

/* Any register of any function, mostly of none. */
static void config_any_run(struct hostile_cpu *cpu)
{
	memory_poke(cpu, LAYOUT_ECAM + random_below(cpu, LAYOUT_ECAM_SIZE), random_size(cpu),
		    random_one_in(cpu, 4), random_value(cpu));
}

/* Any of those that something depends on, with any value. */
static void config_wild_run(struct hostile_cpu *cpu)
{
	const struct device *device;
	uint64_t base = config_base(cpu, &device);

	memory_poke(cpu, base + config_register(cpu, device), random_size(cpu), true,
		    random_value(cpu));
}

/* ---- BARs ---- */

static uint64_t bar_address(struct hostile_cpu *cpu, const struct bar *bar)
{
	const struct device *other = random_device(cpu);

	switch (random_below(cpu, 8)) {
	case 0:
		return LAYOUT_MEM32 + random_below(cpu, LAYOUT_MEM32_SIZE);
	case 1: /* over another one, or beside it */
		return random_near(cpu, other->bars[random_below(cpu, BARS)].base);
	case 2:
		return random_address(cpu);
	case 3: /* where one ends up that is sized, for as long as that takes */
		return UINT64_MAX;
	case 4:
		return bar->first + random_below(cpu, 16) * bar->size;
	default:
		return bar->first;
	}
}

static void bar_move_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);
	struct bar *bar;
	uint64_t to;

	if (!device)
		return;
	bar = random_bar(cpu, device);
	to = bar_address(cpu, bar);
	if (random_one_in(cpu, 8)) { /* a part of the register */
		memory_poke(cpu, bar->at + random_below(cpu, 4), 1, true, to);
		return;
	}
	bar->base = to & -bar->size;
	if (bar->is_64 && random_one_in(cpu, 2)) {
		mmio_write64(bar->at, to);
		return;
	}
	mmio_write32(bar->at, (uint32_t)to);
	if (bar->is_64)
		mmio_write32(bar->at + 4, (uint32_t)(to >> 32));
}

/* Decoding on and off; the ROM too, which has a bit of its own. */
static void decode_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);

	if (!device)
		return;
	if (random_one_in(cpu, 4) && device->bars[BARS - 1].size)
		memory_poke(cpu, device->config + BAR_ROM, 1, true, random_below(cpu, 2));
	if (random_one_in(cpu, 3))
		mmio_write16(device->config + PCI_COMMAND, (uint16_t)random_value(cpu));
	else
		mmio_write16(device->config + PCI_COMMAND, COMMAND_ALL);
}

/*
 * A register of a device, through the memory of its BAR: no exit, where nothing is wrong. Their
 * emulations take four bytes, and an arm64 CPU gets an exception for what a device refuses.
 */
static void register_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);
	uint64_t offset;
	struct bar *bar;

	if (!device)
		return;
	bar = random_one_in(cpu, 3) ? random_bar(cpu, device) : &device->bars[0];
	if (!bar->size || bar->is_ports)
		return;
	offset = random_below(cpu, bar->size);
	if (random_one_in(cpu, 2))
		offset %= 4096;
	if (arch_messages_distinct && bar == &device->bars[device->table & 7] &&
	    offset - (device->table & ~7u) < MSIX_ENTRY_SIZE * device->vectors)
		return;
	memory_poke(cpu, bar->base + (offset & ~3ULL), 4, random_one_in(cpu, 2), random_value(cpu));
}

/* May edu write there? A BAR of another device is not out of its reach. */
static bool edu_target_tame(uint64_t address, uint64_t size)
{
	uint64_t any = 0;

	if (address + size <= LAYOUT_MEM32 || address >= LAYOUT_MEM32 + LAYOUT_MEM32_SIZE)
		return !arch_dma_harms(address, size);
	return window_write_tame(address, (unsigned int)size, &any);
}

/*
 * edu copies between its buffer and anywhere. What it is told is read back before it starts: BARs
 * move, and it must not start with anything else (see EDU_ID). One CPU at a time.
 */
static void edu_dma_run(struct hostile_cpu *cpu)
{
	static bool busy;
	uint64_t base = 0, outside = random_address(cpu), size, inside, to_ram;

	for (unsigned int i = 0; i < device_count; i++)
		if (devices[i].id == EDU_ID)
			base = devices[i].bars[0].base;
	if (!base || !arch_reachable(base) || base < LAYOUT_MEM32 ||
	    base >= LAYOUT_MEM32 + LAYOUT_MEM32_SIZE)
		return;
	size = 1 + random_below(cpu, EDU_BUFFER_SIZE - 1);
	inside = EDU_BUFFER + random_below(cpu, EDU_BUFFER_SIZE - size);
	to_ram = random_below(cpu, 2);
	/* Not over this program. */
	if (outside + size > LAYOUT_RAM && outside < LAYOUT_RAM + PROTECTED_SIZE)
		outside += PROTECTED_SIZE;
	if (to_ram && !edu_target_tame(outside, size))
		return;
	if (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		return;
	mmio_write64(base + EDU_DMA, to_ram ? inside : outside);
	mmio_write64(base + EDU_DMA + 8, to_ram ? outside : inside);
	mmio_write64(base + EDU_DMA + 16, size);
	if (mmio_read64(base + EDU_DMA) == (to_ram ? inside : outside) &&
	    mmio_read64(base + EDU_DMA + 8) == (to_ram ? outside : inside) &&
	    mmio_read64(base + EDU_DMA + 16) == size)
		mmio_write32(base + EDU_DMA + 24,
			     EDU_DMA_RUN | (to_ram ? EDU_DMA_TO_RAM : 0) |
				     (random_one_in(cpu, 2) ? EDU_DMA_RAISE : 0));
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

/* ---- interrupts ---- */

/* Which of the three kinds is on, in all combinations. */
static void interrupts_switch_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);

	if (!device)
		return;
	if (device->msix && device->id != E1000E_ID && random_one_in(cpu, 2))
		mmio_write16(device->msix + MSIX_CONTROL, random_one_in(cpu, 4)
								  ? (uint16_t)random_value(cpu)
							  : random_one_in(cpu, 4) ? 0
										  : MSIX_ENABLE);
	else if (device->msi)
		mmio_write16(device->msi + MSI_CONTROL, random_one_in(cpu, 4)
								? (uint16_t)random_value(cpu)
								: (uint16_t)random_below(cpu, 2));
}

/* The message of MSI, half of it, its masks. */
static void msi_message_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);
	struct message message;

	if (!device || !device->msi)
		return;
	message = random_message(cpu, (unsigned int)(device - devices), 0);
	switch (random_below(cpu, 4)) {
	case 0:
		memory_poke(cpu, device->msi + 4 + 4 * random_below(cpu, 5), 4, true,
			    random_value(cpu));
		break;
	case 1:
		mmio_write32(device->msi + 12, message.data);
		break;
	default:
		mmio_write32(device->msi + 4, (uint32_t)message.address);
		mmio_write32(device->msi + 8, (uint32_t)(message.address >> 32));
		mmio_write32(device->msi + 12, message.data);
	}
}

/* Where the table (@register_value: of the capability) or the pending bits of @device are. */
static uint64_t msix_place(const struct device *device, uint32_t register_value)
{
	return device->bars[register_value & 7].base + (register_value & ~7u);
}

/* Entries of the table, of which most exist. The first ones are those that devices use. */
static void msix_table_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);
	struct message message;
	unsigned int vector;
	uint64_t entry;

	if (!device || !device->msix)
		return;
	vector = (unsigned int)random_below(cpu, random_one_in(cpu, 4) ? device->vectors + 2 : 4);
	message = random_message(cpu, (unsigned int)(device - devices), vector);
	entry = msix_place(device, device->table) + MSIX_ENTRY_SIZE * vector;
	switch (random_below(cpu, 8)) {
	case 0: /* the whole of an entry: masked, and not any more */
		memory_poke(cpu, entry + 12, 4, true, 1);
		memory_poke(cpu, entry, 4, true, message.address);
		memory_poke(cpu, entry + 4, 4, true, message.address >> 32);
		memory_poke(cpu, entry + 8, 4, true, message.data);
		memory_poke(cpu, entry + 12, 4, true, 0);
		break;
	case 1:
		memory_poke(cpu, entry + 12, 4, true, random_below(cpu, 2));
		break;
	case 2:
		memory_poke(cpu, entry + 8, 4, true, message.data);
		break;
	case 3:
		memory_poke(cpu, entry + random_below(cpu, 16), random_size(cpu), true,
			    random_value(cpu) | DATA_WILD);
		break;
	default:
		memory_poke(cpu, entry + random_below(cpu, 16), random_size(cpu), false, 0);
	}
}

static void msix_pending_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);

	if (device && device->msix)
		memory_poke(cpu, msix_place(device, device->pba) + random_below(cpu, 24),
			    random_size(cpu), random_one_in(cpu, 4), random_value(cpu));
}

/*
 * Nobody makes the devices let go of their lines, so that one may interrupt as often as it can, and
 * a CPU get no further: turn them off now and then, INTx and DMA (which messages are).
 */
static void interrupt_count(unsigned int vector)
{
	(void)vector;
	if (__atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED) % STORM != STORM - 1)
		return;
	for (unsigned int i = 0; i < device_count; i++)
		mmio_write16(devices[i].config + PCI_COMMAND, COMMAND_QUIET);
}

/* ---- power, resets, the rest of the address space ---- */

static void sleep_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);

	if (!device || !device->pm)
		return;
	mmio_write16(device->pm + PM_CONTROL, (uint16_t)random_value(cpu) | 3);
	for (unsigned int i = 0; i < 4; i++)
		register_run(cpu);
	config_wild_run(cpu);
	mmio_write16(device->pm + PM_CONTROL, 0);
}

static void reset_run(struct hostile_cpu *cpu)
{
	struct device *device = random_device(cpu);

	if (!device || !device->express)
		return;
	mmio_write16(device->express + PCIE_CONTROL, PCIE_RESET);
	for (unsigned int i = 0; i < BARS; i++)
		device->bars[i].base = device->bars[i].first;
	mmio_write16(device->config + PCI_COMMAND, COMMAND_ALL);
}

static void unassigned_run(struct hostile_cpu *cpu)
{
	memory_poke(cpu, random_address(cpu), random_size(cpu), random_one_in(cpu, 2),
		    random_value(cpu));
}

/* ---- all of them ---- */

static const struct hostile_kind always_kinds[] = {
	{ "config-read", 1500, config_read_run }, { "config-write", 1000, config_write_run },
	{ "config-any", 500, config_any_run },	  { "config-wild", 20, config_wild_run },
	{ "unassigned", 700, unassigned_run },	  { NULL, 0, NULL },
};

/* With a device. What takes the host long is rare: it sets up interrupts or resets the device. */
static const struct hostile_kind device_kinds[] = {
	{ "bar-move", 15, bar_move_run },
	{ "decode", 15, decode_run },
	{ "register", 3000, register_run },
	{ "edu-dma", 40, edu_dma_run },
	{ "interrupts-switch", 15, interrupts_switch_run },
	{ "msi-message", 20, msi_message_run },
	{ "msix-table", 1000, msix_table_run },
	{ "msix-pending", 200, msix_pending_run },
	{ "sleep", 2, sleep_run },
	{ "reset", 1, reset_run },
	{ NULL, 0, NULL },
};

static void kinds_add(const struct hostile_kind *kind)
{
	for (; kind->name; kind++) {
		payload_check(kind_count < KINDS_MAX);
		kinds[kind_count++] = *kind;
		weight_sum += kind->weight;
	}
}

static void operation_run(struct hostile_cpu *cpu)
{
	uint64_t choice = random_below(cpu, weight_sum);
	unsigned int i = 0;

	while (choice >= kinds[i].weight)
		choice -= kinds[i++].weight;
	cpu->counts[i]++;
	if (random_one_in(cpu, 2)) {
		kinds[i].run(cpu);
		interrupts_take();
	} else {
		interrupts_on();
		kinds[i].run(cpu);
		interrupts_off();
	}
	if (random_one_in(cpu, ends))
		arch_end(cpu);
	cpu->done++;
}

/* ---- the serial port ---- */

static bool serial_busy;

void serial_lock(void)
{
	for (unsigned int i = 0; i < SERIAL_TURNS; i++)
		if (!__atomic_exchange_n(&serial_busy, true, __ATOMIC_ACQUIRE))
			return;
}

void serial_unlock(void)
{
	__atomic_store_n(&serial_busy, false, __ATOMIC_RELEASE);
}

/* On a line of its own, whatever was written before it. */
static void say(const char *what, uint64_t number)
{
	serial_lock();
	arch_serial_restore();
	print("\nhostile: %s %lu\n", what, number);
	serial_unlock();
}

static void host_wait(const char *what)
{
	serial_lock();
	arch_serial_restore();
	while (serial_get() >= 0)
		;
	print("\nhostile: %s\n", what);
	while (payload_option("wait") && serial_get() < 0)
		;
	serial_unlock();
}

/* ---- the start and the end ---- */

/* The size from what the register keeps of ones; the device must not decode. */
static void bar_find(struct device *device, unsigned int index)
{
	struct bar *bar = &device->bars[index];
	uint32_t low;

	bar->at = device->config + (index == BARS - 1 ? BAR_ROM : BAR_FIRST + 4 * index);
	low = mmio_read32(bar->at);
	bar->is_ports = index < BARS - 1 && low & BAR_PORTS;
	bar->is_64 = index < BARS - 1 && !bar->is_ports && low & BAR_IS_64;
	bar->first = low & (bar->is_ports ? ~3u : ~15u);
	mmio_write32(bar->at, ~0x7ffu | (index < BARS - 1 ? 0x7ff : 0));
	bar->size = -(uint64_t)(mmio_read32(bar->at) & (bar->is_ports ? ~3u : ~15u)) & UINT32_MAX;
	mmio_write32(bar->at, low);
	if (bar->is_64)
		bar->first |= (uint64_t)mmio_read32(bar->at + 4) << 32;
	bar->base = bar->first;
	if (bar->is_64 && bar->size)
		memory_map(bar->first, bar->size);
}

static uint64_t capability_find(const struct device *device, uint8_t id)
{
	unsigned int at = mmio_read8(device->config + PCI_CAPABILITIES);

	while (at && mmio_read8(device->config + at) != id)
		at = mmio_read8(device->config + at + 1);
	return at ? device->config + at : 0;
}

static void device_find(struct device *device, uint64_t config)
{
	device->config = config;
	device->id = mmio_read32(config);
	for (unsigned int i = 0; i < BARS; i++) {
		bar_find(device, i);
		i += device->bars[i].is_64;
	}
	device->pm = capability_find(device, CAPABILITY_PM);
	device->msi = capability_find(device, PCI_CAPABILITY_MSI);
	device->msix = capability_find(device, CAPABILITY_MSIX);
	device->express = capability_find(device, CAPABILITY_PCIE);
	if (device->msix) {
		device->vectors = (mmio_read16(device->msix + MSIX_CONTROL) & 0x7ff) + 1;
		device->table = mmio_read32(device->msix + MSIX_TABLE);
		device->pba = mmio_read32(device->msix + MSIX_PBA);
	}
	arch_device_init(pci_requester(config));
}

/* As before the first operation: what the host holds for the device is comparable. */
static void device_rest(const struct device *device)
{
	if (device->pm)
		mmio_write16(device->pm + PM_CONTROL, 0);
	if (device->msix)
		mmio_write16(device->msix + MSIX_CONTROL, 0);
	if (device->msi)
		mmio_write16(device->msi + MSI_CONTROL, 0);
	mmio_write16(device->config + PCI_COMMAND, 0);
	for (unsigned int i = 0; i < BARS; i++) {
		const struct bar *bar = &device->bars[i];

		if (!bar->size)
			continue;
		mmio_write32(bar->at, (uint32_t)bar->first);
		if (bar->is_64)
			mmio_write32(bar->at + 4, (uint32_t)(bar->first >> 32));
	}
	mmio_write16(device->config + PCI_COMMAND, COMMAND_ALL);
}

static void devices_rest(void)
{
	for (unsigned int i = 0; i < device_count; i++)
		device_rest(&devices[i]);
}

static void devices_find(void)
{
	const unsigned int first = PCI_FUNCTIONS, end = PCI_SLOTS * PCI_FUNCTIONS;

	for (unsigned int devfn = first; devfn < end && device_count < DEVICES; devfn++) {
		uint64_t config = pci_config(devfn / PCI_FUNCTIONS, devfn % PCI_FUNCTIONS);

		if (mmio_read32(config) != UINT32_MAX)
			device_find(&devices[device_count++], config);
	}
}

static uint64_t done_sum(void)
{
	return cpus[0].done + cpus[1].done;
}

static void cpu_run(struct hostile_cpu *cpu);

/* What CPU 1 does, also when it was turned off and starts anew. */
static void other_run(uint32_t id)
{
	(void)id;
	cpu_run(&cpus[1]);
}

static void progress(void)
{
	say("at", done_sum());
	if (cpu_count > 1 && cpus[1].done < share)
		arch_cpu_revive(other_id, other_run);
}

static void cpu_run(struct hostile_cpu *cpu)
{
	while (cpu->done < share) {
		operation_run(cpu);
		if (cpu == &cpus[0] && cpu->done % PROGRESS == 0)
			progress();
	}
}

/* One CPU may be quicker by far: wait for as long as the other one gets anywhere. */
static void other_wait(void)
{
	uint64_t last = 0, start = ticks_now(), spoken = start;

	while (cpus[1].done < share) {
		uint64_t now = ticks_now();

		interrupts_take();
		if (cpus[1].done != last) {
			last = cpus[1].done;
			start = now;
		}
		if (now - spoken > arch_patience() / 16) {
			progress();
			spoken = now;
		}
		if (now - start > arch_patience())
			payload_fail("CPU 1 stopped after %lu operations", last);
	}
}

static void counts_say(void)
{
	for (unsigned int i = 0; i < kind_count; i++)
		say(kinds[i].name, cpus[0].counts[i] + cpus[1].counts[i]);
	say("interrupts", interrupts);
	say("done", done_sum());
}

void payload_main(void)
{
	uint64_t seed = payload_number("seed", 1);
	uint32_t ids[CPUS_MAX];

	cpu_count = cpu_ids(ids);
	if (cpu_count > CPUS)
		cpu_count = CPUS;
	ends = payload_number("ends", 2000000);
	share = (payload_number("operations", 10000) + cpu_count - 1) / cpu_count;
	for (unsigned int i = 0; i < CPUS; i++)
		cpus[i].random = seed * CPUS + i;
	interrupt_handler_set(arch_vector_other, interrupt_count);
	for (unsigned int vector = 32; vector < 256; vector++)
		interrupt_handler_set(vector, interrupt_count);
	arch_init(&cpus[0]);
	devices_find();
	kinds_add(always_kinds);
	kinds_add(arch_kinds);
	if (device_count)
		kinds_add(device_kinds);
	devices_rest();
	print("hostile: seed %lu, %u CPUs, %u devices\n", seed, cpu_count, device_count);
	host_wait("ready");
	other_id = ids[1];
	if (cpu_count > 1 && !cpu_start(other_id, other_run))
		payload_fail("CPU %u does not start", other_id);
	cpu_run(&cpus[0]);
	if (cpu_count > 1)
		other_wait();
	devices_rest();
	counts_say();
	host_wait("rest");
}
