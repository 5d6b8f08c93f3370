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

#include "guest/payload/histogram.h"

static void test_small_values_have_buckets_of_their_own(void **state)
{
	(void)state;
	for (unsigned int value = 0; value < 128; value++) {
		assert_int_equal(histogram_index(value), value);
		assert_int_equal(histogram_low(value), value);
		assert_int_equal(histogram_high(value), value);
	}
}

static void test_buckets_follow_each_other_without_gaps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i + 1 < HISTOGRAM_BUCKETS; i++)
		assert_true(histogram_high(i) + 1 == histogram_low(i + 1));
	assert_true(histogram_high(HISTOGRAM_BUCKETS - 1) == HISTOGRAM_VALUE_MAX);
}

static void test_the_ends_of_a_bucket_are_in_it(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_index(histogram_low(i)), i);
		assert_int_equal(histogram_index(histogram_high(i)), i);
	}
}

static void test_a_bucket_is_at_most_a_64th_of_its_values_wide(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		assert_true(histogram_high(i) - histogram_low(i) <= histogram_low(i) / 64);
}

static void test_minimum_maximum_and_sum_are_exact(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, 1000003);
	histogram_add(&histogram, 5001);
	histogram_add(&histogram, 70000);
	assert_int_equal(histogram.total, 3);
	assert_int_equal(histogram.minimum, 5001);
	assert_int_equal(histogram.maximum, 1000003);
	assert_int_equal(histogram.sum, 1075004);
	assert_int_equal(histogram.buckets[histogram_index(70000)], 1);
}

static void test_zero_is_a_value(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, 7);
	histogram_add(&histogram, 0);
	assert_int_equal(histogram.minimum, 0);
	assert_int_equal(histogram.buckets[0], 1);
}

static void test_a_time_that_runs_backwards_is_the_largest_value(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, (uint64_t)-5);
	assert_true(histogram.maximum == HISTOGRAM_VALUE_MAX);
	assert_int_equal(histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

static void test_the_sum_stays_at_its_limit(void **state)
{
	static struct histogram histogram;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		histogram_add(&histogram, HISTOGRAM_VALUE_MAX);
	assert_true(histogram.sum == HISTOGRAM_VALUE_MAX);
	assert_int_equal(histogram.total, 3);
}

/* ---- the interval of the 99th percentile ---- */

/* Values from 0 up, each once: the one in place n is n - 1, as far as buckets are of one value. */
static struct histogram ranks_made(unsigned int total, unsigned int buckets)
{
	static struct histogram histogram;

	histogram = (struct histogram){ .total = 0 };
	for (unsigned int i = 0; i < total; i++)
		histogram_add(&histogram, (uint64_t)i * buckets / total);
	return histogram;
}

static void test_ranks_are_those_of_the_binomial_distribution(void **state)
{
	struct histogram histogram = ranks_made(1000, 128);
	uint64_t low = 0, high = 0;

	(void)state;
	assert_int_equal(histogram_rank(&histogram, 1), 0);
	assert_int_equal(histogram_rank(&histogram, 8), 0);
	assert_int_equal(histogram_rank(&histogram, 9), 1);
	assert_int_equal(histogram_rank(&histogram, 1000), 127);
	/* Of 1000 values 983 to 996 are below it, at 95 %; here it is 983 to 998. */
	assert_true(histogram_p99_interval(&histogram, &low, &high));
	assert_int_equal(low, histogram_rank(&histogram, 983));
	assert_int_equal(high, histogram_rank(&histogram, 998));
}

static void test_with_few_values_there_is_no_interval(void **state)
{
	uint64_t low = 0, high = 0;

	(void)state;
	for (unsigned int total = 0; total < 400; total++) {
		struct histogram histogram = ranks_made(total, 100);

		assert_false(histogram_p99_interval(&histogram, &low, &high));
		assert_false(histogram_p99_converged(&histogram, 100));
	}
	for (unsigned int total = 600; total < 700; total++) {
		struct histogram histogram = ranks_made(total, 100);

		assert_true(histogram_p99_interval(&histogram, &low, &high));
		assert_true(low <= 99 && high <= 99 && low < high);
	}
}

static void test_equal_values_have_converged_and_spread_ones_have_not(void **state)
{
	static struct histogram same, spread;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		histogram_add(&same, 123456789);
		histogram_add(&spread, i < 1800 ? 1 : 1ULL << (i - 1800) / 5);
	}
	assert_true(histogram_p99_converged(&same, 2));
	assert_false(histogram_p99_converged(&spread, 99));
}

/*
 * Samples of a distribution whose 99th percentile is known: the interval has it in 95 of 100 cases
 * or more, and not much more. The smallest value that is not below 0.99 of uniform ones is that of
 * any distribution after a function that keeps their order, as squares of squares do here.
 */
static void test_the_interval_has_the_percentile_in_95_of_100_samples(void **state)
{
	const uint64_t scale = 1000, percentile = 990ULL * 990 * 990 * 990;
	uint64_t random = 88172645463325252ULL, low = 0, high = 0;
	unsigned int has = 0, samples = 2000;

	(void)state;
	for (unsigned int sample = 0; sample < samples; sample++) {
		struct histogram histogram = { .total = 0 };

		for (unsigned int i = 0; i < 1500; i++) {
			uint64_t value;

			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			value = random % scale + 1;
			histogram_add(&histogram, value * value * value * value);
		}
		assert_true(histogram_p99_interval(&histogram, &low, &high));
		has += low <= percentile && percentile <= high;
	}
	assert_in_range(has, samples * 95 / 100, samples * 999 / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_values_have_buckets_of_their_own),
		cmocka_unit_test(test_buckets_follow_each_other_without_gaps),
		cmocka_unit_test(test_the_ends_of_a_bucket_are_in_it),
		cmocka_unit_test(test_a_bucket_is_at_most_a_64th_of_its_values_wide),
		cmocka_unit_test(test_minimum_maximum_and_sum_are_exact),
		cmocka_unit_test(test_zero_is_a_value),
		cmocka_unit_test(test_a_time_that_runs_backwards_is_the_largest_value),
		cmocka_unit_test(test_the_sum_stays_at_its_limit),
		cmocka_unit_test(test_ranks_are_those_of_the_binomial_distribution),
		cmocka_unit_test(test_with_few_values_there_is_no_interval),
		cmocka_unit_test(test_equal_values_have_converged_and_spread_ones_have_not),
		cmocka_unit_test(test_the_interval_has_the_percentile_in_95_of_100_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
