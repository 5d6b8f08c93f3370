/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/boot.h"
#include "guest/layout.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/run_options.h"

#define ARGUMENTS_MAX 48

/* Parse what comes after "posthorn"; the words of @words are separated by single spaces. */
static int parsed(struct command_line *line, char *words, char why[512])
{
	char *argv[ARGUMENTS_MAX + 1] = { "posthorn" };
	int argc = 1;

	while (words && argc < ARGUMENTS_MAX)
		argv[argc++] = strsep(&words, " ");
	argv[argc] = NULL;
	return command_line_parse(line, commands, argc, argv, why, 512);
}

static int parsed_copy(struct command_line *line, const char *text, char copy[1024], char why[512])
{
	snprintf(copy, 1024, "%s", text);
	return parsed(line, copy[0] ? copy : NULL, why);
}

/* Parse @text, which must be right. Strings in line.options point into @copy. */
static struct command_line line_of(const char *text, char copy[1024])
{
	struct command_line line;
	char why[512];

	if (parsed_copy(&line, text, copy, why))
		fail_msg("'%s' was refused: %s", text, why);
	assert_string_equal(why, "");
	return line;
}

/* The same for a line of `run`. */
static void accept(struct run_options *options, const char *text, char copy[1024])
{
	struct command_line line = line_of(text, copy);

	assert_ptr_equal(line.command, &command_run);
	assert_false(line.help);
	*options = *(struct run_options *)line.options;
	free(line.options);
}

static void test_run_has_defaults(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --kernel bzImage", copy);
	assert_string_equal(options.kernel, "bzImage");
	assert_null(options.initrd);
	assert_null(options.cmdline);
	assert_string_equal(options.console, "-");
	assert_int_equal(options.cpus.count, 1);
	assert_false(options.cpus.pinned);
	assert_int_equal(options.cpus.policy, CPU_POLICY_INHERITED);
	assert_int_equal(options.memory.size, 512 * MIB);
	assert_int_equal(options.memory.huge_page_size, 0);
	assert_int_equal(options.device_count, 0);
	assert_null(options.irq_report);
	assert_false(options.require_posting);
	assert_null(options.dump);
	assert_int_equal(options.idle, RUN_IDLE_HOST);
	assert_int_equal(options.halt_poll_ns, VM_HALT_POLL_HOST);
}

static void assert_all_options(const struct run_options *options)
{
	assert_string_equal(options->kernel, "k");
	assert_string_equal(options->initrd, "i");
	assert_string_equal(options->cmdline, "a=b");
	assert_string_equal(options->console, "none");
	assert_int_equal(options->cpus.count, 64);
	assert_int_equal(options->memory.size, 2 * GIB);
	assert_int_equal(options->memory.huge_page_size, 2 * MIB);
	assert_int_equal(options->device_count, 2);
	assert_string_equal(options->devices[0].bdf, "0000:01:00.0");
	assert_string_equal(options->devices[1].bdf, "0000:01:00.1");
}

static void test_a_value_follows_or_is_joined_by_an_equals_sign(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options,
	       "run --kernel k --initrd i --cmdline a=b --console none --cpus 64 -v "
	       "--memory 2G,hugepages=on --device 1:0.0 --device 0000:01:00.1 -vv",
	       copy);
	assert_all_options(&options);
	accept(&options,
	       "run -vvv --device=01:00.0 --memory=2048,hugepages=on --cpus=64 --console=none "
	       "--cmdline=a=b --device=1:0.1 --initrd=i --kernel=k",
	       copy);
	assert_all_options(&options);
}

static void test_a_value_may_look_like_an_option(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --kernel --initrd --cmdline -v --console -", copy);
	assert_string_equal(options.kernel, "--initrd");
	assert_null(options.initrd);
	assert_string_equal(options.cmdline, "-v");
	assert_string_equal(options.console, "-");
}

static void test_the_command_line_of_the_kernel_may_be_empty(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --kernel k --cmdline=", copy);
	assert_string_equal(options.cmdline, "");
}

static void test_the_kernel_may_be_left_out(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --initrd i", copy);
	assert_null(options.kernel);
	assert_string_equal(options.initrd, "i");
}

static void test_each_cpu_can_have_one_of_the_hosts(void **state)
{
	static const uint16_t pins[] = { 7, 2, 3 };
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --cpus 3,pin=7,2-3,sched=fifo:10 --helpers-cpu 0,4-5", copy);
	assert_int_equal(options.cpus.count, 3);
	assert_true(options.cpus.pinned);
	assert_memory_equal(options.cpus.pins, pins, sizeof(pins));
	assert_int_equal(CPU_COUNT(&options.cpus.helpers), 3);
	assert_true(CPU_ISSET(0, &options.cpus.helpers) && CPU_ISSET(5, &options.cpus.helpers));
	assert_int_equal(options.cpus.policy, CPU_POLICY_FIFO);
	assert_int_equal(options.cpus.priority, 10);
	accept(&options, "run --cpus 2,sched=rr:99,pin=0,1", copy);
	assert_int_equal(options.cpus.policy, CPU_POLICY_RR);
	assert_int_equal(options.cpus.pins[1], 1);
	assert_int_equal(CPU_COUNT(&options.cpus.helpers), 0);
	accept(&options, "run --idle guest --halt-poll 0 --cpus 2,sched=other", copy);
	assert_int_equal(options.idle, RUN_IDLE_GUEST);
	assert_int_equal(options.halt_poll_ns, 0);
	assert_int_equal(options.cpus.policy, CPU_POLICY_OTHER);
	assert_false(options.cpus.pinned);
}

static void test_memory_is_a_number_and_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes, huge_page_size, prefault;
		int node; /* -1: none */
	} sizes[] = {
		{ "32M", 32 * MIB, 0, 0, -1 },
		{ "32", 32 * MIB, 0, 0, -1 },
		{ "1536m", 1536 * MIB, 0, 0, -1 },
		{ "1g", GIB, 0, 0, -1 },
		{ "4T", 4 * TIB, 0, 0, -1 },
		{ "4096T", 4096 * TIB, 0, 0, -1 },
		{ "65536K,hugepages=off", 64 * MIB, 0, 0, -1 },
		{ "66M,hugepages=on", 66 * MIB, 2 * MIB, 0, -1 },
		{ "3G,hugepages=1G,prefault=2", 3 * GIB, GIB, 2, -1 },
		{ "64M,node=0", 64 * MIB, 0, 0, 0 },
		{ "64M,prefault=64,node=1023,hugepages=on", 64 * MIB, 2 * MIB, 64, 1023 },
		{ "0033M", 33 * MIB, 0, 0, -1 },
	};
	char copy[1024], line[128];
	struct run_options options;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(line, sizeof(line), "run --kernel k --memory %s", sizes[i].text);
		accept(&options, line, copy);
		assert_int_equal(options.memory.size, sizes[i].bytes);
		assert_int_equal(options.memory.huge_page_size, sizes[i].huge_page_size);
		assert_int_equal(options.memory.prefault, sizes[i].prefault);
		assert_int_equal(options.memory.has_node, sizes[i].node >= 0);
		assert_int_equal(options.memory.node, max(sizes[i].node, 0));
	}
}

static void test_memory_is_a_multiple_of_the_page_size(void **state)
{
	char copy[1024], text[128], why[512];
	struct command_line line;
	long page = sysconf(_SC_PAGESIZE);
	struct run_options options;

	(void)state;
	snprintf(text, sizeof(text), "run --kernel k --memory %ldK", 65536 + page / 1024);
	accept(&options, text, copy);
	assert_int_equal(options.memory.size, 64 * MIB + (uint64_t)page);
	snprintf(text, sizeof(text), "run --kernel k --memory %ldK", 65536 + page / 2048);
	assert_int_equal(parsed_copy(&line, text, copy, why), EXIT_USAGE);
	snprintf(text, sizeof(text), "multiple of %ldK", page / 1024);
	assert_non_null(strstr(why, text));
}

static void test_the_path_of_interrupts_is_each_devices_own(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options,
	       "run --kernel k --device 1:0.0,irq-path=userspace --device 2:0.0 "
	       "--device=3:0.0,irq-path=irqfd --device=0004:00:00.7,irq-path=userspace",
	       copy);
	assert_int_equal(options.device_count, 4);
	assert_string_equal(options.devices[0].bdf, "0000:01:00.0");
	assert_true(options.devices[0].userspace_irqs);
	assert_string_equal(options.devices[1].bdf, "0000:02:00.0");
	assert_false(options.devices[1].userspace_irqs);
	assert_string_equal(options.devices[2].bdf, "0000:03:00.0");
	assert_false(options.devices[2].userspace_irqs);
	assert_string_equal(options.devices[3].bdf, "0004:00:00.7");
	assert_true(options.devices[3].userspace_irqs);
}

static void test_the_place_of_the_msix_table_is_each_devices_own(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options,
	       "run --device 1:0.0 --device 2:0.0,msix-table=own,irq-path=userspace "
	       "--device 3:0.0,msix-table=device --device 4:0.0,addr=9,msix-table=auto",
	       copy);
	assert_int_equal(options.devices[0].msix_table, MSIX_TABLE_AUTO);
	assert_int_equal(options.devices[1].msix_table, MSIX_TABLE_OWN);
	assert_int_equal(options.devices[2].msix_table, MSIX_TABLE_DEVICE);
	assert_int_equal(options.devices[3].msix_table, MSIX_TABLE_AUTO);
}

static void test_how_devices_are_opened(void **state)
{
	static const char token[] = "83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4";
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options,
	       "run --iommu type1 --device 1:0.0 --device "
	       "2:0.0,vf-token=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4,irq-path=userspace",
	       copy);
	assert_int_equal(options.iommu, IOMMU_TYPE1);
	assert_string_equal(options.devices[0].vf_token, "");
	assert_string_equal(options.devices[1].vf_token, token);
	accept(&options, "run --device 1:0.0", copy);
	assert_int_equal(options.iommu, IOMMU_AUTO);
	/* A mediated device, by its UUID as sysfs has it. */
	accept(&options,
	       "run --device mdev=83F6c0a2-5D4b-4c1e-9a77-0f3e8b21d6c4 --device "
	       "mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c5,addr=7",
	       copy);
	assert_string_equal(options.devices[0].bdf, token);
	assert_int_equal(options.devices[0].devfn, PCI_DEVFN(1, 0));
	assert_int_equal(options.devices[1].devfn, PCI_DEVFN(7, 0));
}

/* It is said what is wrong, and what would be right. */
static void assert_refused(const char *text, const char *fault, const char *right)
{
	char copy[1024], why[512];
	struct command_line line;

	assert_int_equal(parsed_copy(&line, text, copy, why), EXIT_USAGE);
	assert_non_null(strstr(why, fault));
	assert_non_null(strstr(why, right));
}

/* Descriptor 3 and so on are systemd's. */
static void test_descriptors_by_number_and_by_name(void **state)
{
	struct run_options options;
	char copy[1024], pid[16], line[64];
	int fd = fcntl(open("/dev/null", O_RDONLY), F_DUPFD, 3);

	(void)state;
	snprintf(line, sizeof(line), "run --kvm fd=%d --iommufd fd=%d", fd, fd);
	accept(&options, line, copy);
	assert_int_equal(options.kvm, fd);
	assert_int_equal(options.iommufd, fd);
	/* None is named before it is there, and none of another process. */
	dup2(fd, 3);
	dup2(fd, 4);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "kvm:iommu:more", 1);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	accept(&options, "run --kvm fd=kvm --iommufd fd=iommu", copy);
	assert_int_equal(options.kvm, 3);
	assert_int_equal(options.iommufd, 4);
	assert_refused("run --kvm fd=more", "--kvm 'fd=more'", "no such descriptor");
	assert_refused("run --kvm fd=kv", "--kvm 'fd=kv'", "no such descriptor");
	setenv("LISTEN_PID", "1", 1);
	assert_refused("run --kvm fd=kvm", "--kvm 'fd=kvm'", "no such descriptor");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	assert_refused("run --kvm 3", "--kvm '3'", "fd=5");
	assert_refused("run --kvm fd=", "--kvm 'fd='", "fd=5");
	assert_refused("run --kvm fd=1", "--kvm 'fd=1'", "from 3 on");
	assert_refused("run --kvm fd=4294967299", "--kvm 'fd=4294967299'", "no such descriptor");
	assert_refused("run --device fd=3,addr=2", "--device 'fd=3,addr=2'",
		       "no file of /dev/vfio/devices");
	assert_refused("run --iommu type1 --iommufd fd=3", "--iommu type1", "leave it out");
	close(3);
	close(4);
	close(fd);
}

static void test_functions_of_a_slot_stay_together(void **state)
{
	static const struct {
		const char *line, *places; /* "SLOT.FUNCTION", "+" when there are others */
	} lines[] = {
		{ "1:0.0 2:0.0 3:0.0", "1.0 2.0 3.0" },
		{ "1:0.0 1:0.1", "1.0+ 1.1+" },
		{ "1:0.3 2:0.0 1:0.0 1:0.7", "1.3+ 2.0 1.0+ 1.7+" },
		/* Without the host's function 0: some other must be it. */
		{ "1:0.1", "1.0" },
		{ "1:0.3 1:0.1 1:0.2", "1.3+ 1.0+ 1.2+" },
		/* The same numbers, and another slot, bus or domain. */
		{ "1:0.0 1:1.1 2:0.1 0001:01:00.1 100:1:0.1", "1.0 2.0 3.0 4.0 5.0" },
		{ "1:0.0,addr=5 2:0.0 3:0.0,addr=1", "5.0 2.0 1.0" },
		{ "1:0.0,addr=1f 1:0.1,addr=1f.7", "1f.0+ 1f.7+" },
		{ "1:0.0,addr=2 1:0.1", "2.0 1.0" },
		{ "1:0.0 1:0.1,addr=2 1:0.2 4:0.0,addr=2.4", "1.0+ 2.0+ 1.2+ 2.4+" },
	};
	char copy[1024], text[1024], places[256];
	struct run_options options;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		char words[256], *next = words, *word;

		strcpy(words, lines[i].line);
		strcpy(text, "run");
		while ((word = strsep(&next, " ")))
			strcat(strcat(text, " --device "), word);
		accept(&options, text, copy);
		places[0] = '\0';
		for (unsigned int j = 0; j < options.device_count; j++) {
			const struct device_options *device = &options.devices[j];

			snprintf(places + strlen(places), sizeof(places) - strlen(places),
				 "%s%x.%x%s", j ? " " : "", PCI_SLOT(device->devfn),
				 PCI_FUNC(device->devfn), device->is_multifunction ? "+" : "");
		}
		assert_string_equal(places, lines[i].places);
	}
}

static void test_the_rom_is_each_devices_own(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options,
	       "run --device 1:0.0,romfile=/a/b.rom,rombar=on --device 2:0.0,rombar=off "
	       "--device 3:0.0",
	       copy);
	assert_string_equal(options.devices[0].romfile, "/a/b.rom");
	assert_false(options.devices[0].rom_hidden);
	assert_string_equal(options.devices[1].romfile, "");
	assert_true(options.devices[1].rom_hidden);
	assert_false(options.devices[2].rom_hidden);
}

static void test_one_device_can_have_vga(void **state)
{
	static const char two[] = "run --device 1:0.0,vga=on --device 2:0.0,vga=on";
	struct command_line line;
	struct run_options options;
	char copy[1024], why[512];

	(void)state;
	accept(&options, "run --device 1:0.0,vga=off", copy);
	assert_false(options.devices[0].vga);
	if (!LAYOUT_VGA_SIZE) {
		assert_int_equal(parsed_copy(&line, two, copy, why), EXIT_USAGE);
		assert_non_null(strstr(why, "there is no VGA on this architecture"));
		return;
	}
	accept(&options,
	       "run --device 1:0.0 --device 2:0.0,vga=on,irq-path=userspace "
	       "--device 3:0.0,irq-path=irqfd,vga=off",
	       copy);
	assert_false(options.devices[0].vga);
	assert_true(options.devices[1].vga);
	assert_true(options.devices[1].userspace_irqs);
	assert_false(options.devices[2].vga);
	assert_int_equal(parsed_copy(&line, two, copy, why), EXIT_USAGE);
	assert_non_null(strstr(why, "vga=on is for both 0000:01:00.0 and 0000:02:00.0"));
}

static void test_reports_and_what_they_must_say(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --kernel k --irq-report report.json", copy);
	assert_string_equal(options.irq_report, "report.json");
	assert_false(options.require_posting);
	accept(&options, "run --require-posting --kernel k", copy);
	assert_true(options.require_posting);
	assert_null(options.irq_report);
	accept(&options, "run --irq-report=- --require-posting --kernel k", copy);
	assert_string_equal(options.irq_report, "-");
	assert_true(options.require_posting);
}

static void test_sandbox(void **state)
{
	static const char *const modes[SECCOMP_MODES] = { "on", "log", "off" };
	struct run_options options;
	char copy[1024], line[64];

	(void)state;
	accept(&options, "run --kernel k", copy);
	assert_int_equal(options.seccomp, SECCOMP_MODE_ON);
	assert_null(options.user);
	accept(&options, "run --kernel k --user nobody", copy);
	assert_string_equal(options.user, "nobody");
	for (unsigned int i = 0; i < SECCOMP_MODES; i++) {
		snprintf(line, sizeof(line), "run --kernel k --seccomp %s", modes[i]);
		accept(&options, line, copy);
		assert_int_equal(options.seccomp, i);
	}
}

/* Its name is that of what the architecture's guests are told of their machine. */
static void test_what_the_guest_is_told_can_be_dumped(void **state)
{
	struct run_options options;
	char copy[1024];

	(void)state;
	accept(&options, "run --kernel k " BOOT_DUMP_OPTION " there", copy);
	assert_string_equal(options.dump, "there");
	accept(&options, "run " BOOT_DUMP_OPTION "=there --kernel k", copy);
	assert_string_equal(options.dump, "there");
}

static void test_the_other_architectures_dump_is_no_option(void **state)
{
	const char *other = strcmp(BOOT_DUMP_OPTION, "--dump-fdt") ? "--dump-fdt" : "--dump-acpi";
	char copy[1024], text[128], why[512];
	struct command_line line;

	(void)state;
	snprintf(text, sizeof(text), "run --kernel k %s there", other);
	assert_int_equal(parsed_copy(&line, text, copy, why), EXIT_USAGE);
	snprintf(text, sizeof(text), "no option '%s'", other);
	assert_non_null(strstr(why, text));
}

static void test_v_says_more_for_every_command(void **state)
{
	static const struct {
		const char *text;
		unsigned int verbose;
	} lines[] = {
		{ "devices", 0 },
		{ "devices -v --json", 1 },
		{ "unbind -vv 0001:03:00.1", 2 },
		{ "run -v --kernel k -vv", 3 },
		{ "run --kernel k --cmdline -v", 0 },
	};
	char copy[1024];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		struct command_line line = line_of(lines[i].text, copy);

		assert_int_equal(line.verbose, lines[i].verbose);
		free(line.options);
	}
}

/* Every command is found by its name, and none by the beginning of it. */
static void test_commands_are_found_by_their_names(void **state)
{
	(void)state;
	for (unsigned int i = 0; commands[i]; i++) {
		char name[32];

		assert_ptr_equal(command_find(commands, commands[i]->name), commands[i]);
		snprintf(name, sizeof(name), "%.*s", (int)strlen(commands[i]->name) - 1,
			 commands[i]->name);
		assert_null(command_find(commands, name));
	}
}

static void test_a_function_is_an_operand(void **state)
{
	char copy[1024];
	struct command_line line = line_of("bind 3:0.1", copy);

	(void)state;
	assert_ptr_equal(line.command, &command_bind);
	assert_string_equal(line.options, "0000:03:00.1");
	free(line.options);
	line = line_of("unbind 0001:03:00.1", copy);
	assert_ptr_equal(line.command, &command_unbind);
	assert_string_equal(line.options, "0001:03:00.1");
	free(line.options);
}

/* What is asked of a command is answered, whatever else its line lacks or has. */
static void test_help_is_found_from_everywhere(void **state)
{
	static const struct {
		const char *text, *command;
	} lines[] = {
		{ "run --help", "run" },
		{ "run -h --nonsense", "run" },
		{ "run --kernel k --help", "run" },
		{ "bind --help", "bind" },
		{ "devices --json --help", "devices" },
		{ "--version --help", "version" },
	};
	static const char *const others[] = { "help", "--help", "-h", "help run", "--help bind" };
	struct command_line line;
	char copy[1024];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		line = line_of(lines[i].text, copy);
		assert_true(line.help);
		assert_string_equal(line.command->name, lines[i].command);
		free(line.options);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		line = line_of(others[i], copy);
		assert_string_equal(line.command->name, "help");
		free(line.options);
	}
	line = line_of("--version", copy);
	assert_string_equal(line.command->name, "version");
	free(line.options);
}

/* Each is wrong in one way, and the message says which and what would be right. */
static void test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *says, *too;
	} lines[] = {
		{ "", "command is missing", "posthorn help" },
		{ "start", "'start' is not a command", "posthorn help" },
		{ "-v run --kernel k", "'-v': options follow the command", "posthorn COMMAND -v" },
		{ "RUN --kernel k", "'RUN' is not a command", "posthorn help" },
		{ "run --kernel", "--kernel needs a value", "--kernel FILE" },
		{ "run --kernel=", "--kernel ''", "no file" },
		{ "run --initrd= --kernel k", "--initrd ''", "no file" },
		{ "run --console= --kernel k", "--console ''", "no file" },
		{ "run --kernel k --kernel l", "--kernel is there twice", "once" },
		{ "run --kernel k --memory 1G --memory=2G", "--memory is there twice", "once" },
		{ "run --kernel k extra", "'extra' is one argument too many", "help run" },
		{ "run --kern k", "no option '--kern'", "posthorn help run" },
		{ "run --kernel k --json", "no option '--json'", "posthorn help run" },
		{ "run --kernel k -x", "no option '-x'", "posthorn help run" },
		{ "run --kernel k -vx", "no option '-vx'", "posthorn help run" },
		{ "run --kernel k --", "no option '--'", "posthorn help run" },
		{ "run --kernel k --cpus 0", "--cpus '0'", "1 to 64" },
		{ "run --kernel k --cpus 65", "--cpus '65'", "1 to 64" },
		{ "run --kernel k --cpus -1", "--cpus '-1'", "1 to 64" },
		{ "run --kernel k --cpus two", "--cpus 'two'", "1 to 64" },
		{ "run --kernel k --cpus 2x", "--cpus '2x'", "1 to 64" },
		{ "run --kernel k --cpus=", "--cpus ''", "1 to 64" },
		{ "run --kernel k --cpus 4294967297", "--cpus '4294967297'", "1 to 64" },
		{ "run --kernel k --cpus 18446744073709551617", "--cpus '1844", "1 to 64" },
		{ "run --idle on", "--idle 'on'", "host or guest" },
		{ "run --halt-poll 4294967296", "--halt-poll '4294967296'", "to 4294967295" },
		{ "run --cpus 2,pin=1", "--cpus '2,pin=1'", "one for each" },
		{ "run --cpus 2,pin=1-3", "3 of the host", "one for each" },
		{ "run --cpus 2,pin=1,1", "--cpus '2,pin=1,1'", "none twice" },
		{ "run --cpus 1,pin=", "--cpus '1,pin='", "as in 2,3" },
		{ "run --cpus 1,pin=1024", "--cpus '1,pin=1024'", "as in 2,3" },
		{ "run --cpus 1,pin=1,pin=2", "pin=1,pin=2'", "as in 2,3" },
		{ "run --cpus 1,pins=1", "--cpus '1,pins=1'", ",pin=LIST" },
		{ "run --cpus 1,", "--cpus '1,'", ",pin=LIST" },
		{ "run --cpus 1,sched=fifo", "--cpus '1,sched=fifo'", "fifo:P" },
		{ "run --cpus 1,sched=fifo:0", "--cpus '1,sched=fifo:0'", "1 to 99" },
		{ "run --cpus 1,sched=rr:100", "--cpus '1,sched=rr:100'", "1 to 99" },
		{ "run --cpus 1,sched=other:1", "--cpus '1,sched=other:1'", "or other" },
		{ "run --cpus 1,sched=inherited", "sched=inherited'", "or other" },
		{ "run --cpus 1,sched=rr:1,sched=rr:2", "sched=rr:2'", "or other" },
		{ "run --helpers-cpu 1", "--helpers-cpu: say where", "--cpus N,pin=LIST" },
		{ "run --cpus 1,pin=0 --helpers-cpu x", "--helpers-cpu 'x'", "as in 2,3" },
		{ "run --cpus 1,pin=0 --helpers-cpu 1,sched=rr:1", "--helpers-cpu '1,s", "2-3" },
		{ "check --cpus 1,pin=0", "--cpus", "--latency" },
		{ "run --kernel k --memory=", "--memory ''", "K, M, G or T" },
		{ "run --kernel k --memory G", "--memory 'G'", "K, M, G or T" },
		{ "run --kernel k --memory -1G", "--memory '-1G'", "K, M, G or T" },
		{ "run --kernel k --memory 1GB", "--memory '1GB'", "K, M, G or T" },
		{ "run --kernel k --memory 1.5G", "--memory '1.5G'", "K, M, G or T" },
		{ "run --kernel k --memory 0x40M", "--memory '0x40M'", "K, M, G or T" },
		{ "run --kernel k --memory 0", "--memory '0'", "32M to 4096T" },
		{ "run --kernel k --memory 31M", "--memory '31M'", "32M to 4096T" },
		{ "run --kernel k --memory 32767K", "--memory '32767K'", "32M to 4096T" },
		{ "run --kernel k --memory 4097T", "--memory '4097T'", "32M to 4096T" },
		{ "run --kernel k --memory 16777216T", "--memory '16777216T'", "32M to 4096T" },
		{ "run --kernel k --memory 17592186044480", "--memory '1759", "32M to 4096T" },
		{ "run --kernel k --memory 99999999999999999999T", "--memory '9999", "4096T" },
		{ "run --kernel k --memory 65M,hugepages=on", "65M", "multiple of 2048K" },
		{ "run --kernel k --memory 1G,hugepages", "'1G,hugepages'", "hugepages=off|on|1G" },
		{ "run --kernel k --memory 1G,hugepages=yes", "hugepages 'yes'", "off, on or 1G" },
		{ "run --kernel k --memory 1G,huge=on", "'1G,huge=on'", "hugepages=off|on|1G" },
		{ "run --kernel k --memory 1G,", "'1G,'", "prefault=THREADS, node=N" },
		{ "run --kernel k --memory 1536M,hugepages=1G", "1536M", "multiple of 1048576K" },
		{ "run --kernel k --memory 1G,prefault=0", "prefault", "1 to 64" },
		{ "run --kernel k --memory 1G,prefault=65", "prefault", "1 to 64" },
		{ "run --kernel k --memory 1G,node=1024", "node", "0 to 1023" },
		{ "run --kernel k --memory 1G,node=", "node", "0 to 1023" },
		{ "run --kernel k --memory 1G,node=0,node=1", "node= is there twice", "once" },
		{ "run --kernel k --memory ,hugepages=on", "',hugepages=on'", "K, M, G or T" },
		{ "run --kernel k --device nvme0", "--device 'nvme0'", "0000:01:00.0" },
		{ "run --kernel k --device=", "--device ''", "posthorn devices" },
		{ "run --kernel k --device 1:0.8", "--device '1:0.8'", "posthorn devices" },
		{ "run --kernel k --device 1:0.0 --device 0000:01:00.0", "0000:01:00.0", "once" },
		{ "run --kernel k --device 1:0.0,rom=x", "'1:0.0,rom=x': 'rom=x'",
		  "can follow a comma: irq-path=irqfd|userspace, addr=SLOT[.FUNCTION], "
		  "msix-table=auto|device|own, vf-token=UUID, rombar=on|off, romfile=FILE, "
		  "vga=off|on" },
		{ "run --kernel k --device 1:0.0,vf-token=83f6c0a2", "vf-token=83f6c0a2",
		  "give a UUID" },
		{ "run --kernel k --device mdev=83f6c0a2", "'mdev=83f6c0a2'", "mdev=UUID" },
		{ "run --kernel k --device mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4,rom=x",
		  "'rom=x'", "can follow" },
		{ "run --kernel k --device mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4 "
		  "--device mdev=83F6C0A2-5d4b-4c1e-9a77-0f3e8b21d6c4",
		  "0f3e8b21d6c4", "once" },
		{ "run --kernel k --device mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4,"
		  "vf-token=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4",
		  "a mediated device is no virtual function", "leave vf-token out" },
		{ "info mdev=83f6c0a2", "'mdev=83f6c0a2'", "the UUID of a mediated device" },
		{ "bind mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4", "0f3e8b21d6c4",
		  "0000:01:00.0" },
		{ "run --kernel k --iommu kvm", "--iommu 'kvm'", "auto, iommufd or type1" },
		{ "run --kernel k --device 1:0.0,", "'1:0.0,': ''", "can follow a comma" },
		{ "run --kernel k --device 1:0.0,addr", "'addr'", "can follow a comma" },
		{ "run --kernel k --device 1:0.0,irq-path=", "irq-path ''", "irqfd or userspace" },
		{ "run --kernel k --device 1:0.0,irq-path=kvm", "irq-path 'kvm'", "irqfd or" },
		{ "run --kernel k --device 1:0.0,irq-path=irqfd,", "irqfd,': ''",
		  "irq-path=irqfd" },
		{ "run --kernel k --device 1:0.0,irq-path=userspaces", "'userspaces'",
		  "userspace" },
		{ "run --kernel k --device 1:0.0,addr=2,irq-path=irqfd,addr=3",
		  "addr= is there twice", "'1:0.0,addr=2,irq-path=irqfd,addr=3'" },
		{ "run --device 1:0.0,msix-table=no", "msix-table 'no'", "auto, device or own" },
		{ "run --device 1:0.0,addr=", "addr=:", "1 to 1f" },
		{ "run --device 1:0.0,addr=0", "addr=0:", "1 to 1f" },
		{ "run --device 1:0.0,addr=0.1", "addr=0.1:", "1 to 1f" },
		{ "run --device 1:0.0,addr=20", "addr=20:", "1 to 1f" },
		{ "run --device 1:0.0,addr=1.8", "addr=1.8:", "0 to 7" },
		{ "run --device 1:0.0,addr=1.", "addr=1.:", "0 to 7" },
		{ "run --device 1:0.0,addr=1:2.3", "addr=1:2.3:", "0 to 7" },
		{ "run --device 1:0.0,addr=0x5", "addr=0x5:", "hexadecimal" },
		{ "run --device 1:0.0,addr=00005", "addr=00005:", "hexadecimal" },
		{ "run --device 1:0.0,addr=5 --device 2:0.0,addr=05.0",
		  "addr=5.0 is for both 0000:01:00.0 and 0000:02:00.0", "another" },
		{ "run --device 1:0.0,addr=5.1 --device 2:0.0",
		  "'0000:01:00.0,addr=5.1': slot 5 has no function 0", "addr=5.0" },
		{ "run --device 1:0.0,rombar=1", "rombar '1'", "on or off" },
		{ "run --device 1:0.0,romfile=", "romfile=:", "a path of 1 to 255 bytes" },
		{ "run --device 1:0.0,vga=yes", "vga 'yes'", "off or on" },
		{ "run --device 1:0.0,vga", "'vga'", "can follow a comma" },
		{ "run --kernel k --device ,irq-path=irqfd", "',irq-path=irqfd'", "0000:01:00.0" },
		{ "run --kernel k --device 1:0.0 --device 1:0.0,irq-path=userspace",
		  "'1:0.0,irq-path=userspace'", "once" },
		{ "run --kernel k --irq-report", "--irq-report needs a value", "FILE" },
		{ "run --kernel k --irq-report=", "--irq-report ''", "no file" },
		{ "run --kernel k --irq-report a --irq-report b", "--irq-report is there twice",
		  "once" },
		{ "run --kernel k --require-posting=on", "--require-posting takes no value",
		  "'--require-posting=on'" },
		{ "run --kernel k --require-posting --require-posting",
		  "--require-posting is there twice", "once" },
		{ "run --kernel k " BOOT_DUMP_OPTION, BOOT_DUMP_OPTION " needs a value",
		  BOOT_DUMP_OPTION " " BOOT_DUMP_VALUE },
		{ "run --kernel k " BOOT_DUMP_OPTION "=", BOOT_DUMP_OPTION " ''", "no file" },
		{ "run --kernel k " BOOT_DUMP_OPTION " a " BOOT_DUMP_OPTION " b",
		  BOOT_DUMP_OPTION " is there twice", "once" },
		{ "run --kernel k --seccomp maybe", "--seccomp 'maybe'", "on, log or off" },
		{ "run --kernel k --seccomp", "--seccomp needs a value", "on|log|off" },
		{ "devices --irq-report a", "no option '--irq-report'", "posthorn help devices" },
		{ "bind --require-posting 1:0.0", "no option '--require-posting'", "help bind" },
		{ "devices --kernel k", "no option '--kernel'", "posthorn help devices" },
		{ "devices --json=yes", "--json takes no value", "'--json=yes'" },
		{ "devices --json --json", "--json is there twice", "once" },
		{ "devices 1:0.0", "'1:0.0' is one argument too many", "help devices" },
		{ "bind", "address of a PCI function is missing", "bind BDF" },
		{ "unbind", "address of a PCI function is missing", "unbind BDF" },
		{ "bind eth0", "'eth0' is not the address", "0000:01:00.0" },
		{ "unbind 1:0", "'1:0' is not the address", "0000:01:00.0" },
		{ "bind 1:0.0 2:0.0", "'2:0.0' is one argument too many", "help bind" },
		{ "bind --json 1:0.0", "no option '--json'", "posthorn help bind" },
		{ "bind -", "'-' is not the address", "0000:01:00.0" },
		{ "help nothing", "'nothing' is not a command", "posthorn help" },
		{ "help --version", "no option '--version'", "posthorn help" },
		{ "help run bind", "'bind' is one argument too many", "posthorn help" },
		{ "version 1", "'1' is one argument too many", "posthorn help version" },
	};
	char copy[1024], why[512];
	struct command_line line;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		if (parsed_copy(&line, lines[i].line, copy, why) != EXIT_USAGE)
			fail_msg("'%s' was not refused", lines[i].line);
		if (!strstr(why, lines[i].says) || !strstr(why, lines[i].too))
			fail_msg("'%s': \"%s\" does not say \"%s\" and \"%s\"", lines[i].line, why,
				 lines[i].says, lines[i].too);
	}
}

static void test_there_are_at_most_16_devices(void **state)
{
	char copy[1024], text[1024] = "run --kernel k", why[512];
	struct run_options options;
	struct command_line line;
	unsigned int i;

	(void)state;
	for (i = 0; i < RUN_DEVICES_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " --device=%x:0.0", i);
	accept(&options, text, copy);
	assert_int_equal(options.device_count, RUN_DEVICES_MAX);
	assert_string_equal(options.devices[15].bdf, "0000:0f:00.0");
	assert_int_equal(options.devices[15].devfn, PCI_DEVFN(16, 0));
	strcat(text, " --device=10:0.0");
	assert_int_equal(parsed_copy(&line, text, copy, why), EXIT_USAGE);
	assert_non_null(strstr(why, "16 devices at most"));
}

static void test_a_long_message_is_cut_to_the_buffer(void **state)
{
	char word[256], why[16 + 1];
	char *argv[] = { "posthorn", word, NULL };
	struct command_line line;

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	why[16] = '#';
	assert_int_equal(command_line_parse(&line, commands, 2, argv, why, 16), EXIT_USAGE);
	assert_int_equal(strlen(why), 15);
	assert_int_equal(why[16], '#');
}

/* What @words, a line of `help`, writes. */
static void help_get(const char *words, char *text, size_t size)
{
	char copy[1024];
	struct command_line line = line_of(words, copy);
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	ssize_t length;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	assert_int_equal(line.command->run(line.options), EXIT_OK);
	free(line.options);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	length = pread(fileno(file), text, size - 1, 0);
	text[length < 0 ? 0 : length] = '\0';
	fclose(file);
}

static void test_help_lists_all_commands_on_one_screen(void **state)
{
	char text[4096], *rest = text, *line;
	unsigned int lines = 0;

	(void)state;
	help_get("help", text, sizeof(text));
	for (unsigned int i = 0; commands[i]; i++) {
		char shown[40];

		snprintf(shown, sizeof(shown), "\n  %s ", commands[i]->name);
		assert_non_null(strstr(text, shown));
		assert_non_null(strstr(text, commands[i]->help));
	}
	assert_null(strstr(text, "--version "));
	for (; (line = strsep(&rest, "\n")); lines++)
		if (strlen(line) > 80)
			fail_msg("longer than 80 columns: '%s'", line);
	assert_true(lines <= 24);
}

static void test_help_lists_the_options_of_a_command(void **state)
{
	static const char *const options[] = {
		"--kernel FILE",
		"--initrd",
		"--cmdline",
		"--cpus",
		"--memory",
		"--device BDF[,NAME=VALUE]...",
		"--console",
		"--irq-report FILE",
		"-v",
		"--require-posting",
		BOOT_KERNELS,
		BOOT_DUMP_OPTION " " BOOT_DUMP_VALUE,
	};
	char text[4096];

	(void)state;
	help_get("help run", text, sizeof(text));
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++)
		assert_non_null(strstr(text, options[i]));
	assert_null(strstr(text, "--json"));
	help_get("help devices", text, sizeof(text));
	assert_non_null(strstr(text, "--json"));
	assert_null(strstr(text, "--kernel"));
	help_get("help latency compare", text, sizeof(text));
	assert_non_null(strstr(text, "posthorn latency compare FILE..."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_has_defaults),
		cmocka_unit_test(test_a_value_follows_or_is_joined_by_an_equals_sign),
		cmocka_unit_test(test_a_value_may_look_like_an_option),
		cmocka_unit_test(test_the_command_line_of_the_kernel_may_be_empty),
		cmocka_unit_test(test_the_kernel_may_be_left_out),
		cmocka_unit_test(test_each_cpu_can_have_one_of_the_hosts),
		cmocka_unit_test(test_memory_is_a_number_and_a_unit),
		cmocka_unit_test(test_memory_is_a_multiple_of_the_page_size),
		cmocka_unit_test(test_the_path_of_interrupts_is_each_devices_own),
		cmocka_unit_test(test_the_place_of_the_msix_table_is_each_devices_own),
		cmocka_unit_test(test_how_devices_are_opened),
		cmocka_unit_test(test_descriptors_by_number_and_by_name),
		cmocka_unit_test(test_functions_of_a_slot_stay_together),
		cmocka_unit_test(test_the_rom_is_each_devices_own),
		cmocka_unit_test(test_one_device_can_have_vga),
		cmocka_unit_test(test_reports_and_what_they_must_say),
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_what_the_guest_is_told_can_be_dumped),
		cmocka_unit_test(test_the_other_architectures_dump_is_no_option),
		cmocka_unit_test(test_v_says_more_for_every_command),
		cmocka_unit_test(test_commands_are_found_by_their_names),
		cmocka_unit_test(test_a_function_is_an_operand),
		cmocka_unit_test(test_help_is_found_from_everywhere),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_there_are_at_most_16_devices),
		cmocka_unit_test(test_a_long_message_is_cut_to_the_buffer),
		cmocka_unit_test(test_help_lists_all_commands_on_one_screen),
		cmocka_unit_test(test_help_lists_the_options_of_a_command),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
