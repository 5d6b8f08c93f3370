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
#include <math.h>

#include "tests/unit/latency_made.h"
#include "vmm/latency/compare.h"

#define GHZ 1000000000

static void assert_near(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%g is not %g, give or take %g", value, expected, tolerance);
}

/* Compare "handler" of @runs, which must work. */
static void compare(const struct latency_runs *runs, struct latency_comparison *rows)
{
	char why[512];

	if (latency_compare(runs, "handler", rows, why, sizeof(why)))
		fail_msg("%s", why);
}

static void test_the_base_is_one(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 50);
	values_made(run_made(&runs, "posted", GHZ), "handler", 200, 50);
	compare(&runs, rows);
	for (unsigned int i = 0; i < LATENCY_FIGURES; i++) {
		assert_true(rows[0].ratios[i].ratio == 1 && rows[0].ratios[i].low == 1 &&
			    rows[0].ratios[i].high == 1);
		assert_near(rows[1].ratios[i].ratio, 2, 1e-9);
	}
	assert_true(rows[0].ns[LATENCY_FIGURE_P50] == 100);
	latency_runs_cleanup(&runs);
}

static void test_times_count_and_not_ticks(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 50);
	values_made(run_made(&runs, "posted", GHZ / 4), "handler", 50, 50);
	compare(&runs, rows);
	assert_near(rows[1].ratios[LATENCY_FIGURE_P50].ratio, 2, 1e-9);
	assert_near(rows[1].ratios[LATENCY_FIGURE_MEAN].low, 2, 1e-9);
	latency_runs_cleanup(&runs);
}

/*
 * Of values that are all the same the bootstrap knows no doubt, but 50 ticks are anything between
 * 49 and 51, and a bucket from 200 to 201 anything between 199 and 202.
 */
static void test_buckets_and_ticks_widen_the_interval(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 50, 10);
	values_made(run_made(&runs, "posted", GHZ), "handler", 201, 10);
	compare(&runs, rows);
	assert_near(rows[1].ratios[LATENCY_FIGURE_P99].low, 199. / 51, 1e-9);
	assert_near(rows[1].ratios[LATENCY_FIGURE_P99].high, 202. / 49, 1e-9);
	assert_near(rows[1].ratios[LATENCY_FIGURE_MEAN].low, 201. / 50, 1e-9);
	assert_near(rows[1].ratios[LATENCY_FIGURE_MEAN].high, 201. / 50, 1e-9);
	latency_runs_cleanup(&runs);
}

/*
 * The mean of values that are 0 or 100, the latter with a chance of p, has a standard error of
 * 100 sqrt(p (1 - p) / n); 95 % are within 1.96 of them. The base has no error of its own.
 */
static void mean_interval_check(unsigned int n, unsigned int hits)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	double p = (double)hits / n, error = sqrt(p * (1 - p) / n);
	const struct latency_ratio *mean = &rows[1].ratios[LATENCY_FIGURE_MEAN];

	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 10);
	values_made(run_made(&runs, "posted", GHZ), "handler", 100, hits);
	values_made(&runs.list[1], "handler", 0, n - hits);
	compare(&runs, rows);
	assert_near(mean->ratio, p, 1e-9);
	assert_near((mean->low + mean->high) / 2, p, 0.25 * error);
	assert_near((mean->high - mean->low) / (2 * 1.96 * error), 1, 0.12);
	latency_runs_cleanup(&runs);
}

static void test_the_interval_has_the_width_that_chance_gives(void **state)
{
	(void)state;
	mean_interval_check(100000, 30000); /* binomial_large() */
	mean_interval_check(100000, 70000); /* and the other side of a half */
	mean_interval_check(1000, 990);
	mean_interval_check(40, 8); /* binomial_small() */
}

static void test_the_99th_percentile_is_less_sure_than_the_median(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	const struct latency_ratio *ratios = rows[1].ratios;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct latency_run *run = run_made(&runs, i ? "posted" : "bare", GHZ);

		for (unsigned int j = 0; j < 1000; j++)
			values_made(run, "handler", 1000000 / (1001 - j), 1);
	}
	compare(&runs, rows);
	assert_true(ratios[LATENCY_FIGURE_P50].low < 1 && ratios[LATENCY_FIGURE_P50].high > 1);
	assert_true(ratios[LATENCY_FIGURE_P99].high - ratios[LATENCY_FIGURE_P99].low >
		    3 * (ratios[LATENCY_FIGURE_P50].high - ratios[LATENCY_FIGURE_P50].low));
	latency_runs_cleanup(&runs);
}

static void test_the_same_runs_give_the_same_result(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison first[2], second[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct latency_run *run = run_made(&runs, "bare", GHZ);

		for (unsigned int j = 0; j < 100; j++)
			values_made(run, "handler", 1000 + 37 * j, 3);
	}
	compare(&runs, first);
	compare(&runs, second);
	assert_memory_equal(first, second, sizeof(first));
	latency_runs_cleanup(&runs);
}

static void test_what_cannot_be_compared_is_refused(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	char why[512];

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 5);
	assert_int_equal(latency_compare(&runs, "handler", rows, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "two files or more"));
	values_made(run_made(&runs, "posted", GHZ), "handler", 100, 0);
	assert_int_equal(latency_compare(&runs, "handler", rows, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "run 2 (posthorn posted running) has no values"));
	assert_int_equal(latency_compare(&runs, "return", rows, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "run 1 (posthorn bare running)"));
	latency_runs_cleanup(&runs);
}

static void test_the_table_shows_ratios_and_warns(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 50);
	values_made(run_made(&runs, "posted", GHZ / 2), "handler", 100, 51);
	compare(&runs, rows);
	latency_compare_print(file, &runs, "handler", rows);
	fclose(file);
	assert_non_null(strstr(text, "posthorn bare running           100  1.000 [1.000, 1.000]"));
	assert_non_null(strstr(text, "posthorn posted running         200  2.000 [1.960, 2.040]"));
	assert_non_null(strstr(text, "warning: run 2 (posthorn posted running) has the clock tsc at"
				     " 500000000 Hz, the base tsc at 1000000000 Hz"));
	assert_non_null(strstr(text, "has 51 values, the base 50"));
	free(text);
	latency_runs_cleanup(&runs);
}

static void test_there_is_no_warning_without_a_reason(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	json_t *json;

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 100, 50);
	values_made(run_made(&runs, "posted", GHZ), "handler", 300, 50);
	compare(&runs, rows);
	json = latency_compare_json(&runs, "handler", rows);
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 0);
	json_decref(json);
	/* Two that were compared with another clock to learn their rate. */
	runs.list[1].clock_hz = GHZ + GHZ / 101;
	json = latency_compare_json(&runs, "handler", rows);
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 0);
	json_decref(json);
	runs.list[1].clock_hz = GHZ - GHZ / 99;
	json = latency_compare_json(&runs, "handler", rows);
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 1);
	json_decref(json);
	runs.list[1].clock_hz = GHZ;
	strcpy(runs.list[1].clock, "cntvct");
	json = latency_compare_json(&runs, "handler", rows);
	assert_int_equal(json_array_size(json_object_get(json, "warnings")), 1);
	json_decref(json);
	latency_runs_cleanup(&runs);
}

static void test_json_has_null_where_the_base_took_no_time(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	const char *label;
	double ns;
	json_t *json, *ratio;
	json_int_t count;

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 0, 50);
	values_made(run_made(&runs, "posted", GHZ), "handler", 100, 50);
	compare(&runs, rows);
	json = latency_compare_json(&runs, "handler", rows);
	assert_string_equal(json_string_value(json_object_get(json, "metric")), "handler");
	assert_int_equal(json_unpack(json_array_get(json_object_get(json, "runs"), 1),
				     "{s:s, s:I, s:{s:f, s:o}}", "label", &label, "count", &count,
				     "mean", "ns", &ns, "ratio", &ratio),
			 0);
	assert_string_equal(label, "posthorn posted running");
	assert_int_equal(count, 50);
	assert_near(ns, 100, 1e-9);
	assert_true(json_is_null(ratio));
	json_decref(json);
	latency_runs_cleanup(&runs);
}

/* What is written of @runs, which end here. The caller frees both texts. */
static void output_make(struct latency_runs *runs, char **text, char **json_text)
{
	struct latency_comparison rows[2];
	size_t size;
	FILE *file = open_memstream(text, &size);
	json_t *json;

	compare(runs, rows);
	latency_compare_print(file, runs, "handler", rows);
	fclose(file);
	json = latency_compare_json(runs, "handler", rows);
	assert_non_null(json);
	assert_int_equal(json_array_size(json_object_get(json, "runs")), 2);
	*json_text = json_dumps(json, 0);
	assert_non_null(*json_text);
	json_decref(json);
	for (unsigned int i = 0; i < 2; i++) {
		assert_null(strstr(i ? *text : *json_text, "nan"));
		assert_null(strstr(i ? *text : *json_text, "inf"));
	}
	latency_runs_cleanup(runs);
}

/* One tick may have been almost none: then there is no limit above. */
static void test_a_limit_that_is_not_there_is_a_dash_and_null(void **state)
{
	struct latency_runs runs = { 0 };
	char *text, *json;

	(void)state;
	values_made(run_made(&runs, "bare", GHZ), "handler", 1, 50);
	values_made(run_made(&runs, "posted", GHZ), "handler", 3, 50);
	output_make(&runs, &text, &json);
	assert_non_null(strstr(text, "3.000 [1.000, -] "));
	assert_non_null(strstr(text, "3.000 [3.000, 3.000]"));
	assert_non_null(strstr(json, "\"high\": null"));
	free(text);
	free(json);
}

/* In some rounds only zeros are drawn from both: a mean of nothing by one of nothing. */
static void test_rounds_without_any_time_leave_the_interval_open(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_comparison rows[2];
	const struct latency_ratio *mean = &rows[1].ratios[LATENCY_FIGURE_MEAN];
	char *text, *json;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		values_made(run_made(&runs, i ? "posted" : "bare", GHZ), "handler", 0, 19);
		values_made(&runs.list[i], "handler", 2000, 1);
	}
	compare(&runs, rows);
	assert_true(mean->low == 0);
	assert_near(mean->ratio, 1, 1e-9);
	assert_true(isinf(mean->high));
	output_make(&runs, &text, &json);
	assert_non_null(strstr(text, "1.000 [0.000, -]"));
	free(text);
	free(json);
}

/* A clock that nobody has: what is written is a number all the same, and not one that was cut. */
static void test_huge_numbers_are_written_whole(void **state)
{
	struct latency_runs runs = { 0 };
	char *text, *json;

	(void)state;
	values_made(run_made(&runs, "bare", HISTOGRAM_VALUE_MAX), "handler", 1, 1);
	values_made(run_made(&runs, "posted", 1), "handler", HISTOGRAM_VALUE_MAX, 1);
	output_make(&runs, &text, &json);
	assert_non_null(strstr(text, "8.5e+37 [4.2e+37, -]"));
	assert_non_null(strstr(text, "9223372036854775808000000000 "));
	free(text);
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_base_is_one),
		cmocka_unit_test(test_times_count_and_not_ticks),
		cmocka_unit_test(test_buckets_and_ticks_widen_the_interval),
		cmocka_unit_test(test_the_interval_has_the_width_that_chance_gives),
		cmocka_unit_test(test_the_99th_percentile_is_less_sure_than_the_median),
		cmocka_unit_test(test_the_same_runs_give_the_same_result),
		cmocka_unit_test(test_what_cannot_be_compared_is_refused),
		cmocka_unit_test(test_the_table_shows_ratios_and_warns),
		cmocka_unit_test(test_there_is_no_warning_without_a_reason),
		cmocka_unit_test(test_json_has_null_where_the_base_took_no_time),
		cmocka_unit_test(test_a_limit_that_is_not_there_is_a_dash_and_null),
		cmocka_unit_test(test_rounds_without_any_time_leave_the_interval_open),
		cmocka_unit_test(test_huge_numbers_are_written_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
