/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Latency runs as JSON. A file is one object:
 *
 *   "format"		2; a file of format 1 has no "ns" and no "worst", and is read all the same
 *   "runs"		an array of objects with
 *     "vmm", "path", "architecture", "state", "source"	strings, "" where it does not apply
 *     "clock"		{"name": string, "hz": ticks in a second}
 *     "overhead"	ticks from one reading of the clock to the next; part of every value
 *     "count", "lost"	interrupts raised, and of them those that never came
 *     "environment"	an object of strings: what may matter to somebody who repeats the run
 *     "exits"		an object of numbers: exits to the host for all interrupts, by reason
 *     "worst"		an array of objects, one for each of the ten longest times of
 *			"handler", the longest first: "ticks", how long, and "at", when it
 *			was raised, in ticks since measuring began; "ns" and "at_ns", the same
 *			in nanoseconds, which are not read. Where KVM's counters were seen,
 *			"counted" is an object of numbers: which of them moved, and by how
 *			much, while "interrupts" came, of which this was the last
 *     "metrics"	an object, with an object for each metric by its name:
 *       "count", "min", "max", "sum"	the number of values; the others in ticks and exact
 *       "buckets"	an array of [lowest value, highest value, count], ascending, none empty
 *       "ns"		an object of numbers, "p50", "p90", "p99", "p99.9" and "max": the same
 *			in nanoseconds, for who does not want to look at buckets. Percentiles
 *			are never too low, and at most 1/64 too high (stats.h). 0 without a
 *			value. "p99.interval", where there are enough values, is an array of
 *			two: between which p99 is, at 95 % (histogram.h). Not read
 *       "exits"	of costs: as above, for all accesses; may be left out
 *
 * Times are in ticks. A metric's values come from histogram.h, which says what the buckets are.
 */
#ifndef POSTHORN_VMM_LATENCY_JSON_H
#define POSTHORN_VMM_LATENCY_JSON_H

#include <stddef.h>

struct latency_runs;

/* Write @runs to the file @path, which is made or replaced. 0 or -errno with a message in @why. */
int latency_json_write(const struct latency_runs *runs, const char *path, char *why, size_t size);

/*
 * Append the runs in the file @path to @runs. Keys that are not known are passed over. Returns 0,
 * -EINVAL when it is no such file or its numbers do not agree (latency_run_check()), or -errno;
 * then @why says what is wrong, and only latency_runs_cleanup() is left to do with @runs.
 */
int latency_json_read(struct latency_runs *runs, const char *path, char *why, size_t size);

#endif
