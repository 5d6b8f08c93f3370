/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzzer's input, taken from the front a few bytes at a time. Numbers are little-endian, so that
 * seeds can be written by hand. At the end of the input every number is 0: a target needs no check
 * before each, only a loop that stops when nothing is left.
 */
#ifndef POSTHORN_TESTS_FUZZ_INPUT_H
#define POSTHORN_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is left of the input. data is libFuzzer's own and is not changed. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* The fuzzer is to look for its way in posthorn, not here. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

/* Takes size bytes into buffer; what the input no longer has is 0. Returns how many it had. */
static inline size_t fuzz_bytes(struct fuzz_input *in, void *buffer, size_t size)
{
	size_t taken = size < in->size ? size : in->size;

	memset(buffer, 0, size);
	if (taken)
		memcpy(buffer, in->data, taken);
	in->data += taken;
	in->size -= taken;
	return taken;
}

static inline uint64_t fuzz_number(struct fuzz_input *in, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size && in->size; i++, in->data++, in->size--)
		value |= (uint64_t)*in->data << (8 * i);
	return value;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	return (uint8_t)fuzz_number(in, 1);
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	return (uint16_t)fuzz_number(in, 2);
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	return (uint32_t)fuzz_number(in, 4);
}

static inline uint64_t fuzz_u64(struct fuzz_input *in)
{
	return fuzz_number(in, 8);
}

/*
 * Takes a number from low to high, both included. It takes the fewest bytes that can give every one
 * of them, so that an input does not change its meaning when a wide range grows.
 */
static inline uint64_t fuzz_range(struct fuzz_input *in, uint64_t low, uint64_t high)
{
	uint64_t span = high - low, value;

	if (span <= UINT8_MAX)
		value = fuzz_u8(in);
	else if (span <= UINT16_MAX)
		value = fuzz_u16(in);
	else if (span <= UINT32_MAX)
		value = fuzz_u32(in);
	else
		value = fuzz_u64(in);
	return span == UINT64_MAX ? value : low + value % (span + 1);
}

#pragma clang attribute pop

#endif
