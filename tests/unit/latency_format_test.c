/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/latency_made.h"
#include "vmm/latency/format.h"

/* A run of a clock with one tick in a nanosecond, and one with a tick in a microsecond. */
static void runs_make(struct latency_runs *runs)
{
	struct latency_run *run = run_made(runs, "injected", 1000000000);

	values_made(run, "handler", 2000, 99);
	values_made(run, "handler", 7000, 1);
	values_made(run, "config-read", 90, 1);
	latency_exit_add(&run->exits, "mmio", 100);
	latency_exit_add(&run->exits, "nmi", 0);
	latency_exit_add(&run->exits, "halt", 50);
	run = run_made(runs, "posted", 1000000);
	values_made(run, "handler", 1, 4);
	run->count = 5;
	run->lost = 1;
}

/* What is to be written, and the file in memory for it. */
struct fixture {
	struct latency_runs runs;
	FILE *file;
	char *text;
	size_t size;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->file = open_memstream(&fixture->text, &fixture->size);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	fclose(fixture->file);
	free(fixture->text);
	latency_runs_cleanup(&fixture->runs);
	free(fixture);
	return 0;
}

static void assert_written(struct fixture *fixture, const char *expected)
{
	fflush(fixture->file);
	if (!strstr(fixture->text, expected))
		fail_msg("no '%s' in:\n%s", expected, fixture->text);
}

static void test_the_summary_has_a_line_for_each_metric(void **state)
{
	struct fixture *fixture = *state;

	runs_make(&fixture->runs);
	latency_format_summary(fixture->file, &fixture->runs);
	assert_written(fixture, "RUN                        METRIC           COUNT       MIN"
				"       P50       P90       P99     P99.9       MAX"
				"  EXITS EACH TIME\n"
				"posthorn injected running  handler            100      2000"
				"      2015      2015      2015      7000      7000"
				"  mmio 1.00, halt 0.50\n"
				"posthorn injected running  config-read          1      90.0"
				"      90.0      90.0      90.0      90.0      90.0  \n"
				"posthorn posted running    handler              4      1000"
				"      1000      1000      1000      1000      1000  -\n");
	assert_written(fixture, "at most 1/64 too high");
	assert_written(fixture,
		       "posthorn posted running: clock tsc, 1000000 Hz: one tick is 1000 ns;");
	assert_written(fixture, "posthorn posted running: 1 of 5 interrupts never came.\n");
}

static void test_the_summary_leaves_out_rare_exits(void **state)
{
	struct fixture *fixture = *state;
	struct latency_run *run = run_made(&fixture->runs, "injected", 1000000000);

	values_made(run, "handler", 2000, 1000);
	run->count = 1000;
	run->overhead = 1840;
	latency_exit_add(&run->exits, "signal", 4);
	latency_exit_add(&run->exits, "mmio", 5);
	latency_format_summary(fixture->file, &fixture->runs);
	run->exits.count = 1;
	latency_format_summary(fixture->file, &fixture->runs);
	assert_written(fixture, "2000  mmio 0.01\n");
	assert_written(fixture, "2000  none\n");
	assert_written(fixture, "one tick is 1 ns; reading it twice takes 1840 ns,");
}

static void test_the_summary_has_the_exits_of_each_cost(void **state)
{
	struct fixture *fixture = *state;
	struct latency_run *run = run_made(&fixture->runs, "injected", 1000000000);

	values_made(run, "config-read", 2000, 50);
	values_made(run, "mask-unmask", 3000, 50);
	values_made(run, "bar-read", 90, 50);
	run->count = 0;
	latency_exit_add(&run->metrics[0].exits, "exits", 50);
	latency_exit_add(&run->metrics[1].exits, "exits", 100);
	latency_format_summary(fixture->file, &fixture->runs);
	assert_written(fixture, "2000  exits 1.00\n");
	assert_written(fixture, "3000  exits 2.00\n");
	assert_written(fixture, "90.0  -\n");
}

static void test_cyclictest_has_a_column_for_each_run(void **state)
{
	struct fixture *fixture = *state;

	runs_make(&fixture->runs);
	assert_int_equal(latency_format_cyclictest(fixture->file, &fixture->runs, "handler", 0), 0);
	fflush(fixture->file);
	assert_string_equal(fixture->text,
			    "# posthorn latency, handler, thread 0: posthorn injected running\n"
			    "# posthorn latency, handler, thread 1: posthorn posted running\n"
			    "# Histogram\n"
			    "000000 000000\t000000\n"
			    "000001 000000\t000004\n"
			    "000002 000099\t000000\n"
			    "000003 000000\t000000\n"
			    "000004 000000\t000000\n"
			    "000005 000000\t000000\n"
			    "000006 000000\t000000\n"
			    "000007 000001\t000000\n"
			    "# Total: 000000100 000000004\n"
			    "# Min Latencies: 00002 00001\n"
			    "# Avg Latencies: 00002 00001\n"
			    "# Max Latencies: 00007 00001\n"
			    "# Histogram Overflows: 00000 00000\n");
}

static void test_cyclictest_counts_what_is_over_the_limit(void **state)
{
	struct fixture *fixture = *state;

	runs_make(&fixture->runs);
	assert_int_equal(latency_format_cyclictest(fixture->file, &fixture->runs, "handler", 2), 0);
	assert_written(fixture, "000001 000000\t000004\n# Total: 000000000 000000004\n");
	assert_written(fixture,
		       "# Max Latencies: 00007 00001\n# Histogram Overflows: 00100 00000\n");
}

static void test_cyclictest_has_only_runs_with_the_metric(void **state)
{
	struct fixture *fixture = *state;

	runs_make(&fixture->runs);
	assert_int_equal(latency_format_cyclictest(fixture->file, &fixture->runs, "config-read", 0),
			 0);
	assert_int_equal(latency_format_cyclictest(fixture->file, &fixture->runs, "return", 0),
			 -ENOENT);
	assert_written(fixture, "# Histogram\n000000 000001\n# Total: 000000001\n");
}

static void test_cyclictest_does_not_write_rows_without_end(void **state)
{
	struct fixture *fixture = *state;

	values_made(run_made(&fixture->runs, "bare", 1), "handler", HISTOGRAM_VALUE_MAX, 1);
	assert_int_equal(latency_format_cyclictest(fixture->file, &fixture->runs, "handler", 0), 0);
	assert_written(fixture, "099999 000000\n# Total: 000000000\n");
	assert_written(fixture, "# Histogram Overflows: 00001\n");
}

static void test_csv_has_a_line_for_each_bucket(void **state)
{
	struct fixture *fixture = *state;

	runs_make(&fixture->runs);
	latency_format_csv(fixture->file, &fixture->runs.list[0]);
	fflush(fixture->file);
	assert_string_equal(fixture->text, "metric,low_ticks,high_ticks,low_ns,high_ns,count\n"
					   "handler,2000,2015,2000.000,2015.000,99\n"
					   "handler,6976,7039,6976.000,7039.000,1\n"
					   "config-read,90,90,90.000,90.000,1\n");
}

#define format_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		format_test(test_the_summary_has_a_line_for_each_metric),
		format_test(test_the_summary_leaves_out_rare_exits),
		format_test(test_the_summary_has_the_exits_of_each_cost),
		format_test(test_cyclictest_has_a_column_for_each_run),
		format_test(test_cyclictest_counts_what_is_over_the_limit),
		format_test(test_cyclictest_has_only_runs_with_the_metric),
		format_test(test_cyclictest_does_not_write_rows_without_end),
		format_test(test_csv_has_a_line_for_each_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
