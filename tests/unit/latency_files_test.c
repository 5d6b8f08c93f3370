/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/files.c: `posthorn latency compare` from files to files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/latency_made.h"
#include "vmm/commands.h"
#include "vmm/latency/json.h"
#include "vmm/latency/options.h"

static char directory[32];

static int directory_make(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/posthorn-files-XXXXXX");
	return mkdtemp(directory) ? chdir(directory) : -1;
}

static int directory_remove(void **state)
{
	(void)state;
	return chdir("/") || rmdir(directory);
}

/* The same experiment in a file of this name: only the name can tell it from another. */
static void file_make(const char *name, uint64_t ticks)
{
	struct latency_runs runs = { 0 };
	char why[512];

	values_made(run_made(&runs, "bare", 1000000000), "handler", ticks, 50);
	assert_int_equal(latency_json_write(&runs, name, why, sizeof(why)), 0);
	latency_runs_cleanup(&runs);
}

/* Compare the files @a and @b, and remove them. Returns the JSON, and the exit code in *@code. */
static json_t *compare(const char *a, const char *b, int *code)
{
	struct latency_options options = {
		.files = { a, b }, .file_count = 2, .json = "out.json", .plot = "out.gp"
	};
	int saved = dup(STDOUT_FILENO);
	json_t *json;

	assert_non_null(freopen("/dev/null", "w", stdout));
	*code = command_latency_compare.run(&options);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	json = json_load_file("out.json", 0, NULL);
	unlink("out.json");
	unlink(a);
	unlink(b);
	return json;
}

/* The label of run @index in the first comparison. */
static const char *label(json_t *json, size_t index)
{
	json_t *runs =
		json_object_get(json_array_get(json_object_get(json, "comparisons"), 0), "runs");

	return json_string_value(json_object_get(json_array_get(runs, index), "label"));
}

static void test_names_of_files_become_harmless_labels(void **state)
{
	char script[65536] = "";
	FILE *file;
	json_t *json;
	int code;

	(void)state;
	file_make("first-1.json", 100);
	/* What would end a string of gnuplot's, and what is no UTF-8. */
	file_make("a'b\xff.json", 200);
	json = compare("first-1.json", "a'b\xff.json", &code);
	assert_int_equal(code, 0);
	assert_string_equal(label(json, 0), "first-1:posthorn bare running");
	assert_string_equal(label(json, 1), "a_b_:posthorn bare running");
	json_decref(json);
	file = fopen("out.gp", "r");
	assert_non_null(file);
	assert_true(fread(script, 1, sizeof(script) - 1, file) > 0);
	fclose(file);
	unlink("out.gp");
	assert_non_null(strstr(script, "title 'a_b_:posthorn bare running, n = 50'"));
}

static void test_a_base_of_no_time_leaves_valid_json(void **state)
{
	json_t *json, *row, *ratio;
	int code;

	(void)state;
	file_make("a.json", 0);
	file_make("b.json", 3);
	json = compare("a.json", "b.json", &code);
	unlink("out.gp");
	assert_int_equal(code, 0);
	row = json_array_get(
		json_object_get(json_array_get(json_object_get(json, "comparisons"), 0), "runs"),
		1);
	assert_int_equal(json_unpack(row, "{s:{s:o}}", "p50", "ratio", &ratio), 0);
	assert_true(json_is_null(ratio));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_files_become_harmless_labels),
		cmocka_unit_test(test_a_base_of_no_time_leaves_valid_json),
	};

	return cmocka_run_group_tests_name("latency_files", tests, directory_make,
					   directory_remove);
}
