/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/compare.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/latency/run.h"
#include "vmm/latency/stats.h"

static const char *const figure_names[LATENCY_FIGURES] = { "p50", "p99", "mean" };

/* ---- random numbers ---- */

/* The generator splitmix64: a counter, with its bits well mixed. Any seed will do. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* Between 0 and 1, and neither. */
static double random_unit(uint64_t *state)
{
	return ((double)(random_next(state) >> 12) + 0.5) * 0x1p-52;
}

/* For a mean of at most 10: count up until the probabilities so far exceed a random number. */
static uint64_t binomial_small(uint64_t *state, uint64_t n, double p)
{
	double chance = exp((double)n * log1p(-p)), rest = random_unit(state);
	uint64_t k = 0;

	while (rest > chance && k < n) {
		rest -= chance;
		chance *= (double)(n - k) / (double)(k + 1) * p / (1 - p);
		k++;
	}
	return k;
}

static double log_factorial(double x)
{
	int sign;

	return lgamma_r(x + 1, &sign);
}

/*
 * For a larger mean, and @p of at most a half: transformed rejection, exact for every n. W.
 * Hörmann, "The generation of binomial random variates" (1993), algorithm BTRS; the constants are
 * from there.
 */
static uint64_t binomial_large(uint64_t *state, uint64_t number, double p)
{
	double n = (double)number, deviation = sqrt(n * p * (1 - p));
	double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
	double alpha = (2.83 + 5.1 / b) * deviation, mode = floor((n + 1) * p);
	double peak = log_factorial(mode) + log_factorial(n - mode);

	for (;;) {
		double u = random_unit(state) - 0.5, v = random_unit(state), s = 0.5 - fabs(u);
		double k = floor((2 * a / s + b) * u + n * p + 0.5);

		if (k < 0 || k > n)
			continue;
		if (s >= 0.07 && v <= 0.92 - 4.2 / b)
			return (uint64_t)k;
		if (log(v * alpha / (a / (s * s) + b)) <=
		    peak - log_factorial(k) - log_factorial(n - k) + (k - mode) * log(p / (1 - p)))
			return (uint64_t)k;
	}
}

/* How many of @n tries succeed that each do so with probability @p. */
static uint64_t binomial(uint64_t *state, uint64_t n, double p)
{
	if (p >= 1)
		return n;
	if (p > 0.5)
		return n - binomial(state, n, 1 - p);
	return (double)n * p <= 10 ? binomial_small(state, n, p) : binomial_large(state, n, p);
}

/* ---- the bootstrap ---- */

/* Between which values the figures of one run are, in all rounds, in nanoseconds. */
struct rounds {
	double low[LATENCY_FIGURES][LATENCY_ROUNDS], high[LATENCY_FIGURES][LATENCY_ROUNDS];
};

static double bucket_middle(unsigned int index)
{
	return ((double)histogram_low(index) + (double)histogram_high(index)) / 2;
}

/* Draw as many values from @from as it has, with replacement, into @to, all of which is set. */
static void resample(const struct histogram *from, struct histogram *to, uint64_t *state)
{
	uint64_t left = from->total, to_draw = left;

	memset(to, 0, sizeof(*to));
	to->total = from->total;
	/* A maximum that was not drawn is of no harm: it only caps its own bucket. */
	to->maximum = from->maximum;
	for (unsigned int i = 0; to_draw && i < HISTOGRAM_BUCKETS; i++) {
		uint64_t count = from->buckets[i];

		if (!count)
			continue;
		/* Of what no bucket before this one got, its share among those that are left. */
		to->buckets[i] = binomial(state, to_draw, (double)count / (double)left);
		to_draw -= to->buckets[i];
		left -= count;
	}
}

/* The mean that the middles of the buckets give. */
static double mean_of_middles(const struct histogram *histogram)
{
	double sum = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i])
			sum += (double)histogram->buckets[i] * bucket_middle(i);
	}
	return sum / (double)histogram->total;
}

/* What the bucket leaves open, and the clock: both of its readings were cut off to whole ticks. */
static void percentile_set(const struct latency_run *run, const struct histogram *drawn,
			   unsigned int per_mille, double *low, double *high)
{
	uint64_t ticks = latency_percentile(drawn, per_mille);
	uint64_t least = histogram_low(histogram_index(ticks));

	*low = latency_ns(run, least ? (double)least - 1 : 0);
	*high = latency_ns(run, (double)ticks + 1);
}

static void rounds_make(const struct latency_run *run, const struct histogram *histogram,
			struct histogram *drawn, struct rounds *rounds, uint64_t *state)
{
	double middles = mean_of_middles(histogram), scale = 0;
	double(*low)[LATENCY_ROUNDS] = rounds->low, (*high)[LATENCY_ROUNDS] = rounds->high;
	struct latency_stats stats;

	latency_stats_get(histogram, &stats);
	/* The mean is known exactly; where in its bucket a value is, is not. This makes up for it.
	 */
	if (middles > 0)
		scale = stats.mean / middles;
	for (unsigned int i = 0; i < LATENCY_ROUNDS; i++) {
		resample(histogram, drawn, state);
		percentile_set(run, drawn, 500, &low[LATENCY_FIGURE_P50][i],
			       &high[LATENCY_FIGURE_P50][i]);
		percentile_set(run, drawn, 990, &low[LATENCY_FIGURE_P99][i],
			       &high[LATENCY_FIGURE_P99][i]);
		low[LATENCY_FIGURE_MEAN][i] = latency_ns(run, scale * mean_of_middles(drawn));
		high[LATENCY_FIGURE_MEAN][i] = low[LATENCY_FIGURE_MEAN][i];
	}
}

static int double_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Make quotients of @values, and sort them. Of no time by no time nothing is known: that is
 * @unknown, and no NaN, which has no place in an order.
 */
static void ratios_sort(double values[LATENCY_ROUNDS], const double by[LATENCY_ROUNDS],
			double unknown)
{
	for (unsigned int i = 0; i < LATENCY_ROUNDS; i++)
		values[i] = values[i] > 0 || by[i] > 0 ? values[i] / by[i] : unknown;
	qsort(values, LATENCY_ROUNDS, sizeof(values[0]), double_order);
}

/* The middle 95 % of the ratios of all rounds. @rounds is the function's to change. */
static void interval_get(struct rounds *rounds, const struct rounds *base, unsigned int figure,
			 struct latency_ratio *ratio)
{
	ratios_sort(rounds->low[figure], base->high[figure], 0);
	ratios_sort(rounds->high[figure], base->low[figure], INFINITY);
	ratio->low = rounds->low[figure][LATENCY_ROUNDS * 25 / 1000];
	ratio->high = rounds->high[figure][LATENCY_ROUNDS * 975 / 1000 - 1];
}

static void figures_get(const struct latency_run *run, const struct histogram *histogram,
			double ns[LATENCY_FIGURES])
{
	struct latency_stats stats;

	latency_stats_get(histogram, &stats);
	ns[LATENCY_FIGURE_P50] = latency_ns(run, (double)stats.p50);
	ns[LATENCY_FIGURE_P99] = latency_ns(run, (double)stats.p99);
	ns[LATENCY_FIGURE_MEAN] = latency_ns(run, stats.mean);
}

/* Why the runs cannot be compared: 0 or -EINVAL. */
static int runs_check(const struct latency_runs *runs, const char *metric, char *why, size_t size)
{
	char label[LATENCY_LABEL_SIZE];

	if (runs->count < 2) {
		snprintf(why, size, "one run is nothing to compare with: name two files or more");
		return -EINVAL;
	}
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_metric *found = latency_metric_find(&runs->list[i], metric);

		if (found && found->histogram.total)
			continue;
		latency_run_label(&runs->list[i], label);
		snprintf(why, size,
			 "run %u (%s) has no values of metric '%s': leave it out, or name a metric"
			 " that all have",
			 i + 1, label, metric);
		return -EINVAL;
	}
	return 0;
}

/* @work has room for the base's rounds, those of another run, and a histogram. */
struct work {
	struct rounds base, other;
	struct histogram drawn;
};

static void row_make(const struct latency_run *run, const struct latency_metric *metric,
		     struct work *work, const struct latency_comparison *base,
		     struct latency_comparison *row, uint64_t *state)
{
	figures_get(run, &metric->histogram, row->ns);
	rounds_make(run, &metric->histogram, &work->drawn, row == base ? &work->base : &work->other,
		    state);
	for (unsigned int i = 0; i < LATENCY_FIGURES; i++) {
		row->ratios[i].ratio = row->ns[i] / base->ns[i];
		if (row == base)
			row->ratios[i] = (struct latency_ratio){ 1, 1, 1 };
		else
			interval_get(&work->other, &work->base, i, &row->ratios[i]);
	}
}

int latency_compare(const struct latency_runs *runs, const char *metric,
		    struct latency_comparison *rows, char *why, size_t size)
{
	uint64_t state = 1;
	struct work *work;
	int error = runs_check(runs, metric, why, size);

	if (error)
		return error;
	work = malloc(sizeof(*work));
	if (!work) {
		snprintf(why, size, "no memory to compare the runs: close other programs");
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < runs->count; i++)
		row_make(&runs->list[i], latency_metric_find(&runs->list[i], metric), work, rows,
			 &rows[i], &state);
	free(work);
	return 0;
}

/* ---- output ---- */

/* To 1 %: a clock that was compared with another to learn its rate is never twice quite the same.
 */
static bool hz_alike(uint64_t a, uint64_t b)
{
	return fabs((double)a - (double)b) <= 0.01 * (double)max(a, b);
}

/* Call @warn for each thing that makes run @index less comparable with the base. */
static void warnings_make(const struct latency_runs *runs, const char *metric, unsigned int index,
			  void (*warn)(void *opaque, const char *text), void *opaque)
{
	const struct latency_run *base = &runs->list[0], *run = &runs->list[index];
	uint64_t base_count = latency_metric_find(base, metric)->histogram.total;
	uint64_t count = latency_metric_find(run, metric)->histogram.total;
	char text[512], label[LATENCY_LABEL_SIZE];

	latency_run_label(run, label);
	if (strcmp(run->clock, base->clock) || !hz_alike(run->clock_hz, base->clock_hz)) {
		snprintf(text, sizeof(text),
			 "run %u (%s) has the clock %s at %" PRIu64 " Hz, the base %s at %" PRIu64
			 " Hz: times are only as comparable as the clocks",
			 index + 1, label, run->clock, run->clock_hz, base->clock, base->clock_hz);
		warn(opaque, text);
	}
	if (count != base_count) {
		snprintf(text, sizeof(text),
			 "run %u (%s) has %" PRIu64 " values, the base %" PRIu64
			 ": more values meet rarer delays, so compare runs of one length",
			 index + 1, label, count, base_count);
		warn(opaque, text);
	}
}

static void warning_print(void *opaque, const char *text)
{
	fprintf(opaque, "warning: %s\n", text);
}

/* "2.000"; of a clock that cannot be true, "2.3e+30"; "-" where there is no such number. */
static const char *ratio_text(double ratio, char text[16])
{
	strcpy(text, "-");
	if (isfinite(ratio))
		snprintf(text, 16, ratio < 1e6 ? "%.3f" : "%.2g", ratio);
	return text;
}

static void ratio_print(FILE *file, const struct latency_comparison *row, unsigned int figure)
{
	const struct latency_ratio *ratio = &row->ratios[figure];
	char text[64], itself[16], low[16], high[16];

	ratio_text(ratio->ratio, text);
	if (isfinite(ratio->ratio))
		snprintf(text, sizeof(text), "%s [%s, %s]", ratio_text(ratio->ratio, itself),
			 ratio_text(ratio->low, low), ratio_text(ratio->high, high));
	fprintf(file, "  %10.*f  %-22s", row->ns[figure] < 100 ? 1 : 0, row->ns[figure], text);
}

void latency_compare_print(FILE *file, const struct latency_runs *runs, const char *metric,
			   const struct latency_comparison *rows)
{
	char label[LATENCY_LABEL_SIZE];
	int width = 3;

	for (unsigned int i = 0; i < runs->count; i++) {
		latency_run_label(&runs->list[i], label);
		width = max(width, (int)strlen(label));
	}
	fprintf(file, "%s, as times of the first run [95 %% interval]\n%-*s", metric, width, "RUN");
	for (unsigned int i = 0; i < LATENCY_FIGURES; i++)
		fprintf(file, "  %7s ns  %-22s", figure_names[i], "ratio");
	fputc('\n', file);
	for (unsigned int i = 0; i < runs->count; i++) {
		latency_run_label(&runs->list[i], label);
		fprintf(file, "%-*s", width, label);
		for (unsigned int j = 0; j < LATENCY_FIGURES; j++)
			ratio_print(file, &rows[i], j);
		fputc('\n', file);
	}
	for (unsigned int i = 1; i < runs->count; i++)
		warnings_make(runs, metric, i, warning_print, file);
}

static void warning_append(void *opaque, const char *text)
{
	json_array_append_new(opaque, json_string(text));
}

/* JSON has no infinity. */
static json_t *finite_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_json(const struct latency_run *run, const struct latency_metric *metric,
			const struct latency_comparison *row)
{
	char label[LATENCY_LABEL_SIZE];
	json_t *object;

	latency_run_label(run, label);
	object = json_pack("{s:s, s:I}", "label", label, "count",
			   (json_int_t)metric->histogram.total);
	for (unsigned int i = 0; i < LATENCY_FIGURES; i++) {
		const struct latency_ratio *ratio = &row->ratios[i];

		json_object_set_new(object, figure_names[i],
				    json_pack("{s:f, s:o, s:o, s:o}", "ns", row->ns[i], "ratio",
					      finite_or_null(ratio->ratio), "low",
					      finite_or_null(ratio->low), "high",
					      finite_or_null(ratio->high)));
	}
	return object;
}

json_t *latency_compare_json(const struct latency_runs *runs, const char *metric,
			     const struct latency_comparison *rows)
{
	json_t *list = json_array(), *warnings = json_array();

	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_run *run = &runs->list[i];

		json_array_append_new(list,
				      row_json(run, latency_metric_find(run, metric), &rows[i]));
		if (i)
			warnings_make(runs, metric, i, warning_append, warnings);
	}
	return json_pack("{s:s, s:f, s:i, s:o, s:o}", "metric", metric, "confidence", 0.95,
			 "rounds", LATENCY_ROUNDS, "warnings", warnings, "runs", list);
}
