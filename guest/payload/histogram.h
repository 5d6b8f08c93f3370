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

/* The bucket of the value that is the @rank-th, from 1, when all are in order; there are as many.
 */
static inline unsigned int histogram_rank(const struct histogram *histogram, uint64_t rank)
{
	uint64_t below = 0;
	unsigned int i = 0;

	while (i < HISTOGRAM_BUCKETS - 1 && (below += histogram->buckets[i]) < rank)
		i++;
	return i;
}

/*
 * Between which values the 99th percentile of what was sampled is, at 95 %, whatever its
 * distribution: how many of n values are below it has a binomial distribution, so it is between two
 * of them in order, whose ranks are 1.96 standard deviations to each side of 0.99 n. Ranks are
 * rounded to be too far apart, and so are the values, by at most a bucket each. Returns false as
 * long as there are too few values, some 400, for an upper one.
 */
static inline int histogram_p99_interval(const struct histogram *histogram, uint64_t *low,
					 uint64_t *high)
{
	/* 1.96 * 1.96 * 0.99 * 0.01 = 0.038032; a total has less than 40 bits. */
	uint64_t middle = histogram->total / 100 * 99 + histogram->total % 100 * 99 / 100;
	uint64_t square = histogram->total * 38032 / 1000000, reach = 1;

	while (reach * reach <= square)
		reach++;
	if (middle <= reach || middle + reach + 1 > histogram->total)
		return 0;
	*low = histogram_low(histogram_rank(histogram, middle - reach));
	*high = histogram_high(histogram_rank(histogram, middle + reach + 1));
	*low = *low > histogram->minimum ? *low : histogram->minimum;
	*high = *high < histogram->maximum ? *high : histogram->maximum;
	return 1;
}

/*
 * Is that interval at most @percent of its lower end wide? A bucket alone may be 1.6 % wide: less
 * than 2 may never come.
 */
static inline int histogram_p99_converged(const struct histogram *histogram, uint64_t percent)
{
	uint64_t low, high;

	return histogram_p99_interval(histogram, &low, &high) &&
	       (unsigned __int128)(high - low) * 100 <= (unsigned __int128)low * percent;
}

#endif
