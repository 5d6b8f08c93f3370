/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `posthorn latency` and its subcommands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/latency/options.h"
#include "vmm/run_options.h"

#define ARGUMENTS_MAX 32

static char copy[1024], why[512];

/* Parse what comes after "posthorn"; words are separated by single spaces. */
static int parsed(struct command_line *line, const char *text)
{
	char *argv[ARGUMENTS_MAX + 1] = { "posthorn" }, *rest = copy;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", text);
	while (rest && argc < ARGUMENTS_MAX)
		argv[argc++] = strsep(&rest, " ");
	return command_line_parse(line, commands, argc, argv, why, sizeof(why));
}

static struct latency_options accepted_by(const struct command *command, const char *text)
{
	struct latency_options options;
	struct command_line line;

	if (parsed(&line, text))
		fail_msg("'%s' was refused: %s", text, why);
	assert_ptr_equal(line.command, command);
	options = *(struct latency_options *)line.options;
	free(line.options);
	return options;
}

static struct latency_options accepted(const char *text)
{
	return accepted_by(&command_latency, text);
}

static void test_latency_has_defaults(void **state)
{
	const unsigned int both = BIT(LATENCY_PATH_IRQFD) | BIT(LATENCY_PATH_USERSPACE);
	struct latency_options latency = accepted("latency");

	(void)state;
	assert_string_equal(latency.bdf, "");
	assert_string_equal(latency.source, "eventfd");
	assert_string_equal(accepted("latency --source thread").source, "thread");
	assert_int_equal(latency.paths, both);
	assert_int_equal(latency.states, BIT(LATENCY_STATE_RUNNING) | BIT(LATENCY_STATE_HALTED));
	assert_int_equal(latency.count, 100000);
	assert_int_equal(latency.warmup, 1000);
	assert_int_equal(latency.interval, 0);
	assert_int_equal(latency.costs, 0);
	assert_int_equal(latency.cpus.count, 1);
	assert_false(latency.cpus.pinned);
	assert_int_equal(latency.format, LATENCY_FORMAT_SUMMARY);
	assert_null(latency.json);
	assert_null(latency.plot);
}

/* Slow devices are measured less often; the source is found later, from the ids. */
static void test_a_device_changes_the_defaults(void **state)
{
	struct latency_options latency = accepted("latency --device 1:0.0");

	(void)state;
	assert_string_equal(latency.bdf, "0000:01:00.0");
	assert_null(latency.source);
	assert_int_equal(latency.count, 10000);
	assert_string_equal(accepted("latency --device 1:0.0 --source igb").source, "igb");
	assert_string_equal(accepted("latency --device 1:0.0 --load 2:0.0").load, "0000:02:00.0");
	assert_string_equal(accepted("latency --device 1:0.0 --source loopback").source,
			    "loopback");
}

static void test_every_option_is_taken(void **state)
{
	struct latency_options latency =
		accepted("latency --device 1:0.0 --source edu --path intx,irqfd --state halted "
			 "--count 5 --warmup 0 --interval 20 --costs 7 --cpus 1,pin=2 "
			 "--helpers-cpu 3 --format csv --json a.json --plot a.svg");

	(void)state;
	assert_string_equal(latency.source, "edu");
	assert_int_equal(latency.paths, BIT(LATENCY_PATH_IRQFD) | BIT(LATENCY_PATH_INTX));
	assert_int_equal(latency.states, BIT(LATENCY_STATE_HALTED));
	assert_int_equal(latency.count, 5);
	assert_int_equal(latency.warmup, 0);
	assert_int_equal(latency.interval, 20);
	assert_false(latency.interval_random);
	assert_int_equal(latency.break_above, 0);
	assert_int_equal(latency.costs, 7);
	assert_int_equal(latency.cpus.pins[0], 2);
	assert_true(CPU_ISSET(3, &latency.cpus.helpers));
	assert_int_equal(latency.format, LATENCY_FORMAT_CSV);
	assert_string_equal(latency.json, "a.json");
	assert_string_equal(latency.plot, "a.svg");
	assert_int_equal(latency.halt_poll_ns, VM_HALT_POLL_HOST);
	assert_int_equal(accepted("latency --state both").states, 3);
	assert_int_equal(accepted("latency --state idle-guest,running").states, 5);
	assert_int_equal(accepted("latency --halt-poll 7").halt_poll_ns, 7);
	latency = accepted("latency --interval 50,random --break-above 30 --until-converged 5");
	assert_int_equal(latency.interval, 50);
	assert_true(latency.interval_random);
	assert_int_equal(latency.break_above, 30);
	assert_int_equal(accepted("latency --format cyclictest").format, LATENCY_FORMAT_CYCLICTEST);
}

static void test_noise_takes_seconds_and_cpus(void **state)
{
	struct latency_options options =
		accepted_by(&command_latency_noise,
			    "latency noise --seconds 60 --cpus 1,pin=2,sched=fifo:1 --json n.json");

	(void)state;
	assert_int_equal(options.noise, 60);
	assert_int_equal(options.cpus.pins[0], 2);
	assert_string_equal(options.json, "n.json");
	assert_int_equal(accepted_by(&command_latency_noise, "latency noise").noise, 10);
	assert_int_equal(accepted("latency").noise, 0);
}

static void test_compare_takes_files(void **state)
{
	struct latency_options options =
		accepted_by(&command_latency_compare, "latency compare a.json b.json --plot x.png");

	(void)state;
	assert_int_equal(options.file_count, 2);
	assert_string_equal(options.files[0], "a.json");
	assert_string_equal(options.files[1], "b.json");
	assert_string_equal(options.plot, "x.png");
}

static void test_read_takes_a_file_and_labels(void **state)
{
	struct latency_options options = accepted_by(
		&command_latency_read,
		"latency read console --path bare --vmm none --arch arm64 --json a.json");

	(void)state;
	assert_string_equal(options.files[0], "console");
	assert_string_equal(options.path, "bare");
	assert_string_equal(options.vmm, "none");
	assert_string_equal(options.architecture, "arm64");
	options = accepted_by(&command_latency_read, "latency read - --path posted");
	assert_string_equal(options.files[0], "-");
	assert_null(options.vmm);
}

static void test_help_is_there_for_commands_of_two_words(void **state)
{
	const struct {
		const char *text;
		const struct command *command;
	} lines[] = {
		{ "latency compare -h", &command_latency_compare },
		{ "latency read --help", &command_latency_read },
		{ "latency --help", &command_latency },
	};
	struct command_line line;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(parsed(&line, lines[i].text), 0);
		assert_true(line.help);
		assert_ptr_equal(line.command, lines[i].command);
		free(line.options);
	}
	assert_int_equal(parsed(&line, "help latency compare"), 0);
	free(line.options);
}

static void test_what_is_wrong_is_named_with_the_remedy(void **state)
{
	static const char *const lines[][3] = {
		{ "latency x", "'x' is one argument too many", "help latency" },
		{ "latency --device nic", "--device 'nic'", "posthorn devices" },
		{ "latency --source e1000", "--source 'e1000'", "e1000e" },
		{ "latency --source edu", "--source edu", "--device BDF" },
		{ "latency --source eventfd --device 1:0.0", "eventfd", "leave" },
		{ "latency --source thread --device 1:0.0", "--source thread", "leave" },
		{ "latency --costs 5", "--costs 5", "give --device BDF" },
		{ "latency --device 1:0.0 --source loopback --costs 5", "--costs 5",
		  "without --source loopback" },
		{ "latency --load 1:0.0", "--load 0000:01:00.0", "--device BDF" },
		{ "latency --device 1:0.0 --load 1:0.0", "--load 0000:01:00.0", "another one" },
		{ "latency --source loopback", "--source loopback", "--device BDF" },
		{ "latency --source loopback --device 1:0.0 --path intx", "--path intx", "leave" },
		{ "latency --path posted", "--path 'posted'", "irqfd, userspace and intx" },
		{ "latency --path irqfd,", "--path 'irqfd,'", "irqfd, userspace and intx" },
		{ "latency --path=", "--path ''", "irqfd, userspace and intx" },
		{ "latency --path intx", "--path intx", "--device BDF" },
		{ "latency --state idle", "--state 'idle'", "running, halted and idle-guest" },
		{ "latency --state both,halted", "--state 'both,halted'", "commas" },
		{ "latency --count 0", "--count '0'", "from 1 to" },
		{ "latency --count many", "--count 'many'", "a number" },
		{ "latency --count 1000000001", "--count '1000000001'", "to 1000000000" },
		{ "latency --interval 1ms", "--interval '1ms'", "a number" },
		{ "latency --interval 5,fixed", "--interval '5,fixed'", ",random" },
		{ "latency --interval 1000000001", "--interval '1000000001'", "to 1000000000" },
		{ "latency --until-converged 1", "--until-converged '1'", "from 2 to 100" },
		{ "latency --break-above 0", "--break-above '0'", "from 1 to" },
		{ "latency --warmup -1", "--warmup '-1'", "a number" },
		{ "latency --cpus 9", "--cpus '9'", "from 1 to" },
		{ "latency noise --cpus 2", "--cpus '2'", "from 1 to 1" },
		{ "latency --cpus 1,pin=2,3", "--cpus '1,pin=2,3'", "one for each" },
		{ "latency --helpers-cpu 2", "--helpers-cpu", "pin=LIST" },
		{ "latency --format xml", "--format 'xml'", "cyclictest" },
		{ "latency --plot a.jpg", "--plot 'a.jpg'", ".svg" },
		{ "latency --plot svg", "--plot 'svg'", ".svg" },
		{ "latency --json=", "--json", "no file" },
		{ "latency --vmm qemu", "no option '--vmm'", "help latency" },
		{ "latency noise --seconds 0", "--seconds '0'", "from 1 to" },
		{ "latency noise --count 1", "no option '--count'", "help latency noise" },
		{ "latency noise --helpers-cpu 1", "--helpers-cpu", "pin=LIST" },
		{ "latency compare", "is missing", "latency compare FILE" },
		{ "latency compare --count 1 a", "no option '--count'", "help latency compare" },
		{ "latency read", "console's output is missing", "latency read FILE" },
		{ "latency read a", "--path is missing", "--path bare" },
		{ "latency read a b --path bare", "'b' is one argument too many", "help" },
		{ "latency read a --path b/c", "--path 'b/c'", "a word" },
		{ "latency read a --path bare --device 1:0.0", "no option '--device'", "help" },
		{ "run --kernel k --count 1", "no option '--count'", "help run" },
	};
	struct command_line line;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		if (parsed(&line, lines[i][0]) != EXIT_USAGE)
			fail_msg("'%s' was not refused", lines[i][0]);
		for (unsigned int j = 1; j < 3; j++) {
			if (!strstr(why, lines[i][j]))
				fail_msg("'%s': '%s' is not in: %s", lines[i][0], lines[i][j], why);
		}
	}
}

/* On arm64 there is one. */
static void test_several_cpus_measure_one_thing_alone(void **state)
{
	static const char *const lines[] = {
		"latency --cpus 2 --device 1:0.0",
		"latency --cpus 2 --source thread",
		"latency --cpus 2 --until-converged 5",
		"latency --cpus 2 --state idle-guest",
	};
	struct command_line line;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(parsed(&line, lines[i]), EXIT_USAGE);
	if (LATENCY_CPUS_MAX > 1)
		assert_int_equal(accepted("latency --cpus 2").states, BIT(LATENCY_STATE_RUNNING));
	else
		assert_int_equal(parsed(&line, "latency --cpus 2"), EXIT_USAGE);
}

static void test_there_are_only_so_many_files(void **state)
{
	char text[256] = "latency compare";
	struct command_line line;

	(void)state;
	for (unsigned int i = 0; i < LATENCY_FILES_MAX; i++)
		strcat(text, " f");
	assert_int_equal(accepted_by(&command_latency_compare, text).file_count, LATENCY_FILES_MAX);
	strcat(text, " g");
	assert_int_equal(parsed(&line, text), EXIT_USAGE);
	assert_non_null(strstr(why, "'g' is one argument too many"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency_has_defaults),
		cmocka_unit_test(test_a_device_changes_the_defaults),
		cmocka_unit_test(test_every_option_is_taken),
		cmocka_unit_test(test_noise_takes_seconds_and_cpus),
		cmocka_unit_test(test_compare_takes_files),
		cmocka_unit_test(test_read_takes_a_file_and_labels),
		cmocka_unit_test(test_help_is_there_for_commands_of_two_words),
		cmocka_unit_test(test_what_is_wrong_is_named_with_the_remedy),
		cmocka_unit_test(test_several_cpus_measure_one_thing_alone),
		cmocka_unit_test(test_there_are_only_so_many_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
