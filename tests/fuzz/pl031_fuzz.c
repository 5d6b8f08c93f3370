/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devices/pl031.c. The input is a list of steps: a byte with kind and size of an access, its offset
 * (the registers near 0 and near the end are told by one byte), and for a write its value; or a
 * moment that the host's clock goes to.
 */
#include "devices/pl031.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

#define RTCDR 0
#define RTCLR 8

static int64_t host_time;

static int64_t host_now(void)
{
	return host_time;
}

static uint32_t time_read(struct pl031 *rtc)
{
	struct access access = { .data = UINT32_MAX, .size = 4 };

	pl031_access(rtc, RTCDR, &access);
	return (uint32_t)access.data;
}

static void step(struct pl031 *rtc, struct fuzz_input *in)
{
	uint8_t what = fuzz_u8(in);
	struct access access = { .size = (uint8_t)(1 << (what & 3)), .is_write = what & 4 };
	uint64_t offset = fuzz_u8(in);
	uint32_t before = time_read(rtc);
	int64_t passed = (int64_t)fuzz_u16(in) * (what & 0x10);

	if (what & 8)
		offset = PL031_REGISTERS - 0x100 + offset;
	offset = min(offset, PL031_REGISTERS - (uint64_t)access.size);
	access.data = access.is_write ? fuzz_u64(in) : bytes_mask(access.size);
	host_time += passed;
	pl031_access(rtc, offset, &access);
	if (!access.is_write && offset % 4 + access.size > 4)
		fuzz_check(access.data == bytes_mask(access.size));
	fuzz_check(access.is_write || access.data <= bytes_mask(access.size));
	/* The time goes as the host's goes, but for a whole word written to the load register. */
	if (access.is_write && offset == RTCLR && access.size == 4)
		fuzz_check(time_read(rtc) == (uint32_t)access.data);
	else
		fuzz_check(time_read(rtc) == (uint32_t)(before + (uint64_t)passed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct pl031 rtc;

	host_time = 1700000000;
	pl031_init(&rtc, host_now);
	while (in.size)
		step(&rtc, &in);
	return 0;
}
