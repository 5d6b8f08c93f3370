/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the runtime that knows arm64, and finds the machine in the device tree. */
#include "guest/payload/payload.h"

#include "guest/payload/fdt_arm64.h"
#include "guest/payload/gic_arm64.h"
#include "guest/payload/pci.h"

#define VECTORS 256
#define GIB	0x40000000UL

/* ---- defined in start_arm64.S, or used there ---- */

extern uint64_t page_map_level_1[2 * 512];
extern uint8_t cpu_entry[];

void payload_start(uint64_t tree);
void cpu_main(void);
_Noreturn void exception_fail(uint64_t number, uint64_t syndrome, uint64_t pc, uint64_t address);

/* ---- memory ---- */

#define BLOCK_NORMAL 0x705UL /* see start_arm64.S */

const char *payload_cmdline = "";

bool memory_range_get(unsigned int index, struct memory_range *range)
{
	struct tree_range ram = tree_reg(tree_find_type("memory", index), 0);

	*range = (struct memory_range){ ram.base, ram.size, MEMORY_TYPE_RAM };
	return ram.size;
}

/* A live entry has to be invalid before it becomes another one (DDI 0487, D8.14). */
static void block_set(uint64_t *entry, uint64_t value)
{
	*(volatile uint64_t *)entry = 0;
	__asm__ volatile("dsb ish; tlbi vmalle1is; dsb ish; isb" : : : "memory");
	*(volatile uint64_t *)entry = value;
	__asm__ volatile("dsb ish; isb" : : : "memory");
}

void memory_map(uint64_t base, uint64_t size)
{
	for (uint64_t gib = base / GIB; gib <= (base + size - 1) / GIB; gib++) {
		if (gib >= sizeof(page_map_level_1) / sizeof(page_map_level_1[0]))
			payload_fail("no page tables for 0x%lx", gib * GIB);
		if (page_map_level_1[gib] != (gib * GIB | BLOCK_NORMAL))
			block_set(&page_map_level_1[gib], gib * GIB | BLOCK_NORMAL);
	}
}

/* Whatever is not memory is mapped so from the start. */
void mmio_map(uint64_t base, uint64_t size)
{
	(void)base;
	(void)size;
}

/* ---- the serial port: a 16550A on posthorn, Arm's PL011 (DDI 0183) on QEMU ---- */

static const struct uart {
	const char *compatible;
	uint8_t data, status;	      /* registers */
	uint8_t ready_mask, ready;    /* of the status: something was received, when it is so */
	uint8_t room_mask, room;      /* the transmitter takes a byte; with FIFO, 16 */
	uint8_t fifo, fifo_on;	      /* a register, and what turns the FIFOs on */
	uint8_t interrupts, received; /* what turns the interrupt for received bytes on */
} uarts[] = {
	{ "ns16550a", 0, 5, 0x01, 0x01, 0x20, 0x20, 2, 0x01, 1, 0x01 },
	{ "arm,pl011", 0, 0x18, 0x10, 0, 0x80, 0x80, 0x2c, 0x70, 0x38, 0x10 },
};

static const struct uart *uart;
static uint64_t uart_base;
static bool uart_fifo;

static void serial_init(void)
{
	for (unsigned int i = 0; i < sizeof(uarts) / sizeof(uarts[0]) && !uart_base; i++) {
		uart = &uarts[i];
		uart_base = tree_reg(tree_find(uart->compatible), 0).base;
	}
	if (!uart_base) /* and nothing can be said about it */
		machine_power_off();
}

bool serial_has_room(void)
{
	return (mmio_read8(uart_base + uart->status) & uart->room_mask) == uart->room;
}

void serial_put(uint8_t byte)
{
	mmio_write8(uart_base + uart->data, byte);
}

void serial_write(const void *data, size_t size)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < size; i++) {
		while (i % (uart_fifo ? 16 : 1) == 0 && !serial_has_room())
			;
		serial_put(byte[i]);
	}
}

int serial_get(void)
{
	if ((mmio_read8(uart_base + uart->status) & uart->ready_mask) != uart->ready)
		return -1;
	return mmio_read8(uart_base + uart->data);
}

void serial_fifo_enable(void)
{
	mmio_write8(uart_base + uart->fifo, uart->fifo_on);
	uart_fifo = true;
}

/* What "interrupts" has for each: the kind, the number within the kind, and the trigger. */
#define INTERRUPT_CELLS 3
#define INTERRUPT_SPI	0

void serial_interrupt_enable(unsigned int vector)
{
	int node = tree_find(uart->compatible);

	payload_check(tree_cell(node, "interrupts", 0) == INTERRUPT_SPI);
	gic_spi_enable(GIC_SPI + tree_cell(node, "interrupts", 1), false, vector);
	mmio_write8(uart_base + uart->interrupts, uart->received);
}

/* ---- interrupts ---- */

static void (*handlers[VECTORS])(unsigned int vector);

void interrupt_handler_set(unsigned int vector, void (*handler)(unsigned int vector))
{
	handlers[vector] = handler;
}

void interrupt_handle(unsigned int vector)
{
	if (vector >= VECTORS || !handlers[vector])
		payload_fail("interrupt %u, which has no handler", vector);
	handlers[vector](vector);
}

/* wfi ends for an interrupt that is masked, too, and one that comes before it. */
void interrupt_wait(void)
{
	__asm__ volatile("dsb sy; wfi" : : : "memory");
	interrupts_take();
}

bool exceptions_skip;

void exception_fail(uint64_t number, uint64_t syndrome, uint64_t pc, uint64_t address)
{
	payload_fail("exception %lu (ESR 0x%lx, FAR 0x%lx) at 0x%lx", number, syndrome, address,
		     pc);
}

struct message message_for(uint32_t requester, unsigned int vector)
{
	return (struct message){ gic_message_enable(requester, vector), vector };
}

/* ---- time ---- */

volatile uint64_t interrupt_ticks;

uint64_t ticks_per_second(void)
{
	return sysreg_read(cntfrq_el0);
}

#define TIMER_VIRTUAL 2 /* which of the timers in "interrupts" */
#define TIMER_ENABLED 1

void timer_start(unsigned int vector)
{
	int node = tree_find("arm,armv8-timer");
	uint32_t ppi = tree_cell(node, "interrupts", TIMER_VIRTUAL * INTERRUPT_CELLS + 1);

	sysreg_write(cntv_cval_el0, ticks_now() + ticks_per_second() / 4);
	sysreg_write(cntv_ctl_el0, TIMER_ENABLED);
	gic_ppi_enable(GIC_PPI + ppi, vector);
}

void timer_stop(void)
{
	sysreg_write(cntv_ctl_el0, 0);
}

/* ---- power: PSCI (DEN 0022), 5.1 ---- */

#define PSCI_CPU_ON	  0xc4000003
#define PSCI_SYSTEM_OFF	  0x84000008
#define PSCI_SYSTEM_RESET 0x84000009

/* What the first version of SMCCC (DEN 0028) lets a call change. */
#define CALL_CLOBBERS                                                                        \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", \
		"x17", "memory"

static int64_t psci_call(uint64_t function, uint64_t first, uint64_t second, uint64_t third)
{
	/* 5.2.1: the conduit is a hypervisor call or a secure monitor call. */
	bool is_hvc = tree_string("/psci", "method")[0] == 'h';
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = first;
	register uint64_t x2 __asm__("x2") = second;
	register uint64_t x3 __asm__("x3") = third;

	if (is_hvc)
		__asm__ volatile("hvc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : CALL_CLOBBERS);
	else
		__asm__ volatile("smc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : CALL_CLOBBERS);
	return (int64_t)x0;
}

void machine_power_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	cpu_halt();
}

void machine_reset(void)
{
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	cpu_halt();
}

void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #2; wfi");
}

/* ---- CPUs: their ids are their places in the device tree ---- */

static uint32_t cpu_start_id;
static void (*cpu_start_function)(uint32_t id);
static bool cpu_started[CPUS_MAX];

/* A CPU's "reg" is its affinity, in one cell or in two. */
static uint64_t cpu_affinity_of(uint32_t id)
{
	int node = tree_find_type("cpu", id);
	uint64_t first = tree_cell(node, "reg", 0);

	return tree_cell_count(node, "reg") == 1 ? first : first << 32 | tree_cell(node, "reg", 1);
}

void cpu_main(void)
{
	uint32_t id = cpu_start_id;

	payload_check(cpu_affinity() == cpu_affinity_of(id));
	__atomic_store_n(&cpu_started[id], true, __ATOMIC_RELEASE);
	cpu_start_function(id);
	cpu_halt();
}

bool cpu_start(uint32_t id, void (*function)(uint32_t id))
{
	static uint8_t stacks[CPUS_MAX][4096] __attribute__((aligned(16)));
	uint64_t start = ticks_now(), limit = 4 * ticks_per_second();

	cpu_start_id = id;
	cpu_start_function = function;
	memory_barrier();
	if (psci_call(PSCI_CPU_ON, cpu_affinity_of(id), (uint64_t)cpu_entry,
		      (uint64_t)stacks[id + 1]))
		return false;
	while (!__atomic_load_n(&cpu_started[id], __ATOMIC_ACQUIRE))
		if (ticks_now() - start > limit)
			return false;
	return true;
}

unsigned int cpu_ids(uint32_t ids[CPUS_MAX])
{
	unsigned int count = 0;

	while (count < CPUS_MAX && tree_find_type("cpu", count) >= 0) {
		ids[count] = count;
		count++;
	}
	return count;
}

/* ---- PCI ---- */

/* A "range" is 7 cells: 3 for the address on the bus, the first of which tells the kind; 2; 2. */
#define RANGE_CELLS    7
#define RANGE_MEMORY32 0x02000000
#define RANGE_KIND     0x03000000

struct pci_host pci_host_find(void)
{
	int node = tree_find("pci-host-ecam-generic");
	struct pci_host host = { .ecam = tree_reg(node, 0).base };

	if (!host.ecam)
		payload_fail("this machine has no PCI");
	for (unsigned int i = 0; i < tree_cell_count(node, "ranges"); i += RANGE_CELLS)
		if ((tree_cell(node, "ranges", i) & RANGE_KIND) == RANGE_MEMORY32) {
			host.window_base = tree_cell(node, "ranges", i + 4);
			host.window_size = tree_cell(node, "ranges", i + 6);
		}
	return host;
}

/* An entry of "interrupt-map": a device's address (3 cells) and pin; a controller, its address...
 */
#define MAP_PIN	       3
#define MAP_CONTROLLER 5

void pci_intx_route(unsigned int slot, unsigned int pin, unsigned int vector)
{
	int node = tree_find("pci-host-ecam-generic");
	uint32_t slot_mask = tree_cell(node, "interrupt-map-mask", 0);
	uint32_t pin_mask = tree_cell(node, "interrupt-map-mask", MAP_PIN);
	uint32_t at = MAP_CONTROLLER + tree_cell(tree_find("arm,gic-v3"), "#address-cells", 0);
	uint32_t count = tree_cell_count(node, "interrupt-map");

	/* ...and what "interrupts" would have: at is where that begins. */
	for (uint32_t i = 0; i < count; i += at + INTERRUPT_CELLS) {
		if (tree_cell(node, "interrupt-map", i) != (slot << 11 & slot_mask) ||
		    tree_cell(node, "interrupt-map", i + MAP_PIN) != (pin & pin_mask))
			continue;
		payload_check(tree_cell(node, "interrupt-map", i + at) == INTERRUPT_SPI);
		gic_spi_enable(GIC_SPI + tree_cell(node, "interrupt-map", i + at + 1), true,
			       vector);
		return;
	}
	payload_fail("pin %u of PCI slot %u is wired to nothing", pin, slot);
}

/* ---- the start ---- */

void payload_start(uint64_t tree)
{
	tree_init(tree);
	payload_cmdline = tree_string("/chosen", "bootargs");
	serial_init();
	gic_init();
	payload_main();
	payload_pass();
}
