/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that C leaves out. */
#ifndef POSTHORN_LIB_UTIL_H
#define POSTHORN_LIB_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KIB 0x400ULL
#define MIB 0x100000ULL
#define GIB 0x40000000ULL
#define TIB 0x10000000000ULL

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)		  (1ULL << (n))

/* The second pair of parentheses keeps clang-format 14 from taking what follows for a cast. */
#define container_of(pointer, type, member) ((type *)((char *)((pointer)) - offsetof(type, member)))

#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

/* @align is a power of two. */
static inline uint64_t align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

/* @align is a power of two; wraps to 0 when the result does not fit. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return align_down(value + align - 1, align);
}

static inline bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Do [a, a + a_size) and [b, b + b_size) share a byte? Neither may wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a_size && b_size && a <= b + (b_size - 1) && b <= a + (a_size - 1);
}

/* Is [inner, inner + inner_size) wholly in [outer, outer + outer_size)? Correct for any values. */
static inline bool range_within(uint64_t inner, uint64_t inner_size, uint64_t outer,
				uint64_t outer_size)
{
	return inner >= outer && inner_size <= outer_size &&
	       inner - outer <= outer_size - inner_size;
}

/* All-ones in the low @size bytes: what a read of nothing returns, and the mask of an access. */
static inline uint64_t bytes_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : BIT(8 * size) - 1;
}

/* Little-endian loads and stores of 1, 2, 4 or 8 bytes at any alignment (the hosts are LE). */
static inline uint64_t le_load(const void *from, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, from, size);
	return value;
}

static inline void le_store(void *to, unsigned int size, uint64_t value)
{
	memcpy(to, &value, size);
}

/* Make a '?' of each byte of @text that is no printable ASCII: JSON and terminals take the rest. */
static inline void text_clean(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

#endif
