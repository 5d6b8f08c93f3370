/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/plot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/host/gnuplot.h"
#include "vmm/latency/run.h"
#include "vmm/latency/stats.h"

/* ---- data ---- */

/*
 * Bins of the right panel in one power of two, each as many times the one before: buckets are too
 * fine to look at. BINS_WIDTH is what they are called.
 */
#define BINS	   8
#define BINS_WIDTH "9 %"

#define EVIDENCE_MAX 110 /* characters of it in the legend */

static double bin_microseconds(const struct latency_run *run, double ticks)
{
	/* Zero has no place on a logarithmic axis; it stands for less than one tick. */
	return latency_ns(run, ticks > 0 ? ticks : 0.5) / 1000;
}

/* Lines "LATENCY PERCENT": this percentage of the values is at least that latency. */
static void tail_write(FILE *file, const struct latency_run *run, const struct histogram *histogram)
{
	uint64_t below = 0, left = histogram->total, low = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!histogram->buckets[i])
			continue;
		/* All of the bucket are at least its lowest value: nothing is made up. */
		left = histogram->total - below;
		low = max(histogram_low(i), histogram->minimum);
		fprintf(file, "%.6g %.6g\n", bin_microseconds(run, (double)low),
			100 * (double)left / (double)histogram->total);
		below += histogram->buckets[i];
	}
	/* A line to the bottom, also where all values are the same and there would be none. */
	if (histogram->maximum > low || left > 1)
		fprintf(file, "%.6g %.6g\n", bin_microseconds(run, (double)histogram->maximum),
			100 / (double)histogram->total);
}

/*
 * Lines "LATENCY PERCENT": with this chance, in per cent, an interrupt that comes at any moment
 * comes into a gap of which at least that much is left. Of a gap g that is (g - latency) of all the
 * time that the gaps have. Those of the loop itself, which are most, are left out.
 */
static void gaps_write(FILE *file, const struct latency_run *run, const struct histogram *gaps)
{
	uint64_t own = 2 * latency_percentile(gaps, 500);
	double count = 0, sum = 0;

	for (unsigned int next = HISTOGRAM_BUCKETS; next > 0; next--) {
		unsigned int i = next - 1;
		double low = (double)histogram_low(i), high = (double)histogram_high(i);

		if (histogram_low(i) <= own)
			break;
		if (!gaps->buckets[i])
			continue;
		count += (double)gaps->buckets[i];
		sum += (double)gaps->buckets[i] *
		       (low + (fmin(high, (double)gaps->maximum) - low) / 2);
		if (sum > low * count && gaps->sum)
			fprintf(file, "%.6g %.6g\n", bin_microseconds(run, low),
				100 * (sum - low * count) / (double)gaps->sum);
	}
}

/* The bin that bucket @index is in: that of the bucket's middle. */
static unsigned int bin_get(unsigned int index)
{
	double middle = ((double)histogram_low(index) + (double)histogram_high(index)) / 2;

	return middle < 1 ? 0 : 1 + (unsigned int)(BINS * log2(middle));
}

/* The first bucket of the bin that bucket @index is in, and the first one after that bin. */
static unsigned int bin_begin(unsigned int index)
{
	while (index && bin_get(index - 1) == bin_get(index))
		index--;
	return index;
}

static unsigned int bin_end(unsigned int index)
{
	unsigned int bin = bin_get(index);

	while (index < HISTOGRAM_BUCKETS && bin_get(index) == bin)
		index++;
	return index;
}

/* How many values are in the bin that begins with bucket @index; 0 where there is none. */
static uint64_t bin_count(const struct histogram *histogram, unsigned int index)
{
	uint64_t count = 0;

	if (index >= HISTOGRAM_BUCKETS)
		return 0;
	for (unsigned int end = bin_end(index); index < end; index++)
		count += histogram->buckets[index];
	return count;
}

/*
 * Lines "LATENCY PERCENT": this percentage of the values is in the bin around that latency, up to
 * the bin after that of the 99.9th percentile. Bins of a slow clock's few ticks, which no value can
 * be in, are not there, so nothing looks like a gap. Of empty ones there are those beside others.
 */
static void bins_write(FILE *file, const struct latency_run *run, const struct histogram *histogram)
{
	unsigned int last = bin_end(histogram_index(latency_percentile(histogram, 999))), end;
	unsigned int i = bin_begin(histogram_index(histogram->minimum));
	uint64_t former = 0;

	for (i = i ? bin_begin(i - 1) : 0; i <= last && i < HISTOGRAM_BUCKETS; i = end) {
		uint64_t count = bin_count(histogram, i);

		end = bin_end(i);
		if (former || count || bin_count(histogram, end))
			fprintf(file, "%.6g %.6g\n",
				sqrt(bin_microseconds(run, (double)histogram_low(i)) *
				     bin_microseconds(run, (double)histogram_high(end - 1) + 1)),
				100 * (double)count / (double)histogram->total);
		former = count;
	}
}

/* ---- the script ---- */

/* What is drawn: the runs that have values. */
struct drawn {
	const struct latency_run *runs[LATENCY_PLOT_RUNS];
	const struct histogram *histograms[LATENCY_PLOT_RUNS];
	unsigned int count;
	/* What the machine takes without any interrupt, beside those of interrupts; NULL: unknown.
	 */
	const struct latency_run *noise;
	const struct histogram *gaps;
};

static int drawn_get(struct drawn *drawn, const struct latency_runs *runs, const char *metric,
		     char *why, size_t size)
{
	const char *baseline = strcmp(metric, LATENCY_PLOT_GAP) ? LATENCY_PLOT_GAP : "";

	*drawn = (struct drawn){ .count = 0 };
	for (unsigned int i = 0; i < runs->count; i++) {
		const struct latency_metric *found = latency_metric_find(&runs->list[i], metric);
		const struct latency_metric *gaps = latency_metric_find(&runs->list[i], baseline);

		if (gaps && gaps->histogram.total && !drawn->noise) {
			drawn->noise = &runs->list[i];
			drawn->gaps = &gaps->histogram;
		}
		if (!found || !found->histogram.total)
			continue;
		if (drawn->count == LATENCY_PLOT_RUNS) {
			snprintf(why, size, "more than %d runs cannot be told apart: plot fewer",
				 LATENCY_PLOT_RUNS);
			return -EINVAL;
		}
		drawn->runs[drawn->count] = &runs->list[i];
		drawn->histograms[drawn->count++] = &found->histogram;
	}
	if (drawn->count)
		return 0;
	snprintf(why, size, "no run has values of metric '%s': name one that the summary lists",
		 metric);
	return -EINVAL;
}

static void title_write(FILE *file, const struct latency_run *run, const char *metric)
{
	if (!strcmp(metric, "handler"))
		fputs("Interrupt latency, from the store that raises it to its handler", file);
	else if (!strcmp(metric, "return"))
		fputs("Interrupt latency, from the store that raises it to the return", file);
	else if (!strcmp(metric, LATENCY_PLOT_GAP))
		fputs("Gaps in the clock of a guest that only reads it", file);
	else
		fprintf(file, "Time of %s", metric);
	fprintf(file, " (%s, %s)", run->source, run->architecture);
}

/* How @run's path is known, as far as it was looked; NULL: not. */
static const char *evidence_get(const struct latency_run *run)
{
	const char *why = latency_fact_find(run, "delivery.why");

	return why && why[0] ? why : NULL;
}

/* Far apart for the colour-blind too; the first ones also in lightness. */
static const char *const colours[LATENCY_PLOT_RUNS] = {
	"#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f"
};
static const char *const dashes[LATENCY_PLOT_RUNS] = {
	"solid", "(12,4)", "(3,3)", "(12,4,3,4)", "(20,6)", "(6,3)", "(2,6)", "(12,3,3,3,3,3)"
};
static const int marks[LATENCY_PLOT_RUNS] = { 7, 4, 8, 12, 5, 6, 9, 13 };

static void head_write(FILE *file, const struct drawn *drawn, const char *metric,
		       const char *terminal)
{
	bool png = !strcmp(terminal, "png");
	double scale = png ? 1.25 : 1, legend = 70 + 20 * drawn->count, height;

	for (unsigned int i = 0; i < drawn->count; i++)
		legend += evidence_get(drawn->runs[i]) ? 20 : 0;
	legend += drawn->noise ? 20 : 0;
	height = 440 + legend;

	fprintf(file,
		"set terminal %s noenhanced font 'DejaVu Sans,%g' size %g,%g background "
		"'#ffffff'\n",
		png ? "pngcairo" : "svg", 12 * scale, 1200 * scale, height * scale);
	/* The legend is below both panels: inside, it would hide lines. */
	fprintf(file,
		"set multiplot layout 1,2 margins screen 0.08,0.985,%.3f,0.91 spacing screen 0.08"
		" title '",
		legend / height);
	title_write(file, drawn->runs[0], metric);
	fputs("'\nset key at screen 0.5,0.01 center bottom maxcols 1 Left reverse samplen 6\n",
	      file);
	/* Runs that lie on each other, as where nothing varies, are seen by the marks' sizes. */
	for (unsigned int i = 0; i < drawn->count; i++)
		fprintf(file, "set linetype %u lc rgb '%s' dt %s lw 2 pt %d ps %g\n", i + 1,
			colours[i], dashes[i], marks[i], 0.7 + 0.25 * (drawn->count - 1 - i));
	fputs("set logscale x\nset format '%g'\nset grid lc rgb '#d0d0d0' lt 1\n"
	      "set border 3\nset tics nomirror\nset xlabel 'latency, µs'\n",
	      file);
}

/* The evidence as a line of its own in the legend, below that of its run. */
static void evidence_write(FILE *file, const struct latency_run *run)
{
	const char *why = evidence_get(run);
	unsigned int length = 0;

	if (!why)
		return;
	fputs(", keyentry title '    ", file);
	for (; *why && length < EVIDENCE_MAX; why++, length++) {
		/* Twice, it does not end the string. */
		if (*why == '\'')
			fputc('\'', file);
		fputc(*why < ' ' || *why > '~' ? '?' : *why, file);
	}
	fputs(*why ? "...'" : "'", file);
}

/* Behind the runs, so that it hides none. */
static void noise_write(FILE *file, const struct drawn *drawn)
{
	char label[LATENCY_LABEL_SIZE];

	if (!drawn->noise)
		return;
	latency_run_label(drawn->noise, label);
	fprintf(file,
		"$gaps using 1:2 with filledcurves x1 fs solid noborder lc rgb '#dcdcdc' title "
		"'%s: how long the machine alone makes one wait that comes at any moment',",
		label);
}

/* "plot": one line for each run, a mark at every @interval points, or a little more. */
static void lines_write(FILE *file, const struct drawn *drawn, const char *data,
			unsigned int interval)
{
	bool tail = !strcmp(data, "tail");
	char label[LATENCY_LABEL_SIZE];

	fputs("plot ", file);
	if (tail)
		noise_write(file, drawn);
	for (unsigned int i = 0; i < drawn->count; i++) {
		latency_run_label(drawn->runs[i], label);
		/* Marks at different places, for lines that lie on each other. */
		fprintf(file,
			"%s$%s%u using 1:2 with linespoints lt %u pointinterval %u"
			" title '%s, n = %" PRIu64 "'",
			i ? "," : "", data, i, i + 1, interval > 1 ? interval + 2 * i : 1, label,
			drawn->histograms[i]->total);
		evidence_write(file, drawn->runs[i]);
	}
	fputc('\n', file);
}

/* What a character of a label is wide, in the script's units. */
#define CHARACTER_WIDTH 8.0

/* How many characters @value has on the axis. */
static int label_length(double value)
{
	return snprintf(NULL, 0, "%g", value);
}

/*
 * Which of 1, 2 and 5 times a power of ten get a label, so that none touches the next: all three
 * (1), powers of ten alone (10), or of a hundred, and so on.
 */
static double label_step(double low, double high)
{
	double decade = LATENCY_PLOT_PANEL / log10(high / low), step = 10;
	double width = CHARACTER_WIDTH * (2 + max(label_length(low), label_length(high)));

	if (decade * log10(2) > width)
		return 1;
	while (decade * log10(step) < width)
		step *= 10;
	return step;
}

/* On an axis that is short: round numbers, as far apart as labels take at the narrow end. */
static void linear_tics_write(FILE *file, double low, double high)
{
	double width = CHARACTER_WIDTH * (2 + label_length(high)), unit;
	double decade = LATENCY_PLOT_PANEL / log10(high / low);
	static const double factors[] = { 2, 2.5, 2 };
	const char *comma = "";

	unit = pow(10, floor(log10(high - low)) - 1);
	for (size_t i = 0; decade * log10(high / (high - unit)) < width; i++)
		unit *= factors[i % ARRAY_SIZE(factors)];
	for (unsigned int i = 0; unit * (ceil(low / unit) + i) <= high; i++) {
		double value = unit * (ceil(low / unit) + i);

		fprintf(file, "%s'%g' %g", comma, value, value);
		comma = ", ";
	}
}

/* Labels where there is room for them, and ticks without one at the other places. */
static void decade_tics_write(FILE *file, double low, double high)
{
	static const double factors[] = { 1, 2, 5 };
	double step = label_step(low, high);
	const char *comma = "";

	for (int exponent = -4; exponent <= 8; exponent++) {
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++) {
			double value = factors[i] * pow(10, exponent);
			bool labelled =
				step == 1 || (i == 0 && exponent % (int)lround(log10(step)) == 0);

			if (value < low || value > high)
				continue;
			if (labelled)
				fprintf(file, "%s'%g' %g", comma, value, value);
			else
				fprintf(file, "%s'' %g 1", comma, value);
			comma = ", ";
		}
	}
}

/* By itself gnuplot labels only powers of ten, of which there may be none. */
void latency_plot_tics(FILE *file, double low, double high)
{
	fputs("set xtics (", file);
	if (high < 4 * low)
		linear_tics_write(file, low, high);
	else
		decade_tics_write(file, low, high);
	fputs(")\n", file);
}

/* Let the latency axis end where @per_mille of each run do. Given, since gnuplot wants no point. */
static void range_write(FILE *file, const struct drawn *drawn, unsigned int per_mille)
{
	double low = 0, high = 0;

	for (unsigned int i = 0; i < drawn->count; i++) {
		const struct histogram *histogram = drawn->histograms[i];
		double first = bin_microseconds(drawn->runs[i], (double)histogram->minimum);
		uint64_t last = latency_percentile(histogram, per_mille);

		low = i && low < first ? low : first;
		high = max(high, bin_microseconds(drawn->runs[i], (double)last));
	}
	fprintf(file, "set xrange [%.6g:%.6g]\n", low * 0.8, high * 1.25);
	latency_plot_tics(file, low * 0.8, high * 1.25);
}

/* Let the axis of shares end a little below one value of the longest run. */
static void tail_range_write(FILE *file, const struct drawn *drawn)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < drawn->count; i++)
		total = max(total, drawn->histograms[i]->total);
	fprintf(file, "set yrange [%.6g:100]\n", 70 / (double)total);
}

int latency_plot_script(FILE *file, const struct latency_runs *runs, const char *metric,
			const char *terminal, char *why, size_t size)
{
	struct drawn drawn;
	int error = drawn_get(&drawn, runs, metric, why, size);

	if (error)
		return error;
	for (unsigned int i = 0; i < drawn.count; i++) {
		fprintf(file, "$tail%u << END\n", i);
		tail_write(file, drawn.runs[i], drawn.histograms[i]);
		fprintf(file, "END\n$bins%u << END\n", i);
		bins_write(file, drawn.runs[i], drawn.histograms[i]);
		fputs("END\n", file);
	}
	if (drawn.noise) {
		fputs("$gaps << END\n", file);
		gaps_write(file, drawn.noise, drawn.gaps);
		fputs("END\n", file);
	}
	head_write(file, &drawn, metric, terminal);
	fputs("set logscale y\nset ylabel 'share that took at least as long, %'\n", file);
	range_write(file, &drawn, 1000);
	tail_range_write(file, &drawn);
	lines_write(file, &drawn, "tail", 7);
	fputs("unset logscale y\nset yrange [0:*]\nunset key\n"
	      "set ylabel 'share in bins " BINS_WIDTH " wide, %'\n"
	      "set xlabel 'latency, µs (without the slowest 0.1 %)'\n",
	      file);
	range_write(file, &drawn, 999);
	lines_write(file, &drawn, "bins", 1);
	fputs("unset multiplot\n", file);
	return 0;
}

/* ---- the whole ---- */

/* The script as text of *@length bytes, the caller's to free(), or NULL with @why set. */
static char *script_make(const struct latency_runs *runs, const char *metric, const char *terminal,
			 size_t *length, int *error, char *why, size_t size)
{
	char *script = NULL;
	FILE *file = open_memstream(&script, length);

	*error = -ENOMEM;
	snprintf(why, size, "no memory for the plot: close other programs");
	if (!file)
		return NULL;
	*error = latency_plot_script(file, runs, metric, terminal, why, size);
	if (fclose(file) && !*error)
		*error = -ENOMEM;
	if (!*error)
		return script;
	free(script);
	return NULL;
}

int latency_plot(const struct latency_runs *runs, const char *metric, const char *path, char *why,
		 size_t size)
{
	size_t length;
	int error;
	char *script =
		script_make(runs, metric, gnuplot_terminal(path), &length, &error, why, size);

	if (script)
		error = gnuplot_draw(path, script, length, why, size);
	free(script);
	return error;
}

char *latency_plot_svg(const struct latency_runs *runs, const char *metric, char *why, size_t size)
{
	size_t length;
	int error;
	char *svg, *script = script_make(runs, metric, "svg", &length, &error, why, size);

	if (!script)
		return NULL;
	svg = gnuplot_text(script, length, why, size);
	free(script);
	return svg;
}
