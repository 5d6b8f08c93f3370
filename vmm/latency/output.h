/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands `latency` and `latency read` have in common: what becomes of the runs. */
#ifndef POSTHORN_VMM_LATENCY_OUTPUT_H
#define POSTHORN_VMM_LATENCY_OUTPUT_H

#include "lib/log.h"

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

/* Say @why, and return @code: EXIT_INTERNAL for a file that could not be written. */
int latency_output_fail(enum exit_code code, const char *why);

/* The metric that is plotted: from the store until the handler. */
#define LATENCY_OUTPUT_METRIC "handler"

#endif
