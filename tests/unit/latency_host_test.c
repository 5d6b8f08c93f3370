/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/host.h: facts of made-up hosts. */
#include "vmm/latency/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/host_tree.h"
#include "vmm/latency/run.h"

static struct latency_runs runs;

/* The facts of the tree, in a new run. */
static struct latency_run *facts_get(int cpu)
{
	struct latency_run *run;

	latency_runs_cleanup(&runs);
	run = latency_run_add(&runs);
	assert_non_null(run);
	assert_int_equal(latency_host_facts(tree.root, cpu, run), 0);
	return run;
}

/* The value of @key, or NULL. */
static const char *fact(const struct latency_run *run, const char *key)
{
	for (unsigned int i = 0; i < run->fact_count; i++) {
		if (!strcmp(run->facts[i].key, key))
			return run->facts[i].value;
	}
	return NULL;
}

static void assert_fact(const struct latency_run *run, const char *key, const char *value)
{
	if (!fact(run, key))
		fail_msg("there is no fact %s", key);
	assert_string_equal(fact(run, key), value);
}

static void test_what_is_in_one_file_is_a_fact(void **state)
{
	struct latency_run *run;

	(void)state;
	tree_text_put("/proc/cmdline", "ro isolcpus=2,3 quiet\n");
	tree_text_put("/sys/devices/system/cpu/online", "0-3\n");
	tree_text_put("/sys/devices/system/cpu/isolated", "2-3\n");
	tree_text_put("/sys/devices/system/cpu/nohz_full", "3\n");
	tree_text_put("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	tree_text_put("/sys/module/kvm_amd/parameters/avic", "Y\n");
	tree_text_put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	run = facts_get(-1);
	assert_fact(run, "cmdline", "ro isolcpus=2,3 quiet");
	assert_fact(run, "cpus", "0-3");
	assert_fact(run, "isolated", "2-3");
	assert_fact(run, "nohz_full", "3");
	assert_fact(run, "kvm.halt_poll_ns", "200000");
	assert_fact(run, "kvm_amd.avic", "Y");
	assert_fact(run, "clocksource", "tsc");
}

/* An empty one too: no CPU is isolated. */
static void test_what_cannot_be_read_is_left_out(void **state)
{
	struct latency_run *run;

	(void)state;
	tree_text_put("/sys/devices/system/cpu/isolated", "\n");
	tree_text_put("/sys/devices/system/cpu/nohz_full", "  (null)\n");
	run = facts_get(0);
	assert_null(fact(run, "cmdline"));
	assert_null(fact(run, "isolated"));
	assert_null(fact(run, "nohz_full"));
	assert_null(fact(run, "cpu"));
	assert_null(fact(run, "virtual"));
	assert_null(fact(run, "machine"));
	assert_null(fact(run, "governor"));
	assert_null(fact(run, "kvm.halt_poll_ns"));
}

static void test_program_date_and_kernel_are_always_there(void **state)
{
	struct latency_run *run = facts_get(-1);
	int year, month, day, hour, minute, second;
	char zone;

	(void)state;
	assert_fact(run, "posthorn", POSTHORN_VERSION);
	assert_int_equal(sscanf(fact(run, "date"), "%4d-%2d-%2dT%2d:%2d:%2d%c", &year, &month, &day,
				&hour, &minute, &second, &zone),
			 7);
	assert_int_equal(zone, 'Z');
	assert_memory_equal(fact(run, "kernel"), "Linux ", 6);
}

static void test_an_x86_cpu_has_a_name_and_a_flag(void **state)
{
	struct latency_run *run;

	(void)state;
	tree_text_put("/proc/cpuinfo", "processor\t: 0\n"
				       "model\t\t: 17\n"
				       "model name\t: Good CPU @ 3.00GHz\n"
				       "flags\t\t: fpu vme not_hypervisor\n\n"
				       "processor\t: 1\nmodel name\t: Other CPU\n");
	run = facts_get(-1);
	assert_fact(run, "cpu", "Good CPU @ 3.00GHz");
	assert_fact(run, "virtual", "no");
	tree_text_put("/proc/cpuinfo", "model name\t: Good CPU\nflags\t\t: fpu hypervisor lm\n");
	assert_fact(facts_get(-1), "virtual", "yes");
	tree_text_put("/proc/cpuinfo", "model name\t: Good CPU\nflags\t\t: hypervisor\n");
	assert_fact(facts_get(-1), "virtual", "yes");
}

static void test_an_arm_cpu_has_numbers(void **state)
{
	struct latency_run *run;

	(void)state;
	tree_text_put("/proc/cpuinfo",
		      "processor\t: 0\nBogoMIPS\t: 125.00\n"
		      "CPU implementer\t: 0x41\nCPU architecture: 8\n"
		      "CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n");
	run = facts_get(-1);
	assert_fact(run, "cpu", "implementer 0x41 part 0xd0c variant 0x3 revision 1");
	assert_fact(run, "virtual", "unknown");
}

static void test_the_machine_is_named_by_the_firmware(void **state)
{
	(void)state;
	tree_text_put("/proc/device-tree/model", "Board 3");
	assert_fact(facts_get(-1), "machine", "Board 3");
	tree_text_put("/sys/class/dmi/id/sys_vendor", "Maker\n");
	tree_text_put("/sys/class/dmi/id/product_name", "Model 1\n");
	assert_fact(facts_get(-1), "machine", "Maker Model 1");
}

static void test_each_mitigation_is_a_fact(void **state)
{
	struct latency_run *run;

	(void)state;
	tree_text_put("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
	tree_text_put("/sys/devices/system/cpu/vulnerabilities/retbleed", "Mitigation: IBRS\n");
	run = facts_get(-1);
	assert_fact(run, "mitigation.meltdown", "Not affected");
	assert_fact(run, "mitigation.retbleed", "Mitigation: IBRS");
}

static void test_the_governor_is_that_of_the_cpu_that_is_asked_for(void **state)
{
	(void)state;
	tree_text_put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	tree_text_put("/sys/devices/system/cpu/cpu12/cpufreq/scaling_governor", "performance\n");
	assert_fact(facts_get(12), "governor", "performance");
	assert_null(fact(facts_get(-1), "governor"));
}

/* Why not is vmm/report/posting.h's to say: here only that it is said. */
static void test_posting_is_judged(void **state)
{
	struct latency_run *run = facts_get(-1);

	(void)state;
	assert_non_null(fact(run, "posting"));
	assert_string_not_equal(fact(run, "posting"), "");
}

static void test_the_architecture_has_the_name_of_the_builds(void **state)
{
	const char *name = latency_host_architecture();

	(void)state;
	assert_true(!strcmp(name, "x86_64") || !strcmp(name, "arm64"));
}

static int teardown(void **state)
{
	latency_runs_cleanup(&runs);
	return tree_teardown(state);
}

#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, tree_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(test_what_is_in_one_file_is_a_fact),
		HOST_TEST(test_what_cannot_be_read_is_left_out),
		HOST_TEST(test_program_date_and_kernel_are_always_there),
		HOST_TEST(test_an_x86_cpu_has_a_name_and_a_flag),
		HOST_TEST(test_an_arm_cpu_has_numbers),
		HOST_TEST(test_the_machine_is_named_by_the_firmware),
		HOST_TEST(test_each_mitigation_is_a_fact),
		HOST_TEST(test_the_governor_is_that_of_the_cpu_that_is_asked_for),
		HOST_TEST(test_posting_is_judged),
		HOST_TEST(test_the_architecture_has_the_name_of_the_builds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
