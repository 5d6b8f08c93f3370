/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands `latency` and `latency read` have in common: what becomes of the runs. */
#ifndef POSTHORN_VMM_LATENCY_OUTPUT_H
#define POSTHORN_VMM_LATENCY_OUTPUT_H

struct latency_options;
struct latency_runs;

/*
 * Before the work: see that the files of --json and --plot can be written, for it would be lost
 * otherwise. Nothing is left behind, and files that exist are not changed. Dies with EXIT_USAGE.
 */
void latency_output_check(const struct latency_options *options);

/*
 * Write @runs to standard output as --format says, to the file of --json, and as a plot. Returns an
 * exit code: EXIT_INTERNAL, after a message for each run, when interrupts were lost.
 */
int latency_output(const struct latency_options *options, const struct latency_runs *runs);

/* An exit code for a file that could not be written, after the message @why. */
int latency_output_fail(const char *why);

/* The metric that is plotted: from the store until the handler. */
#define LATENCY_OUTPUT_METRIC "handler"

#endif
