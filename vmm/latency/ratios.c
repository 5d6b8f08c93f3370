/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/ratios.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/host/gnuplot.h"
#include "vmm/latency/plot.h"
#include "vmm/latency/run.h"

/* What is drawn of each run. */
static const struct {
	const char *key, *title, *style;
	double shift; /* from the middle of the row */
} figures[] = {
	{ "p50", "median", "pt 7 ps 1 lc rgb '#000000' lw 1.5", -0.14 },
	{ "p99", "99th percentile", "pt 4 ps 1 lc rgb '#0072b2' lw 1.5", 0.14 },
};

/* A line of the figure: the heading of a comparison, or one of its runs. */
struct row {
	char label[3 * LATENCY_LABEL_SIZE];
	const json_t *run; /* NULL: a heading */
};

struct rows {
	struct row list[LATENCY_RATIO_ROWS];
	unsigned int count;
	size_t length; /* of the longest label */
	double low, high;
};

static const char *text_get(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* "low", "ratio" or "high" of a figure; NaN where there is none. */
static double number_get(const json_t *run, const char *figure, const char *key)
{
	const json_t *value = json_object_get(json_object_get(run, figure), key);

	return json_is_number(value) && json_number_value(value) > 0 ? json_number_value(value)
								     : NAN;
}

/* Returns false when there is no room. */
static bool row_add(struct rows *rows, const json_t *run, const char *format, const char *a,
		    const char *b, const char *c)
{
	struct row *row;

	if (rows->count == LATENCY_RATIO_ROWS)
		return false;
	row = &rows->list[rows->count++];
	row->run = run;
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): those below */
	snprintf(row->label, sizeof(row->label), format, a, b, c);
	rows->length = max(rows->length, strlen(row->label));
	for (size_t i = 0; run && i < ARRAY_SIZE(figures); i++) {
		double low = number_get(run, figures[i].key, "low");
		double high = number_get(run, figures[i].key, "high");

		rows->low = fmin(rows->low, isnan(low) ? rows->low : low);
		rows->high = fmax(rows->high, isnan(high) ? rows->high : high);
	}
	return true;
}

static int rows_get(struct rows *rows, const json_t *comparisons, char *why, size_t size)
{
	const json_t *comparison, *run;
	bool fits = true;
	size_t i, j;

	*rows = (struct rows){ .low = 1, .high = 1 };
	json_array_foreach(comparisons, i, comparison)
	{
		const json_t *runs = json_object_get(comparison, "runs");
		const char *metric = text_get(comparison, "metric");

		if (!strcmp(metric, "return"))
			continue;
		/* One that is compared with one other has a line of its own. */
		if (json_array_size(runs) == 2) {
			fits = fits && row_add(rows, json_array_get(runs, 1), "%s: %s / %s", metric,
					       text_get(json_array_get(runs, 1), "label"),
					       text_get(json_array_get(runs, 0), "label"));
			continue;
		}
		fits = fits && row_add(rows, NULL, "%s, %s: times of %s", metric,
				       text_get(comparison, "state"),
				       text_get(json_array_get(runs, 0), "label"));
		json_array_foreach(runs, j, run)
		{
			if (j)
				fits = fits && row_add(rows, run, "    %s%s%s",
						       text_get(run, "label"), "", "");
		}
	}
	if (rows->count && fits)
		return 0;
	snprintf(why, size,
		 rows->count ? "more than %d rows are no figure: compare fewer runs"
			     : "there is nothing to draw: no two runs that compare",
		 LATENCY_RATIO_ROWS);
	return -EINVAL;
}

/* Lines "RATIO ROW LOW HIGH". A ratio without an upper end has none that could be drawn. */
static void data_write(FILE *file, const struct rows *rows, unsigned int figure)
{
	for (unsigned int i = 0; i < rows->count; i++) {
		const json_t *run = rows->list[i].run;
		double ratio = number_get(run, figures[figure].key, "ratio");
		double low = number_get(run, figures[figure].key, "low");
		double high = number_get(run, figures[figure].key, "high");

		if (isnan(ratio) || isnan(low) || isnan(high))
			continue;
		fprintf(file, "%.6g %g %.6g %.6g\n", ratio, i + figures[figure].shift, low, high);
	}
}

/* Headings begin further left than the labels of an axis could. */
static void labels_write(FILE *file, const struct rows *rows)
{
	for (unsigned int i = 0; i < rows->count; i++)
		fprintf(file, "set label '%s' at screen 0.02, first %u left\n", rows->list[i].label,
			i);
}

int latency_ratios_script(FILE *file, const json_t *comparisons, const char *terminal, char *why,
			  size_t size)
{
	bool png = !strcmp(terminal, "png");
	double scale = png ? 1.25 : 1, width, height, left, low, high;
	struct rows rows;
	int error = rows_get(&rows, comparisons, why, size);

	if (error)
		return error;
	for (unsigned int i = 0; i < ARRAY_SIZE(figures); i++) {
		fprintf(file, "$%s << END\n", figures[i].key);
		data_write(file, &rows, i);
		fputs("END\n", file);
	}
	left = 40 + 8.3 * (double)rows.length;
	width = left + LATENCY_PLOT_PANEL + 40;
	height = 110 + 26.0 * rows.count;
	/* Room beside the outermost ends, and an axis that has 1 on it. */
	low = rows.low / pow(rows.high / rows.low, 0.06) / 1.05;
	high = rows.high * pow(rows.high / rows.low, 0.06) * 1.05;
	fprintf(file,
		"set terminal %s noenhanced font 'DejaVu Sans,%g' size %g,%g background "
		"'#ffffff'\n",
		png ? "pngcairo" : "svg", 12 * scale, width * scale, height * scale);
	fprintf(file, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", left / width,
		(left + LATENCY_PLOT_PANEL) / width);
	fprintf(file, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - 16 / height,
		92 / height);
	fputs("set logscale x\nset grid x lc rgb '#d0d0d0' lt 1\nset border 1\nset xtics "
	      "nomirror\nunset ytics\n"
	      "set xlabel 'ratio, and its 95 % interval: left of 1 is shorter'\n"
	      "set key at screen 0.5,0.01 center bottom horizontal samplen 2\n",
	      file);
	fprintf(file, "set xrange [%.6g:%.6g]\nset yrange [%g:-0.7]\n", low, high,
		rows.count - 0.3);
	latency_plot_tics(file, low, high);
	labels_write(file, &rows);
	fputs("set arrow from 1,graph 0 to 1,graph 1 nohead lc rgb '#606060' dt (6,4)\n", file);
	for (unsigned int i = 0; i < ARRAY_SIZE(figures); i++)
		fprintf(file, "%s $%s using 1:2:3:4 with xerrorbars %s title '%s'",
			i ? "," : "plot", figures[i].key, figures[i].style, figures[i].title);
	fputc('\n', file);
	return 0;
}

int latency_ratios_plot(const json_t *comparisons, const char *path, char *why, size_t size)
{
	char *script = NULL;
	size_t length;
	FILE *file = open_memstream(&script, &length);
	int error = -ENOMEM;

	snprintf(why, size, "no memory for the plot: close other programs");
	if (file) {
		error = latency_ratios_script(file, comparisons, gnuplot_terminal(path), why, size);
		if (fclose(file) && !error)
			error = -ENOMEM;
	}
	if (!error)
		error = gnuplot_draw(path, script, length, why, size);
	free(script);
	return error;
}
