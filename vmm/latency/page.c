/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/page.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/latency/compare.h"
#include "vmm/latency/output.h"
#include "vmm/latency/plot.h"
#include "vmm/latency/run.h"
#include "vmm/latency/stats.h"

/* Dark on white, so that it prints as it is seen. */
static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<title>Interrupt latency</title>\n<style>\n"
	"body { font: 15px/1.45 sans-serif; color: #111; background: #fff; max-width: 75em; "
	"margin: 2em auto; padding: 0 1em }\n"
	"h1 { font-size: 1.6em } h2 { font-size: 1.25em; margin-top: 2em }\n"
	"table { border-collapse: collapse; margin: 1em 0; font-size: 0.9em }\n"
	"th, td { padding: 0.25em 0.7em; text-align: left; vertical-align: top; "
	"border-bottom: 1px solid #ccc }\n"
	"th { border-bottom: 2px solid #111 }\n"
	"td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }\n"
	"td.long { overflow-wrap: anywhere }\n"
	"img { width: 100%; height: auto } p.note { color: #444; font-size: 0.9em }\n"
	"@media print { h2, tr, img { break-inside: avoid } }\n"
	"</style>\n</head>\n<body>\n";

/* ---- text ---- */

/* @text as it is to be read: nothing of it is markup, and nothing is no text. */
static void text_write(FILE *file, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		case '&':
			fputs("&amp;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		default:
			fputc(*text < ' ' || *text > '~' ? '?' : *text, file);
		}
	}
}

static void cell_write(FILE *file, const char *class, const char *text)
{
	fprintf(file, "<td class=\"%s\">", class);
	text_write(file, text);
	fputs("</td>", file);
}

static void run_cell_write(FILE *file, const struct latency_run *run)
{
	char label[LATENCY_LABEL_SIZE];

	latency_run_label(run, label);
	cell_write(file, "", label);
}

/* ---- plots ---- */

static void base64_write(FILE *file, const unsigned char *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t bits = (uint32_t)data[i] << 16 |
				(left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
				(left > 2 ? data[i + 2] : 0);

		fputc(digits[bits >> 18], file);
		fputc(digits[bits >> 12 & 63], file);
		fputc(left > 1 ? digits[bits >> 6 & 63] : '=', file);
		fputc(left > 2 ? digits[bits & 63] : '=', file);
	}
}

/* As an image, so that the names within one plot are not those of another. */
static void plot_write(FILE *file, const struct latency_runs *runs, const char *state)
{
	char why[512], *svg = latency_plot_svg(runs, LATENCY_OUTPUT_METRIC, why, sizeof(why));

	if (!svg) {
		fputs("<p class=\"note\">No plot: ", file);
		text_write(file, why);
		fputs("</p>\n", file);
		return;
	}
	fputs("<img alt=\"Distribution of the latencies, ", file);
	text_write(file, state);
	fputs("\" src=\"data:image/svg+xml;base64,", file);
	base64_write(file, (const unsigned char *)svg, strlen(svg));
	fputs("\">\n<p class=\"note\">Left: the share of interrupts that took at least as long; "
	      "the "
	      "foot of a line is the worst case. Right: how often each latency came.</p>\n",
	      file);
	free(svg);
}

/* ---- comparisons ---- */

static void ratio_write(FILE *file, const struct latency_ratio *ratio)
{
	if (isfinite(ratio->ratio) && isfinite(ratio->high))
		fprintf(file, "<td class=\"n\">%.3g [%.3g, %.3g]</td>", ratio->ratio, ratio->low,
			ratio->high);
	else
		fputs("<td class=\"n\">-</td>", file);
}

/* The first run is the base, if there is another. 0 or -ENOMEM. */
static int comparison_write(FILE *file, const struct latency_runs *runs)
{
	struct latency_comparison *rows = calloc(runs->count, sizeof(*rows));
	char why[512];
	int error = rows ? latency_compare(runs, LATENCY_OUTPUT_METRIC, rows, why, sizeof(why))
			 : -ENOMEM;

	if (error) {
		free(rows);
		return error == -ENOMEM ? error : 0;
	}
	fputs("<table>\n<tr><th>run</th><th class=\"n\">P50, times the first</th>"
	      "<th class=\"n\">P99</th><th class=\"n\">mean</th></tr>\n",
	      file);
	for (unsigned int i = 0; i < runs->count; i++) {
		fputs("<tr>", file);
		run_cell_write(file, &runs->list[i]);
		for (unsigned int figure = 0; figure < LATENCY_FIGURES; figure++)
			ratio_write(file, &rows[i].ratios[figure]);
		fputs("</tr>\n", file);
	}
	fputs("</table>\n<p class=\"note\">In brackets: what chance within the runs leaves open, "
	      "at "
	      "95&nbsp;%. An interval with 1 in it shows no difference.</p>\n",
	      file);
	free(rows);
	return 0;
}

/* All of a state that have interrupts; @group has room, and borrows the runs. */
static void group_get(const struct latency_runs *runs, const char *state,
		      struct latency_runs *group)
{
	group->count = 0;
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_metric *metric =
			latency_metric_find(&runs->list[i], LATENCY_OUTPUT_METRIC);

		if (!strcmp(runs->list[i].state, state) && metric && metric->histogram.total)
			group->list[group->count++] = runs->list[i];
	}
}

/* Add the run of `latency noise` to @group, which then is to be drawn and not to be compared. */
static void noise_add(const struct latency_runs *runs, struct latency_runs *group)
{
	for (unsigned int i = 0; i < runs->count; i++) {
		if (!latency_metric_find(&runs->list[i], LATENCY_PLOT_GAP))
			continue;
		group->list[group->count++] = runs->list[i];
		return;
	}
}

static bool state_is_first(const struct latency_runs *runs, unsigned int index)
{
	for (unsigned int i = 0; i < index; i++)
		if (!strcmp(runs->list[i].state, runs->list[index].state))
			return false;
	return true;
}

/* 0 or -ENOMEM. */
static int states_write(FILE *file, const struct latency_runs *runs)
{
	/* With the run of noise once more: a file may say that it has interrupts too. */
	struct latency_runs group = { calloc(runs->count + 1, sizeof(*group.list)), 0 };
	int error = group.list ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < runs->count && !error; i++) {
		const char *state = runs->list[i].state;
		unsigned int count;

		group_get(runs, state, &group);
		if (!state_is_first(runs, i) || !group.count)
			continue;
		fputs("<h2>The virtual CPU: ", file);
		text_write(file, state);
		fputs("</h2>\n", file);
		count = group.count;
		noise_add(runs, &group);
		plot_write(file, &group, state);
		group.count = count;
		error = comparison_write(file, &group);
	}
	free(group.list);
	return error;
}

/* ---- figures ---- */

static void metric_write(FILE *file, const struct latency_run *run,
			 const struct latency_metric *metric)
{
	const char *why = latency_fact_find(run, "delivery.why");
	char text[LATENCY_NS_SIZE];
	struct latency_stats stats;

	latency_stats_get(&metric->histogram, &stats);
	fputs("<tr>", file);
	run_cell_write(file, run);
	cell_write(file, "", metric->name);
	fprintf(file, "<td class=\"n\">%" PRIu64 "</td>", stats.count);
	for (unsigned int i = 0; i < 6; i++) {
		const uint64_t ticks[] = { stats.min, stats.p50,  stats.p90,
					   stats.p99, stats.p999, stats.max };

		latency_ns_text(run, (double)ticks[i], text);
		cell_write(file, "n", stats.count ? text : "-");
	}
	fprintf(file, "<td class=\"n\">%" PRIu64 "</td>", run->lost);
	cell_write(file, "", metric == run->metrics && why ? why : "");
	fputs("</tr>\n", file);
}

static void figures_write(FILE *file, const struct latency_runs *runs)
{
	static const char *const titles[] = { "count", "min",	"P50", "P90",
					      "P99",   "P99.9", "max", "lost" };

	fputs("<h2>Figures, in nanoseconds</h2>\n<table>\n<tr><th>run</th><th>metric</th>", file);
	for (unsigned int i = 0; i < ARRAY_SIZE(titles); i++)
		fprintf(file, "<th class=\"n\">%s</th>", titles[i]);
	fputs("<th>how the interrupts went is known from</th></tr>\n", file);
	for (unsigned int i = 0; i < runs->count; i++)
		for (unsigned int j = 0; j < runs->list[i].metric_count; j++)
			metric_write(file, &runs->list[i], &runs->list[i].metrics[j]);
	fputs("</table>\n<p class=\"note\">Percentiles are upper bounds, at most 1/64 too high; "
	      "min "
	      "and max are exact.</p>\n",
	      file);
}

/* ---- circumstances ---- */

/* Was @value of @key that of a run before @index? */
static bool value_was_there(const struct latency_runs *runs, unsigned int index, const char *key,
			    const char *value)
{
	for (unsigned int i = 0; i < index; i++) {
		const char *other = latency_fact_find(&runs->list[i], key);

		if (other && !strcmp(other, value))
			return true;
	}
	return false;
}

/* The runs that have @value of @key: "all", or their numbers. */
static void owners_write(FILE *file, const struct latency_runs *runs, const char *key,
			 const char *value)
{
	unsigned int owners = 0;

	for (unsigned int i = 0; i < runs->count; i++) {
		const char *other = latency_fact_find(&runs->list[i], key);

		owners += other && !strcmp(other, value);
	}
	if (owners == runs->count) {
		fputs("<td>all</td>", file);
		return;
	}
	fputs("<td>", file);
	owners = 0;
	for (unsigned int i = 0; i < runs->count; i++) {
		const char *other = latency_fact_find(&runs->list[i], key);

		if (other && !strcmp(other, value))
			fprintf(file, "%s%u", owners++ ? ", " : "", i + 1);
	}
	fputs("</td>", file);
}

/* A row for each value of each key, in the order in which they come. */
static void facts_write(FILE *file, const struct latency_runs *runs)
{
	fputs("<h2>Circumstances</h2>\n<p>The runs are numbered:</p>\n<ol>\n", file);
	for (unsigned int i = 0; i < runs->count; i++) {
		char label[LATENCY_LABEL_SIZE];

		latency_run_label(&runs->list[i], label);
		fputs("<li>", file);
		text_write(file, label);
		fputs(", source ", file);
		text_write(file, runs->list[i].source);
		fputs("</li>\n", file);
	}
	fputs("</ol>\n<table>\n<tr><th>what</th><th>value</th><th>runs</th></tr>\n", file);
	for (unsigned int i = 0; i < runs->count; i++) {
		for (unsigned int j = 0; j < runs->list[i].fact_count; j++) {
			const struct latency_fact *fact = &runs->list[i].facts[j];

			if (value_was_there(runs, i, fact->key, fact->value))
				continue;
			fputs("<tr>", file);
			cell_write(file, "", fact->key);
			cell_write(file, "long", fact->value);
			owners_write(file, runs, fact->key, fact->value);
			fputs("</tr>\n", file);
		}
	}
	fputs("</table>\n", file);
}

int latency_page_write(FILE *file, const struct latency_runs *runs)
{
	int error;

	fputs(head, file);
	fputs("<h1>Interrupt latency</h1>\n<p>From the store that makes a device raise an "
	      "interrupt "
	      "to the first instructions of its handler in the guest.</p>\n",
	      file);
	error = states_write(file, runs);
	figures_write(file, runs);
	facts_write(file, runs);
	fputs("<p class=\"note\">Made by posthorn " POSTHORN_VERSION
	      ", posthorn latency report.</p>\n</body>\n</html>\n",
	      file);
	return error;
}
