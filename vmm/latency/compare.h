/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares latency runs: how many times as long as in the first run, the base, did things take?
 *
 * How sure that is comes from the bootstrap: LATENCY_ROUNDS times, as many values are drawn anew
 * from each run's histogram, with replacement, and the ratio is taken of what was drawn. The middle
 * 95 % of these ratios are the interval. That of a percentile is wider by what its bucket and the
 * clock's tick leave open. It covers chance within the runs, not what differs from one start of a
 * guest to the next: for that, make several runs and compare those too. The random numbers are
 * always the same, so the result is as well.
 */
#ifndef POSTHORN_VMM_LATENCY_COMPARE_H
#define POSTHORN_VMM_LATENCY_COMPARE_H

#include <jansson.h>
#include <stdio.h>

struct latency_runs;

#define LATENCY_ROUNDS 1000

enum latency_figure {
	LATENCY_FIGURE_P50,
	LATENCY_FIGURE_P99,
	LATENCY_FIGURE_MEAN,
	LATENCY_FIGURES
};

/* All are times of the base's time: not finite (ratio) or no limit (high) when that may be 0. */
struct latency_ratio {
	double ratio, low, high; /* and the ends of the 95 % interval */
};

/* One run's row. */
struct latency_comparison {
	double ns[LATENCY_FIGURES];		      /* the run's own figures */
	struct latency_ratio ratios[LATENCY_FIGURES]; /* of the base: all 1 */
};

/*
 * Compare @metric of all @runs; @rows has room for one comparison each. Returns 0, -EINVAL when
 * there are fewer than two runs, or one has no value of the metric (then @why says which, and what
 * mends it), or -ENOMEM.
 */
int latency_compare(const struct latency_runs *runs, const char *metric,
		    struct latency_comparison *rows, char *why, size_t size);

/* Write @rows to @file as a table for people, and then warnings: clocks or counts that differ. */
void latency_compare_print(FILE *file, const struct latency_runs *runs, const char *metric,
			   const struct latency_comparison *rows);

/*
 * The same as JSON, or NULL without memory; the caller gives it back by json_decref(). Keys:
 * "metric", "confidence" (0.95), "rounds", "warnings" (strings), and "runs", each with "label",
 * "count", and "p50", "p99", "mean" with "ns", "ratio", "low" and "high", null where one is
 * not finite.
 */
json_t *latency_compare_json(const struct latency_runs *runs, const char *metric,
			     const struct latency_comparison *rows);

#endif
