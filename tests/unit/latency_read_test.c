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

#include "lib/util.h"
#include "vmm/latency/read.h"
#include "vmm/latency/run.h"

/* ---- what the writing side makes is read ---- */

/* What a guest's console got: the one thing that print_to_console() can reach. */
static char console[16384];

static void __attribute__((format(printf, 1, 2))) print_to_console(const char *format, ...)
{
	size_t length = strlen(console);
	va_list args;

	va_start(args, format);
	vsnprintf(console + length, sizeof(console) - length, format, args);
	va_end(args);
}

static void report_write(const char *state)
{
	static const struct latency_outlier worst[] = { { 1970, 8 }, { 1960, 7 } };
	static struct histogram handler, config;

	handler = (struct histogram){ 0 };
	config = (struct histogram){ 0 };
	for (unsigned int i = 0; i < 98; i++)
		histogram_add(&handler, 1000 + 10 * i);
	histogram_add(&config, 55555);
	latency_lines_begin(print_to_console, "edu", state, "tsc", 2400000000, 24);
	latency_lines_count(print_to_console, 100, 2);
	latency_lines_worst(print_to_console, worst, 2);
	latency_lines_metric(print_to_console, "handler", &handler);
	latency_lines_metric(print_to_console, "config-read", &config);
	latency_lines_end(print_to_console);
}

static void test_a_report_is_read_as_it_was_written(void **state)
{
	struct latency_runs runs = { 0 };
	const struct latency_metric *metric;
	char why[512];

	(void)state;
	console[0] = '\0';
	report_write("running");
	if (latency_read(console, &runs, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(runs.count, 1);
	assert_string_equal(runs.list[0].source, "edu");
	assert_string_equal(runs.list[0].state, "running");
	assert_string_equal(runs.list[0].clock, "tsc");
	assert_int_equal(runs.list[0].clock_hz, 2400000000);
	assert_int_equal(runs.list[0].overhead, 24);
	assert_int_equal(runs.list[0].count, 100);
	assert_int_equal(runs.list[0].lost, 2);
	assert_int_equal(runs.list[0].worst_count, 2);
	assert_int_equal(runs.list[0].worst[1].ticks, 1960);
	assert_int_equal(runs.list[0].worst[1].at, 7);
	metric = latency_metric_find(&runs.list[0], "handler");
	assert_int_equal(metric->histogram.total, 98);
	assert_int_equal(metric->histogram.minimum, 1000);
	assert_int_equal(metric->histogram.maximum, 1970);
	assert_int_equal(metric->histogram.buckets[histogram_index(1970)], 1);
	metric = latency_metric_find(&runs.list[0], "config-read");
	assert_int_equal(metric->histogram.sum, 55555);
	latency_runs_cleanup(&runs);
}

static void test_there_are_only_so_many_worst(void **state)
{
	static const struct latency_outlier worst[LATENCY_WORST_MAX + 1];
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	console[0] = '\0';
	latency_lines_begin(print_to_console, "edu", "running", "tsc", 1, 0);
	latency_lines_worst(print_to_console, worst, LATENCY_WORST_MAX + 1);
	assert_int_equal(latency_read(console, &runs, why, sizeof(why)), -EINVAL);
	assert_non_null(
		strstr(why, "line 16 of the console, 'latency: worst': there are more than"));
	latency_runs_cleanup(&runs);
}

static void test_several_reports_are_several_runs(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	console[0] = '\0';
	report_write("running");
	report_write("waiting");
	assert_int_equal(latency_read(console, &runs, why, sizeof(why)), 0);
	assert_int_equal(runs.count, 2);
	assert_string_equal(runs.list[1].state, "waiting");
	latency_runs_cleanup(&runs);
}

/* ---- texts ---- */

#define BEGIN                                                              \
	"latency: format 1\nlatency: source edu\nlatency: state running\n" \
	"latency: clock tsc 1000000000\nlatency: overhead 20\n"
#define COUNT	"latency: count 3\nlatency: lost 1\n"
#define METRIC	"latency: metric handler count 2 min 100 max 131 sum 231\n"
#define BUCKETS "latency: bucket 100 1\nlatency: bucket 129 1\n"
#define END	"latency: end\n"

static void test_other_lines_and_crlf_are_of_no_harm(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	if (latency_read("[    0.0] Linux\r\n\r\nlatency is fun\n" BEGIN "noise\r\n"
			 "latency: count 3\r\nlatency: lost 1\r\n" METRIC BUCKETS
			 " latency: bogus\nlatency: end\r\npayload: pass",
			 &runs, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(runs.list[0].count, 3);
	assert_string_equal(runs.list[0].metrics[0].name, "handler");
	latency_runs_cleanup(&runs);
}

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *line, *what;
	} faults[] = {
		{ "x\nlatency: what 1\n", "line 2 ", "no such line" },
		{ "latency: source edu\n", "line 1 ", "before 'format'" },
		{ "latency: format 2\n", "line 1 ", "only format 1" },
		{ BEGIN BEGIN, "line 6 ", "has no end" },
		{ BEGIN "latency: source edu\n", "line 6 ", "twice" },
		{ BEGIN "latency: count\n", "line 6 ", "fewer" },
		{ BEGIN "latency: count 3 4\n", "line 6 ", "more" },
		{ BEGIN "latency: metric a count 1 min 1 max 1 sum 1 more\n", "line 6 ", "more" },
		{ BEGIN "latency: count 0x3\n", "line 6 ", "decimal" },
		{ BEGIN "latency: count -3\n", "line 6 ", "decimal" },
		{ BEGIN "latency: count \x1b]0;\xff\n", "line 6 ", "'?]0;?' is not" },
		{ BEGIN "latency: count 9223372036854775808\n", "line 6 ", "below 2^63" },
		{ BEGIN "latency: count 99999999999999999999\n", "line 6 ", "below 2^63" },
		{ "latency: format 1\nlatency: source e'u\n", "line 2 ", "not a name" },
		{ "latency: format 1\nlatency: source \n", "line 2 ", "not a name" },
		{ "latency: format 1\nlatency: state a234567890123456789012345678901x\n", "line 2 ",
		  "not a name" },
		{ "latency: format 1\nlatency: clock tsc 0\n", "line 2 ", "stands still" },
		{ BEGIN COUNT "latency: metric a count 1 min 1 top 1 sum 1\n", "line 8 ",
		  "'top' where 'max'" },
		{ BEGIN COUNT "latency: bucket 1 1\n", "line 8 ", "before any metric" },
		{ BEGIN COUNT METRIC "latency: bucket 9 1\nlatency: bucket 9 1\n", "line 10 ",
		  "not from 10" },
		{ BEGIN COUNT METRIC "latency: bucket 3712 1\n", "line 9 ", "to 3711" },
		{ BEGIN "latency: lost 1\n" METRIC BUCKETS END, "line 10 ", "no line 'count'" },
		{ BEGIN COUNT END, "line 8 ", "no metric" },
		{ BEGIN COUNT METRIC END, "line 9 ", "add up" },
		{ BEGIN COUNT METRIC BUCKETS METRIC BUCKETS END, "line 14 ", "there twice" },
		{ BEGIN "latency: count 3\nlatency: lost 0\n" METRIC BUCKETS END, "line 11 ",
		  "do not make the count" },
		{ BEGIN COUNT
		  "latency: metric handler count 2 min 99 max 131 sum 231\n" BUCKETS END,
		  "line 11 ", "minimum" },
		{ BEGIN COUNT
		  "latency: metric handler count 2 min 100 max 132 sum 231\n" BUCKETS END,
		  "line 11 ", "maximum" },
		{ BEGIN COUNT
		  "latency: metric handler count 2 min 100 max 131 sum 232\n" BUCKETS END,
		  "line 11 ", "sum" },
		{ BEGIN COUNT
		  "latency: metric handler count 2 min 100 max 131 sum 229\n" BUCKETS END,
		  "line 11 ", "sum" },
		{ BEGIN COUNT METRIC BUCKETS "latency: metric x count 0 min 0 max 1 sum 0\n" END,
		  "line 12 ", "is empty" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++) {
		struct latency_runs runs = { 0 };
		char why[512];

		if (latency_read(faults[i].text, &runs, why, sizeof(why)) != -EINVAL ||
		    !strstr(why, faults[i].line) || !strstr(why, faults[i].what) ||
		    !strstr(why, "same source"))
			fail_msg("'%s' gives: %s", faults[i].text, why);
		latency_runs_cleanup(&runs);
	}
}

static void test_a_report_that_is_cut_off_is_an_error(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	assert_int_equal(
		latency_read(BEGIN COUNT METRIC "latency: bucket 100 1\n", &runs, why, sizeof(why)),
		-ENODATA);
	assert_non_null(strstr(why, "9 lines, ends before the report"));
	latency_runs_cleanup(&runs);
}

static void test_no_report_is_an_error(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	assert_int_equal(latency_read("Linux\n", &runs, why, sizeof(why)), -ENODATA);
	assert_non_null(strstr(why, "no report"));
	/* Runs of other consoles do not count. */
	latency_run_add(&runs);
	assert_int_equal(latency_read("", &runs, why, sizeof(why)), -ENODATA);
	latency_runs_cleanup(&runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_report_is_read_as_it_was_written),
		cmocka_unit_test(test_there_are_only_so_many_worst),
		cmocka_unit_test(test_several_reports_are_several_runs),
		cmocka_unit_test(test_other_lines_and_crlf_are_of_no_harm),
		cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(test_a_report_that_is_cut_off_is_an_error),
		cmocka_unit_test(test_no_report_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
