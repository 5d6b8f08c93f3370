/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree itself is fdt_test.c's: here it is where it is, what reaches it, and what is refused. */
#include <errno.h>
#include <libfdt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "guest/boot.h"
#include "lib/util.h"
#include "tests/unit/fake_ram.h"

#define RAM_SIZE (32 * MIB)
#define PAGE	 4096ULL
#define ENTRY	 0x40200000ULL
#define UNKNOWN	 0xcc

struct machine {
	struct vm vm;
	struct layout layout;
	struct image image;
	struct boot_config config;
	struct vcpu_entry entry;
	char why[WHY_SIZE];
	char directory[64];
	char path[PATH_MAX]; /* a file in it, which is not there at the start */
};

static int machine_make(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	fake_ram_init(&machine->vm, RAM_SIZE);
	assert_int_equal(layout_init(&machine->layout, RAM_SIZE, PAGE, NULL, 0, 40), 0);
	machine->image.entry = ENTRY;
	machine->image.cmdline_max = 2047;
	machine->config = (struct boot_config){
		.layout = &machine->layout,
		.image = &machine->image,
		.initrd = { 0x41ff0000, 0xabcd },
		.cmdline = "console=ttyS0",
		.cpus = 2,
		.pci_slots = 1,
	};
	memset(&machine->entry, UNKNOWN, sizeof(machine->entry));
	strcpy(machine->directory, "/tmp/posthorn-boot-XXXXXX");
	assert_non_null(mkdtemp(machine->directory));
	snprintf(machine->path, sizeof(machine->path), "%s/tree.dtb", machine->directory);
	*state = machine;
	return 0;
}

static int machine_free(void **state)
{
	struct machine *machine = *state;
	int result;

	unlink(machine->path);
	result = rmdir(machine->directory);
	fake_ram_cleanup(&machine->vm);
	free(machine);
	return result;
}

static int machine_setup(struct machine *machine)
{
	return boot_setup(&machine->vm, &machine->config, &machine->entry, machine->why);
}

/* Set up must fail, for a reason that contains @part. */
static void assert_refused(struct machine *machine, int expected, const char *part)
{
	assert_int_equal(machine_setup(machine), expected);
	assert_non_null(strstr(machine->why, part));
}

static const void *tree_of(const struct machine *machine)
{
	const void *tree = vm_gpa_to_hva(&machine->vm, LAYOUT_FDT, LAYOUT_FDT_SIZE);

	assert_non_null(tree);
	return tree;
}

/* Set up, and return the tree. */
static const void *tree_make(struct machine *machine)
{
	assert_int_equal(machine_setup(machine), 0);
	assert_int_equal(fdt_check_full(tree_of(machine), LAYOUT_FDT_SIZE), 0);
	return tree_of(machine);
}

/* A property of /chosen, a string. */
static const char *chosen_text(const void *tree, const char *name)
{
	return fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), name, NULL);
}

static bool property_exists(const void *tree, const char *path, const char *name)
{
	int node = fdt_path_offset(tree, path);

	assert_true(node >= 0);
	return fdt_getprop(tree, node, name, NULL) != NULL;
}

/* ---- how it starts ------------------------------------------------------------------------- */

/* Documentation/arch/arm64/booting.rst of Linux. */
static void test_the_cpu_starts_in_the_kernel_with_the_tree_in_x0(void **state)
{
	struct machine *machine = *state;

	tree_make(machine);
	assert_int_equal(machine->entry.pc, ENTRY);
	assert_int_equal(machine->entry.x0, LAYOUT_FDT);
}

/* The same document: on a boundary of 8 bytes, and of no more than 2 MiB. */
static void test_the_tree_is_where_the_kernel_takes_it(void **state)
{
	struct machine *machine = *state;
	const void *tree = tree_make(machine);

	assert_int_equal(LAYOUT_FDT % 8, 0);
	assert_true(fdt_totalsize(tree) <= 2 * MIB);
	assert_true(LAYOUT_FDT + LAYOUT_FDT_SIZE <= LAYOUT_KERNEL);
	/* All else is left to the kernel. */
	assert_true(fake_ram_pages_touched(&machine->vm) <= LAYOUT_FDT_SIZE / PAGE);
}

static void test_the_tree_has_what_the_configuration_says(void **state)
{
	struct machine *machine = *state;
	const void *tree = tree_make(machine);
	int memory = fdt_path_offset(tree, "/memory@40000000"), length;
	const fdt64_t *reg = fdt_getprop(tree, memory, "reg", &length);

	assert_string_equal(chosen_text(tree, "bootargs"), "console=ttyS0");
	assert_true(property_exists(tree, "/chosen", "linux,initrd-start"));
	assert_non_null(reg);
	assert_int_equal(length, 16);
	assert_int_equal(fdt64_ld(&reg[0]), LAYOUT_RAM);
	assert_int_equal(fdt64_ld(&reg[1]), RAM_SIZE);
	assert_true(fdt_path_offset(tree, "/cpus/cpu@1") >= 0);
	assert_true(fdt_path_offset(tree, "/cpus/cpu@2") < 0);
	assert_true(property_exists(tree, "/pcie@b000000", "interrupt-map"));
}

static void test_what_is_not_there_is_not_in_the_tree(void **state)
{
	struct machine *machine = *state;
	const void *tree;

	machine->config.initrd = (struct image_range){ 0 };
	machine->config.pci_slots = 0;
	machine->config.cpus = 1;
	tree = tree_make(machine);
	assert_false(property_exists(tree, "/chosen", "linux,initrd-start"));
	assert_false(property_exists(tree, "/pcie@b000000", "interrupt-map"));
	assert_true(fdt_path_offset(tree, "/cpus/cpu@1") < 0);
}

static void test_coherence_of_dma_is_told(void **state)
{
	struct machine *machine = *state;

	assert_false(property_exists(tree_make(machine), "/pcie@b000000", "dma-coherent"));
	machine->config.dma_coherent = true;
	assert_true(property_exists(tree_make(machine), "/pcie@b000000", "dma-coherent"));
}

static void test_performance_counters_are_told(void **state)
{
	struct machine *machine = *state;

	assert_true(fdt_path_offset(tree_make(machine), "/pmu") < 0);
	machine->vm.has_pmu = true;
	assert_true(fdt_path_offset(tree_make(machine), "/pmu") >= 0);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void test_the_command_line_is_as_long_as_the_kernel_takes(void **state)
{
	static const uint32_t most[] = { 0, 1, 2047, 4096 };
	static char cmdline[4096 + 2];
	struct machine *machine = *state;

	machine->config.cmdline = cmdline;
	for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
		machine->image.cmdline_max = most[i];
		memset(cmdline, 'x', most[i] + 1);
		cmdline[most[i] + 1] = '\0';
		assert_refused(machine, -E2BIG, "command line");
		cmdline[most[i]] = '\0';
		assert_string_equal(chosen_text(tree_make(machine), "bootargs"), cmdline);
	}
}

/* Both numbers are in the message. */
static void test_a_long_command_line_is_named_with_the_limit(void **state)
{
	struct machine *machine = *state;

	machine->image.cmdline_max = 12;
	assert_refused(machine, -E2BIG, "has 13 bytes");
	assert_refused(machine, -E2BIG, "at most 12");
}

static void test_a_command_line_that_fills_the_tree_is_refused(void **state)
{
	struct machine *machine = *state;
	char *cmdline = calloc(1, LAYOUT_FDT_SIZE + 1);

	assert_non_null(cmdline);
	memset(cmdline, 'x', LAYOUT_FDT_SIZE);
	machine->image.cmdline_max = UINT32_MAX;
	machine->config.cmdline = cmdline;
	assert_refused(machine, -ENOSPC, "device tree");
	free(cmdline);
}

static void test_without_ram_for_the_tree_it_is_refused(void **state)
{
	struct machine *machine = *state;
	uint64_t size = machine->vm.ram[0].size;

	machine->vm.ram[0].size = LAYOUT_FDT_SIZE - PAGE;
	assert_refused(machine, -ENOSPC, "no RAM for its device tree");
	machine->vm.ram[0].size = size;
	machine->vm.ram[0].gpa = LAYOUT_FDT + PAGE;
	assert_refused(machine, -ENOSPC, "no RAM for its device tree");
}

static void test_more_than_the_tree_can_name_is_refused(void **state)
{
	struct machine *machine = *state;

	machine->config.cpus = 0;
	assert_refused(machine, -EINVAL, "0 CPUs");
	machine->config.cpus = 121;
	assert_refused(machine, -EINVAL, "121 CPUs");
	machine->config.cpus = 1;
	machine->config.pci_slots = 32;
	assert_refused(machine, -EINVAL, "32 PCI slots");
}

/* Whoever is told an error must not start a CPU. */
static void test_a_refusal_says_nothing_of_an_entry(void **state)
{
	struct machine *machine = *state;

	machine->image.cmdline_max = 1;
	assert_refused(machine, -E2BIG, "command line");
	assert_int_equal(((const uint8_t *)&machine->entry)[0], UNKNOWN);
}

/* ---- boot_dump() --------------------------------------------------------------------------- */

/* The file must hold the tree of @machine and nothing else. */
static void assert_dumped(const struct machine *machine)
{
	uint32_t size = fdt_totalsize(tree_of(machine));
	FILE *file = fopen(machine->path, "re");
	char *dump = malloc(size + 1);

	assert_non_null(file);
	assert_non_null(dump);
	assert_int_equal(fread(dump, 1, size + 1, file), size);
	assert_memory_equal(dump, tree_of(machine), size);
	fclose(file);
	free(dump);
}

static void test_the_dump_is_the_tree(void **state)
{
	struct machine *machine = *state;

	machine->config.cpus = 64;
	tree_make(machine);
	assert_int_equal(boot_dump(&machine->vm, machine->path), 0);
	assert_dumped(machine);
	/* A smaller one, over it. */
	machine->config.cpus = 1;
	tree_make(machine);
	assert_int_equal(boot_dump(&machine->vm, machine->path), 0);
	assert_dumped(machine);
}

static void test_a_dump_that_cannot_be_written_is_an_error(void **state)
{
	struct machine *machine = *state;
	const struct {
		const char *path;
		int error;
	} rows[] = { { "/nowhere/tree.dtb", -ENOENT }, { machine->directory, -EISDIR } };

	tree_make(machine);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(boot_dump(&machine->vm, rows[i].path), rows[i].error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_make, machine_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_cpu_starts_in_the_kernel_with_the_tree_in_x0),
		TEST(test_the_tree_is_where_the_kernel_takes_it),
		TEST(test_the_tree_has_what_the_configuration_says),
		TEST(test_what_is_not_there_is_not_in_the_tree),
		TEST(test_coherence_of_dma_is_told),
		TEST(test_performance_counters_are_told),
		TEST(test_the_command_line_is_as_long_as_the_kernel_takes),
		TEST(test_a_long_command_line_is_named_with_the_limit),
		TEST(test_a_command_line_that_fills_the_tree_is_refused),
		TEST(test_without_ram_for_the_tree_it_is_refused),
		TEST(test_more_than_the_tree_can_name_is_refused),
		TEST(test_a_refusal_says_nothing_of_an_entry),
		TEST(test_the_dump_is_the_tree),
		TEST(test_a_dump_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests_name("boot_arm64", tests, NULL, NULL);
}
