/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/latency/run.h"
#include "vmm/latency/stats.h"

/* ---- summary ---- */

/* How wide the first two columns must be. */
struct widths {
	int run, metric;
};

static struct widths widths_get(const struct latency_runs *runs)
{
	struct widths widths = { 3, 6 };
	char label[LATENCY_LABEL_SIZE];

	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_run *run = &runs->list[i];

		latency_run_label(run, label);
		widths.run = max(widths.run, (int)strlen(label));
		for (unsigned int j = 0; j < run->metric_count; j++)
			widths.metric = max(widths.metric, (int)strlen(run->metrics[j].name));
	}
	return widths;
}

#define EXITS_LEAST 0.005 /* what is less would be 0.00 */

/* "mmio 1.00, halt 0.98", for each of @count times: no line break. */
static void exits_print(FILE *file, const struct latency_exits *exits, uint64_t count)
{
	const char *comma = "";

	for (unsigned int i = 0; count && i < exits->count; i++) {
		double share = (double)exits->list[i].count / (double)count;

		if (share < EXITS_LEAST)
			continue;
		fprintf(file, "%s%s %.2f", comma, exits->list[i].reason, share);
		comma = ", ";
	}
	if (!comma[0])
		fputs(exits->count ? "none" : "-", file);
}

static void metric_print(FILE *file, const struct latency_run *run, struct widths widths,
			 const struct latency_metric *metric)
{
	char label[LATENCY_LABEL_SIZE], text[LATENCY_NS_SIZE];
	struct latency_stats stats;

	latency_run_label(run, label);
	latency_stats_get(&metric->histogram, &stats);
	fprintf(file, "%-*s  %-*s %10" PRIu64, widths.run, label, widths.metric, metric->name,
		stats.count);
	for (unsigned int i = 0; i < 6; i++) {
		const uint64_t ticks[] = { stats.min, stats.p50,  stats.p90,
					   stats.p99, stats.p999, stats.max };

		latency_ns_text(run, (double)ticks[i], text);
		fprintf(file, " %9s", stats.count ? text : "-");
	}
	fputs("  ", file);
	/* Those of interrupts belong to the run, and are not known for each of its metrics. */
	if (!run->count)
		exits_print(file, &metric->exits, metric->histogram.total);
	else if (metric == run->metrics)
		exits_print(file, &run->exits, run->count);
	fputc('\n', file);
}

static void notes_print(FILE *file, const struct latency_runs *runs)
{
	char label[LATENCY_LABEL_SIZE], text[256], before[256] = "";

	fputs("Times are in nanoseconds. Percentiles are upper bounds, at most 1/64 too high.\n",
	      file);
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_run *run = &runs->list[i];

		latency_run_label(run, label);
		latency_clock_text(run, text, sizeof(text));
		if (strcmp(text, before))
			fprintf(file, "%s: %s.\n", label, text);
		strcpy(before, text);
		if (run->lost)
			fprintf(file, "%s: %" PRIu64 " of %" PRIu64 " interrupts never came.\n",
				label, run->lost, run->count);
	}
}

void latency_format_summary(FILE *file, const struct latency_runs *runs)
{
	struct widths widths = widths_get(runs);

	fprintf(file, "%-*s  %-*s %10s %9s %9s %9s %9s %9s %9s  %s\n", widths.run, "RUN",
		widths.metric, "METRIC", "COUNT", "MIN", "P50", "P90", "P99", "P99.9", "MAX",
		"EXITS EACH TIME");
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_run *run = &runs->list[i];

		for (unsigned int j = 0; j < run->metric_count; j++)
			metric_print(file, run, widths, &run->metrics[j]);
	}
	fputc('\n', file);
	notes_print(file, runs);
}

/* ---- cyclictest ---- */

static uint64_t microseconds(const struct latency_run *run, double ticks)
{
	double us = latency_ns(run, ticks) / 1000;

	/* A slow clock's time may be more than 64 bits hold. */
	return us < 1e18 ? (uint64_t)us : (uint64_t)1e18;
}

/* A thread, for cyclictest. */
struct column {
	const struct latency_run *run;
	const struct histogram *histogram;
	unsigned int index; /* the first bucket that no row had yet */
	uint64_t total;	    /* in the rows */
};

/* Where the values of bucket @index go. */
static uint64_t bucket_microseconds(const struct column *column, unsigned int index)
{
	uint64_t ticks = min(histogram_high(index), column->histogram->maximum);

	return microseconds(column->run, (double)ticks);
}

/* How many values row @row has; the rows come in order. */
static uint64_t row_take(struct column *column, uint64_t row)
{
	uint64_t count = 0;

	while (column->index < HISTOGRAM_BUCKETS &&
	       bucket_microseconds(column, column->index) <= row) {
		count += column->histogram->buckets[column->index++];
	}
	column->total += count;
	return count;
}

/* The columns of the runs that have @metric, and how many; NULL without memory. */
static struct column *columns_make(FILE *file, const struct latency_runs *runs, const char *metric,
				   unsigned int *count)
{
	struct column *columns = calloc(runs->count + 1, sizeof(*columns));
	char label[LATENCY_LABEL_SIZE];

	*count = 0;
	for (unsigned int i = 0; columns && i < runs->count; i++) {
		const struct latency_metric *found = latency_metric_find(&runs->list[i], metric);

		if (!found)
			continue;
		latency_run_label(&runs->list[i], label);
		fprintf(file, "# posthorn latency, %s, thread %u: %s\n", metric, *count, label);
		columns[(*count)++] =
			(struct column){ .run = &runs->list[i], .histogram = &found->histogram };
	}
	return columns;
}

/* The lowest limit with no value above it. */
static unsigned int limit_get(const struct column *columns, unsigned int count)
{
	uint64_t limit = 0;

	for (unsigned int i = 0; i < count; i++)
		limit = max(limit,
			    microseconds(columns[i].run, (double)columns[i].histogram->maximum) +
				    1);
	return (unsigned int)min(limit, (uint64_t)LATENCY_CYCLICTEST_LIMIT);
}

static void rows_print(FILE *file, struct column *columns, unsigned int count, unsigned int limit)
{
	fputs("# Histogram\n", file);
	for (unsigned int row = 0; row < limit; row++) {
		fprintf(file, "%06u ", row);
		for (unsigned int i = 0; i < count; i++)
			fprintf(file, "%s%06" PRIu64, i ? "\t" : "", row_take(&columns[i], row));
		fputc('\n', file);
	}
}

/* The lines after the rows; the order and widths are what scripts expect. */
static void totals_print(FILE *file, const struct column *columns, unsigned int count)
{
	static const char *const titles[] = { "Total", "Min Latencies", "Avg Latencies",
					      "Max Latencies", "Histogram Overflows" };

	for (unsigned int line = 0; line < ARRAY_SIZE(titles); line++) {
		fprintf(file, "# %s:", titles[line]);
		for (unsigned int i = 0; i < count; i++) {
			const struct column *column = &columns[i];
			const struct histogram *histogram = column->histogram;
			struct latency_stats stats;
			uint64_t values[ARRAY_SIZE(titles)];

			latency_stats_get(histogram, &stats);
			values[0] = column->total;
			values[1] = microseconds(column->run, (double)stats.min);
			values[2] = microseconds(column->run, stats.mean);
			values[3] = microseconds(column->run, (double)stats.max);
			values[4] = stats.count - column->total;
			fprintf(file, " %0*" PRIu64, line ? 5 : 9, values[line]);
		}
		fputc('\n', file);
	}
}

int latency_format_cyclictest(FILE *file, const struct latency_runs *runs, const char *metric,
			      unsigned int limit)
{
	unsigned int count;
	struct column *columns = columns_make(file, runs, metric, &count);

	if (columns && count) {
		rows_print(file, columns, count, limit ? limit : limit_get(columns, count));
		totals_print(file, columns, count);
	}
	free(columns);
	if (!columns)
		return -ENOMEM;
	return count ? 0 : -ENOENT;
}

/* ---- CSV ---- */

void latency_format_csv(FILE *file, const struct latency_run *run)
{
	fputs("metric,low_ticks,high_ticks,low_ns,high_ns,count\n", file);
	for (unsigned int i = 0; i < run->metric_count; i++) {
		const struct latency_metric *metric = &run->metrics[i];

		for (unsigned int j = 0; j < HISTOGRAM_BUCKETS; j++) {
			uint64_t low = histogram_low(j), high = histogram_high(j);

			if (metric->histogram.buckets[j])
				fprintf(file, "%s,%" PRIu64 ",%" PRIu64 ",%.3f,%.3f,%" PRIu64 "\n",
					metric->name, low, high, latency_ns(run, (double)low),
					latency_ns(run, (double)high),
					metric->histogram.buckets[j]);
		}
	}
}
