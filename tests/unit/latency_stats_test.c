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

#include "tests/unit/latency_made.h"
#include "vmm/latency/stats.h"

static void test_percentiles_of_exact_buckets_are_exact(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_run *run = run_made(&runs, "bare", 1000000000);
	struct latency_stats stats;

	(void)state;
	for (unsigned int i = 1; i <= 100; i++)
		values_made(run, "handler", i, 10);
	latency_stats_get(&run->metrics[0].histogram, &stats);
	assert_int_equal(stats.count, 1000);
	assert_int_equal(stats.min, 1);
	assert_int_equal(stats.p50, 50);
	assert_int_equal(stats.p90, 90);
	assert_int_equal(stats.p99, 99);
	assert_int_equal(stats.p999, 100);
	assert_int_equal(stats.max, 100);
	assert_true(stats.mean == 50.5);
	latency_runs_cleanup(&runs);
}

static void test_a_rank_is_rounded_up(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, 10);
	histogram_add(&histogram, 20);
	histogram_add(&histogram, 30);
	assert_int_equal(latency_percentile(&histogram, 1), 10);
	assert_int_equal(latency_percentile(&histogram, 333), 10);
	assert_int_equal(latency_percentile(&histogram, 334), 20);
	assert_int_equal(latency_percentile(&histogram, 500), 20);
	assert_int_equal(latency_percentile(&histogram, 667), 30);
	assert_int_equal(latency_percentile(&histogram, 1000), 30);
}

static void test_a_percentile_is_the_end_of_its_bucket(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, 1024); /* bucket 1024 to 1039 */
	histogram_add(&histogram, 5001); /* bucket 4992 to 5055 */
	assert_int_equal(latency_percentile(&histogram, 500), 1039);
	/* But nothing is above the maximum. */
	assert_int_equal(latency_percentile(&histogram, 990), 5001);
}

static void test_nothing_has_percentiles_of_zero(void **state)
{
	static const struct histogram histogram;
	struct latency_stats stats;

	(void)state;
	latency_stats_get(&histogram, &stats);
	assert_int_equal(stats.p50, 0);
	assert_int_equal(stats.max, 0);
	assert_true(stats.mean == 0);
}

static void test_ticks_become_nanoseconds(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_run *run = run_made(&runs, "bare", 62500000);
	char text[LATENCY_NS_SIZE], sentence[256];

	(void)state;
	assert_true(latency_ns(run, 3) == 48);
	latency_ns_text(run, 3.5, text);
	assert_string_equal(text, "56.0");
	latency_ns_text(run, 1000, text);
	assert_string_equal(text, "16000");
	/* All digits, also of the most ticks of the slowest clock. */
	run->clock_hz = 1;
	latency_ns_text(run, (double)HISTOGRAM_VALUE_MAX, text);
	assert_string_equal(text, "9223372036854775808000000000");
	run->clock_hz = 62500000;
	latency_clock_text(run, sentence, sizeof(sentence));
	assert_string_equal(sentence, "clock tsc, 62500000 Hz: one tick is 16 ns; reading it twice"
				      " takes 320 ns, which is part of every value");
	latency_runs_cleanup(&runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentiles_of_exact_buckets_are_exact),
		cmocka_unit_test(test_a_rank_is_rounded_up),
		cmocka_unit_test(test_a_percentile_is_the_end_of_its_bucket),
		cmocka_unit_test(test_nothing_has_percentiles_of_zero),
		cmocka_unit_test(test_ticks_become_nanoseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
