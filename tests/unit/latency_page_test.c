/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/latency_made.h"
#include "vmm/latency/page.h"

/* Three runs in two states, with circumstances. */
static void runs_make(struct latency_runs *runs)
{
	struct latency_run *run = run_made(runs, "posted", 1000000000);

	values_made(run, "handler", 1000, 90);
	latency_fact_add(run, "kernel", "Linux <6.12> & \"more\"\x07");
	latency_fact_add(run, "delivery.why", "the host's handler ran 0 times");
	latency_fact_add(run, "idle", "host");
	run = run_made(runs, "injected", 1000000000);
	values_made(run, "handler", 2000, 90);
	latency_fact_add(run, "kernel", "Linux <6.12> & \"more\"\x07");
	latency_fact_add(run, "idle", "guest");
	run = run_made(runs, "posted", 1000000000);
	strcpy(run->state, "halted");
	values_made(run, "handler", 8000, 90);
	latency_fact_add(run, "kernel", "Linux <6.12> & \"more\"\x07");
	latency_fact_add(run, "idle", "host");
}

/* The page, the caller's to free(). */
static char *page_make(const struct latency_runs *runs)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(latency_page_write(file, runs), 0);
	fclose(file);
	return text;
}

static void assert_written(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("no '%s' in:\n%s", expected, text);
}

static void test_the_page_has_all_in_itself(void **state)
{
	static const char *const elsewhere[] = { "<script", "<link", "http:", "https:", "url(" };
	struct latency_runs runs = { 0 };
	char *page;

	(void)state;
	runs_make(&runs);
	page = page_make(&runs);
	for (unsigned int i = 0; i < 5; i++)
		if (strstr(page, elsewhere[i]))
			fail_msg("'%s' is in the page", elsewhere[i]);
	assert_int_equal(strncmp(page, "<!DOCTYPE html>\n", 16), 0);
	assert_written(page, "</html>\n");
	/* A plot for each state, or why there is none. */
	if (strstr(page, "<img "))
		assert_written(page, "src=\"data:image/svg+xml;base64,PD94bWwg");
	else
		assert_written(page, "No plot: gnuplot is not here");
	free(page);
	latency_runs_cleanup(&runs);
}

static void test_texts_are_no_markup(void **state)
{
	struct latency_runs runs = { 0 };
	char *page;

	(void)state;
	runs_make(&runs);
	page = page_make(&runs);
	assert_written(page, "Linux &lt;6.12&gt; &amp; &quot;more&quot;?<");
	assert_null(strstr(page, "<6.12>"));
	free(page);
	latency_runs_cleanup(&runs);
}

static void test_figures_comparisons_and_circumstances(void **state)
{
	struct latency_runs runs = { 0 };
	char *page;

	(void)state;
	runs_make(&runs);
	page = page_make(&runs);
	assert_written(page, "<h2>The virtual CPU: running</h2>");
	assert_written(page, "<h2>The virtual CPU: halted</h2>");
	assert_written(page, "<td class=\"n\">2 [");
	assert_written(page, "<td class=\"n\">8000</td>");
	assert_written(page, "the host's handler ran 0 times");
	/* What is the same in all runs is there once; else it is said which runs have it. */
	assert_written(page, "?</td><td>all</td>");
	assert_written(page, "<td class=\"long\">host</td><td>1, 3</td>");
	assert_written(page, "<td class=\"long\">guest</td><td>2</td>");
	free(page);
	latency_runs_cleanup(&runs);
}

/* No program of ours writes such a file. */
static void test_a_run_of_noise_that_has_interrupts_too(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_run *run = run_made(&runs, "posted", 1000000000);

	(void)state;
	values_made(run, "handler", 1000, 90);
	values_made(run, "gap", 1000, 90);
	free(page_make(&runs));
	latency_runs_cleanup(&runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_page_has_all_in_itself),
		cmocka_unit_test(test_texts_are_no_markup),
		cmocka_unit_test(test_figures_comparisons_and_circumstances),
		cmocka_unit_test(test_a_run_of_noise_that_has_interrupts_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
