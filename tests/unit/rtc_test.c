/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "devices/rtc.h"
#include "lib/util.h"

#define SECONDS	     0x00
#define MINUTES	     0x02
#define HOURS	     0x04
#define DAY_OF_WEEK  0x06
#define DAY_OF_MONTH 0x07
#define MONTH	     0x08
#define YEAR	     0x09
#define A	     0x0a
#define B	     0x0b
#define C	     0x0c
#define D	     0x0d

#define B_SET	  0x80
#define B_BINARY  0x04
#define B_24_HOUR 0x02

/* 29 February 2024, 13:59:58, a Thursday. */
#define LEAP_DAY 1709215198

static int64_t host_time; /* what the host's clock shows */

static int64_t test_now(void)
{
	return host_time;
}

static void port_write(struct rtc *rtc, uint64_t port, uint8_t value)
{
	struct access access = { .data = value, .size = 1, .is_write = true };

	rtc_access(rtc, port, &access);
}

static uint8_t port_read(struct rtc *rtc, uint64_t port)
{
	struct access access = { .data = 0xff, .size = 1 };

	rtc_access(rtc, port, &access);
	return (uint8_t)access.data;
}

static void cmos_write(struct rtc *rtc, uint8_t index, uint8_t value)
{
	port_write(rtc, 0, index);
	port_write(rtc, 1, value);
}

static uint8_t cmos_read(struct rtc *rtc, uint8_t index)
{
	port_write(rtc, 0, index);
	return port_read(rtc, 1);
}

static struct rtc rtc_at(int64_t time)
{
	struct rtc rtc;

	host_time = time;
	rtc_init(&rtc, test_now);
	return rtc;
}

struct registers {
	uint8_t century, year, month, day, hours, minutes, seconds;
};

static void registers_expect(struct rtc *rtc, const struct registers *registers)
{
	assert_int_equal(cmos_read(rtc, RTC_CENTURY), registers->century);
	assert_int_equal(cmos_read(rtc, YEAR), registers->year);
	assert_int_equal(cmos_read(rtc, MONTH), registers->month);
	assert_int_equal(cmos_read(rtc, DAY_OF_MONTH), registers->day);
	assert_int_equal(cmos_read(rtc, HOURS), registers->hours);
	assert_int_equal(cmos_read(rtc, MINUTES), registers->minutes);
	assert_int_equal(cmos_read(rtc, SECONDS), registers->seconds);
}

/* Set the clock as Linux does: stop it, write all registers, let it run. */
static void registers_set(struct rtc *rtc, const struct registers *registers)
{
	uint8_t b = cmos_read(rtc, B), a;

	cmos_write(rtc, B, b | B_SET);
	a = cmos_read(rtc, A);
	cmos_write(rtc, A, a | 0x70);
	cmos_write(rtc, YEAR, registers->year);
	cmos_write(rtc, MONTH, registers->month);
	cmos_write(rtc, DAY_OF_MONTH, registers->day);
	cmos_write(rtc, HOURS, registers->hours);
	cmos_write(rtc, MINUTES, registers->minutes);
	cmos_write(rtc, SECONDS, registers->seconds);
	cmos_write(rtc, RTC_CENTURY, registers->century);
	cmos_write(rtc, B, b);
	cmos_write(rtc, A, a);
}

static void the_clock_starts_as_24_hour_bcd_in_utc(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	assert_int_equal(cmos_read(&rtc, B), B_24_HOUR);
	registers_expect(&rtc, &(struct registers){ 0x20, 0x24, 0x02, 0x29, 0x13, 0x59, 0x58 });
	assert_int_equal(cmos_read(&rtc, DAY_OF_WEEK), 5);
}

static void the_clock_runs_with_the_hosts(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	host_time += 2;
	registers_expect(&rtc, &(struct registers){ 0x20, 0x24, 0x02, 0x29, 0x14, 0x00, 0x00 });
	host_time += 10 * 3600;
	registers_expect(&rtc, &(struct registers){ 0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00 });
	assert_int_equal(cmos_read(&rtc, DAY_OF_WEEK), 6);
}

static void binary_mode_shows_plain_numbers(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	cmos_write(&rtc, B, B_24_HOUR | B_BINARY);
	registers_expect(&rtc, &(struct registers){ 20, 24, 2, 29, 13, 59, 58 });
}

static void the_12_hour_clock_has_no_hour_0_and_marks_the_afternoon(void **state)
{
	static const struct {
		uint8_t hour, bcd, binary;
	} cases[] = {
		{ 0, 0x12, 12 },	 { 1, 0x01, 1 },	 { 11, 0x11, 11 },
		{ 12, 0x92, 0x80 | 12 }, { 13, 0x81, 0x80 | 1 }, { 23, 0x91, 0x80 | 11 },
	};
	struct rtc rtc = rtc_at(0);
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		host_time = cases[i].hour * 3600;
		cmos_write(&rtc, B, 0);
		assert_int_equal(cmos_read(&rtc, HOURS), cases[i].bcd);
		cmos_write(&rtc, B, B_BINARY);
		assert_int_equal(cmos_read(&rtc, HOURS), cases[i].binary);
	}
}

static void every_hour_that_is_set_is_the_hour_that_is_read_in_every_mode(void **state)
{
	static const uint8_t modes[] = { 0, B_BINARY, B_24_HOUR, B_BINARY | B_24_HOUR };
	struct rtc rtc = rtc_at(LEAP_DAY);
	unsigned int mode, hour;

	(void)state;
	for (mode = 0; mode < ARRAY_SIZE(modes); mode++) {
		for (hour = 0; hour < 24; hour++) {
			struct registers registers;
			struct rtc source = rtc_at(LEAP_DAY / 86400 * 86400 + hour * 3600);

			cmos_write(&source, B, modes[mode]);
			registers = (struct registers){ .hours = cmos_read(&source, HOURS) };
			host_time = LEAP_DAY;
			cmos_write(&rtc, B, modes[mode] | B_SET);
			cmos_write(&rtc, HOURS, registers.hours);
			cmos_write(&rtc, B, modes[mode]);
			assert_int_equal(cmos_read(&rtc, HOURS), registers.hours);
			cmos_write(&rtc, B, B_24_HOUR | B_BINARY);
			assert_int_equal(cmos_read(&rtc, HOURS), hour);
		}
	}
}

/* The C library's calendar is the reference: every day of 1600 to 2405, at a varying time. */
static void dates_agree_with_the_c_library(void **state)
{
	int64_t day, first = -11676096000 / 86400, last = first + 294000;
	struct rtc rtc = rtc_at(0);

	(void)state;
	cmos_write(&rtc, B, B_24_HOUR | B_BINARY);
	for (day = first; day < last; day++) {
		time_t time = (time_t)(day * 86400 + (day & 0xffff));
		struct tm tm;

		gmtime_r(&time, &tm);
		host_time = time;
		registers_expect(&rtc,
				 &(struct registers){ (uint8_t)((tm.tm_year + 1900) / 100),
						      (uint8_t)((tm.tm_year + 1900) % 100),
						      (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday,
						      (uint8_t)tm.tm_hour, (uint8_t)tm.tm_min,
						      (uint8_t)tm.tm_sec });
		assert_int_equal(cmos_read(&rtc, DAY_OF_WEEK), tm.tm_wday + 1);
	}
}

static void a_date_that_is_set_is_the_date_that_is_read(void **state)
{
	static const struct registers dates[] = {
		{ 0x20, 0x00, 0x02, 0x29, 0x23, 0x59, 0x59 },
		{ 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59 },
		{ 0x19, 0x70, 0x01, 0x01, 0x00, 0x00, 0x00 },
		{ 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00 },
		{ 0x00, 0x00, 0x12, 0x31, 0x12, 0x34, 0x56 },
		{ 0x99, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(dates); i++) {
		struct rtc rtc = rtc_at(LEAP_DAY);

		registers_set(&rtc, &dates[i]);
		registers_expect(&rtc, &dates[i]);
	}
}

static void a_clock_that_was_set_goes_on_from_there(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	registers_set(&rtc, &(struct registers){ 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59 });
	host_time += 1;
	registers_expect(&rtc, &(struct registers){ 0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00 });
	assert_int_equal(cmos_read(&rtc, DAY_OF_WEEK), 7);
}

static void the_clock_holds_still_while_set_is_on(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);
	const struct registers leap_day = { 0x20, 0x24, 0x02, 0x29, 0x13, 0x59, 0x58 };

	(void)state;
	cmos_write(&rtc, B, B_24_HOUR | B_SET);
	host_time += 100;
	registers_expect(&rtc, &leap_day);
	cmos_write(&rtc, B, B_24_HOUR);
	registers_expect(&rtc, &leap_day);
	host_time += 1;
	assert_int_equal(cmos_read(&rtc, SECONDS), 0x59);
}

static void a_time_register_can_be_written_while_the_clock_runs(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	cmos_write(&rtc, MINUTES, 0x30);
	registers_expect(&rtc, &(struct registers){ 0x20, 0x24, 0x02, 0x29, 0x13, 0x30, 0x58 });
	host_time += 2;
	registers_expect(&rtc, &(struct registers){ 0x20, 0x24, 0x02, 0x29, 0x13, 0x31, 0x00 });
}

static void what_is_no_date_leaves_the_clock_as_it_was(void **state)
{
	static const struct {
		uint8_t b, index, value;
	} cases[] = {
		{ B_24_HOUR, SECONDS, 0x60 },
		{ B_24_HOUR, SECONDS, 0x5a },
		{ B_24_HOUR, SECONDS, 0xff },
		{ B_24_HOUR, MINUTES, 0x60 },
		{ B_24_HOUR, HOURS, 0x24 },
		{ B_24_HOUR, HOURS, 0x81 },
		{ 0, HOURS, 0x00 },
		{ 0, HOURS, 0x13 },
		{ 0, HOURS, 0x8f },
		{ B_24_HOUR, DAY_OF_MONTH, 0x00 },
		{ B_24_HOUR, DAY_OF_MONTH, 0x30 },
		{ B_24_HOUR, MONTH, 0x00 },
		{ B_24_HOUR, MONTH, 0x13 },
		{ B_24_HOUR, YEAR, 0x23 }, /* no leap year */
		{ B_24_HOUR, YEAR, 0xa0 },
		{ B_24_HOUR, YEAR, 0x1a }, /* 20 if the digits were added up */
		{ B_24_HOUR, RTC_CENTURY, 0xf0 },
		{ B_24_HOUR | B_BINARY, RTC_CENTURY, 100 },
		{ B_24_HOUR | B_BINARY, YEAR, 240 }, /* 2240 would be a leap year */
		{ B_24_HOUR | B_BINARY, SECONDS, 60 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rtc rtc = rtc_at(LEAP_DAY);

		cmos_write(&rtc, B, cases[i].b);
		cmos_write(&rtc, cases[i].index, cases[i].value);
		assert_int_equal(rtc.offset, 0);
		cmos_write(&rtc, B, cases[i].b | B_SET);
		cmos_write(&rtc, cases[i].index, cases[i].value);
		assert_int_equal(cmos_read(&rtc, cases[i].index), cases[i].value);
		cmos_write(&rtc, B, cases[i].b);
		cmos_write(&rtc, B, B_24_HOUR);
		registers_expect(&rtc,
				 &(struct registers){ 0x20, 0x24, 0x02, 0x29, 0x13, 0x59, 0x58 });
	}
}

static void the_day_of_the_week_follows_from_the_date(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	cmos_write(&rtc, DAY_OF_WEEK, 2);
	assert_int_equal(cmos_read(&rtc, DAY_OF_WEEK), 5);
	assert_int_equal(rtc.offset, 0);
}

static void times_beyond_the_registers_show_the_nearest_they_can(void **state)
{
	struct rtc rtc = rtc_at(-100000000000);

	(void)state;
	registers_expect(&rtc, &(struct registers){ 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00 });
	host_time = 1000000000000;
	registers_expect(&rtc, &(struct registers){ 0x99, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59 });
}

static void no_update_or_interrupt_is_ever_shown(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	assert_int_equal(cmos_read(&rtc, A), 0x26);
	cmos_write(&rtc, A, 0xff);
	assert_int_equal(cmos_read(&rtc, A), 0x7f);
	cmos_write(&rtc, B, B_24_HOUR | 0x70); /* all interrupts enabled */
	host_time += 10;
	assert_int_equal(cmos_read(&rtc, C), 0);
	cmos_write(&rtc, C, 0xff);
	assert_int_equal(cmos_read(&rtc, C), 0);
}

static void the_battery_is_good_whatever_is_written(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	cmos_write(&rtc, D, 0x7f);
	assert_int_equal(cmos_read(&rtc, D), 0x80);
}

static void ram_and_alarm_keep_what_is_written(void **state)
{
	static const uint8_t alarm[] = { 0x01, 0x03, 0x05 };
	struct rtc rtc = rtc_at(LEAP_DAY);
	unsigned int i;

	(void)state;
	for (i = 0x0e; i < 0x80; i++)
		if (i != RTC_CENTURY)
			cmos_write(&rtc, (uint8_t)i, (uint8_t)~i);
	for (i = 0; i < ARRAY_SIZE(alarm); i++)
		cmos_write(&rtc, alarm[i], 0xc0 + alarm[i]);
	host_time += 3600;
	for (i = 0x0e; i < 0x80; i++)
		assert_int_equal(cmos_read(&rtc, (uint8_t)i),
				 i == RTC_CENTURY ? 0x20 : (uint8_t)~i);
	for (i = 0; i < ARRAY_SIZE(alarm); i++)
		assert_int_equal(cmos_read(&rtc, alarm[i]), 0xc0 + alarm[i]);
}

static void the_nmi_mask_bit_of_the_index_is_ignored(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	cmos_write(&rtc, 0x40, 0x11);
	assert_int_equal(cmos_read(&rtc, 0x40 | 0x80), 0x11);
}

static void the_index_port_reads_as_all_ones(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);

	(void)state;
	port_write(&rtc, 0, MINUTES);
	assert_int_equal(port_read(&rtc, 0), 0xff);
}

static void wider_accesses_are_dropped(void **state)
{
	struct rtc rtc = rtc_at(LEAP_DAY);
	struct access access = { .data = 0x4000 | MINUTES, .size = 2, .is_write = true };

	(void)state;
	port_write(&rtc, 0, 0x20);
	rtc_access(&rtc, 0, &access);
	assert_int_equal(rtc.index, 0x20);
	access = (struct access){ .data = 0xffff, .size = 2 };
	rtc_access(&rtc, 0, &access);
	assert_int_equal(access.data, 0xffff);
}

static void without_a_clock_of_its_own_it_shows_the_hosts(void **state)
{
	time_t before, after;
	uint8_t year;
	struct tm tm;
	struct rtc rtc;

	(void)state;
	rtc_init(&rtc, NULL);
	cmos_write(&rtc, B, B_24_HOUR | B_BINARY);
	/* Try again in the unlikely case that the year ends here. */
	do {
		before = time(NULL);
		year = cmos_read(&rtc, YEAR);
		after = time(NULL);
	} while (before / 86400 != after / 86400);
	gmtime_r(&after, &tm);
	assert_int_equal(year, tm.tm_year % 100);
	assert_int_equal(cmos_read(&rtc, RTC_CENTURY), (tm.tm_year + 1900) / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_starts_as_24_hour_bcd_in_utc),
		cmocka_unit_test(the_clock_runs_with_the_hosts),
		cmocka_unit_test(binary_mode_shows_plain_numbers),
		cmocka_unit_test(the_12_hour_clock_has_no_hour_0_and_marks_the_afternoon),
		cmocka_unit_test(every_hour_that_is_set_is_the_hour_that_is_read_in_every_mode),
		cmocka_unit_test(dates_agree_with_the_c_library),
		cmocka_unit_test(a_date_that_is_set_is_the_date_that_is_read),
		cmocka_unit_test(a_clock_that_was_set_goes_on_from_there),
		cmocka_unit_test(the_clock_holds_still_while_set_is_on),
		cmocka_unit_test(a_time_register_can_be_written_while_the_clock_runs),
		cmocka_unit_test(what_is_no_date_leaves_the_clock_as_it_was),
		cmocka_unit_test(the_day_of_the_week_follows_from_the_date),
		cmocka_unit_test(times_beyond_the_registers_show_the_nearest_they_can),
		cmocka_unit_test(no_update_or_interrupt_is_ever_shown),
		cmocka_unit_test(the_battery_is_good_whatever_is_written),
		cmocka_unit_test(ram_and_alarm_keep_what_is_written),
		cmocka_unit_test(the_nmi_mask_bit_of_the_index_is_ignored),
		cmocka_unit_test(the_index_port_reads_as_all_ones),
		cmocka_unit_test(wider_accesses_are_dropped),
		cmocka_unit_test(without_a_clock_of_its_own_it_shows_the_hosts),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
