/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devices/rtc.c, and devices/power.c beside it. The input is a list of steps, a byte that says
 * which and what it takes: accesses, and moments that the host's clock goes to.
 */
#include <string.h>

#include "devices/power.h"
#include "devices/rtc.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

/* A host's clock is set by people: any year that has four digits and then some. */
#define NOW_MAX 0x4000000000

static int64_t host_time;

static int64_t host_now(void)
{
	return host_time;
}

static uint8_t port_access(struct rtc *rtc, unsigned int port, bool is_write, uint8_t value)
{
	struct access access = { .data = is_write ? value : 0xff, .size = 1, .is_write = is_write };

	rtc_access(rtc, port, &access);
	fuzz_check(access.data <= 0xff);
	return (uint8_t)access.data;
}

static uint8_t cmos_read(struct rtc *rtc, uint8_t index)
{
	port_access(rtc, 0, true, index);
	return port_access(rtc, 1, false, 0);
}

/* A time register that runs, as a number; -1 when it is not one in the form that is selected. */
static int number_read(struct rtc *rtc, uint8_t index, bool binary, uint8_t mask)
{
	uint8_t value = cmos_read(rtc, index) & mask;

	if (binary)
		return value;
	return value >> 4 > 9 || (value & 0xf) > 9 ? -1 : (value >> 4) * 10 + (value & 0xf);
}

static bool number_within(int number, int low, int high)
{
	return number >= low && number <= high;
}

/* While nobody sets it, the clock shows a date that exists. */
static void clock_check(struct rtc *rtc)
{
	uint8_t mode = cmos_read(rtc, 0x0b), index = rtc->index;
	bool binary = mode & 4, hours_24 = mode & 2;

	if (mode & 0x80)
		return;
	fuzz_check(number_within(number_read(rtc, 0, binary, 0xff), 0, 59));
	fuzz_check(number_within(number_read(rtc, 2, binary, 0xff), 0, 59));
	fuzz_check(number_within(number_read(rtc, 4, binary, hours_24 ? 0xff : 0x7f), !hours_24,
				 hours_24 ? 23 : 12));
	fuzz_check(number_within(number_read(rtc, 6, binary, 0xff), 1, 7));
	fuzz_check(number_within(number_read(rtc, 7, binary, 0xff), 1, 31));
	fuzz_check(number_within(number_read(rtc, 8, binary, 0xff), 1, 12));
	fuzz_check(number_within(number_read(rtc, 9, binary, 0xff), 0, 99));
	fuzz_check(number_within(number_read(rtc, RTC_CENTURY, binary, 0xff), 0, 99));
	port_access(rtc, 0, true, index);
}

static void power_requested(void *opaque, enum power_request request)
{
	const struct access *access = opaque;

	fuzz_check(access->is_write && (request == POWER_OFF || request == POWER_RESTART));
}

static void power_step(struct power *power, struct fuzz_input *in)
{
	struct access access = { .data = fuzz_u16(in), .size = fuzz_u8(in), .is_write = true };

	power->opaque = &access;
	power_access(power, fuzz_u8(in), &access);
	access.is_write = false;
	access.data = UINT32_MAX;
	power_access(power, fuzz_u8(in), &access);
	fuzz_check(access.data == 0 || access.data == UINT32_MAX);
}

static void rtc_step(struct rtc *rtc, struct power *power, struct fuzz_input *in)
{
	uint8_t what = fuzz_u8(in);
	struct access access = { .data = UINT16_MAX, .size = 2, .is_write = what & 0x80 };

	switch (what & 7) {
	case 0:
		rtc_access(rtc, what >> 3 & 1, &access); /* of a size that is dropped */
		fuzz_check(access.data == UINT16_MAX);
		break;
	case 1:
		host_time = (int64_t)(fuzz_u64(in) % NOW_MAX) - NOW_MAX / 2;
		break;
	case 2:
		power_step(power, in);
		break;
	case 3:
		clock_check(rtc);
		break;
	case 4:
		port_access(rtc, 1, false, 0);
		break;
	default:
		port_access(rtc, 0, true, what >> 3 & 0xf);
		if (what & 0x80)
			port_access(rtc, 0, true, RTC_CENTURY);
		port_access(rtc, 1, true, fuzz_u8(in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct power power = { .request = power_requested };
	struct fuzz_input in = { data, size };
	struct rtc rtc;

	host_time = 1700000000;
	rtc_init(&rtc, host_now);
	while (in.size)
		rtc_step(&rtc, &power, &in);
	clock_check(&rtc);
	return 0;
}
