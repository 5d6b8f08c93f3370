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
#include <sys/stat.h>

#include "lib/file.h"
#include "tests/unit/latency_made.h"
#include "tests/unit/stderr_capture.h"
#include "vmm/latency/plot.h"

/* Two runs that have "handler", and one that has not. */
static void runs_make(struct latency_runs *runs)
{
	struct latency_run *run = run_made(runs, "bare", 1000000000);

	values_made(run, "handler", 1000, 90);
	values_made(run, "handler", 5000, 10);
	run = run_made(runs, "posted", 1000000000);
	values_made(run, "handler", 0, 1);
	values_made(run, "handler", 2000, 99);
	values_made(run_made(runs, "intx", 1000000000), "config-read", 9, 1);
}

/* A folder for the test's files; @name of it is in @path. */
static void folder_make(char folder[64], char path[96], const char *name)
{
	strcpy(folder, "/tmp/posthorn-plot-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, 96, "%s/%s", folder, name);
}

/* The script of @metric, which must be right; the caller frees it. */
static char *script_make(const struct latency_runs *runs, const char *metric)
{
	char *text = NULL, why[512];
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (latency_plot_script(file, runs, metric, "svg", why, sizeof(why)))
		fail_msg("%s", why);
	fclose(file);
	return text;
}

static void assert_written(char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("no '%s' in:\n%s", expected, text);
}

static void test_the_tail_says_what_share_took_as_long(void **state)
{
	struct latency_runs runs = { 0 };
	char *script;

	(void)state;
	runs_make(&runs);
	script = script_make(&runs, "handler");
	/* All took 1 µs, a tenth the 4.992 of the bucket's start, and one as long as the maximum.
	 */
	assert_written(script, "$tail0 << END\n1 100\n4.992 10\n5 1\nEND\n");
	/* Zero ticks stand at half a tick. */
	assert_written(script, "$tail1 << END\n0.0005 100\n2 99\n2 1\nEND\n");
	free(script);
	latency_runs_cleanup(&runs);
}

/* Five values of 10, between bins with none; and those of 1000 and 5000. */
static void test_the_bins_say_what_share_took_about_as_long(void **state)
{
	struct latency_runs runs = { 0 };
	char *script;

	(void)state;
	values_made(run_made(&runs, "bare", 1000000000), "handler", 10, 5);
	runs_make(&runs);
	script = script_make(&runs, "handler");
	assert_written(script, "$bins0 << END\n0.00948683 0\n0.0104881 100\n0.0114891 0\nEND\n");
	assert_written(script, "$bins1 << END\n0.89928 0\n0.979012 90\n1.07092 0\n"
			       "4.66805 0\n5.08307 10\n5.56211 0\nEND\n");
	free(script);
	latency_runs_cleanup(&runs);
}

static void test_each_run_has_its_own_line(void **state)
{
	struct latency_runs runs = { 0 };
	char *script;

	(void)state;
	runs_make(&runs);
	script = script_make(&runs, "handler");
	assert_written(script, "title 'posthorn bare running, n = 100'");
	assert_written(script, "title 'posthorn posted running, n = 100'");
	assert_null(strstr(script, "intx"));
	assert_written(script, "set linetype 1 lc rgb '#000000' dt solid lw 2 pt 7 ");
	assert_written(script, "set linetype 2 lc rgb '#d55e00' dt (12,4) lw 2 pt 4 ");
	assert_written(script, "Interrupt latency, from the store that raises it to its handler"
			       " (edu, x86_64)");
	free(script);
	script = script_make(&runs, "config-read");
	assert_written(script, "Time of config-read (edu, x86_64)");
	free(script);
	latency_runs_cleanup(&runs);
}

/* The labels of the first panel's latency axis, for values from 1000 to @last ns. */
static void tics_get(uint64_t first, uint64_t last, char *labels, size_t size)
{
	struct latency_runs runs = { 0 };
	struct latency_run *run = run_made(&runs, "bare", 1000000000);
	char *script, *at;

	values_made(run, "handler", first, 1);
	values_made(run, "handler", last, 1);
	script = script_make(&runs, "handler");
	at = strstr(script, "set xtics (");
	assert_non_null(at);
	*strchr(at, '\n') = '\0';
	labels[0] = '\0';
	for (at = strchr(at, '\''); at; at = strchr(strchr(at + 1, '\'') + 1, '\'')) {
		size_t length = strcspn(at + 1, "'");

		if (length)
			snprintf(labels + strlen(labels), size - strlen(labels), "%.*s ",
				 (int)length, at + 1);
	}
	free(script);
	latency_runs_cleanup(&runs);
}

/* They run into each other where there are more. */
static void test_as_many_labels_as_there_is_room_for(void **state)
{
	static const struct {
		uint64_t first, last; /* ns */
		const char *labels;
	} axes[] = {
		{ 3500, 3500, "3 3.5 4 " },
		{ 1000, 5000, "1 2 5 " },
		{ 1000, 100000, "1 2 5 10 20 50 100 " },
		{ 1000, 10000000, "1 10 100 1000 10000 " },
		{ 1000, 100000000, "1 10 100 1000 10000 100000 " },
		{ 1000, 1000000000000, "1 100 10000 1e+06 1e+08 " },
	};
	char labels[256];

	(void)state;
	for (unsigned int i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
		tics_get(axes[i].first, axes[i].last, labels, sizeof(labels));
		assert_string_equal(labels, axes[i].labels);
	}
}

static void test_the_legend_says_how_the_path_is_known(void **state)
{
	struct latency_runs runs = { 0 };
	char *script, why[512] = "the host's handler ran 0 times";

	(void)state;
	runs_make(&runs);
	latency_fact_add(&runs.list[1], "delivery.why", why);
	script = script_make(&runs, "handler");
	assert_written(script, "title 'posthorn posted running, n = 100', keyentry title '    the "
			       "host''s handler ran 0 times'");
	free(script);
	/* Nothing that ends a string or a line gets into it, and not too much. */
	memset(why, 'x', sizeof(why));
	memcpy(why, "a\nb\\\xff", 5);
	why[511] = '\0';
	latency_fact_add(&runs.list[0], "delivery.why", why);
	script = script_make(&runs, "handler");
	assert_written(script, "keyentry title '    a?b\\?xxx");
	assert_written(script, "xxx...',");
	free(script);
	latency_runs_cleanup(&runs);
}

static void test_what_cannot_be_drawn_is_refused(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	runs_make(&runs);
	assert_int_equal(latency_plot(&runs, "handler", "/tmp/x.jpg", why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "/tmp/x.jpg: the name of a plot ends with"));
	assert_int_equal(latency_plot(&runs, "handler", "svg", why, sizeof(why)), -EINVAL);
	assert_int_equal(latency_plot(&runs, "return", "/nowhere/x.svg", why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "no run has values of metric 'return'"));
	assert_int_equal(latency_plot(&runs, "handler", "/nowhere/x.svg", why, sizeof(why)),
			 -ENOENT);
	assert_non_null(strstr(why, "/nowhere/x.svg cannot be made"));
	while (runs.count < 10)
		values_made(run_made(&runs, "more", 1000), "handler", 1, 1);
	assert_int_equal(latency_plot(&runs, "handler", "/nowhere/x.svg", why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "more than 8 runs"));
	latency_runs_cleanup(&runs);
}

static void test_a_gp_file_gets_the_script(void **state)
{
	struct latency_runs runs = { 0 };
	char folder[64], path[96], text[16384], why[512], *script;

	(void)state;
	runs_make(&runs);
	folder_make(folder, path, "plot.gp");
	assert_int_equal(latency_plot(&runs, "handler", path, why, sizeof(why)), 0);
	assert_true(file_read_text(path, text, sizeof(text)) > 0);
	script = script_make(&runs, "handler");
	script[strlen(script) - 1] = '\0'; /* as file_read_text() does */
	assert_string_equal(text, script);
	free(script);
	unlink(path);
	rmdir(folder);
	latency_runs_cleanup(&runs);
}

/* latency_plot() with only @folder in PATH. */
static int plot_with_path(const char *folder, const char *path, char why[512])
{
	struct latency_runs runs = { 0 };
	char *before = strdup(getenv("PATH"));
	int error;

	runs_make(&runs);
	setenv("PATH", folder, 1);
	error = latency_plot(&runs, "handler", path, why, 512);
	setenv("PATH", before, 1);
	free(before);
	latency_runs_cleanup(&runs);
	return error;
}

static void test_without_gnuplot_the_package_is_named(void **state)
{
	char folder[64], path[96], why[512];

	(void)state;
	folder_make(folder, path, "plot.svg");
	assert_int_equal(plot_with_path(folder, path, why), -ENOENT);
	assert_non_null(strstr(why, "install the package gnuplot-nox"));
	assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

static void test_a_gnuplot_that_fails_leaves_nothing(void **state)
{
	char folder[64], path[96], gnuplot[96], why[512];

	(void)state;
	folder_make(folder, path, "plot.svg");
	snprintf(gnuplot, sizeof(gnuplot), "%s/gnuplot", folder);
	assert_int_equal(file_create(gnuplot, "#!/bin/sh\nexit 3\n", 17), 0);
	assert_int_equal(chmod(gnuplot, 0755), 0);
	assert_int_equal(plot_with_path(folder, path, why), -EIO);
	assert_non_null(strstr(why, "gnuplot could not draw"));
	unlink(gnuplot);
	assert_int_equal(rmdir(folder), 0);
}

/* Draw @runs into a file with the ending @name has, which must begin with @magic. */
static void draw(const struct latency_runs *runs, const char *metric, const char *name,
		 const char *magic)
{
	char folder[64], path[96], text[64] = "", why[512];
	struct capture capture;
	int error;

	if (system("gnuplot --version >/dev/null 2>&1"))
		skip();
	folder_make(folder, path, name);
	capture = capture_start();
	error = latency_plot(runs, metric, path, why, sizeof(why));
	assert_int_equal(capture_lines(capture), 0); /* gnuplot warns there */
	if (error)
		fail_msg("%s", why);
	assert_true(file_read_text(path, text, sizeof(text)) > 0);
	assert_memory_equal(text, magic, strlen(magic));
	unlink(path);
	rmdir(folder);
}

static void test_gnuplot_draws_svg_and_png(void **state)
{
	struct latency_runs runs = { 0 };

	(void)state;
	runs_make(&runs);
	draw(&runs, "handler", "plot.svg", "<?xml");
	draw(&runs, "handler", "plot.png", "\x89PNG");
	latency_runs_cleanup(&runs);
}

static void test_gnuplot_draws_values_that_are_all_the_same(void **state)
{
	struct latency_runs runs = { 0 };

	(void)state;
	runs_make(&runs);
	draw(&runs, "config-read", "plot.svg", "<?xml");
	latency_runs_cleanup(&runs);
}

/* 1000 gaps of 10 ticks, which are the loop's own, and two long ones: 25000 ticks in all. */
static void test_noise_is_a_baseline_of_interrupts(void **state)
{
	struct latency_runs runs = { 0 };
	struct latency_run *noise;
	char *script;

	(void)state;
	runs_make(&runs);
	noise = run_made(&runs, "", 1000000000);
	strcpy(noise->state, "noise");
	values_made(noise, "gap", 10, 1000);
	values_made(noise, "gap", 5000, 1);
	values_made(noise, "gap", 10000, 1);
	script = script_make(&runs, "handler");
	/* Of the longest, 8 ticks are above its bucket's begin; and of all that is longer than the
	 * other's, 5000 ticks and half a bucket. */
	assert_written(script, "$gaps << END\n9.984 0.032\n4.992 20.126\nEND\n");
	assert_written(script, "plot $gaps using 1:2 with filledcurves x1");
	assert_written(script, "title 'posthorn noise: how long the machine alone");
	/* On the right panel there is none. */
	assert_written(script, "plot $bins0 ");
	free(script);
	/* Without interrupts it is what is drawn. */
	script = script_make(&runs, "gap");
	assert_null(strstr(script, "$gaps"));
	assert_written(script, "plot $tail0 ");
	free(script);
	latency_runs_cleanup(&runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tail_says_what_share_took_as_long),
		cmocka_unit_test(test_the_bins_say_what_share_took_about_as_long),
		cmocka_unit_test(test_noise_is_a_baseline_of_interrupts),
		cmocka_unit_test(test_each_run_has_its_own_line),
		cmocka_unit_test(test_as_many_labels_as_there_is_room_for),
		cmocka_unit_test(test_the_legend_says_how_the_path_is_known),
		cmocka_unit_test(test_what_cannot_be_drawn_is_refused),
		cmocka_unit_test(test_a_gp_file_gets_the_script),
		cmocka_unit_test(test_without_gnuplot_the_package_is_named),
		cmocka_unit_test(test_a_gnuplot_that_fails_leaves_nothing),
		cmocka_unit_test(test_gnuplot_draws_svg_and_png),
		cmocka_unit_test(test_gnuplot_draws_values_that_are_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
