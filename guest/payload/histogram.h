/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of times in ticks, small enough for a bare-metal program and good enough to read
 * percentiles from. Values below 128 have a bucket each; from there on each power of two is cut
 * into 64 buckets of one width. So a bucket is at most 1/64 of its values wide, whatever their
 * size.
 *
 *   value   0 1 ... 127 | 128-129 130-131 ... 254-255 | 256-259 ... 508-511 | ...
 *   index   0 1 ... 127 | 128     129     ... 191     | 192     ... 255     | ...
 *
 * Adding takes no division, floating point, allocation or loop. All zero is an empty histogram.
 * No function here is thread-safe. The bare-metal programs and posthorn both include this file.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_HISTOGRAM_H
#define POSTHORN_GUEST_PAYLOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS	      64 /* buckets of one power of two */
#define HISTOGRAM_STEPS_SHIFT 6	 /* log2 of it */

/* Larger values count as this one, for instance the time from a later to an earlier moment. */
#define HISTOGRAM_VALUE_MAX ((uint64_t)INT64_MAX)
#define HISTOGRAM_BUCKETS   3712 /* the index of HISTOGRAM_VALUE_MAX, plus one */

struct histogram {
	uint64_t total;		   /* number of values */
	uint64_t minimum, maximum; /* exact; 0 when there is no value */
	uint64_t sum;		   /* exact up to HISTOGRAM_VALUE_MAX, where it stays */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* By how many bits the values of bucket @index are shifted to count in steps of its width. */
static inline unsigned int histogram_shift(unsigned int index)
{
	return index < 2 * HISTOGRAM_STEPS ? 0 : index / HISTOGRAM_STEPS - 1;
}

/* The bucket that @value (up to HISTOGRAM_VALUE_MAX) belongs to. */
static inline unsigned int histogram_index(uint64_t value)
{
	unsigned int top = 63 - (unsigned int)__builtin_clzll(value | 1), shift;

	shift = top > HISTOGRAM_STEPS_SHIFT ? top - HISTOGRAM_STEPS_SHIFT : 0;
	return shift * HISTOGRAM_STEPS + (unsigned int)(value >> shift);
}

/* The lowest value of bucket @index. */
static inline uint64_t histogram_low(unsigned int index)
{
	unsigned int shift = histogram_shift(index);

	/* NOLINTNEXTLINE(clang-analyzer-core*): an index is below HISTOGRAM_BUCKETS */
	return (uint64_t)(index - shift * HISTOGRAM_STEPS) << shift;
}

/* The highest value of bucket @index. */
static inline uint64_t histogram_high(unsigned int index)
{
	return histogram_low(index) + (1ULL << histogram_shift(index)) - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (value > HISTOGRAM_VALUE_MAX)
		value = HISTOGRAM_VALUE_MAX;
	if (!histogram->total || value < histogram->minimum)
		histogram->minimum = value;
	if (value > histogram->maximum)
		histogram->maximum = value;
	histogram->total++;
	histogram->sum += value; /* two such values fit in 64 bits */
	if (histogram->sum > HISTOGRAM_VALUE_MAX)
		histogram->sum = HISTOGRAM_VALUE_MAX;
	histogram->buckets[histogram_index(value)]++;
}

#endif
