/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables are read here by the offsets of the ACPI specification, not by acpi.c's structures. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/pci.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "guest/acpi.h"
#include "lib/util.h"

#define GPA	   0xe0000ULL
#define MEM64	   0x4000000000ULL
#define MEM64_SIZE 0x200000000ULL

struct machine {
	struct layout layout;
	struct acpi_config config;
	uint8_t memory[LAYOUT_ACPI_SIZE];
	size_t size; /* what acpi_build() returned */
};

static void machine_build(struct machine *machine)
{
	machine->config.layout = &machine->layout;
	memset(machine->memory, 0xcc, sizeof(machine->memory));
	machine->size = acpi_build(machine->memory, sizeof(machine->memory), GPA, &machine->config);
	assert_true(machine->size > 0 && machine->size <= sizeof(machine->memory));
}

static int machine_make(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	machine->layout.mem64 = (struct layout_range){ MEM64, MEM64_SIZE };
	machine->config.cpus = 4;
	machine->config.pci_slots = 2;
	machine_build(machine);
	*state = machine;
	return 0;
}

static int machine_free(void **state)
{
	free(*state);
	return 0;
}

/* ---- finding tables -------------------------------------------------------------------------- */

static bool sums_to_zero(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum += *bytes++;
	return sum == 0;
}

/* The table at guest-physical @gpa, which must lie in what acpi_build() said it used. */
static const uint8_t *table_at(const struct machine *machine, uint64_t gpa)
{
	const uint8_t *table = machine->memory + (gpa - GPA);

	assert_int_equal(gpa % 16, 0);
	assert_true(range_within(gpa, 36, GPA, machine->size));
	assert_true(range_within(gpa, le_load(table + 4, 4), GPA, machine->size));
	return table;
}

static uint32_t table_length(const uint8_t *table)
{
	return (uint32_t)le_load(table + 4, 4);
}

#define XSDT_ENTRY  36
#define FADT_X_DSDT 140

/* Find a table by its signature as an operating system does: from the RSDP on. */
static const uint8_t *table_find(const struct machine *machine, const char *signature)
{
	const uint8_t *xsdt = table_at(machine, le_load(machine->memory + 24, 8));

	if (!strcmp(signature, "XSDT"))
		return xsdt;
	if (!strcmp(signature, "DSDT"))
		return table_at(machine, le_load(table_find(machine, "FACP") + FADT_X_DSDT, 8));
	for (uint32_t offset = XSDT_ENTRY; offset < table_length(xsdt); offset += 8) {
		const uint8_t *table = table_at(machine, le_load(xsdt + offset, 8));

		if (!memcmp(table, signature, 4))
			return table;
	}
	fail_msg("there is no %s", signature);
	return NULL;
}

static const char *const signatures[] = { "XSDT", "FACP", "APIC", "MCFG", "DSDT" };

/* ---- all tables ------------------------------------------------------------------------------ */

static void test_the_rsdp_is_first_and_good_for_old_and_new(void **state)
{
	struct machine *machine = *state;
	const uint8_t *rsdp = machine->memory;

	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_true(sums_to_zero(rsdp, 20));
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(le_load(rsdp + 20, 4), 36);
	assert_true(sums_to_zero(rsdp, 36));
	assert_int_equal(le_load(rsdp + 33, 2) | rsdp[35], 0); /* reserved */
}

static void test_every_table_has_its_signature_and_a_good_checksum(void **state)
{
	struct machine *machine = *state;

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		const uint8_t *table = table_find(machine, signatures[i]);

		assert_memory_equal(table, signatures[i], 4);
		assert_true(sums_to_zero(table, table_length(table)));
		assert_memory_equal(table + 10, "PSTHRNPOSTHORN", 14);
	}
}

static void test_tables_do_not_overlap(void **state)
{
	struct machine *machine = *state;
	size_t sum = 36;

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		const uint8_t *a = table_find(machine, signatures[i]);

		sum += table_length(a);
		for (size_t n = 0; n < i; n++) {
			const uint8_t *b = table_find(machine, signatures[n]);

			assert_false(
				ranges_overlap((uint64_t)(a - machine->memory), table_length(a),
					       (uint64_t)(b - machine->memory), table_length(b)));
		}
	}
	assert_true(sum <= machine->size && machine->size < sum + 6 * 16);
}

static void test_nothing_is_written_beyond_what_is_reported(void **state)
{
	struct machine *machine = *state;

	for (size_t i = machine->size; i < sizeof(machine->memory); i++)
		assert_int_equal(machine->memory[i], 0xcc);
}

static void test_what_does_not_fit_is_refused_and_not_begun(void **state)
{
	struct machine *machine = *state;
	uint8_t before[LAYOUT_ACPI_SIZE];

	memset(machine->memory, 0xdd, sizeof(machine->memory));
	memcpy(before, machine->memory, sizeof(before));
	assert_int_equal(acpi_build(machine->memory, machine->size - 1, GPA, &machine->config), 0);
	assert_int_equal(acpi_build(machine->memory, 0, GPA, &machine->config), 0);
	machine->config.cpus = 256;
	assert_int_equal(acpi_build(machine->memory, sizeof(before), GPA, &machine->config), 0);
	machine->config.cpus = 1;
	machine->config.pci_slots = 32;
	assert_int_equal(acpi_build(machine->memory, sizeof(before), GPA, &machine->config), 0);
	assert_memory_equal(machine->memory, before, sizeof(before));
}

static void test_the_largest_machine_fits_in_the_layout(void **state)
{
	struct machine *machine = *state;

	machine->config.cpus = ACPI_CPUS_MAX;
	machine->config.pci_slots = PCI_SLOTS_MAX - 1;
	machine_build(machine);
	assert_true(LAYOUT_ACPI + LAYOUT_ACPI_SIZE <= LAYOUT_RESET_VECTOR);
}

/* ---- FADT, MADT, MCFG ------------------------------------------------------------------------ */

/* 5.2.3.2: in I/O space, 8 bits at bit 0, accessed as a byte. */
static void assert_io_register(const uint8_t *address, unsigned int port)
{
	static const uint8_t io_byte[] = { 1, 8, 0, 1 };

	assert_memory_equal(address, io_byte, sizeof(io_byte));
	assert_int_equal(le_load(address + 4, 8), port);
}

static void test_the_fadt_describes_the_power_device(void **state)
{
	const uint8_t *fadt = table_find(*state, "FACP");

	assert_int_equal(table_length(fadt), 276);
	assert_int_equal(fadt[8], 6);
	assert_io_register(fadt + 116, LAYOUT_PORT_POWER + POWER_RESET);
	assert_int_equal(fadt[128], POWER_RESET_VALUE);
	assert_io_register(fadt + 244, LAYOUT_PORT_POWER + POWER_SLEEP_CONTROL);
	assert_io_register(fadt + 256, LAYOUT_PORT_POWER + POWER_SLEEP_STATUS);
}

static void test_layout_and_devices_agree(void **state)
{
	(void)state;
	assert_int_equal(LAYOUT_POWER_SLEEP_CONTROL, POWER_SLEEP_CONTROL);
	assert_int_equal(LAYOUT_POWER_SLEEP_STATUS, POWER_SLEEP_STATUS);
	assert_int_equal(LAYOUT_POWER_RESET, POWER_RESET);
	assert_int_equal(LAYOUT_POWER_RESET_VALUE, POWER_RESET_VALUE);
	assert_int_equal(LAYOUT_RTC_CENTURY, RTC_CENTURY);
	assert_int_equal(LAYOUT_ECAM_SIZE, PCI_ECAM_BUS_SIZE);
}

static void test_the_fadt_is_that_of_a_hardware_reduced_machine(void **state)
{
	const uint8_t *fadt = table_find(*state, "FACP");
	uint64_t flags = le_load(fadt + 112, 4);

	assert_true(flags & BIT(20));			   /* HW_REDUCED_ACPI */
	assert_true(flags & BIT(10));			   /* RESET_REG_SUP */
	assert_true((flags & BIT(4)) && (flags & BIT(5))); /* no fixed buttons */
	/* VGA is not there; CMOS RTC and MSI are; no 8042, nothing at fixed ports. */
	assert_int_equal(le_load(fadt + 109, 2), BIT(2));
	assert_int_equal(fadt[108], RTC_CENTURY);
	/* None of the register blocks that hardware-reduced machines must not have. */
	for (unsigned int offset = 36; offset < 108; offset++)
		assert_int_equal(fadt[offset], 0);
	for (unsigned int offset = 148; offset < 244; offset++)
		assert_int_equal(fadt[offset], 0);
}

static void test_the_fadt_does_not_deny_a_vga_controller(void **state)
{
	struct machine *machine = *state;

	machine->config.vga = true;
	machine_build(machine);
	assert_int_equal(le_load(table_find(machine, "FACP") + 109, 2), 0);
}

static void test_the_madt_lists_every_cpu_and_the_ioapic(void **state)
{
	static const unsigned int counts[] = { 1, 2, 64, ACPI_CPUS_MAX };
	struct machine *machine = *state;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned int cpus = 0, ioapics = 0;
		const uint8_t *madt, *entry;

		machine->config.cpus = counts[i];
		machine_build(machine);
		madt = table_find(machine, "APIC");
		assert_int_equal(le_load(madt + 36, 4), LAYOUT_LAPIC);
		assert_int_equal(le_load(madt + 40, 4), 0); /* no 8259s */
		for (entry = madt + 44; entry < madt + table_length(madt); entry += entry[1]) {
			if (entry[0] == 1) {
				const uint8_t ioapic[] = {
					1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0
				};

				assert_memory_equal(entry, ioapic, sizeof(ioapic));
				ioapics++;
			} else {
				const uint8_t lapic[] = { 0, 8, (uint8_t)cpus, (uint8_t)cpus, 1, 0,
							  0, 0 };

				assert_memory_equal(entry, lapic, sizeof(lapic));
				cpus++;
			}
		}
		assert_ptr_equal(entry, madt + table_length(madt));
		assert_int_equal(cpus, counts[i]);
		assert_int_equal(ioapics, 1);
	}
}

static void test_the_mcfg_covers_bus_0_only(void **state)
{
	const uint8_t *mcfg = table_find(*state, "MCFG");

	assert_int_equal(table_length(mcfg), 60);
	assert_int_equal(le_load(mcfg + 44, 8), LAYOUT_ECAM);
	assert_int_equal(le_load(mcfg + 52, 8), 0); /* segment 0, buses 0 to 0 */
}

/* ---- DSDT ------------------------------------------------------------------------------------ */

/* The last place of @bytes in the DSDT. */
static const uint8_t *dsdt_find(const struct machine *machine, const void *bytes, size_t size)
{
	const uint8_t *dsdt = table_find(machine, "DSDT"), *found = NULL;

	for (const uint8_t *at = dsdt; at + size <= dsdt + table_length(dsdt); at++)
		if (!memcmp(at, bytes, size))
			found = at;
	return found;
}

/* The QWord Address Space Descriptor (6.4.3.5.1) of PCI0, or NULL. */
static const uint8_t *window64_find(const struct machine *machine)
{
	return dsdt_find(machine, (const uint8_t[]){ 0x8a, 0x2b, 0, 0, 0x0c }, 5);
}

static void test_the_64_bit_window_is_where_the_layout_says(void **state)
{
	struct machine *machine = *state;
	const uint8_t *window = window64_find(machine);

	assert_non_null(window);
	assert_int_equal(le_load(window + 6, 8), 0);
	assert_int_equal(le_load(window + 14, 8), MEM64);
	assert_int_equal(le_load(window + 22, 8), MEM64 + MEM64_SIZE - 1);
	assert_int_equal(le_load(window + 30, 8), 0);
	assert_int_equal(le_load(window + 38, 8), MEM64_SIZE);
	assert_int_equal(window[46], 0x79); /* the end tag */
}

static void test_without_a_64_bit_window_the_list_ends_before_it(void **state)
{
	struct machine *machine = *state;
	const uint8_t *dsdt = table_find(machine, "DSDT");
	size_t offset = (size_t)(window64_find(machine) - dsdt);

	machine->layout.mem64.size = 0;
	machine_build(machine);
	assert_null(window64_find(machine));
	assert_int_equal(dsdt[offset], 0x79);
	assert_int_equal(dsdt[offset + 1], 0);
}

static void test_the_prt_agrees_with_the_pci_bus(void **state)
{
	static const unsigned int counts[] = { 1, 2, 9, PCI_SLOTS_MAX - 1 };
	struct machine *machine = *state;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const uint8_t *prt, *dsdt, *entry;

		machine->config.pci_slots = counts[i];
		machine_build(machine);
		dsdt = table_find(machine, "DSDT");
		prt = dsdt_find(machine, "_PRT", 4);
		assert_non_null(prt);
		assert_int_equal(prt[4], 0x12); /* Package: length (2 bytes), elements */
		assert_int_equal(prt[5] >> 4, 4);
		assert_int_equal((prt[5] & 0xf) + prt[6] * 16,
				 dsdt + table_length(dsdt) - (prt + 5));
		assert_int_equal(prt[7], 4 * counts[i]);
		entry = prt + 8;
		for (unsigned int slot = 1; slot <= counts[i]; slot++)
			for (unsigned int pin = 0; pin < 4; pin++, entry += 13) {
				const struct pci_device device = { .devfn = PCI_DEVFN(slot, 0) };
				const uint8_t bytes[] = {
					0x12,
					12,
					4, /* Package: length, elements */
					0x0c,
					0xff,
					0xff,
					(uint8_t)slot,
					0, /* any function */
					0x0a,
					(uint8_t)pin,
					0,
					0x0a,
					(uint8_t)pci_intx_gsi(&device, pin + 1),
				};

				assert_memory_equal(entry, bytes, sizeof(bytes));
			}
		assert_ptr_equal(entry, dsdt + table_length(dsdt));
	}
}

static void test_without_pci_devices_there_is_no_prt(void **state)
{
	struct machine *machine = *state;

	assert_non_null(dsdt_find(machine, "_PRT", 4));
	machine->config.pci_slots = 0;
	machine_build(machine);
	assert_null(dsdt_find(machine, "_PRT", 4));
}

/* ---- what ACPICA thinks of it ---------------------------------------------------------------- */

struct text {
	char data[64 * KIB];
};

/* Run a command in @directory, its output in iasl.log there. */
static void command_run(const char *directory, const char *command)
{
	char line[256];

	snprintf(line, sizeof(line), "cd %s && %s >iasl.log 2>&1", directory, command);
	if (system(line))
		fail_msg("%s failed: see %s/iasl.log", command, directory);
}

/* Write the table to a file and disassemble it. The text comes without runs of spaces. */
static void disassemble(const struct machine *machine, const char *directory, const char *signature,
			struct text *text)
{
	const uint8_t *table = table_find(machine, signature);
	char path[128], command[64], *to = text->data;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.aml", directory, signature);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(table, table_length(table), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof(command), "iasl -d %s.aml", signature);
	command_run(directory, command);

	snprintf(path, sizeof(path), "%s/%s.dsl", directory, signature);
	file = fopen(path, "r");
	assert_non_null(file);
	for (int byte; (byte = fgetc(file)) != EOF && to < text->data + sizeof(text->data) - 1;) {
		byte = byte == '\n' ? ' ' : byte;
		if (byte != ' ' || (to > text->data && to[-1] != ' '))
			*to++ = (char)byte;
	}
	*to = '\0';
	fclose(file);
}

#define WINDOW(width, min, size)                                                               \
	snprintf(words, sizeof(words),                                                         \
		 "0x%0*llX, // Range Minimum 0x%0*llX, // Range Maximum "                      \
		 "0x%0*llX, // Translation Offset 0x%0*llX, // Length",                        \
		 width, (unsigned long long)(min), width, -1ULL + (min) + (size), width, 0ULL, \
		 width, (unsigned long long)(size))

/* An IO descriptor of fixed ports. */
#define PORTS(base, size)                                                                 \
	snprintf(words, sizeof(words),                                                    \
		 "IO (Decode16, 0x%04X, // Range Minimum 0x%04X, // Range Maximum 0x01, " \
		 "// Alignment 0x%02X, // Length",                                        \
		 base, base, size)

static void assert_text(const struct text *text, const char *words)
{
	if (!strstr(text->data, words))
		fail_msg("the DSDT does not say \"%s\"", words);
}

/* guest/dsdt.asl has numbers of its own: here they are compared with those of the headers. */
static void dsdt_text_check(const struct text *text)
{
	char words[256];

	WINDOW(4, LAYOUT_PORT_PCI, LAYOUT_PORT_PCI_END - LAYOUT_PORT_PCI);
	assert_text(text, words);
	WINDOW(8, LAYOUT_MEM32, LAYOUT_MEM32_SIZE);
	assert_text(text, words);
	WINDOW(16, MEM64, MEM64_SIZE);
	assert_text(text, words);
	PORTS(0xcf8, 8);
	assert_text(text, words);
	PORTS(LAYOUT_PORT_SERIAL, 8);
	assert_text(text, words);
	PORTS(LAYOUT_PORT_RTC, RTC_PORTS);
	assert_text(text, words);
	PORTS(LAYOUT_PORT_POWER, POWER_REGISTERS);
	assert_text(text, words);
	snprintf(words, sizeof(words),
		 "Memory32Fixed (ReadWrite, 0x%08X, // Address Base 0x%08X, // Address Length",
		 LAYOUT_ECAM, LAYOUT_ECAM_SIZE);
	assert_text(text, words);
	snprintf(words, sizeof(words),
		 "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x%08X, }",
		 LAYOUT_GSI_SERIAL);
	assert_text(text, words);
	snprintf(words, sizeof(words), "// _S5_: S5 System State { 0x%02X,", POWER_SLEEP_TYPE_S5);
	assert_text(text, words);
	assert_text(text, "Name (_PRT, Package (0x08)");
}

static void test_iasl_can_read_every_table(void **state)
{
	char directory[] = "/tmp/acpi_test.XXXXXX", command[64];
	struct machine *machine = *state;
	struct text text;

	if (system("iasl -v >/dev/null 2>&1")) {
		print_message("skipped: iasl (package acpica-tools) is not installed\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		disassemble(machine, directory, signatures[i], &text);
	dsdt_text_check(&text); /* the DSDT is the last of them */
	/* What iasl reads out of the AML is whole and sound if it compiles again. */
	command_run(directory, "iasl -we -p again DSDT.dsl");

	machine->layout.mem64.size = 0;
	machine->config.pci_slots = 0;
	machine_build(machine);
	disassemble(machine, directory, "DSDT", &text);
	command_run(directory, "iasl -we -p again DSDT.dsl");
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

/* ---- acpi_dump() ----------------------------------------------------------------------------- */

static const char *const dump_names[] = { "xsdt.dat", "facp.dat", "apic.dat", "mcfg.dat",
					  "dsdt.dat" };

static unsigned int files_count(const char *directory)
{
	DIR *listing = opendir(directory);
	unsigned int count = 0;

	assert_non_null(listing);
	while (readdir(listing))
		count++;
	closedir(listing);
	return count - 2; /* . and .. */
}

/* The file @name of @directory must hold the table of that name and nothing else. */
static void dump_check(const struct machine *machine, const char *directory, size_t number)
{
	const uint8_t *table = table_find(machine, signatures[number]);
	uint8_t file[sizeof(machine->memory)];
	char path[64];
	size_t size;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", directory, dump_names[number]);
	stream = fopen(path, "re");
	if (!stream)
		fail_msg("there is no %s", path);
	size = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	unlink(path);
	assert_int_equal(size, table_length(table));
	assert_memory_equal(file, signatures[number], 4);
	assert_true(sums_to_zero(file, size));
	assert_memory_equal(file, table, size);
}

/* Of what is behind the tables nothing gets into a file: zeroes, rubbish, or the end of the RAM. */
static void test_the_dump_has_a_file_for_each_table(void **state)
{
	char directory[] = "/tmp/acpi_test.XXXXXX";
	struct machine *machine = *state;
	const size_t sizes[] = { machine->size, machine->size + 1, sizeof(machine->memory) };

	assert_non_null(mkdtemp(directory));
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		memset(machine->memory + machine->size, i % 2 ? 0xcc : 0,
		       sizeof(machine->memory) - machine->size);
		assert_int_equal(acpi_dump(machine->memory, sizes[i / 2], directory), 0);
		assert_int_equal(files_count(directory), ARRAY_SIZE(signatures));
		for (size_t n = 0; n < ARRAY_SIZE(signatures); n++)
			dump_check(machine, directory, n);
	}
	assert_int_equal(rmdir(directory), 0);
}

static void test_the_dump_of_the_largest_machine_is_whole(void **state)
{
	char directory[] = "/tmp/acpi_test.XXXXXX";
	struct machine *machine = *state;

	machine->config.cpus = ACPI_CPUS_MAX;
	machine->config.pci_slots = 31;
	machine_build(machine);
	assert_non_null(mkdtemp(directory));
	assert_int_equal(acpi_dump(machine->memory, sizeof(machine->memory), directory), 0);
	for (size_t n = 0; n < ARRAY_SIZE(signatures); n++)
		dump_check(machine, directory, n);
	assert_int_equal(rmdir(directory), 0);
}

static void test_the_dump_can_be_disassembled(void **state)
{
	char directory[] = "/tmp/acpi_test.XXXXXX", command[64];
	struct machine *machine = *state;

	if (system("iasl -v >/dev/null 2>&1")) {
		print_message("skipped: iasl (package acpica-tools) is not installed\n");
		skip();
	}
	assert_non_null(mkdtemp(directory));
	assert_int_equal(acpi_dump(machine->memory, sizeof(machine->memory), directory), 0);
	command_run(directory, "iasl -d dsdt.dat");
	command_run(directory, "grep -q 'DefinitionBlock.*DSDT' dsdt.dsl");
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static void test_a_dump_that_cannot_be_written_is_an_error(void **state)
{
	char directory[] = "/tmp/acpi_test.XXXXXX", path[64], long_path[PATH_MAX];
	struct machine *machine = *state;

	assert_int_equal(acpi_dump(machine->memory, machine->size, "/nowhere"), -ENOENT);
	assert_int_equal(acpi_dump(machine->memory, machine->size, "/dev/null"), -ENOTDIR);
	memset(long_path, '/', sizeof(long_path));
	long_path[PATH_MAX - 4] = '\0';
	assert_int_equal(acpi_dump(machine->memory, machine->size, long_path), -ENAMETOOLONG);
	/* One of the later files: the ones before it do not hide that. */
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/mcfg.dat", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(acpi_dump(machine->memory, machine->size, directory), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	for (size_t i = 0; i < 3; i++)
		dump_check(machine, directory, i);
	assert_int_equal(rmdir(directory), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_make, machine_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_rsdp_is_first_and_good_for_old_and_new),
		TEST(test_every_table_has_its_signature_and_a_good_checksum),
		TEST(test_tables_do_not_overlap),
		TEST(test_nothing_is_written_beyond_what_is_reported),
		TEST(test_what_does_not_fit_is_refused_and_not_begun),
		TEST(test_the_largest_machine_fits_in_the_layout),
		TEST(test_the_fadt_describes_the_power_device),
		TEST(test_layout_and_devices_agree),
		TEST(test_the_fadt_is_that_of_a_hardware_reduced_machine),
		TEST(test_the_fadt_does_not_deny_a_vga_controller),
		TEST(test_the_madt_lists_every_cpu_and_the_ioapic),
		TEST(test_the_mcfg_covers_bus_0_only),
		TEST(test_the_64_bit_window_is_where_the_layout_says),
		TEST(test_without_a_64_bit_window_the_list_ends_before_it),
		TEST(test_the_prt_agrees_with_the_pci_bus),
		TEST(test_without_pci_devices_there_is_no_prt),
		TEST(test_iasl_can_read_every_table),
		TEST(test_the_dump_has_a_file_for_each_table),
		TEST(test_the_dump_of_the_largest_machine_is_whole),
		TEST(test_the_dump_can_be_disassembled),
		TEST(test_a_dump_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
