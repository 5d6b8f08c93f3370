/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn latency compare` and `latency read`: experiments that were made before. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/latency/compare.h"
#include "vmm/latency/host.h"
#include "vmm/latency/json.h"
#include "vmm/latency/options.h"
#include "vmm/latency/output.h"
#include "vmm/latency/page.h"
#include "vmm/latency/plot.h"
#include "vmm/latency/ratios.h"
#include "vmm/latency/read.h"
#include "vmm/latency/run.h"

/* ---- compare ---- */

static void files_read(const struct latency_options *options, struct latency_runs *runs,
		       unsigned int ends[LATENCY_FILES_MAX])
{
	char why[512];

	for (unsigned int i = 0; i < options->file_count; i++) {
		if (latency_json_read(runs, options->files[i], why, sizeof(why)) < 0)
			die(EXIT_USAGE, "%s", why);
		ends[i] = runs->count;
	}
}

static bool labels_clash(const struct latency_runs *runs)
{
	char a[LATENCY_LABEL_SIZE], b[LATENCY_LABEL_SIZE];

	for (unsigned int i = 0; i < runs->count; i++) {
		latency_run_label(&runs->list[i], a);
		for (unsigned int j = 0; j < i; j++) {
			latency_run_label(&runs->list[j], b);
			if (!strcmp(a, b))
				return true;
		}
	}
	return false;
}

/* Put the file's name before that of the VMM: the same experiment was made twice, say. */
static void label_mark(struct latency_run *run, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char vmm[LATENCY_NAME_SIZE];
	int length = (int)min(strcspn(name, "."), (size_t)LATENCY_NAME_SIZE - 1);

	memcpy(vmm, run->vmm, sizeof(vmm));
	/* What does not fit is cut. */
	if (snprintf(run->vmm, sizeof(run->vmm), "%.*s%s%s", length, name, vmm[0] ? ":" : "",
		     vmm) >= (int)sizeof(run->vmm))
		log_debug("%s: a label was cut", path);
	/* A file's name may have any bytes in it, and JSON and gnuplot's strings may not. */
	for (char *at = run->vmm; *at; at++)
		if (!isascii(*at) || !(isalnum(*at) || strchr("-_.:", *at)))
			*at = '_';
}

static void labels_mark(const struct latency_options *options, struct latency_runs *runs,
			const unsigned int ends[LATENCY_FILES_MAX])
{
	unsigned int file = 0;

	if (!labels_clash(runs))
		return;
	for (unsigned int i = 0; i < runs->count; i++) {
		while (i >= ends[file])
			file++;
		label_mark(&runs->list[i], options->files[file]);
	}
}

/*
 * Only what was measured in the same state of the CPU can be compared. Fills @group, which is large
 * enough, with those runs that are in the state of @base and have @metric, @base being the first;
 * they stay those of @runs.
 */
static void group_make(const struct latency_runs *runs, const struct latency_run *base,
		       const char *metric, struct latency_runs *group)
{
	group->count = 0;
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_metric *found = latency_metric_find(&runs->list[i], metric);

		if (!strcmp(runs->list[i].state, base->state) && found && found->histogram.total)
			group->list[group->count++] = runs->list[i];
	}
}

/* Is there a run before @index that has both its state and @metric? */
static bool group_is_done(const struct latency_runs *runs, unsigned int index, const char *metric)
{
	for (unsigned int i = 0; i < index; i++) {
		if (!strcmp(runs->list[i].state, runs->list[index].state) &&
		    latency_metric_find(&runs->list[i], metric))
			return true;
	}
	return false;
}

static void group_compare(const struct latency_runs *group, const char *metric, json_t *array)
{
	struct latency_comparison *rows = calloc(group->count, sizeof(*rows));
	json_t *json;
	char why[512];
	int error;

	if (!rows)
		die(EXIT_HOST, "no memory to compare %s: close other programs", metric);
	error = latency_compare(group, metric, rows, why, sizeof(why));
	if (error)
		die(error == -ENOMEM ? EXIT_HOST : EXIT_USAGE, "%s", why);
	if (json_array_size(array))
		printf("\n");
	latency_compare_print(stdout, group, metric, rows);
	json = latency_compare_json(group, metric, rows);
	json_object_set_new(json, "state", json_string(group->list[0].state));
	if (json_array_append_new(array, json))
		die(EXIT_HOST, "no memory to compare %s: close other programs", metric);
	free(rows);
}

/* Every metric in every state that two runs or more have. */
static json_t *all_compare(const struct latency_runs *runs)
{
	struct latency_runs group = { .list = calloc(runs->count + 1, sizeof(*group.list)) };
	json_t *array = json_array();

	if (!group.list || !array)
		die(EXIT_HOST, "no memory to compare the runs: close other programs");
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_run *base = &runs->list[i];

		for (unsigned int j = 0; j < base->metric_count; j++) {
			const char *metric = base->metrics[j].name;

			if (group_is_done(runs, i, metric))
				continue;
			group_make(runs, base, metric, &group);
			if (group.count > 1)
				group_compare(&group, metric, array);
		}
	}
	free(group.list);
	return array;
}

static int comparison_write(const struct latency_options *options, const struct latency_runs *runs,
			    json_t *array)
{
	json_t *root = json_pack("{s:i, s:O}", "format", 1, "comparisons", array);
	int code = EXIT_OK;
	char why[512];

	if (options->json && json_dump_file(root, options->json, JSON_INDENT(2)) < 0) {
		snprintf(why, sizeof(why), "--json %s: it cannot be written", options->json);
		code = latency_output_fail(EXIT_INTERNAL, why);
	}
	if (options->plot &&
	    latency_plot(runs, LATENCY_OUTPUT_METRIC, options->plot, why, sizeof(why)) < 0)
		code = latency_output_fail(EXIT_USAGE, why);
	if (options->ratios && latency_ratios_plot(array, options->ratios, why, sizeof(why)) < 0)
		code = latency_output_fail(EXIT_USAGE, why);
	json_decref(root);
	return code;
}

/* Then one other run is enough for a plot. */
static bool noise_is_there(const struct latency_runs *runs)
{
	for (unsigned int i = 0; i < runs->count; i++)
		if (latency_metric_find(&runs->list[i], LATENCY_PLOT_GAP))
			return true;
	return false;
}

static int compare_run(const void *options)
{
	const struct latency_options *latency = options;
	unsigned int ends[LATENCY_FILES_MAX];
	struct latency_runs runs = { 0 };
	json_t *array;
	int code;

	files_read(latency, &runs, ends);
	labels_mark(latency, &runs, ends);
	array = all_compare(&runs);
	code = comparison_write(latency, &runs, array);
	if (!json_array_size(array) && !(latency->plot && noise_is_there(&runs)))
		code = latency_output_fail(
			EXIT_USAGE,
			"there is nothing to compare: no two runs of these files were made in the "
			"same state of the CPU; give more files, or ones with more paths");
	json_decref(array);
	latency_runs_cleanup(&runs);
	return code;
}

/* ---- report ---- */

#define PAGE "report.html"

static int is_json(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && entry->d_name[0] != '.' &&
	       !strcmp(entry->d_name + length - 5, ".json");
}

/* The files of the directory into @options, in the order of their names; the paths are to be freed.
 */
static void directory_list(const char *directory, struct latency_options *options)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_json, versionsort);

	if (count < 0)
		die(EXIT_USAGE, "%s: %s", directory, strerror(errno));
	if (!count)
		die(EXIT_USAGE, "%s: has no file NAME.json of posthorn latency --json", directory);
	if (count > LATENCY_FILES_MAX)
		die(EXIT_USAGE, "%s: has %d files NAME.json, and there can be %d at most",
		    directory, count, LATENCY_FILES_MAX);
	for (int i = 0; i < count; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", directory, entries[i]->d_name) < 0)
			die(EXIT_HOST, "no memory for the names of files: close other programs");
		options->files[i] = path;
		free(entries[i]);
	}
	options->file_count = (unsigned int)count;
	free(entries);
}

static int page_write(const char *directory, const struct latency_runs *runs)
{
	char path[PATH_MAX];
	FILE *file;
	int error;

	file_path_set(path, directory, "/" PAGE);
	file = fopen(path, "we");
	if (!file)
		die(EXIT_USAGE, "%s: %s", path, strerror(errno));
	error = latency_page_write(file, runs);
	if (fclose(file) && !error)
		error = -errno;
	if (error < 0) {
		log_error("%s: cannot be written: %s", path, strerror(-error));
		return EXIT_INTERNAL;
	}
	printf("%s\n", path);
	return EXIT_OK;
}

static int report_run(const void *opaque)
{
	struct latency_options latency = *(const struct latency_options *)opaque;
	const char *directory = latency.files[0];
	unsigned int ends[LATENCY_FILES_MAX];
	struct latency_runs runs = { 0 };
	int code;

	directory_list(directory, &latency);
	files_read(&latency, &runs, ends);
	labels_mark(&latency, &runs, ends);
	code = page_write(directory, &runs);
	latency_runs_cleanup(&runs);
	for (unsigned int i = 0; i < latency.file_count; i++)
		free((void *)(uintptr_t)latency.files[i]);
	return code;
}

/* ---- read ---- */

/* All of the file @path ("-": standard input), the caller's to free(), or NULL with errno set. */
static char *text_read(const char *path)
{
	bool standard_input = !strcmp(path, "-");
	FILE *file = standard_input ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	/* Up to the first NUL: a console writes none. */
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = ferror(file) ? NULL : strdup("");
	}
	if (!standard_input)
		fclose(file);
	return text;
}

static void labels_set(struct latency_run *run, const struct latency_options *options)
{
	const char *vmm = options->vmm && strcmp(options->vmm, "none") ? options->vmm : "";
	const char *architecture = options->architecture;

	/* All of them were found to fit: label_apply(). */
	snprintf(run->vmm, sizeof(run->vmm), "%s", vmm);
	snprintf(run->path, sizeof(run->path), "%s", options->path);
	snprintf(run->architecture, sizeof(run->architecture), "%s",
		 architecture ? architecture : latency_host_architecture());
}

static int read_run(const void *options)
{
	const struct latency_options *latency = options;
	struct latency_runs runs = { 0 };
	char *text = text_read(latency->files[0]), why[512];
	int code = EXIT_USAGE;

	if (!text)
		die(EXIT_USAGE, "%s: %s", latency->files[0], strerror(errno));
	latency_output_check(latency);
	if (latency_read(text, &runs, why, sizeof(why)) < 0) {
		log_error("%s: %s", latency->files[0], why);
	} else {
		for (unsigned int i = 0; i < runs.count; i++)
			labels_set(&runs.list[i], latency);
		code = latency_output(latency, &runs);
	}
	latency_runs_cleanup(&runs);
	free(text);
	return code;
}

const struct command command_latency_compare = {
	.name = "latency compare",
	.synopsis = "FILE...",
	.help = "compare results: ratios, and how sure they are",
	.rules = latency_compare_rules,
	.operand = latency_file_operand,
	.operands = LATENCY_FILES_MAX,
	.needed = "a file that `posthorn latency --json` wrote",
	.options_size = sizeof(struct latency_options),
	.defaults = &latency_defaults,
	.run = compare_run,
};

const struct command command_latency_report = {
	.name = "latency report",
	.synopsis = "DIR",
	.help = "make one page, DIR/" PAGE ", of all results",
	.operand = latency_file_operand,
	.operands = 1,
	.needed = "the directory with files that `posthorn latency --json` wrote",
	.options_size = sizeof(struct latency_options),
	.defaults = &latency_defaults,
	.run = report_run,
};

const struct command command_latency_read = {
	.name = "latency read",
	.synopsis = "FILE --path NAME",
	.help = "read what the program wrote to another console",
	.rules = latency_read_rules,
	.operand = latency_file_operand,
	.operands = 1,
	.needed = "the file with the console's output",
	.options_size = sizeof(struct latency_options),
	.defaults = &latency_defaults,
	.check = latency_read_options_check,
	.run = read_run,
};
