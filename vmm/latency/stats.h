/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics of latency histograms. They are computed in ticks; the last functions make what people
 * read of them.
 */
#ifndef POSTHORN_VMM_LATENCY_STATS_H
#define POSTHORN_VMM_LATENCY_STATS_H

#include <stddef.h>
#include <stdint.h>

struct histogram;
struct latency_run;

/* All in ticks but for the count. */
struct latency_stats {
	uint64_t count;
	uint64_t min, max;	      /* exact */
	uint64_t p50, p90, p99, p999; /* see latency_percentile() */
	double mean;		      /* exact, from the sum; 0 without a value */
};

/*
 * A number of ticks that at least @per_mille (1 to 1000) thousandths of the values do not exceed:
 * the highest value of the bucket where that share is reached, or the maximum when that is lower.
 * The true percentile is never above it, and at most 1/64 of it below. Nothing is interpolated.
 * Returns 0 without a value.
 */
uint64_t latency_percentile(const struct histogram *histogram, unsigned int per_mille);

void latency_stats_get(const struct histogram *histogram, struct latency_stats *stats);

/* @ticks of @run's clock in nanoseconds. */
double latency_ns(const struct latency_run *run, double ticks);

#define LATENCY_NS_SIZE 32 /* for 2^63 ticks of a second */

/* @ticks in nanoseconds as text, with a digit after the point only where it tells something. */
void latency_ns_text(const struct latency_run *run, double ticks, char text[LATENCY_NS_SIZE]);

/* One sentence: @run's clock, how fine it is, and what reading it costs. */
void latency_clock_text(const struct latency_run *run, char *text, size_t size);

#endif
