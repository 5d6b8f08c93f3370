/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a program in the guest says what it measured: lines on its console, each beginning with
 * "latency: ". posthorn reads them back (vmm/latency/read.h). One report is one state of the CPU;
 * a program may print several. All numbers are decimal and below 2^63.
 *
 *   latency: format 1		begins a report
 *   latency: source edu	what raised the interrupts
 *   latency: state running	what the CPU did when they came
 *   latency: clock tsc 2400000000	the clock, and how many ticks it makes in a second
 *   latency: overhead 24	ticks from one reading of the clock to the next
 *   latency: count 100000	how many interrupts were raised
 *   latency: lost 0		how many of them never came
 *   latency: worst 8123 900100	one of the longest times of "handler", and when it was raised, in
 *ticks since measuring began; the longest first, LATENCY_WORST_MAX at most latency: metric handler
 *count 100000 min 900 max 8123 sum 101000000	times, in ticks latency: bucket 402 17	how many are
 *in this bucket (histogram.h); in ascending order
 *   ...			more buckets and more metrics
 *   latency: end		closes the report: without it, it was cut off
 *
 * Metrics of interrupts are "handler" (from the store that raises the interrupt to the first
 * instruction of its handler) and "return" (from that store until the interrupted code goes on):
 * their count and the lost ones make the count of the report. Others, say "config-read", are costs
 * of one operation each, with a count of their own. Names are words of a-z, A-Z, 0-9, '-', '_' and
 * '.', of up to LATENCY_NAME_SIZE - 1 bytes.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_LATENCY_LINES_H
#define POSTHORN_GUEST_PAYLOAD_LATENCY_LINES_H

#include "guest/payload/histogram.h"

#define LATENCY_NAME_SIZE 32
#define LATENCY_WORST_MAX 10

/* A line "worst". */
struct latency_outlier {
	uint64_t ticks, at;
};

/* What prints: only %s, %u and %lu are asked of it (the payloads' print() will do). */
typedef void latency_print_function(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Begin a report. @clock makes @hz ticks in a second; reading it twice takes @overhead of them. */
static inline void latency_lines_begin(latency_print_function *print, const char *source,
				       const char *state, const char *clock, uint64_t hz,
				       uint64_t overhead)
{
	print("latency: format 1\nlatency: source %s\nlatency: state %s\n", source, state);
	print("latency: clock %s %lu\n", clock, (unsigned long)hz);
	print("latency: overhead %lu\n", (unsigned long)overhead);
}

/* @count interrupts were raised, and @lost of them never came. */
static inline void latency_lines_count(latency_print_function *print, uint64_t count, uint64_t lost)
{
	print("latency: count %lu\nlatency: lost %lu\n", (unsigned long)count, (unsigned long)lost);
}

/* The longest times of "handler". */
static inline void latency_lines_worst(latency_print_function *print,
				       const struct latency_outlier *worst, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		print("latency: worst %lu %lu\n", (unsigned long)worst[i].ticks,
		      (unsigned long)worst[i].at);
}

/* One metric. Its values, in ticks, are in @histogram. */
static inline void latency_lines_metric(latency_print_function *print, const char *name,
					const struct histogram *histogram)
{
	print("latency: metric %s count %lu min %lu max %lu sum %lu\n", name,
	      (unsigned long)histogram->total, (unsigned long)histogram->minimum,
	      (unsigned long)histogram->maximum, (unsigned long)histogram->sum);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i])
			print("latency: bucket %u %lu\n", i, (unsigned long)histogram->buckets[i]);
	}
}

static inline void latency_lines_end(latency_print_function *print)
{
	print("latency: end\n");
}

#endif
