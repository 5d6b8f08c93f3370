/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws what `latency compare` found, as a figure that one page can take: a row for each run, with
 * its ratios to the base at the median and the 99th percentile, and their 95 % intervals. An
 * interval that has the line at 1 in it shows no difference.
 */
#ifndef POSTHORN_VMM_LATENCY_RATIOS_H
#define POSTHORN_VMM_LATENCY_RATIOS_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#define LATENCY_RATIO_ROWS 48 /* more are no figure but a table */

/*
 * Write to @file a gnuplot script that draws @comparisons (an array of latency_compare_json(), each
 * with its "state") as @terminal ("svg" or "png") on its standard output. Of times to the return
 * there are none: they follow those to the handler. 0, or -EINVAL with a message in @why when
 * there is no row, or are too many.
 */
int latency_ratios_script(FILE *file, const json_t *comparisons, const char *terminal, char *why,
			  size_t size);

/* Draw it into the file @path, as latency_plot() does. */
int latency_ratios_plot(const json_t *comparisons, const char *path, char *why, size_t size);

#endif
