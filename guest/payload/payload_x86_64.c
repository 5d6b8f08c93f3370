/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the runtime that knows x86-64 and posthorn's machine (guest/layout.h). */
#include "guest/payload/payload.h"

#include "guest/layout.h"
#include "guest/payload/pci.h"

/* SLP_TYP 5, which is what the DSDT's \_S5 says, and SLP_EN (ACPI 6.5, 4.8.3.7). */
#define SLEEP_S5 (5 << 2 | 1 << 5)

#define VECTORS		256
#define VECTOR_FIRST	32 /* the ones below are the CPU's exceptions */
#define VECTOR_SPURIOUS 255
#define CODE_64		0x10 /* selector, see start_x86_64.S */
#define GATE_INTERRUPT	0x8e /* present, interrupts stay off */
#define GIB		0x40000000UL
#define PATIENCE	20000000000ULL /* in ticks of the TSC: 4 s or more */

/* ---- defined in start_x86_64.S, or used there ---- */

struct pvh_start_info;
struct interrupt_frame {
	uint64_t registers[9];
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern uint8_t interrupt_entries[VECTORS][16];
extern uint8_t cpu_trampoline[], cpu_trampoline_end[];
extern uint64_t page_map_level_3[512];

extern const struct pvh_start_info *payload_start_info;
extern uint32_t cpu_start_stack;
void payload_start(void);
void cpu_main(void);
void interrupt_dispatch(const struct interrupt_frame *frame);

/* ---- the start info of PVH (Xen's xen/include/public/arch-x86/hvm/start_info.h) ---- */

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, memory_map;
	uint32_t memory_map_count, reserved;
};

struct pvh_memory {
	uint64_t base, size;
	uint32_t type, reserved;
};

/* Set before .bss would be cleared: nothing clears it, the VM's memory is zero at first. */
const struct pvh_start_info *payload_start_info;
const char *payload_cmdline = "";

bool memory_range_get(unsigned int index, struct memory_range *range)
{
	const struct pvh_memory *map = (const void *)payload_start_info->memory_map;

	if (index >= payload_start_info->memory_map_count)
		return false;
	*range = (struct memory_range){ map[index].base, map[index].size, map[index].type };
	return true;
}

/* ---- paging ---- */

void memory_map(uint64_t base, uint64_t size)
{
	static uint64_t directories[8][512] __attribute__((aligned(4096)));
	static unsigned int used;

	for (uint64_t gib = base / GIB; gib <= (base + size - 1) / GIB; gib++) {
		uint64_t *directory = directories[used];

		if (gib < 512 && page_map_level_3[gib])
			continue;
		if (gib >= 512 || used == sizeof(directories) / sizeof(directories[0]))
			payload_fail("no page tables left for 0x%lx", gib * GIB);
		/* Present, writable, and each entry a page of 2 MiB. */
		for (unsigned int i = 0; i < 512; i++)
			directory[i] = (gib * GIB + i * 0x200000ULL) | 0x83;
		page_map_level_3[gib] = (uint64_t)directory | 0x03;
		used++;
	}
}

void mmio_map(uint64_t base, uint64_t size)
{
	memory_map(base, size);
}

/* ---- the serial port: a 16550A (National Semiconductor PC16550D data sheet) ---- */

enum { UART_DATA = 0, UART_INTERRUPTS = 1, UART_FIFO = 2, UART_STATUS = 5 };
#define UART_STATUS_READY 0x01 /* something was received */
#define UART_STATUS_EMPTY 0x20 /* the transmitter takes a byte, with FIFO 16 */

bool serial_has_room(void)
{
	return port_read8(LAYOUT_PORT_SERIAL + UART_STATUS) & UART_STATUS_EMPTY;
}

void serial_put(uint8_t byte)
{
	port_write8(LAYOUT_PORT_SERIAL + UART_DATA, byte);
}

static bool serial_fifo;

void serial_write(const void *data, size_t size)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < size; i++) {
		while (i % (serial_fifo ? 16 : 1) == 0 && !serial_has_room())
			;
		serial_put(byte[i]);
	}
}

int serial_get(void)
{
	if (!(port_read8(LAYOUT_PORT_SERIAL + UART_STATUS) & UART_STATUS_READY))
		return -1;
	return port_read8(LAYOUT_PORT_SERIAL + UART_DATA);
}

void serial_fifo_enable(void)
{
	port_write8(LAYOUT_PORT_SERIAL + UART_FIFO, 1);
	serial_fifo = true;
}

/* An entry of the IOAPIC's table, without the vector: 82093AA, 3.2.4. Nothing set: edge, high. */
#define IOAPIC_ACTIVE_LOW (1 << 13)
#define IOAPIC_LEVEL	  (1 << 15)

/* To the CPU with APIC id 0. */
static void ioapic_route(unsigned int pin, uint32_t flags, unsigned int vector)
{
	mmio_write32(LAYOUT_IOAPIC, 0x11 + 2 * pin);
	mmio_write32(LAYOUT_IOAPIC + 0x10, 0);
	mmio_write32(LAYOUT_IOAPIC, 0x10 + 2 * pin);
	mmio_write32(LAYOUT_IOAPIC + 0x10, flags | vector);
}

void serial_interrupt_enable(unsigned int vector)
{
	ioapic_route(LAYOUT_GSI_SERIAL, 0, vector);
	port_write8(LAYOUT_PORT_SERIAL + UART_INTERRUPTS, 1 /* received data */);
}

/* ---- the local APIC (Intel SDM volume 3, chapter 11) ---- */

#define MSR_APIC_BASE	 0x1b
#define APIC_BASE_X2APIC 0xc00	   /* enabled, in x2APIC mode */
#define CPUID_1_X2APIC	 (1 << 21) /* in ecx */
#define MSR_X2APIC	 0x800 /* register n is MSR 0x800 + n, or else 16 n bytes from its page */
#define APIC_ID		 0x02
#define APIC_EOI	 0x0b
#define APIC_SVR	 0x0f
#define APIC_ICR	 0x30
#define APIC_ICR_HIGH	 0x31
#define APIC_LINT0	 0x35
#define APIC_LVT_TIMER	 0x32
#define APIC_TIMER_COUNT 0x38 /* from there down to 0; 0 stops it */
#define APIC_TIMER_SPEED 0x3e
#define APIC_MASKED	 0x10000
#define TIMER_UNDIVIDED	 0xb
#define SVR_ENABLE	 0x100
#define MSI_ADDRESS	 0xfee00000 /* a write is an interrupt of a CPU: 11.11.1 */
#define MSI_DESTINATION	 12	    /* by its APIC id, 8 bits from here up */

static bool x2apic;

static uint32_t apic_read(unsigned int number)
{
	if (x2apic)
		return (uint32_t)msr_read(MSR_X2APIC + number);
	return mmio_read32(LAYOUT_LAPIC + 16 * number);
}

static void apic_write(unsigned int number, uint32_t value)
{
	if (x2apic)
		msr_write(MSR_X2APIC + number, value);
	else
		mmio_write32(LAYOUT_LAPIC + 16 * number, value);
}

void apic_command_send(uint32_t id, uint32_t command)
{
	if (x2apic) {
		msr_write(MSR_X2APIC + APIC_ICR, (uint64_t)id << 32 | command);
		return;
	}
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR, command);
}

/*
 * "xapic" on the command line is for payloads that want its registers in memory. QEMU emulates no
 * x2APIC without KVM. There, too, a PC's old interrupt controller is on LINT0.
 */
static void apic_init(void)
{
	x2apic = cpuid_read(1, 0).ecx & CPUID_1_X2APIC && !payload_option("xapic");
	if (x2apic)
		msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	apic_write(APIC_LINT0, APIC_MASKED);
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

static uint32_t cpu_id(void)
{
	return apic_read(APIC_ID) >> (x2apic ? 0 : 24);
}

struct message message_for(uint32_t requester, unsigned int vector)
{
	(void)requester;
	return (struct message){ MSI_ADDRESS | (uint64_t)cpu_id() << MSI_DESTINATION, vector };
}

/* ---- interrupts ---- */

struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct descriptor_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static struct gate gates[VECTORS];
static void (*handlers[VECTORS])(unsigned int vector);

volatile uint64_t interrupt_ticks[VECTORS];

void interrupt_handler_set(unsigned int vector, void (*handler)(unsigned int vector))
{
	handlers[vector] = handler;
}

void interrupt_dispatch(const struct interrupt_frame *frame)
{
	if (frame->vector == VECTOR_SPURIOUS)
		return;
	if (!handlers[frame->vector])
		payload_fail("interrupt %lu (error 0x%lx) at rip 0x%lx", frame->vector,
			     frame->error, frame->rip);
	handlers[frame->vector]((unsigned int)frame->vector);
	if (frame->vector >= VECTOR_FIRST)
		apic_write(APIC_EOI, 0);
}

void interrupt_wait(void)
{
	/* sti takes effect after the next instruction: nothing can come between the two. */
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

static void gates_fill(void)
{
	for (unsigned int i = 0; i < VECTORS; i++) {
		uint64_t entry = (uint64_t)interrupt_entries[i];

		gates[i] = (struct gate){
			.offset_low = (uint16_t)entry,
			.offset_middle = (uint16_t)(entry >> 16),
			.selector = CODE_64,
			.type = GATE_INTERRUPT,
		};
	}
}

static void interrupts_init(void)
{
	const struct descriptor_register idt = { sizeof(gates) - 1, (uint64_t)gates };

	__asm__ volatile("lidt %0" : : "m"(idt));
	apic_init();
}

/* ---- power ---- */

/* Other machines than posthorn's: the reset control register of Intel's chipsets (ICH9, 13.7.5). */
#define PORT_RESET_CONTROL 0xcf9
#define RESET_CONTROL_ALL  0x06

void machine_power_off(void)
{
	port_write8(LAYOUT_PORT_POWER + LAYOUT_POWER_SLEEP_CONTROL, SLEEP_S5);
	port_write8(PORT_RESET_CONTROL, RESET_CONTROL_ALL);
	cpu_halt();
}

void machine_reset(void)
{
	port_write8(LAYOUT_PORT_POWER + LAYOUT_POWER_RESET, LAYOUT_POWER_RESET_VALUE);
	port_write8(PORT_RESET_CONTROL, RESET_CONTROL_ALL);
	cpu_halt();
}

void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ---- time ---- */

#define RTC_SECONDS 0x00

/* Wait until the clock's seconds change, and return the ticks then. */
static uint64_t second_wait(void)
{
	uint64_t start = ticks_now();
	uint8_t second;

	port_write8(LAYOUT_PORT_RTC, RTC_SECONDS);
	second = port_read8(LAYOUT_PORT_RTC + 1);
	while (port_read8(LAYOUT_PORT_RTC + 1) == second)
		if (ticks_now() - start > PATIENCE)
			payload_fail("there is no clock that the TSC can be compared with");
	return ticks_now();
}

uint64_t ticks_per_second(void)
{
	uint64_t start = second_wait();

	return second_wait() - start;
}

/* A count of nanoseconds where KVM or QEMU has the timer. */
#define TIMER_COUNT (1 << 28)

void timer_start(unsigned int vector)
{
	apic_write(APIC_LVT_TIMER, vector);
	apic_write(APIC_TIMER_SPEED, TIMER_UNDIVIDED);
	apic_write(APIC_TIMER_COUNT, TIMER_COUNT);
}

void timer_stop(void)
{
	apic_write(APIC_TIMER_COUNT, 0);
	apic_write(APIC_LVT_TIMER, APIC_MASKED);
}

/* ---- ACPI tables (ACPI 6.5, 5.2.5 to 5.2.8): RSDP, RSDT or XSDT, and what these list ---- */

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
};

#define RSDP_OEM      9
#define RSDP_REVISION 15
#define RSDP_RSDT     16
#define RSDP_XSDT     24 /* from revision 2 on */

/* An address of @size bytes. */
static const struct acpi_header *acpi_pointer(const void *at, size_t size)
{
	uint64_t address = 0;

	memcpy(&address, at, size);
	return (const struct acpi_header *)address;
}

static const struct acpi_header *acpi_table_find(const char *signature)
{
	const uint8_t *rsdp = (const uint8_t *)payload_start_info->rsdp, *entry, *end;
	size_t size = rsdp[RSDP_REVISION] < 2 ? 4 : 8;
	const struct acpi_header *list =
		acpi_pointer(rsdp + (size == 4 ? RSDP_RSDT : RSDP_XSDT), size);

	end = (const uint8_t *)list + list->length;
	for (entry = (const uint8_t *)(list + 1); entry < end; entry += size) {
		const struct acpi_header *table = acpi_pointer(entry, size);

		if (memcmp(table->signature, signature, sizeof(table->signature)) == 0)
			return table;
	}
	payload_fail("there is no ACPI table %s", signature);
}

/* ---- CPUs ---- */

#define TRAMPOLINE 0x8000 /* any page below 1 MiB */

uint32_t cpu_start_stack;
static void (*cpu_start_function)(uint32_t id);
static bool cpu_started[CPUS_MAX];

void cpu_main(void)
{
	uint32_t id;

	interrupts_init();
	id = cpu_id();
	__atomic_store_n(&cpu_started[id % CPUS_MAX], true, __ATOMIC_RELEASE);
	cpu_start_function(id);
	cpu_halt();
}

bool cpu_start(uint32_t id, void (*function)(uint32_t id))
{
	static uint8_t stacks[CPUS_MAX][4096] __attribute__((aligned(16)));
	uint64_t start = ticks_now();

	memcpy((void *)TRAMPOLINE, cpu_trampoline, (size_t)(cpu_trampoline_end - cpu_trampoline));
	cpu_start_stack = (uint32_t)(uint64_t)stacks[id] + sizeof(stacks[id]);
	cpu_start_function = function;
	apic_command_send(id, ICR_INIT);
	apic_command_send(id, ICR_STARTUP(TRAMPOLINE / 4096));
	while (!__atomic_load_n(&cpu_started[id], __ATOMIC_ACQUIRE))
		if (ticks_now() - start > PATIENCE)
			return false;
	return true;
}

unsigned int cpu_ids(uint32_t ids[CPUS_MAX])
{
	const struct acpi_header *madt = acpi_table_find("APIC");
	const uint8_t *entry = (const uint8_t *)(madt + 1) + 8, *end;
	unsigned int count = 0;

	end = (const uint8_t *)madt + madt->length;
	for (; entry < end && count < CPUS_MAX; entry += entry[1]) {
		payload_check(entry[1] >= 2);
		if (entry[0] == 0 /* local APIC */ && entry[4] & 1 /* enabled */)
			ids[count++] = entry[3];
	}
	return count;
}

/* ---- PCI ---- */

/* MCFG (PCI Firmware 3.3, 4.1.2): after 8 reserved bytes the first base address. */
struct pci_host pci_host_find(void)
{
	const uint8_t *mcfg = (const uint8_t *)(acpi_table_find("MCFG") + 1);
	struct pci_host host = { 0 };

	memcpy(&host.ecam, mcfg + 8, sizeof(host.ecam));
	return host;
}

/*
 * Elsewhere only ACPI's _PRT could say how the pins are wired, and that is a program. INTx is level
 * triggered, and active low (PCI Local Bus 3.0, 2.2.6).
 */
void pci_intx_route(unsigned int slot, unsigned int pin, unsigned int vector)
{
	const uint8_t *rsdp = (const uint8_t *)payload_start_info->rsdp;
	unsigned int gsi = LAYOUT_GSI_INTX + (slot + pin - 1) % LAYOUT_GSI_INTX_COUNT;

	if (memcmp(rsdp + RSDP_OEM, "PSTHRN", 6))
		payload_fail("how INTx is wired on this machine is not known: it is on posthorn's");
	ioapic_route(gsi, IOAPIC_ACTIVE_LOW | IOAPIC_LEVEL, vector);
}

/* ---- the start ---- */

void payload_start(void)
{
	payload_check(payload_start_info->magic == PVH_MAGIC);
	payload_cmdline = (const char *)payload_start_info->cmdline;
	gates_fill();
	interrupts_init();
	payload_main();
	payload_pass();
}
