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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
