/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/ratios.c: what is drawn of a comparison. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/latency/ratios.h"

/* A run with the ratio @p50, from a tenth less to a tenth more, and @p99 without an upper end. */
static json_t *run_make(const char *label, double p50, double p99)
{
	return json_pack("{s:s, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:n}}", "label", label, "p50",
			 "ratio", p50, "low", p50 * 0.9, "high", p50 * 1.1, "p99", "ratio", p99,
			 "low", p99, "high");
}

static json_t *comparison_make(const char *metric, unsigned int others)
{
	json_t *runs = json_pack("[o]", run_make("bare running", 1, 1));

	for (unsigned int i = 0; i < others; i++)
		json_array_append_new(runs, run_make(i ? "b running" : "a running", 2 + i, 3));
	return json_pack("{s:s, s:s, s:o}", "metric", metric, "state", "running", "runs", runs);
}

/* The script, the caller's to free(); NULL when it is refused, with the reason in @why. */
static char *script_make(json_t *comparisons, char why[512])
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int error = latency_ratios_script(file, comparisons, "svg", why, 512);

	fclose(file);
	json_decref(comparisons);
	if (!error)
		return text;
	assert_int_equal(error, -EINVAL);
	free(text);
	return NULL;
}

static void assert_has(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("no '%s' in:\n%s", expected, text);
}

static void test_two_runs_are_one_row(void **state)
{
	char why[512];
	char *script = script_make(json_pack("[o]", comparison_make("handler", 1)), why);

	(void)state;
	assert_non_null(script);
	assert_has(script, "set label 'handler: a running / bare running' at screen 0.02, first 0");
	/* A little above the row, which counts downwards. */
	assert_has(script, "$p50 << END\n2 -0.14 1.8 2.2\nEND\n");
	/* An interval that has no end is none that could be drawn. */
	assert_has(script, "$p99 << END\nEND\n");
	free(script);
}

static void test_more_runs_have_a_heading_and_a_row_each(void **state)
{
	char why[512];
	char *script = script_make(
		json_pack("[o, o]", comparison_make("handler", 2), comparison_make("return", 2)),
		why);

	(void)state;
	assert_non_null(script);
	assert_has(script, "'handler, running: times of bare running' at screen 0.02, first 0");
	assert_has(script, "'    a running' at screen 0.02, first 1");
	assert_has(script, "'    b running' at screen 0.02, first 2");
	assert_has(script, "$p50 << END\n2 0.86 1.8 2.2\n3 1.86 2.7 3.3\nEND\n");
	/* Times to the return say the same again. */
	assert_null(strstr(script, "return"));
	/* 1 is on the axis, though no interval has it. */
	assert_has(script, "set xrange [0.8");
	free(script);
}

static void test_nothing_and_too_much_are_refused(void **state)
{
	json_t *many = json_array();
	char why[512];

	(void)state;
	assert_null(script_make(json_array(), why));
	assert_non_null(strstr(why, "nothing to draw"));
	assert_null(script_make(json_pack("[o]", comparison_make("return", 1)), why));
	assert_non_null(strstr(why, "nothing to draw"));
	for (unsigned int i = 0; i <= LATENCY_RATIO_ROWS; i++)
		json_array_append_new(many, comparison_make("handler", 1));
	assert_null(script_make(many, why));
	assert_non_null(strstr(why, "more than 48 rows"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_runs_are_one_row),
		cmocka_unit_test(test_more_runs_have_a_heading_and_a_row_each),
		cmocka_unit_test(test_nothing_and_too_much_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
