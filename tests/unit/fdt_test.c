/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree is read back by libfdt, and by dtc, which knows the rules of the bindings. */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/pci.h"
#include "guest/fdt.h"
#include "kvm/arm64.h"
#include "lib/util.h"

#define SIZE	   0x10000
#define UNTOUCHED  0xcc
#define RANDOM	   0x5a
#define MEM64	   0x8000000000ULL
#define MEM64_SIZE 0x480000000ULL

#define PCIE   "/pcie@b000000"
#define GIC    "/interrupt-controller@9000000"
#define ITS    GIC "/msi-controller@9020000"
#define SERIAL "/serial@a000000"
#define RTC    "/rtc@a010000"

struct machine {
	struct layout layout;
	struct fdt_config config;
	uint8_t memory[SIZE + 1];
	int size; /* what fdt_build() returned */
};

/* ---- a getrandom(2) that can be foretold ----------------------------------------------------- */

static int random_error; /* what the next call fails with, once; 0: nothing */

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
	assert_int_equal(flags, 0); /* else it might give less than was asked for */
	if (random_error) {
		errno = random_error;
		random_error = 0;
		return -1;
	}
	memset(buffer, RANDOM, length);
	return (ssize_t)length;
}

/* ---- machines -------------------------------------------------------------------------------- */

static void machine_build(struct machine *machine)
{
	char why[WHY_SIZE];

	memset(machine->memory, UNTOUCHED, sizeof(machine->memory));
	machine->size = fdt_build(machine->memory, SIZE, &machine->config, why);
	assert_true(machine->size > 0 && machine->size < SIZE);
}

/* One CPU, no device, and nothing else that can be left out. */
static int small_make(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	machine->layout.ram[0] = (struct layout_range){ LAYOUT_RAM, 16 * MIB };
	machine->layout.ram_count = 1;
	machine->config = (struct fdt_config){
		.layout = &machine->layout,
		.cmdline = "",
		.cpus = 1,
	};
	machine_build(machine);
	*state = machine;
	return 0;
}

/* All that there can be, and more CPUs than one affinity field counts. */
static int large_make(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	machine->layout = (struct layout){
		.ram = { { LAYOUT_RAM, 0x5000000 }, { 0x50000000, GIB }, { 5 * GIB, 8 * GIB } },
		.ram_count = 3,
		.mem64 = { MEM64, MEM64_SIZE },
	};
	machine->config = (struct fdt_config){
		.layout = &machine->layout,
		.cmdline = "console=ttyS0 quiet",
		.initrd = { 0x143210000, 0x12345 },
		.cpus = 17,
		.pci_slots = 5,
		.dma_coherent = true,
		.has_pmu = true,
	};
	machine_build(machine);
	*state = machine;
	return 0;
}

static int machine_free(void **state)
{
	free(*state);
	return 0;
}

/* ---- reading the tree ------------------------------------------------------------------------ */

static bool node_exists(const struct machine *machine, const char *path)
{
	return fdt_path_offset(machine->memory, path) >= 0;
}

/* The value of a property, or NULL when the node, which must exist, does not have it. */
static const void *property(const struct machine *machine, const char *path, const char *name,
			    int *size)
{
	int node = fdt_path_offset(machine->memory, path);

	if (node < 0)
		fail_msg("there is no node %s", path);
	return fdt_getprop(machine->memory, node, name, size);
}

static void assert_property(const struct machine *machine, const char *path, const char *name,
			    const void *expected, size_t expected_size)
{
	int size;
	const void *value = property(machine, path, name, &size);

	if (!value)
		fail_msg("%s has no %s", path, name);
	if ((size_t)size != expected_size || memcmp(value, expected, expected_size))
		fail_msg("%s: %s is not what it should be", path, name);
}

static void assert_no_property(const struct machine *machine, const char *path, const char *name)
{
	if (property(machine, path, name, NULL))
		fail_msg("%s has %s", path, name);
}

/* Literals only: one string, or several with NULs between them. */
#define assert_strings(machine, path, name, literal) \
	assert_property(machine, path, name, literal, sizeof(literal))

#define assert_flag(machine, path, name) assert_property(machine, path, name, "", 0)

static void assert_cells_are(const struct machine *machine, const char *path, const char *name,
			     const uint32_t *expected, int count)
{
	int size;
	const uint8_t *value = property(machine, path, name, &size);

	if (!value || size != 4 * count)
		fail_msg("%s: %s has %d bytes, not %d", path, name, size, 4 * count);
	for (int i = 0; i < count; i++) {
		uint32_t cell = fdt32_ld((const fdt32_t *)(const void *)(value + 4 * i));

		if (cell != expected[i])
			fail_msg("%s: cell %d of %s is %#x, not %#x", path, i, name, cell,
				 expected[i]);
	}
}

#define assert_cells(machine, path, name, ...)                                   \
	assert_cells_are(machine, path, name, (const uint32_t[]){ __VA_ARGS__ }, \
			 sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

#define HIGH(value) (uint32_t)((uint64_t)(value) >> 32)
#define LOW(value)  (uint32_t)(value)

static uint32_t phandle(const struct machine *machine, const char *path)
{
	return fdt_get_phandle(machine->memory, fdt_path_offset(machine->memory, path));
}

/* ---- the blob -------------------------------------------------------------------------------- */

static void test_the_size_is_that_of_a_sound_blob(void **state)
{
	struct machine *machine = *state;

	assert_int_equal(fdt_check_full(machine->memory, (size_t)machine->size), 0);
	assert_int_equal(fdt_totalsize(machine->memory), machine->size);
	assert_int_equal(machine->memory[SIZE], UNTOUCHED);
}

static void test_the_tree_fits_exactly(void **state)
{
	struct machine *machine = *state;
	int size = machine->size;
	char why[WHY_SIZE];

	memset(machine->memory, UNTOUCHED, sizeof(machine->memory));
	assert_int_equal(fdt_build(machine->memory, (size_t)size, &machine->config, why), size);
	assert_int_equal(machine->memory[size], UNTOUCHED);
	assert_int_equal(fdt_check_full(machine->memory, (size_t)size), 0);
}

/* What dtc says of the tree. Returns its exit status. */
static int dtc_run(const struct machine *machine, char *text, size_t size)
{
	char path[] = "/tmp/fdt_test.XXXXXX", command[100];
	int file = mkstemp(path);
	size_t length;
	FILE *dtc;

	assert_true(file >= 0);
	assert_int_equal(write(file, machine->memory, (size_t)machine->size), machine->size);
	close(file);
	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	length = fread(text, 1, size - 1, dtc);
	text[length] = '\0';
	unlink(path);
	return pclose(dtc);
}

static void test_dtc_has_nothing_to_say(void **state)
{
	char text[4096];

	if (system("command -v dtc >/dev/null")) {
		print_message("dtc is not installed (package device-tree-compiler)\n");
		skip();
	}
	if (dtc_run(*state, text, sizeof(text)) || *text)
		fail_msg("dtc says: %s", text);
}

/* ---- what the boot loader says --------------------------------------------------------------- */

static void test_the_command_line_is_passed_on(void **state)
{
	assert_strings(*state, "/chosen", "bootargs", "console=ttyS0 quiet");
}

static void test_an_empty_command_line_is_one(void **state)
{
	assert_strings(*state, "/chosen", "bootargs", "");
}

static void test_the_initrd_is_from_start_to_end(void **state)
{
	assert_cells(*state, "/chosen", "linux,initrd-start", 1, 0x43210000);
	assert_cells(*state, "/chosen", "linux,initrd-end", 1, 0x43222345);
}

static void test_no_initrd_no_properties(void **state)
{
	assert_no_property(*state, "/chosen", "linux,initrd-start");
	assert_no_property(*state, "/chosen", "linux,initrd-end");
}

static void test_the_seeds_are_random(void **state)
{
	uint8_t expected[64];

	memset(expected, RANDOM, sizeof(expected));
	assert_property(*state, "/chosen", "rng-seed", expected, 64);
	assert_property(*state, "/chosen", "kaslr-seed", expected, 8);
}

static void test_bars_stay_where_they_were_placed(void **state)
{
	assert_cells(*state, "/chosen", "linux,pci-probe-only", 1);
}

static void test_the_console_is_the_serial_port(void **state)
{
	struct machine *machine = *state;

	assert_strings(machine, "/chosen", "stdout-path", "serial0:115200n8");
	assert_string_equal(fdt_get_alias(machine->memory, "serial0"), SERIAL);
}

/* ---- memory and CPUs ------------------------------------------------------------------------- */

static void test_the_root_speaks_for_all(void **state)
{
	struct machine *machine = *state;

	assert_cells(machine, "/", "#address-cells", 2);
	assert_cells(machine, "/", "#size-cells", 2);
	assert_strings(machine, "/", "compatible", "linux,dummy-virt");
	assert_strings(machine, "/", "model", "posthorn");
	assert_cells(machine, "/", "interrupt-parent", phandle(machine, GIC));
}

static void test_each_range_of_ram_has_a_node(void **state)
{
	static const char *const paths[] = { "/memory@40000000", "/memory@50000000",
					     "/memory@140000000" };
	struct machine *machine = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct layout_range *range = &machine->layout.ram[i];

		assert_strings(machine, paths[i], "device_type", "memory");
		assert_cells(machine, paths[i], "reg", HIGH(range->base), LOW(range->base),
			     HIGH(range->size), LOW(range->size));
	}
}

static void test_each_cpu_has_its_mpidr(void **state)
{
	struct machine *machine = *state;
	char path[32];

	assert_cells(machine, "/cpus", "#address-cells", 1);
	assert_cells(machine, "/cpus", "#size-cells", 0);
	for (unsigned int i = 0; i < machine->config.cpus; i++) {
		snprintf(path, sizeof(path), "/cpus/cpu@%" PRIx64, arm64_mpidr(i));
		assert_cells(machine, path, "reg", (uint32_t)arm64_mpidr(i));
		assert_strings(machine, path, "device_type", "cpu");
		assert_strings(machine, path, "compatible", "arm,armv8");
		assert_strings(machine, path, "enable-method", "psci");
	}
	/* Four bits of affinity 0, then affinity 1. */
	assert_true(node_exists(machine, "/cpus/cpu@f"));
	assert_true(node_exists(machine, "/cpus/cpu@100"));
	assert_false(node_exists(machine, "/cpus/cpu@101"));
}

static void test_one_cpu_is_one_node(void **state)
{
	assert_true(node_exists(*state, "/cpus/cpu@0"));
	assert_false(node_exists(*state, "/cpus/cpu@1"));
}

static void test_psci_is_called_by_hvc(void **state)
{
	assert_strings(*state, "/psci", "compatible", "arm,psci-1.0\0arm,psci-0.2");
	assert_strings(*state, "/psci", "method", "hvc");
}

/* In the order of the binding; PPI n is interrupt 16 + n, and 4 is a high level. */
static void test_the_timer_has_four_private_interrupts(void **state)
{
	assert_strings(*state, "/timer", "compatible", "arm,armv8-timer");
	assert_flag(*state, "/timer", "always-on");
	assert_cells(*state, "/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	assert_int_equal(ARM64_INTID_TIMER_SECURE, 16 + 13);
	assert_int_equal(ARM64_INTID_TIMER_PHYSICAL, 16 + 14);
	assert_int_equal(ARM64_INTID_TIMER_VIRTUAL, 16 + 11);
	assert_int_equal(ARM64_INTID_TIMER_HYP, 16 + 10);
}

static void test_the_pmu_has_a_private_interrupt(void **state)
{
	assert_strings(*state, "/pmu", "compatible", "arm,armv8-pmuv3");
	assert_cells(*state, "/pmu", "interrupts", 1, ARM64_INTID_PMU - 16, 4);
}

static void test_no_pmu_no_node(void **state)
{
	assert_false(node_exists(*state, "/pmu"));
}

/* ---- interrupt controller -------------------------------------------------------------------- */

static void test_the_gic_has_a_redistributor_for_each_cpu(void **state)
{
	struct machine *machine = *state;

	assert_strings(machine, GIC, "compatible", "arm,gic-v3");
	assert_flag(machine, GIC, "interrupt-controller");
	assert_flag(machine, GIC, "ranges");
	assert_cells(machine, GIC, "#interrupt-cells", 3);
	assert_cells(machine, GIC, "#address-cells", 2);
	assert_cells(machine, GIC, "#size-cells", 2);
	assert_cells(machine, GIC, "reg", 0, ARM64_GIC_DISTRIBUTOR, 0, ARM64_GIC_DISTRIBUTOR_SIZE,
		     0, ARM64_GIC_REDISTRIBUTOR, 0,
		     machine->config.cpus * (uint32_t)ARM64_GIC_REDISTRIBUTOR_SIZE);
}

static void test_the_its_is_an_msi_controller(void **state)
{
	assert_strings(*state, ITS, "compatible", "arm,gic-v3-its");
	assert_flag(*state, ITS, "msi-controller");
	assert_cells(*state, ITS, "#msi-cells", 1);
	assert_cells(*state, ITS, "reg", 0, ARM64_GIC_ITS, 0, ARM64_GIC_ITS_SIZE);
}

/* ---- PCI ------------------------------------------------------------------------------------- */

static void test_the_host_bridge_has_one_bus(void **state)
{
	assert_strings(*state, PCIE, "compatible", "pci-host-ecam-generic");
	assert_strings(*state, PCIE, "device_type", "pci");
	assert_cells(*state, PCIE, "#address-cells", 3);
	assert_cells(*state, PCIE, "#size-cells", 2);
	assert_cells(*state, PCIE, "reg", 0, LAYOUT_ECAM, 0, PCI_ECAM_BUS_SIZE);
	assert_cells(*state, PCIE, "bus-range", 0, 0);
}

static void test_there_are_windows_below_and_above_4_gib(void **state)
{
	assert_cells(*state, PCIE, "ranges", 0x01000000, 0, 0, 0, LAYOUT_PORTS, 0,
		     LAYOUT_PORTS_SIZE, 0x02000000, 0, LAYOUT_MEM32, 0, LAYOUT_MEM32, 0,
		     LAYOUT_MEM32_SIZE, 0x03000000, HIGH(MEM64), LOW(MEM64), HIGH(MEM64),
		     LOW(MEM64), HIGH(MEM64_SIZE), LOW(MEM64_SIZE));
}

static void test_there_is_only_the_lower_window(void **state)
{
	assert_cells(*state, PCIE, "ranges", 0x01000000, 0, 0, 0, LAYOUT_PORTS, 0,
		     LAYOUT_PORTS_SIZE, 0x02000000, 0, LAYOUT_MEM32, 0, LAYOUT_MEM32, 0,
		     LAYOUT_MEM32_SIZE);
}

static void test_the_its_knows_devices_by_requester_id(void **state)
{
	struct machine *machine = *state;

	assert_cells(machine, PCIE, "msi-map", 0, phandle(machine, ITS), 0, 0x100);
}

static void test_pins_are_wired_as_the_devices_have_them(void **state)
{
	struct machine *machine = *state;
	uint32_t expected[5 * 4 * 10], *cell = expected;

	for (unsigned int slot = 1; slot <= 5; slot++) {
		const struct pci_device device = { .devfn = PCI_DEVFN(slot, 0) };

		for (unsigned int pin = 1; pin <= 4; pin++, cell += 10)
			memcpy(cell,
			       (uint32_t[]){ slot << 11, 0, 0, pin, phandle(machine, GIC), 0, 0, 0,
					     pci_intx_gsi(&device, pin), 4 },
			       10 * sizeof(*cell));
	}
	assert_cells(machine, PCIE, "#interrupt-cells", 1);
	assert_cells(machine, PCIE, "interrupt-map-mask", 31 << 11, 0, 0, 7);
	assert_cells_are(machine, PCIE, "interrupt-map", expected, ARRAY_SIZE(expected));
}

/* dtc_run() sees that the tree is sound, and the last entry that the arithmetic holds. */
static void test_a_full_bus_is_wired(void **state)
{
	struct machine *machine = *state;
	const struct pci_device last = { .devfn = PCI_DEVFN(31, 7) };
	const uint8_t *map;
	char text[4096];
	int size;

	machine->config.pci_slots = 31;
	machine_build(machine);
	map = property(machine, PCIE, "interrupt-map", &size);
	assert_int_equal(size, 31 * 4 * 10 * 4);
	map += size - 10 * 4;
	assert_int_equal(fdt32_ld((const fdt32_t *)(const void *)map), 31 << 11);
	assert_int_equal(fdt32_ld((const fdt32_t *)(const void *)(map + 8 * 4)),
			 pci_intx_gsi(&last, 4));
	if (!system("command -v dtc >/dev/null"))
		assert_int_equal(dtc_run(machine, text, sizeof(text)), 0);
}

static void test_no_slots_no_pins(void **state)
{
	assert_no_property(*state, PCIE, "interrupt-map");
	assert_no_property(*state, PCIE, "interrupt-map-mask");
	assert_no_property(*state, PCIE, "#interrupt-cells");
}

static void test_dma_is_coherent_when_the_host_says_so(void **state)
{
	assert_flag(*state, PCIE, "dma-coherent");
}

static void test_dma_is_else_not_coherent(void **state)
{
	assert_no_property(*state, PCIE, "dma-coherent");
}

/* ---- serial port and clock ------------------------------------------------------------------- */

static void test_the_serial_port_is_a_16550a(void **state)
{
	assert_strings(*state, SERIAL, "compatible", "ns16550a");
	assert_cells(*state, SERIAL, "reg", 0, LAYOUT_SERIAL, 0, LAYOUT_DEVICE_SIZE);
	assert_cells(*state, SERIAL, "reg-shift", 0);
	assert_cells(*state, SERIAL, "reg-io-width", 1);
	assert_cells(*state, SERIAL, "clock-frequency", 115200 * 16);
	assert_cells(*state, SERIAL, "current-speed", 115200);
	assert_cells(*state, SERIAL, "interrupts", 0, LAYOUT_GSI_SERIAL, 1); /* rising edge */
}

static void test_the_clock_is_a_pl031_without_interrupt(void **state)
{
	struct machine *machine = *state;

	assert_strings(machine, RTC, "compatible", "arm,pl031\0arm,primecell");
	assert_cells(machine, RTC, "reg", 0, LAYOUT_RTC, 0, LAYOUT_DEVICE_SIZE);
	assert_cells(machine, RTC, "clocks", phandle(machine, "/clock"));
	assert_strings(machine, RTC, "clock-names", "apb_pclk");
	assert_no_property(machine, RTC, "interrupts");
	assert_strings(machine, "/clock", "compatible", "fixed-clock");
	assert_cells(machine, "/clock", "#clock-cells", 0);
	assert_non_null(property(machine, "/clock", "clock-frequency", NULL));
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* fdt_build() fails with @error, says why, and stays in its @size bytes. */
static void assert_build_fails(struct machine *machine, size_t size, int error)
{
	char why[WHY_SIZE] = "";

	memset(machine->memory, UNTOUCHED, sizeof(machine->memory));
	assert_int_equal(fdt_build(machine->memory, size, &machine->config, why), error);
	assert_non_null(strstr(why, "device tree: "));
	for (size_t i = size; i < sizeof(machine->memory); i++)
		assert_int_equal(machine->memory[i], UNTOUCHED);
}

static void test_every_size_below_is_too_small(void **state)
{
	struct machine *machine = *state;
	size_t needed = (size_t)machine->size;

	for (size_t size = 0; size < needed; size += size < needed - 64 ? 61 : 1)
		assert_build_fails(machine, size, -ENOSPC);
}

static void test_a_command_line_that_does_not_fit_is_an_error(void **state)
{
	struct machine *machine = *state;
	size_t lengths[] = { SIZE - (size_t)machine->size + 100, SIZE - 1, SIZE, 3 * SIZE };
	static char cmdline[3 * SIZE + 1];

	machine->config.cmdline = cmdline;
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(cmdline, 'a', lengths[i]);
		cmdline[lengths[i]] = '\0';
		assert_build_fails(machine, SIZE, -ENOSPC);
	}
}

/* Not to be cut off, whatever is in it; the kernel is who says how long is too long. */
static void test_a_long_command_line_that_fits_is_whole(void **state)
{
	struct machine *machine = *state;
	static char cmdline[SIZE / 2];

	memset(cmdline, 0xff, sizeof(cmdline));
	cmdline[sizeof(cmdline) - 1] = '\0';
	machine->config.cmdline = cmdline;
	machine_build(machine);
	assert_property(machine, "/chosen", "bootargs", cmdline, sizeof(cmdline));
	assert_strings(machine, RTC, "clock-names", "apb_pclk");
}

static void test_a_failure_of_getrandom_is_passed_on(void **state)
{
	random_error = ENOSYS;
	assert_build_fails(*state, SIZE, -ENOSYS);
}

static void test_numbers_out_of_bounds_are_refused(void **state)
{
	static const struct {
		unsigned int cpus, pci_slots;
		int error;
	} cases[] = { { 0, 0, -EINVAL },	  { 120, 31, 0 },
		      { 121, 0, -EINVAL },	  { 1, 32, -EINVAL },
		      { UINT32_MAX, 0, -EINVAL }, { 1, UINT32_MAX, -EINVAL } };
	struct machine *machine = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		machine->config.cpus = cases[i].cpus;
		machine->config.pci_slots = cases[i].pci_slots;
		if (cases[i].error)
			assert_build_fails(machine, SIZE, cases[i].error);
		else
			machine_build(machine);
	}
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, small_make, machine_free)
#define LARGE(test) cmocka_unit_test_setup_teardown(test, large_make, machine_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(test_the_size_is_that_of_a_sound_blob),
		LARGE(test_the_size_is_that_of_a_sound_blob),
		SMALL(test_the_tree_fits_exactly),
		LARGE(test_the_tree_fits_exactly),
		SMALL(test_dtc_has_nothing_to_say),
		LARGE(test_dtc_has_nothing_to_say),
		LARGE(test_the_command_line_is_passed_on),
		SMALL(test_an_empty_command_line_is_one),
		LARGE(test_the_initrd_is_from_start_to_end),
		SMALL(test_no_initrd_no_properties),
		SMALL(test_the_seeds_are_random),
		SMALL(test_bars_stay_where_they_were_placed),
		SMALL(test_the_console_is_the_serial_port),
		SMALL(test_the_root_speaks_for_all),
		LARGE(test_each_range_of_ram_has_a_node),
		LARGE(test_each_cpu_has_its_mpidr),
		SMALL(test_one_cpu_is_one_node),
		SMALL(test_psci_is_called_by_hvc),
		SMALL(test_the_timer_has_four_private_interrupts),
		LARGE(test_the_pmu_has_a_private_interrupt),
		SMALL(test_no_pmu_no_node),
		SMALL(test_the_gic_has_a_redistributor_for_each_cpu),
		LARGE(test_the_gic_has_a_redistributor_for_each_cpu),
		SMALL(test_the_its_is_an_msi_controller),
		SMALL(test_the_host_bridge_has_one_bus),
		LARGE(test_there_are_windows_below_and_above_4_gib),
		SMALL(test_there_is_only_the_lower_window),
		SMALL(test_the_its_knows_devices_by_requester_id),
		LARGE(test_pins_are_wired_as_the_devices_have_them),
		LARGE(test_a_full_bus_is_wired),
		SMALL(test_no_slots_no_pins),
		LARGE(test_dma_is_coherent_when_the_host_says_so),
		SMALL(test_dma_is_else_not_coherent),
		SMALL(test_the_serial_port_is_a_16550a),
		SMALL(test_the_clock_is_a_pl031_without_interrupt),
		LARGE(test_every_size_below_is_too_small),
		SMALL(test_a_command_line_that_does_not_fit_is_an_error),
		SMALL(test_a_long_command_line_that_fits_is_whole),
		SMALL(test_a_failure_of_getrandom_is_passed_on),
		SMALL(test_numbers_out_of_bounds_are_refused),
	};

	return cmocka_run_group_tests_name("fdt", tests, NULL, NULL);
}
