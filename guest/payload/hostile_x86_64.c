/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest on x86-64: I/O ports, PC's chips, and what ends the VM. */
#include "guest/payload/hostile.h"

#include "guest/layout.h"
#include "guest/payload/payload.h"

#define GIB	    0x40000000ULL
#define FAR_GIBS    4 /* that are mapped above 4 GiB beside those of BARs */
#define STRING_SIZE 64

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

/* Ports of VGA, up to that of its last register; indices of registers, with their values behind. */
#define VGA_PORTS	    0x3b0
#define VGA_PORTS_SIZE	    0x34
#define VGA_INDEX_SEQUENCER 0x3c4
#define VGA_INDEX_GRAPHICS  0x3ce
#define VGA_INDEX_CRTC	    0x3d4

/* Of the MSI-X capability's enable, at any offset. */
#define MSIX_ENABLE_BITS 0x80808080u

/* The 82093AA's table, and the local APIC's messages: Intel SDM volume 3, 11.11.1 and 11.11.2. */
#define IOAPIC_DATA	0x10
#define IOAPIC_TABLE	0x10 /* the index of its first entry */
#define MESSAGE_ADDRESS 0xfee00000
#define MESSAGE_SIZE	0x100000
#define MODE_SHIFT	8
#define MODE_MASK	0x700u

/* What sets SLP_EN, and one bit of the value that resets: devices/power.h. */
#define POWER_BITS 0x22

/* Where a CPU goes for a system management interrupt, and how it comes back (31.2, 31.3). */
#define SMI_ENTRY 0x38000

#define TRAMPOLINE_PAGE 8 /* of cpu_start() */

extern uint64_t page_map_level_3[512];

const bool arch_unaligned = true;
const unsigned int arch_vector_other = 2;
bool arch_messages_distinct;

uint64_t arch_patience(void)
{
	return 60000000000; /* of the TSC: from 15 to 60 s */
}

void arch_init(struct hostile_cpu *cpu)
{
	static const uint8_t rsm[] = { 0x0f, 0xaa };
	unsigned int bits = cpuid_read(0x80000008, 0).eax & 0xff;
	uint64_t gibs = 1ULL << ((bits < 39 ? bits : 39) - 30);

	/* Messages with any data are also system management interrupts. */
	memcpy((void *)mmio_address(SMI_ENTRY), rsm, sizeof(rsm));
	for (unsigned int i = 0; i < FAR_GIBS; i++)
		memory_map((4 + random_below(cpu, gibs - 4)) * GIB, GIB);
}

void arch_device_init(uint32_t requester)
{
	(void)requester;
}

/* A CPU that was sent INIT waits for this; another one does not heed it. */
void arch_cpu_revive(uint32_t id, void (*function)(uint32_t id))
{
	(void)function;
	apic_command_send(id, ICR_STARTUP(TRAMPOLINE_PAGE));
}

/*
 * Vector and mode of an interrupt: any but INIT (5), after which CPU 0 is not the same any more,
 * and SMI (2), which two CPUs that have their memory for it at the same place do not survive.
 */
static uint32_t random_interrupt(struct hostile_cpu *cpu)
{
	static const uint8_t modes[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3, 4, 6, 7 };
	uint32_t mode = modes[random_below(cpu, sizeof(modes))];
	uint32_t rest = random_one_in(cpu, 8) ? (uint32_t)random_next(cpu) & 0xfffff800 : 0;

	/* Not those below 32, which are exceptions, nor 255, whose handler acknowledges nothing. */
	return rest | mode << MODE_SHIFT | (uint32_t)(32 + random_below(cpu, 223));
}

struct message random_message(struct hostile_cpu *cpu, unsigned int device, unsigned int vector)
{
	uint64_t address = MESSAGE_ADDRESS | random_below(cpu, 3) << 12;

	(void)device;
	(void)vector;
	if (random_one_in(cpu, 16))
		address = MESSAGE_ADDRESS | (random_next(cpu) & 0xffffc);
	if (random_one_in(cpu, 64))
		address = random_address(cpu);
	return (struct message){ address, random_interrupt(cpu) };
}

/*
 * What a device writes there is an interrupt message to the host. QEMU's VT-d lets those pass that
 * are not in the format for remapping, which hardware blocks (VT-d specification, 5.1.4): any
 * vector then, to any CPU of the host, INIT and exceptions included.
 */
bool arch_dma_harms(uint64_t address, uint64_t size)
{
	return address + size > MESSAGE_ADDRESS && address < MESSAGE_ADDRESS + MESSAGE_SIZE;
}

bool arch_reachable(uint64_t address)
{
	uint64_t last = address + 7;

	if (last < address || last >= 512 * GIB)
		return false;
	if (address + 8 > LAYOUT_IOAPIC && address < LAYOUT_IOAPIC + 4096)
		return false;
	return page_map_level_3[address / GIB] && page_map_level_3[last / GIB];
}

uint64_t arch_address(struct hostile_cpu *cpu)
{
	static const uint64_t places[] = {
		LAYOUT_DOORBELL, LAYOUT_LAPIC, 0xfffbc000, LAYOUT_ABOVE_4G,
		LAYOUT_ECAM,	 LAYOUT_ACPI,  0xa0000,	   0xfffff000,
	};

	return places[random_below(cpu, sizeof(places) / sizeof(places[0]))];
}

void arch_serial_restore(void)
{
	port_write8(LAYOUT_PORT_SERIAL + 3, 0x03); /* eight bits, and not the divisor's latch */
	port_write8(LAYOUT_PORT_SERIAL + 1, 0);	   /* no interrupts */
	port_write8(LAYOUT_PORT_SERIAL + 4, 0);	   /* no loop */
	port_write8(LAYOUT_PORT_SERIAL + 2, 0);	   /* no FIFO */
}

/* ---- ports ---- */

static uint16_t random_port(struct hostile_cpu *cpu)
{
	/* Two interrupt controllers that KVM has; some that PCs have; edges of what there is. */
	static const uint16_t ports[] = { 0x20,	 0x21,	0xa0,  0xa1,  0x4d0, 0x4d1,  0x61,   0x64,
					  0x80,	 0x92,	0xcf7, 0xcf9, 0xd00, 0x6f,   0x72,   0x3f7,
					  0x400, 0x5ff, 0x603, 0xfff, 0xffe, 0xfffc, 0xffff, 0x0 };

	switch (random_below(cpu, 8)) {
	case 0:
		return (uint16_t)random_next(cpu);
	case 1:
		return (uint16_t)(LAYOUT_PORT_RTC + random_below(cpu, 2));
	case 2:
		return (uint16_t)(LAYOUT_PORT_SERIAL + random_below(cpu, 8));
	case 3:
		return (uint16_t)(LAYOUT_PORT_POWER + random_below(cpu, 3));
	case 4:
		return ports[random_below(cpu, sizeof(ports) / sizeof(ports[0]))];
	default:
		/* Where BARs are placed first. */
		return (uint16_t)(LAYOUT_PORT_PCI + random_below(cpu, 128));
	}
}

static bool port_is_serial(uint16_t port)
{
	return port >= LAYOUT_PORT_SERIAL - 4 && port < LAYOUT_PORT_SERIAL + 8;
}

static bool port_is_power(uint16_t port)
{
	return port >= LAYOUT_PORT_POWER - 4 && port < LAYOUT_PORT_POWER + 4;
}

static void port_access(uint16_t port, unsigned int size, bool write, uint32_t value)
{
	switch (size) {
	case 1:
		write ? port_write8(port, (uint8_t)value) : (void)port_read8(port);
		break;
	case 2:
		write ? port_write16(port, (uint16_t)value) : (void)port_read16(port);
		break;
	default:
		write ? port_write32(port, value) : (void)port_read32(port);
	}
}

static void port_run(struct hostile_cpu *cpu)
{
	uint16_t port = random_port(cpu);
	unsigned int size = 1u << random_below(cpu, 3);
	uint32_t value = (uint32_t)random_value(cpu);
	bool write = random_below(cpu, 2);

	if (port_is_power(port))
		value &= ~(uint32_t)POWER_BITS;
	if (port >= LAYOUT_PORT_PCI)
		value = (uint32_t)port_write_tame(value);
	if (port_is_serial(port))
		serial_lock();
	port_access(port, size, write, value);
	if (port_is_serial(port))
		serial_unlock();
}

#define STRING(instruction, pointer, port, data, count) \
	__asm__ volatile("rep " instruction : pointer(data), "+c"(count) : "d"(port) : "memory")

/* INS and OUTS of @count bytes, words or double words. */
static void string_access(uint16_t port, unsigned int size, bool write, void *data, uint64_t count)
{
	if (write && size == 1)
		STRING("outsb", "+S", port, data, count);
	else if (write && size == 2)
		STRING("outsw", "+S", port, data, count);
	else if (write)
		STRING("outsl", "+S", port, data, count);
	else if (size == 1)
		STRING("insb", "+D", port, data, count);
	else if (size == 2)
		STRING("insw", "+D", port, data, count);
	else
		STRING("insl", "+D", port, data, count);
}

static void string_run(struct hostile_cpu *cpu)
{
	uint64_t data[STRING_SIZE / 8];
	uint16_t port = random_port(cpu);
	unsigned int size = 1u << random_below(cpu, 3);
	bool write = random_below(cpu, 2);

	for (unsigned int i = 0; i < STRING_SIZE / 8; i++) {
		data[i] = random_next(cpu);
		if (port_is_power(port))
			data[i] &= ~(0x0101010101010101 * POWER_BITS);
		if (port >= LAYOUT_PORT_PCI)
			data[i] = port_write_tame(data[i]);
	}
	if (port_is_serial(port))
		serial_lock();
	string_access(port, size, write, data, 1 + random_below(cpu, STRING_SIZE / size));
	if (port_is_serial(port))
		serial_unlock();
}

/*
 * The legacy ranges of VGA, and what is beside them: a card's with vga=on; else nobody's ports, and
 * RAM that nobody uses.
 */
static void vga_run(struct hostile_cpu *cpu)
{
	static const uint16_t ports[] = { VGA_PORTS, VGA_INDEX_SEQUENCER, VGA_INDEX_GRAPHICS,
					  VGA_INDEX_CRTC };
	uint64_t address = LAYOUT_VGA - 8 + random_below(cpu, LAYOUT_VGA_SIZE + 8);
	uint16_t port = ports[random_below(cpu, sizeof(ports) / sizeof(ports[0]))];
	uint64_t value = random_value(cpu), data[STRING_SIZE / 8];
	unsigned int size = 1u << random_below(cpu, 3);

	switch (random_below(cpu, 8)) {
	case 0:
		mmio_read64(address);
		break;
	case 1:
		mmio_write64(address, value);
		break;
	case 2:
		mmio_write32(address, (uint32_t)value);
		break;
	case 3:
		mmio_write8(address, (uint8_t)value);
		break;
	case 4:
		for (unsigned int i = 0; i < STRING_SIZE / 8; i++)
			data[i] = random_next(cpu);
		string_access(port, size, random_below(cpu, 2), data,
			      1 + random_below(cpu, STRING_SIZE / size));
		break;
	case 5:
		port_access((uint16_t)(VGA_PORTS - 4 + random_below(cpu, VGA_PORTS_SIZE + 4)), size,
			    random_below(cpu, 2), (uint32_t)value);
		break;
	default: /* a register by its index */
		port_access(port, 2, true, (uint32_t)(value << 8 | random_below(cpu, 32)));
	}
}

/* The other way to configuration space, with the CPUs in each other's way. */
static void config_port_run(struct hostile_cpu *cpu)
{
	uint32_t address = CONFIG_ENABLE | (uint32_t)random_below(cpu, 6) << 11 |
			   (uint32_t)random_below(cpu, 256);

	if (random_one_in(cpu, 16))
		address = (uint32_t)random_value(cpu);
	port_write32(CONFIG_ADDRESS, address);
	/*
	 * Few writes: this is where BARs move, and interrupts are switched. Wherever they go, they
	 * turn no MSI-X on (see E1000E_ID).
	 */
	port_access((uint16_t)(CONFIG_DATA + random_below(cpu, 4)), 1u << random_below(cpu, 3),
		    random_one_in(cpu, 64), (uint32_t)random_value(cpu) & ~MSIX_ENABLE_BITS);
}

/* ---- interrupt controllers ---- */

/* The other CPU may change the index in between: whatever it is, the data is one for an entry. */
static void ioapic_run(struct hostile_cpu *cpu)
{
	uint32_t index = random_one_in(cpu, 4) ? (uint32_t)random_next(cpu)
					       : IOAPIC_TABLE + (uint32_t)random_below(cpu, 48);

	mmio_write32(LAYOUT_IOAPIC, index);
	if (random_one_in(cpu, 2))
		mmio_write32(LAYOUT_IOAPIC + IOAPIC_DATA, random_interrupt(cpu));
	else
		mmio_read32(LAYOUT_IOAPIC + IOAPIC_DATA);
}

static void interrupt_send_run(struct hostile_cpu *cpu)
{
	uint32_t vector = (uint32_t)(32 + random_below(cpu, 223));

	apic_command_send((uint32_t)random_below(cpu, 4), vector);
}

const struct hostile_kind arch_kinds[] = {
	{ "port", 900, port_run },
	{ "port-string", 60, string_run },
	{ "vga", 200, vga_run },
	{ "config-port", 500, config_port_run },
	{ "ioapic", 40, ioapic_run },
	{ "interrupt-send", 200, interrupt_send_run },
	{ NULL, 0, NULL },
};

/* ---- the end ---- */

static void triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none;

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

void arch_end(struct hostile_cpu *cpu)
{
	switch (random_below(cpu, 4)) {
	case 0:
		port_write8(LAYOUT_PORT_POWER + LAYOUT_POWER_RESET, LAYOUT_POWER_RESET_VALUE);
		break;
	case 1:
		port_write8(LAYOUT_PORT_POWER + LAYOUT_POWER_SLEEP_CONTROL, 5 << 2 | 1 << 5);
		break;
	case 2:
		apic_command_send((uint32_t)random_below(cpu, 2), ICR_INIT);
		break;
	default:
		triple_fault();
	}
}
