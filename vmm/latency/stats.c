/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "lib/util.h"
#include "vmm/latency/run.h"

uint64_t latency_percentile(const struct histogram *histogram, unsigned int per_mille)
{
	uint64_t total = histogram->total, rank, below = 0;

	/* Rounded up: half of 3 values are 2 of them. Divided first, so that nothing overflows. */
	rank = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->buckets[i];
		if (below && below >= rank)
			return min(histogram_high(i), histogram->maximum);
	}
	return 0;
}

void latency_stats_get(const struct histogram *histogram, struct latency_stats *stats)
{
	*stats = (struct latency_stats){
		.count = histogram->total,
		.min = histogram->minimum,
		.max = histogram->maximum,
		.p50 = latency_percentile(histogram, 500),
		.p90 = latency_percentile(histogram, 900),
		.p99 = latency_percentile(histogram, 990),
		.p999 = latency_percentile(histogram, 999),
	};
	if (histogram->total)
		stats->mean = (double)histogram->sum / (double)histogram->total;
}

double latency_ns(const struct latency_run *run, double ticks)
{
	return ticks * 1e9 / (double)run->clock_hz;
}

void latency_ns_text(const struct latency_run *run, double ticks, char text[LATENCY_NS_SIZE])
{
	double ns = latency_ns(run, ticks);

	snprintf(text, LATENCY_NS_SIZE, "%.*f", ns < 100 ? 1 : 0, ns);
}

/* Three digits, or more before the point: a tick is often less than a nanosecond. */
static void ns_plain_text(double ns, char text[LATENCY_NS_SIZE])
{
	snprintf(text, LATENCY_NS_SIZE, "%.*g", ns < 100 ? 3 : 15, ns < 100 ? ns : rint(ns));
}

void latency_clock_text(const struct latency_run *run, char *text, size_t size)
{
	char tick[LATENCY_NS_SIZE], overhead[LATENCY_NS_SIZE];

	ns_plain_text(latency_ns(run, 1), tick);
	ns_plain_text(latency_ns(run, (double)run->overhead), overhead);
	snprintf(text, size,
		 "clock %s, %" PRIu64 " Hz: one tick is %s ns; reading it twice takes %s ns, which"
		 " is part of every value",
		 run->clock, run->clock_hz, tick, overhead);
}
