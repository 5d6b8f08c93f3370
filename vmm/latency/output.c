/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "vmm/latency/format.h"
#include "vmm/latency/json.h"
#include "vmm/latency/plot.h"
#include "vmm/latency/run.h"
#include "vmm/latency/options.h"

static void file_check(const char *option, const char *path)
{
	bool made = true;
	int fd;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST) {
		made = false;
		fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (fd < 0)
		die(EXIT_USAGE, "%s %s: %s", option, path, strerror(errno));
	fd_close(&fd);
	if (made)
		unlink(path);
}

void latency_output_check(const struct latency_options *options)
{
	file_check("--json", options->json);
	file_check("--plot", options->plot);
}

int latency_output_fail(enum exit_code code, const char *why)
{
	log_error("%s", why);
	return code;
}

/* One table for each run; a line before it says which, as comments of CSV are often written. */
static void csv_print(const struct latency_runs *runs)
{
	char label[LATENCY_LABEL_SIZE];

	for (unsigned int i = 0; i < runs->count; i++) {
		latency_run_label(&runs->list[i], label);
		printf("# %s\n", label);
		latency_format_csv(stdout, &runs->list[i]);
	}
}

static int print(enum latency_format format, const struct latency_runs *runs)
{
	int error = 0;

	switch (format) {
	case LATENCY_FORMAT_CYCLICTEST:
		error = latency_format_cyclictest(stdout, runs, LATENCY_OUTPUT_METRIC, 0);
		break;
	case LATENCY_FORMAT_CSV:
		csv_print(runs);
		break;
	default:
		latency_format_summary(stdout, runs);
		break;
	}
	if (error < 0)
		return latency_output_fail(EXIT_USAGE,
					   "there is no run with the metric " LATENCY_OUTPUT_METRIC
					   ", which --format cyclictest shows: use --format csv");
	return EXIT_OK;
}

static int lost_report(const struct latency_runs *runs)
{
	char label[LATENCY_LABEL_SIZE];
	int code = EXIT_OK;

	for (unsigned int i = 0; i < runs->count; i++) {
		if (!runs->list[i].lost)
			continue;
		latency_run_label(&runs->list[i], label);
		log_error("%s: %" PRIu64 " of %" PRIu64 " interrupts were lost: they were raised "
			  "but never came",
			  label, runs->list[i].lost, runs->list[i].count);
		code = EXIT_INTERNAL;
	}
	return code;
}

int latency_output(const struct latency_options *options, const struct latency_runs *runs)
{
	int code = print(options->format, runs);
	char why[512];

	if (options->json && latency_json_write(runs, options->json, why, sizeof(why)) < 0)
		code = latency_output_fail(EXIT_INTERNAL, why);
	if (options->plot &&
	    latency_plot(runs, options->noise ? LATENCY_PLOT_GAP : LATENCY_OUTPUT_METRIC,
			 options->plot, why, sizeof(why)) < 0)
		code = latency_output_fail(EXIT_USAGE, why);
	return code ? code : lost_report(runs);
}
