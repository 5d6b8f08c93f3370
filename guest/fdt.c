/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libfdt writes a tree from front to back, where the properties of a node come before its children
 * (Devicetree Specification 0.4, 5.4.2). struct tree keeps the first error, and every later step
 * does nothing: so what follows reads like the tree itself.
 */
#include "guest/fdt.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "kvm/arm64.h"
#include "lib/log.h"
#include "lib/util.h"

struct tree {
	void *fdt;
	size_t size; /* what there is for it, in bytes */
	const struct fdt_config *config;
	int error; /* the first one: a negative errno */
	char *why; /* it, in words: WHY_SIZE bytes */
};

/* ---- nodes and properties ---- */

/* Keep what a function of libfdt returned, if it is the first error. */
static void result_note(struct tree *tree, int fdt_error)
{
	if (!fdt_error || tree->error)
		return;
	if (fdt_error == -FDT_ERR_NOSPACE)
		tree->error = refuse(tree->why, -ENOSPC,
				     "device tree: there is no room for it in %zu bytes: shorten "
				     "the kernel's command line",
				     tree->size);
	else
		tree->error = refuse(tree->why, -EINVAL,
				     "device tree: libfdt: %s: this is a defect of posthorn",
				     fdt_strerror(fdt_error));
}

static void node_begin(struct tree *tree, const char *name)
{
	if (!tree->error)
		result_note(tree, fdt_begin_node(tree->fdt, name));
}

/* A node that is known by its address: the first that its "reg" has. */
static void node_begin_at(struct tree *tree, const char *name, uint64_t address)
{
	char full_name[64];

	snprintf(full_name, sizeof(full_name), "%s@%" PRIx64, name, address);
	node_begin(tree, full_name);
}

static void node_end(struct tree *tree)
{
	if (!tree->error)
		result_note(tree, fdt_end_node(tree->fdt));
}

/* A property of @size bytes, whose value the caller writes; NULL after an error. */
static uint8_t *property_reserve(struct tree *tree, const char *name, size_t size)
{
	void *value = NULL;

	if (!tree->error)
		result_note(tree, fdt_property_placeholder(tree->fdt, name, (int)size, &value));
	return tree->error ? NULL : value;
}

static void property_bytes(struct tree *tree, const char *name, const void *bytes, size_t size)
{
	uint8_t *value = property_reserve(tree, name, size);

	if (value && size)
		memcpy(value, bytes, size);
}

static void property_flag(struct tree *tree, const char *name)
{
	property_bytes(tree, name, NULL, 0);
}

/* One string, or several: "first\0second". Literals only. */
#define property_strings(tree, name, literal) property_bytes(tree, name, literal, sizeof(literal))

static void cells_store(uint8_t *value, const uint32_t *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fdt32_st(value + i * sizeof(*cells), cells[i]);
}

static void property_cells_put(struct tree *tree, const char *name, const uint32_t *cells,
			       size_t count)
{
	uint8_t *value = property_reserve(tree, name, count * sizeof(*cells));

	if (value)
		cells_store(value, cells, count);
}

/* A property made of 32-bit numbers. */
#define property_cells(tree, name, ...)                                   \
	property_cells_put(tree, name, (const uint32_t[]){ __VA_ARGS__ }, \
			   sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* A 64-bit number as two of them. */
#define CELLS64(value) (uint32_t)((uint64_t)(value) >> 32), (uint32_t)(value)

/* ---- what nodes say about each other ---- */

enum phandle { PHANDLE_GIC = 1, PHANDLE_ITS, PHANDLE_CLOCK };

/* An interrupt is three cells (binding arm,gic-v3): kind, number within the kind, trigger. */
#define GIC_SPI	    0
#define GIC_PPI	    1
#define EDGE_RISING 1
#define LEVEL_HIGH  4
#define PPI(intid)  GIC_PPI, -16 + (intid), LEVEL_HIGH

/* The redistributors end where the serial port begins. */
#define CPUS_MAX     ((LAYOUT_SERIAL - ARM64_GIC_REDISTRIBUTOR) / ARM64_GIC_REDISTRIBUTOR_SIZE)
#define PCI_SLOT_MAX 31

/* ---- what the boot loader says ---- */

/* For rng-seed and kaslr-seed, which Linux wipes out of the tree when it has read them. */
static void property_random(struct tree *tree, const char *name, size_t size)
{
	uint8_t *value = property_reserve(tree, name, size);

	/* Up to 256 bytes come all at once or not at all: getrandom(2). */
	if (!value || getrandom(value, size, 0) == (ssize_t)size)
		return;
	tree->error = refuse(tree->why, errno ? -errno : -EIO,
			     "device tree: no random numbers for %s: getrandom: %s", name,
			     strerror(errno));
}

/*
 * linux,pci-probe-only makes Linux keep the BARs where pci_bars_place() put them. It would
 * otherwise place them anew. All versions of Linux look for it here; only new ones look in the node
 * of the host bridge.
 */
static void chosen_build(struct tree *tree)
{
	const struct fdt_config *config = tree->config;
	const struct image_range *initrd = &config->initrd;

	node_begin(tree, "chosen");
	property_bytes(tree, "bootargs", config->cmdline, strlen(config->cmdline) + 1);
	property_strings(tree, "stdout-path", "serial0:115200n8");
	if (initrd->size) {
		property_cells(tree, "linux,initrd-start", CELLS64(initrd->gpa));
		property_cells(tree, "linux,initrd-end", CELLS64(initrd->gpa + initrd->size));
	}
	property_cells(tree, "linux,pci-probe-only", 1);
	property_random(tree, "rng-seed", 64);
	property_random(tree, "kaslr-seed", 8);
	node_end(tree);
}

static void aliases_build(struct tree *tree)
{
	char path[32];
	int length = snprintf(path, sizeof(path), "/serial@%llx", LAYOUT_SERIAL);

	node_begin(tree, "aliases");
	property_bytes(tree, "serial0", path, (size_t)length + 1);
	node_end(tree);
}

/* ---- memory and CPUs ---- */

static void memory_build(struct tree *tree, const struct layout_range *range)
{
	node_begin_at(tree, "memory", range->base);
	property_strings(tree, "device_type", "memory");
	property_cells(tree, "reg", CELLS64(range->base), CELLS64(range->size));
	node_end(tree);
}

static void cpu_build(struct tree *tree, unsigned int index)
{
	uint64_t mpidr = arm64_mpidr(index);

	node_begin_at(tree, "cpu", mpidr);
	property_strings(tree, "device_type", "cpu");
	property_strings(tree, "compatible", "arm,armv8");
	property_strings(tree, "enable-method", "psci");
	property_cells(tree, "reg", (uint32_t)mpidr);
	node_end(tree);
}

/* One cell holds the affinity fields 0 to 2, and arm64_mpidr() has no other. */
static void cpus_build(struct tree *tree)
{
	node_begin(tree, "cpus");
	property_cells(tree, "#address-cells", 1);
	property_cells(tree, "#size-cells", 0);
	for (unsigned int i = 0; i < tree->config->cpus; i++)
		cpu_build(tree, i);
	node_end(tree);
}

/*
 * KVM itself answers, to hypervisor calls. "arm,psci" alone, that is 0.1, would need the numbers
 * of its functions here.
 */
static void psci_build(struct tree *tree)
{
	node_begin(tree, "psci");
	property_strings(tree, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	property_strings(tree, "method", "hvc");
	node_end(tree);
}

/* always-on: the timer goes on while a CPU is idle, so that no other need wake it. */
static void timer_build(struct tree *tree)
{
	node_begin(tree, "timer");
	property_strings(tree, "compatible", "arm,armv8-timer");
	property_cells(tree, "interrupts", PPI(ARM64_INTID_TIMER_SECURE),
		       PPI(ARM64_INTID_TIMER_PHYSICAL), PPI(ARM64_INTID_TIMER_VIRTUAL),
		       PPI(ARM64_INTID_TIMER_HYP));
	property_flag(tree, "always-on");
	node_end(tree);
}

static void pmu_build(struct tree *tree)
{
	node_begin(tree, "pmu");
	property_strings(tree, "compatible", "arm,armv8-pmuv3");
	property_cells(tree, "interrupts", PPI(ARM64_INTID_PMU));
	node_end(tree);
}

/* ---- interrupt controller ---- */

static void its_build(struct tree *tree)
{
	node_begin_at(tree, "msi-controller", ARM64_GIC_ITS);
	property_strings(tree, "compatible", "arm,gic-v3-its");
	property_flag(tree, "msi-controller");
	property_cells(tree, "#msi-cells", 1);
	property_cells(tree, "reg", CELLS64(ARM64_GIC_ITS), CELLS64(ARM64_GIC_ITS_SIZE));
	property_cells(tree, "phandle", PHANDLE_ITS);
	node_end(tree);
}

static void gic_build(struct tree *tree)
{
	uint64_t redistributors = tree->config->cpus * ARM64_GIC_REDISTRIBUTOR_SIZE;

	node_begin_at(tree, "interrupt-controller", ARM64_GIC_DISTRIBUTOR);
	property_strings(tree, "compatible", "arm,gic-v3");
	property_flag(tree, "interrupt-controller");
	property_cells(tree, "#interrupt-cells", 3);
	property_cells(tree, "reg", CELLS64(ARM64_GIC_DISTRIBUTOR),
		       CELLS64(ARM64_GIC_DISTRIBUTOR_SIZE), CELLS64(ARM64_GIC_REDISTRIBUTOR),
		       CELLS64(redistributors));
	property_cells(tree, "phandle", PHANDLE_GIC);
	property_cells(tree, "#address-cells", 2);
	property_cells(tree, "#size-cells", 2);
	property_flag(tree, "ranges");
	its_build(tree);
	node_end(tree);
}

/* ---- PCI (PCI Bus Binding to IEEE 1275; binding pci-host-ecam-generic) ---- */

#define PCI_PINS	   4
#define PCI_DEVICE_SHIFT   11 /* the device number, in the first cell of an address */
#define PCI_SPACE_IO	   0x01000000
#define PCI_SPACE_MEMORY32 0x02000000
#define PCI_SPACE_MEMORY64 0x03000000
#define PCI_BUS_REQUESTERS 0x100 /* ids of one bus */

_Static_assert(LAYOUT_ECAM_SIZE == PCI_BUS_REQUESTERS << 12, "ECAM has bus 0 and no other");

/*
 * Addresses in memory are those of the CPUs; ports are numbered from 0. No window is called
 * prefetchable, since Linux takes only prefetchable BARs for those, and posthorn puts all 64-bit
 * BARs in the upper one.
 */
static void pci_windows_build(struct tree *tree)
{
	const struct layout_range *mem64 = &tree->config->layout->mem64;
	/* Of each window: space, address on the bus, address for the CPUs, size. */
	/* clang-format off */
	const uint32_t cells[] = {
		PCI_SPACE_IO,
		CELLS64(0), CELLS64(LAYOUT_PORTS), CELLS64(LAYOUT_PORTS_SIZE),
		PCI_SPACE_MEMORY32,
		CELLS64(LAYOUT_MEM32), CELLS64(LAYOUT_MEM32), CELLS64(LAYOUT_MEM32_SIZE),
		PCI_SPACE_MEMORY64,
		CELLS64(mem64->base), CELLS64(mem64->base), CELLS64(mem64->size),
	};
	/* clang-format on */
	unsigned int count = ARRAY_SIZE(cells);

	if (!mem64->size)
		count -= count / 3; /* the last of three */
	property_cells_put(tree, "ranges", cells, count);
}

/* Which GSI is wired to which pin: as pci_intx_gsi() of devices/pci.h says. */
static void pci_interrupts_build(struct tree *tree)
{
	enum { CELLS = 10 };
	unsigned int entries = tree->config->pci_slots * PCI_PINS;
	uint8_t *value;

	if (!entries)
		return;
	property_cells(tree, "#interrupt-cells", 1);
	property_cells(tree, "interrupt-map-mask", PCI_SLOT_MAX << PCI_DEVICE_SHIFT, 0, 0, 7);
	value = property_reserve(tree, "interrupt-map", sizeof(uint32_t) * CELLS * entries);
	for (unsigned int i = 0; value && i < entries; i++) {
		unsigned int slot = 1 + i / PCI_PINS, pin = 1 + i % PCI_PINS;
		unsigned int gsi = LAYOUT_GSI_INTX + (slot + pin - 1) % LAYOUT_GSI_INTX_COUNT;
		/* The device's address and pin; the controller, its address (none), its cells. */
		const uint32_t cells[CELLS] = { slot << PCI_DEVICE_SHIFT,
						0,
						0,
						pin,
						PHANDLE_GIC,
						CELLS64(0),
						GIC_SPI,
						gsi,
						LEVEL_HIGH };

		cells_store(value + i * sizeof(cells), cells, CELLS);
	}
}

static void pcie_build(struct tree *tree)
{
	node_begin_at(tree, "pcie", LAYOUT_ECAM);
	property_strings(tree, "compatible", "pci-host-ecam-generic");
	property_strings(tree, "device_type", "pci");
	property_cells(tree, "#address-cells", 3);
	property_cells(tree, "#size-cells", 2);
	property_cells(tree, "reg", CELLS64(LAYOUT_ECAM), CELLS64(LAYOUT_ECAM_SIZE));
	property_cells(tree, "bus-range", 0, 0);
	pci_windows_build(tree);
	/* The ITS knows a device by its requester id. */
	property_cells(tree, "msi-map", 0, PHANDLE_ITS, 0, PCI_BUS_REQUESTERS);
	pci_interrupts_build(tree);
	if (tree->config->dma_coherent)
		property_flag(tree, "dma-coherent");
	node_end(tree);
}

/* ---- serial port and clock ---- */

/* Its interrupt is a pulse: the eventfd behind it is signalled when the line rises. */
static void serial_build(struct tree *tree)
{
	node_begin_at(tree, "serial", LAYOUT_SERIAL);
	property_strings(tree, "compatible", "ns16550a");
	property_cells(tree, "reg", CELLS64(LAYOUT_SERIAL), CELLS64(LAYOUT_DEVICE_SIZE));
	property_cells(tree, "reg-shift", 0);
	property_cells(tree, "reg-io-width", 1);
	property_cells(tree, "clock-frequency", 1843200);
	property_cells(tree, "current-speed", 115200);
	property_cells(tree, "interrupts", GIC_SPI, LAYOUT_GSI_SERIAL, EDGE_RISING);
	node_end(tree);
}

/* Without an interrupt Linux offers no alarms. The binding wants a clock; nothing looks at it. */
static void rtc_build(struct tree *tree)
{
	node_begin(tree, "clock");
	property_strings(tree, "compatible", "fixed-clock");
	property_cells(tree, "#clock-cells", 0);
	property_cells(tree, "clock-frequency", 24000000);
	property_cells(tree, "phandle", PHANDLE_CLOCK);
	node_end(tree);

	node_begin_at(tree, "rtc", LAYOUT_RTC);
	property_strings(tree, "compatible", "arm,pl031\0arm,primecell");
	property_cells(tree, "reg", CELLS64(LAYOUT_RTC), CELLS64(LAYOUT_DEVICE_SIZE));
	property_cells(tree, "clocks", PHANDLE_CLOCK);
	property_strings(tree, "clock-names", "apb_pclk");
	node_end(tree);
}

/* ---- the tree ---- */

static void root_build(struct tree *tree)
{
	const struct layout *layout = tree->config->layout;

	node_begin(tree, "");
	property_cells(tree, "#address-cells", 2);
	property_cells(tree, "#size-cells", 2);
	property_strings(tree, "compatible", "linux,dummy-virt");
	property_strings(tree, "model", "posthorn");
	property_cells(tree, "interrupt-parent", PHANDLE_GIC);
	chosen_build(tree);
	aliases_build(tree);
	for (unsigned int i = 0; i < layout->ram_count; i++)
		memory_build(tree, &layout->ram[i]);
	cpus_build(tree);
	psci_build(tree);
	timer_build(tree);
	if (tree->config->has_pmu)
		pmu_build(tree);
	gic_build(tree);
	pcie_build(tree);
	serial_build(tree);
	rtc_build(tree);
	node_end(tree);
}

int fdt_build(void *memory, size_t size, const struct fdt_config *config, char why[WHY_SIZE])
{
	struct tree tree = { .fdt = memory, .size = size, .config = config, .why = why };

	if (!config->cpus || config->cpus > CPUS_MAX || config->pci_slots > PCI_SLOT_MAX)
		return refuse(why, -EINVAL,
			      "device tree: %u CPUs and %u PCI slots: there can be 1 to %u CPUs "
			      "and at most %u slots",
			      config->cpus, config->pci_slots, (unsigned int)CPUS_MAX,
			      PCI_SLOT_MAX);
	/* libfdt counts in int: a command line of gigabytes must not come so far. */
	if (strnlen(config->cmdline, size) == size)
		result_note(&tree, -FDT_ERR_NOSPACE);
	else
		result_note(&tree, fdt_create(memory, (int)min(size, (size_t)INT_MAX)));
	if (!tree.error)
		result_note(&tree, fdt_finish_reservemap(memory));
	root_build(&tree);
	if (!tree.error)
		result_note(&tree, fdt_finish(memory));
	return tree.error ? tree.error : (int)fdt_totalsize(memory);
}
