/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Latency runs as text. The functions write to @file; whether that worked is for the caller to see
 * when it closes it.
 */
#ifndef POSTHORN_VMM_LATENCY_FORMAT_H
#define POSTHORN_VMM_LATENCY_FORMAT_H

#include <stdio.h>

struct latency_run;
struct latency_runs;

/*
 * A table for people: a line for each metric of each run, in nanoseconds, and exits to the host for
 * each interrupt or access, by reason. Then what one needs to know to read it: clocks, lost
 * interrupts.
 */
void latency_format_summary(FILE *file, const struct latency_runs *runs);

/*
 * What `cyclictest -h` of rt-tests writes, for the scripts that plot it: one column for each run
 * that has @metric, in whole microseconds (cut off, as there). A value stands for the highest of
 * its bucket. Those of @limit microseconds and more are overflows; 0 stands for a limit above all
 * values, but not above LATENCY_CYCLICTEST_LIMIT. Returns 0, or -ENOENT when no run has the metric.
 */
int latency_format_cyclictest(FILE *file, const struct latency_runs *runs, const char *metric,
			      unsigned int limit);

#define LATENCY_CYCLICTEST_LIMIT 100000

/* Comma-separated values with a header line: metric,low_ticks,high_ticks,low_ns,high_ns,count. */
void latency_format_csv(FILE *file, const struct latency_run *run);

#endif
