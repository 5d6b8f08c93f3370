/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plots latency runs with gnuplot. On the left, for each latency, the share of interrupts that took
 * at least that long: both axes are logarithmic, so that the rare long ones show. On the right, how
 * often each latency came. Each run has its own colour, dashes and marks, so that it is told apart
 * in grey print too.
 */
#ifndef POSTHORN_VMM_LATENCY_PLOT_H
#define POSTHORN_VMM_LATENCY_PLOT_H

#include <stddef.h>
#include <stdio.h>

struct latency_runs;

#define LATENCY_PLOT_RUNS 8	/* more cannot be told apart */
#define LATENCY_PLOT_GAP  "gap" /* the metric of `latency noise` */

/*
 * Write to @file a gnuplot script, its data included, that draws @metric of those @runs that have
 * it on its standard output, as @terminal ("svg" or "png"). A run of `latency noise` among them is
 * drawn below those of interrupts, as what the machine takes anyway. Returns 0, or -EINVAL with a
 * message in
 * @why: no run has values of the metric, or more than LATENCY_PLOT_RUNS have.
 */
int latency_plot_script(FILE *file, const struct latency_runs *runs, const char *metric,
			const char *terminal, char *why, size_t size);

/*
 * Draw the same into the file @path: its name ends with .svg or .png, or with .gp for the script
 * itself. Starts gnuplot, found by PATH, and waits for it. Returns 0, or with a message in @why:
 * -EINVAL as above or for another name, -ENOENT without gnuplot, -EIO when gnuplot failed (what it
 * said is on standard error), or -errno of the file. No file is left behind then.
 */
int latency_plot(const struct latency_runs *runs, const char *metric, const char *path, char *why,
		 size_t size);

/* The same as text, SVG, the caller's to free(); NULL with a sentence in @why. */
char *latency_plot_svg(const struct latency_runs *runs, const char *metric, char *why, size_t size);

#define LATENCY_PLOT_PANEL 494.0 /* what a panel is wide, in units of svg */

/* For a panel of that width: "set xtics" for a logarithmic axis from @low to @high. */
void latency_plot_tics(FILE *file, double low, double high);

#endif
