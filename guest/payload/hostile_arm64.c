/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile guest on arm64: the GIC (sections of Arm IHI 0069H), the board's chips, PSCI. An
 * exception for an access that a device or KVM refuses is no end: start_arm64.S goes on behind it.
 */
#include "guest/payload/hostile.h"

#include "guest/layout.h"
#include "guest/payload/gic_arm64.h"
#include "guest/payload/payload.h"
#include "kvm/arm64.h"

#define MAPPED_END 0x10000000000ULL /* start_arm64.S maps 1 TiB */
#define VECTORS	   16		    /* that a device's messages have */
#define VECTOR	   64
#define CPUS	   2

const bool arch_unaligned = false;
const unsigned int arch_vector_other = 0;

static uint32_t requesters[4];
static unsigned int requester_count;
static uint64_t translater; /* where devices write their messages */

/*
 * Where messages are posted: leave the ITS as it is, and messages on; and no two vectors have the
 * same message. Linux before 6.16 looks up in the guest's tables which posted interrupt ends
 * (kvm_vgic_v4_unset_forwarding()), so that a guest that takes its mapping back before, or has two
 * vectors for it, leads to warnings of the host.
 */
bool arch_messages_distinct;

uint64_t arch_patience(void)
{
	return 30 * ticks_per_second();
}

void arch_init(struct hostile_cpu *cpu)
{
	(void)cpu;
	arch_messages_distinct = payload_option("keep-messages");
	exceptions_skip = true;
}

/* While the ITS still does what it is told. */
void arch_device_init(uint32_t requester)
{
	unsigned int first = VECTOR + requester_count * VECTORS;

	for (unsigned int i = 0; i < VECTORS; i++)
		translater = message_for(requester, first + i).address;
	requesters[requester_count++] = requester;
}

void arch_cpu_revive(uint32_t id, void (*function)(uint32_t id))
{
	cpu_start(id, function); /* which PSCI refuses for one that is on */
}

struct message random_message(struct hostile_cpu *cpu, unsigned int device, unsigned int vector)
{
	struct message message = { .address = translater, .data = VECTOR + device * VECTORS };

	/* Not all vectors of a large table have an interrupt then. */
	message.data += arch_messages_distinct ? vector : (uint32_t)random_below(cpu, VECTORS);
	if (random_one_in(cpu, 16))
		message.data = (uint32_t)(random_value(cpu) | DATA_WILD);
	if (random_one_in(cpu, 16))
		message.address = random_address(cpu);
	return message;
}

static bool overlaps(uint64_t address, uint64_t base, uint64_t size)
{
	return address + 8 > base && address < base + size;
}

bool arch_dma_harms(uint64_t address, uint64_t size)
{
	(void)address;
	(void)size;
	return false;
}

bool arch_reachable(uint64_t address)
{
	uint64_t messages = ARM64_GIC_REDISTRIBUTOR;

	if (arch_messages_distinct && overlaps(address, ARM64_GIC_ITS, ARM64_GIC_ITS_SIZE))
		return false;
	/* GICR_CTLR of each CPU is in the first of two frames. */
	for (unsigned int i = 0; i < CPUS && arch_messages_distinct; i++)
		if (overlaps(address, messages + i * ARM64_GIC_REDISTRIBUTOR_SIZE, 0x10000))
			return false;
	return address < MAPPED_END && !overlaps(address, LAYOUT_SERIAL, LAYOUT_DEVICE_SIZE);
}

uint64_t arch_address(struct hostile_cpu *cpu)
{
	static const uint64_t places[] = {
		LAYOUT_RTC,
		LAYOUT_PORTS,
		LAYOUT_DOORBELL,
		ARM64_GIC_ITS,
		ARM64_GIC_DISTRIBUTOR,
		ARM64_GIC_REDISTRIBUTOR,
		LAYOUT_ABOVE_RAM,
		0x08000000,
		ARM64_GIC_ITS_DOORBELL,
	};

	return places[random_below(cpu, sizeof(places) / sizeof(places[0]))];
}

void arch_serial_restore(void)
{
	mmio_write8(LAYOUT_SERIAL + 3, 0x03); /* eight bits, and not the divisor's latch */
	mmio_write8(LAYOUT_SERIAL + 1, 0);    /* no interrupts */
	mmio_write8(LAYOUT_SERIAL + 4, 0);    /* no loop */
	mmio_write8(LAYOUT_SERIAL + 2, 0);    /* no FIFO */
}

/* ---- chips ---- */

static void serial_run(struct hostile_cpu *cpu)
{
	uint64_t address = LAYOUT_SERIAL + random_below(cpu, 10);
	uint64_t value = random_value(cpu);

	serial_lock();
	switch (random_below(cpu, 4)) {
	case 0:
		mmio_read8(address);
		break;
	case 1:
		mmio_read16(address & ~1ULL);
		break;
	case 2:
		mmio_write32(address & ~3ULL, (uint32_t)value);
		break;
	default:
		mmio_write8(address, (uint8_t)value);
	}
	serial_unlock();
}

static void rtc_run(struct hostile_cpu *cpu)
{
	memory_poke(cpu, LAYOUT_RTC + random_below(cpu, LAYOUT_DEVICE_SIZE),
		    1u << random_below(cpu, 4), random_below(cpu, 2), random_value(cpu));
}

/* PCI's I/O ports, BARs or nothing. */
static void port_run(struct hostile_cpu *cpu)
{
	uint64_t port = random_one_in(cpu, 2) ? LAYOUT_PORT_PCI + random_below(cpu, 128)
					      : random_below(cpu, LAYOUT_PORTS_SIZE);

	memory_poke(cpu, LAYOUT_PORTS + port, 1u << random_below(cpu, 3), random_below(cpu, 2),
		    port_write_tame(random_value(cpu)));
}

/* ---- the GIC: 12.9, 12.11, 12.19 ---- */

#define GICD_ON 0x12 /* affinity routing, group 1 */

static const struct {
	uint64_t first, last; /* registers of the same kind */
} gic_registers[] = {
	{ 0x0000, 0x0010 }, /* GICD_CTLR, TYPER, IIDR */
	{ 0x0080, 0x00fc }, /* IGROUPR */
	{ 0x0100, 0x01fc }, /* ISENABLER, ICENABLER */
	{ 0x0200, 0x03fc }, /* pending, active */
	{ 0x0400, 0x07f8 }, /* IPRIORITYR */
	{ 0x0c00, 0x0cfc }, /* ICFGR */
	{ 0x6000, 0x7fd8 }, /* IROUTER */
	{ 0xffd0, 0xfffc }, /* identification */
};

static uint64_t gic_register(struct hostile_cpu *cpu)
{
	unsigned int i =
		(unsigned int)random_below(cpu, sizeof(gic_registers) / sizeof(gic_registers[0]));

	return gic_registers[i].first +
	       random_below(cpu, gic_registers[i].last - gic_registers[i].first + 4);
}

static void distributor_run(struct hostile_cpu *cpu)
{
	memory_poke(cpu, ARM64_GIC_DISTRIBUTOR + gic_register(cpu), 1u << random_below(cpu, 4),
		    random_below(cpu, 2), random_value(cpu));
	if (random_one_in(cpu, 4))
		mmio_write32(ARM64_GIC_DISTRIBUTOR, GICD_ON);
}

/* Two frames for each CPU; the last of the two has the registers of its own interrupts. */
static void redistributor_run(struct hostile_cpu *cpu)
{
	uint64_t frame =
		ARM64_GIC_REDISTRIBUTOR + random_below(cpu, CPUS) * ARM64_GIC_REDISTRIBUTOR_SIZE;
	uint64_t offset =
		random_one_in(cpu, 2) ? 0x10000 + gic_register(cpu) : random_below(cpu, 0x100);

	memory_poke(cpu, frame + offset, 1u << random_below(cpu, 4), random_below(cpu, 2),
		    random_value(cpu));
	if (random_one_in(cpu, 4))
		mmio_write32(ARM64_GIC_REDISTRIBUTOR, 1 /* messages on */);
}

static void its_run(struct hostile_cpu *cpu)
{
	uint64_t offset = random_one_in(cpu, 8)	  ? random_below(cpu, ARM64_GIC_ITS_SIZE)
			  : random_one_in(cpu, 8) ? 0x10040 /* GITS_TRANSLATER */
						  : random_below(cpu, 0x140);

	memory_poke(cpu, ARM64_GIC_ITS + offset, 1u << random_below(cpu, 4), random_below(cpu, 2),
		    random_value(cpu));
}

/* 5.3: commands, of a queue of their own. Most name what exists. */
#define COMMANDS 16

static void command_fill(struct hostile_cpu *cpu, volatile uint64_t *command)
{
	/* MOVI, INT, CLEAR, SYNC, MAPD, MAPC, MAPTI, MAPI, INV, INVALL, MOVALL, DISCARD */
	static const uint8_t numbers[] = { 0x1, 0x3, 0x4, 0x5, 0x8, 0x9, 0xa,
					   0xa, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf };
	uint64_t number = numbers[random_below(cpu, sizeof(numbers))];
	uint64_t device = requester_count && !random_one_in(cpu, 8)
				  ? requesters[random_below(cpu, requester_count)]
				  : random_next(cpu) >> 48;
	uint64_t vector = VECTOR + random_below(cpu, 4 * VECTORS);

	command[0] = number | device << 32;
	/* An event and its interrupt; where it counts, the size of the table. */
	command[1] = number == 0x8 ? 7 : vector | (GIC_LPI + vector) << 32;
	command[2] = random_below(cpu, 3);
	if (number == 0x8 || number == 0x9) /* a table, or a CPU: valid or not */
		command[2] = (random_one_in(cpu, 4) ? 0 : 1ULL << 63) |
			     (number == 0x8 ? LAYOUT_RAM + 0x1000000 : 0) |
			     (random_below(cpu, CPUS) << 16);
	if (random_one_in(cpu, 16))
		command[random_below(cpu, 4)] = random_next(cpu);
}

static void commands_run(struct hostile_cpu *cpu)
{
	static volatile uint64_t queue[2][512] __attribute__((aligned(65536)));
	volatile uint64_t *own = queue[random_below(cpu, 2)];
	uint64_t count = 1 + random_below(cpu, COMMANDS);

	if (arch_messages_distinct)
		return;
	for (uint64_t i = 0; i < count; i++)
		command_fill(cpu, own + 4 * i);
	memory_barrier();
	mmio_write32(ARM64_GIC_ITS, 0);
	mmio_write64(ARM64_GIC_ITS + 0x80, 1ULL << 63 | (uint64_t)own);
	mmio_write64(ARM64_GIC_ITS + 0x88, 0);
	mmio_write32(ARM64_GIC_ITS, 1);
	mmio_write64(ARM64_GIC_ITS + 0x88, 32 * count);
}

/* ---- PSCI and its neighbours: DEN 0022, 5.1; DEN 0028 ---- */

#define CPU_OFF	     0x84000002
#define SYSTEM_OFF   0x84000008
#define SYSTEM_RESET 0x84000009

static void call(uint64_t function, uint64_t first, uint64_t second, uint64_t third)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = first;
	register uint64_t x2 __asm__("x2") = second;
	register uint64_t x3 __asm__("x3") = third;

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
}

static void call_run(struct hostile_cpu *cpu)
{
	/* Versions and features, on and off, migration, suspend, random numbers, stolen time. */
	static const uint32_t functions[] = {
		0x84000000, 0x8400000a, 0xc4000003, 0xc4000004, 0x84000006, 0xc4000005,
		0xc400000e, 0xc4000012, 0x80000000, 0x80000001, 0x84000050, 0xc4000053,
		0x86000000, 0xc5000020, 0xc5000021, 0x8600ff01,
	};
	uint64_t function = functions[random_below(cpu, sizeof(functions) / sizeof(functions[0]))];

	/* A CPU that is on stays on, and one that is not there cannot start. RESET2 is an end. */
	if (function == 0xc4000012)
		function = random_next(cpu) | 0x80;
	call(function, random_value(cpu), random_value(cpu), random_value(cpu));
}

const struct hostile_kind arch_kinds[] = {
	{ "serial", 150, serial_run },
	{ "rtc", 150, rtc_run },
	{ "port", 300, port_run },
	{ "distributor", 150, distributor_run },
	{ "redistributor", 100, redistributor_run },
	{ "its", 100, its_run },
	{ "its-commands", 10, commands_run },
	{ "call", 100, call_run },
	{ NULL, 0, NULL },
};

void arch_end(struct hostile_cpu *cpu)
{
	switch (random_below(cpu, 3)) {
	case 0:
		call(SYSTEM_OFF, 0, 0, 0);
		break;
	case 1:
		call(SYSTEM_RESET, 0, 0, 0);
		break;
	default:
		if (cpu_affinity()) /* CPU 0 has the serial port, and starts the other one again */
			call(CPU_OFF, 0, 0, 0);
	}
}
