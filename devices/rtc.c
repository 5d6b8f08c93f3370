/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time registers hold nothing while the clock runs: they are worked out from the host's clock
 * at each read. Only while the guest sets the clock (SET in register B) they hold still, in
 * cmos[]. The C library's calendar is not used because it opens the time zone's file.
 */
#include "devices/rtc.h"

#include <string.h>
#include <time.h>

#include "lib/util.h"

/* MC146818 data sheet, "Address map" and "Registers". */
#define RTC_SECONDS	 0x00
#define RTC_MINUTES	 0x02
#define RTC_HOURS	 0x04
#define RTC_DAY_OF_WEEK	 0x06
#define RTC_DAY_OF_MONTH 0x07
#define RTC_MONTH	 0x08
#define RTC_YEAR	 0x09
#define RTC_A		 0x0a
#define RTC_B		 0x0b
#define RTC_C		 0x0c
#define RTC_D		 0x0d

#define RTC_HOURS_PM	0x80
#define RTC_A_UPDATE	0x80 /* UIP, read-only */
#define RTC_A_DEFAULT	0x26 /* 32768 Hz crystal, 1024 Hz square wave */
#define RTC_B_SET	0x80
#define RTC_B_BINARY	0x04
#define RTC_B_24_HOUR	0x02
#define RTC_D_VALID	0x80 /* VRT: the battery is good */
#define RTC_INDEX_MASK	0x7f /* bit 7 of port 0x70 is the NMI mask of PCs */
#define RTC_INVALID	(-1)
#define SECONDS_PER_DAY 86400

/* A moment, in numbers that people use: months and days count from 1, hours to 23. */
struct rtc_moment {
	int year, month, day, hour, minute, second;
};

static int64_t host_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec;
}

/* ---- the Gregorian calendar ---- */

static int days_in_month(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (leap && month == 2);
}

/* Days from 1 January of year 0 to 1 January of @year. */
static int64_t days_before_year(int64_t year)
{
	int64_t past = year - 1; /* the last whole year; leap years up to it, year 0 included */

	return year ? 365 * year + past / 4 - past / 100 + past / 400 + 1 : 0;
}

/* Seconds from 1 January of year 0, 00:00. */
static int64_t moment_to_seconds(const struct rtc_moment *moment)
{
	int64_t days = days_before_year(moment->year) + moment->day - 1;
	int month;

	for (month = 1; month < moment->month; month++)
		days += days_in_month(moment->year, month);
	return ((days * 24 + moment->hour) * 60 + moment->minute) * 60 + moment->second;
}

static struct rtc_moment moment_from_seconds(int64_t seconds)
{
	int64_t days = seconds / SECONDS_PER_DAY;
	int second_of_day = (int)(seconds % SECONDS_PER_DAY);
	struct rtc_moment moment = {
		.year = (int)(days / 366), /* never too late, and early by few years */
		.month = 1,
		.hour = second_of_day / 3600,
		.minute = second_of_day / 60 % 60,
		.second = second_of_day % 60,
	};

	while (days >= days_before_year(moment.year + 1))
		moment.year++;
	days -= days_before_year(moment.year);
	for (; days >= days_in_month(moment.year, moment.month); moment.month++)
		days -= days_in_month(moment.year, moment.month);
	moment.day = (int)days + 1;
	return moment;
}

/* ---- the time registers ---- */

static int64_t epoch_seconds(void)
{
	return days_before_year(1970) * SECONDS_PER_DAY;
}

/* The guest's time, in seconds from 1 January of year 0; within what the registers can show. */
static int64_t rtc_time(const struct rtc *rtc)
{
	int64_t latest = days_before_year(10000) * SECONDS_PER_DAY - 1;
	int64_t time = rtc->now() + rtc->offset + epoch_seconds();

	return max(0, min(time, latest));
}

static uint8_t number_encode(const struct rtc *rtc, int number)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return (uint8_t)number;
	return (uint8_t)(number / 10 << 4 | number % 10);
}

/* The number in the form that register B selects, or RTC_INVALID when a BCD digit is above 9. */
static int number_decode(const struct rtc *rtc, uint8_t value)
{
	if (rtc->cmos[RTC_B] & RTC_B_BINARY)
		return value;
	if (value >> 4 > 9 || (value & 0xf) > 9)
		return RTC_INVALID;
	return (value >> 4) * 10 + (value & 0xf);
}

/* On a 12-hour clock the hours run 12, 1, ... 11, twice. */
static uint8_t hour_encode(const struct rtc *rtc, int hour)
{
	if (rtc->cmos[RTC_B] & RTC_B_24_HOUR)
		return number_encode(rtc, hour);
	return number_encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_HOURS_PM : 0);
}

static int hour_decode(const struct rtc *rtc, uint8_t value)
{
	int hour;

	if (rtc->cmos[RTC_B] & RTC_B_24_HOUR)
		return number_decode(rtc, value);
	hour = number_decode(rtc, value & ~RTC_HOURS_PM);
	if (hour < 1 || hour > 12)
		return RTC_INVALID;
	return hour % 12 + (value & RTC_HOURS_PM ? 12 : 0);
}

/* Bring the time registers in cmos[] up to date. */
static void registers_load(struct rtc *rtc)
{
	int64_t time = rtc_time(rtc);
	struct rtc_moment moment = moment_from_seconds(time);

	rtc->cmos[RTC_SECONDS] = number_encode(rtc, moment.second);
	rtc->cmos[RTC_MINUTES] = number_encode(rtc, moment.minute);
	rtc->cmos[RTC_HOURS] = hour_encode(rtc, moment.hour);
	/* 1 is Sunday; 1 January of year 0 was a Saturday. */
	rtc->cmos[RTC_DAY_OF_WEEK] =
		number_encode(rtc, (int)((time / SECONDS_PER_DAY + 6) % 7 + 1));
	rtc->cmos[RTC_DAY_OF_MONTH] = number_encode(rtc, moment.day);
	rtc->cmos[RTC_MONTH] = number_encode(rtc, moment.month);
	rtc->cmos[RTC_YEAR] = number_encode(rtc, moment.year % 100);
	rtc->cmos[RTC_CENTURY] = number_encode(rtc, moment.year / 100);
}

/* Set the clock by the time registers in cmos[]; the day of the week follows from the others. */
static void registers_store(struct rtc *rtc)
{
	int century = number_decode(rtc, rtc->cmos[RTC_CENTURY]);
	int year = number_decode(rtc, rtc->cmos[RTC_YEAR]);
	struct rtc_moment moment = {
		.year = century * 100 + year,
		.month = number_decode(rtc, rtc->cmos[RTC_MONTH]),
		.day = number_decode(rtc, rtc->cmos[RTC_DAY_OF_MONTH]),
		.hour = hour_decode(rtc, rtc->cmos[RTC_HOURS]),
		.minute = number_decode(rtc, rtc->cmos[RTC_MINUTES]),
		.second = number_decode(rtc, rtc->cmos[RTC_SECONDS]),
	};

	if (century < 0 || century > 99 || year < 0 || year > 99)
		return;
	if (moment.month < 1 || moment.month > 12 || moment.day < 1 ||
	    moment.day > days_in_month(moment.year, moment.month))
		return;
	if (moment.hour < 0 || moment.hour > 23 || moment.minute < 0 || moment.minute > 59 ||
	    moment.second < 0 || moment.second > 59)
		return;
	rtc->offset = moment_to_seconds(&moment) - epoch_seconds() - rtc->now();
}

static bool is_time_register(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_DAY_OF_WEEK:
	case RTC_DAY_OF_MONTH:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	}
	return false;
}

/* ---- accesses ---- */

/* While SET is off, a time register that is written changes the running clock. */
static void time_register_write(struct rtc *rtc, uint8_t value)
{
	bool running = !(rtc->cmos[RTC_B] & RTC_B_SET);

	if (running)
		registers_load(rtc);
	rtc->cmos[rtc->index] = value;
	if (running)
		registers_store(rtc);
}

/* The form of the time registers is that of the new value, both when SET comes and when it goes. */
static void register_b_write(struct rtc *rtc, uint8_t value)
{
	uint8_t changed = rtc->cmos[RTC_B] ^ value;

	rtc->cmos[RTC_B] = value;
	if (!(changed & RTC_B_SET))
		return;
	if (value & RTC_B_SET)
		registers_load(rtc);
	else
		registers_store(rtc);
}

static void data_write(struct rtc *rtc, uint8_t value)
{
	if (is_time_register(rtc->index))
		time_register_write(rtc, value);
	else if (rtc->index == RTC_B)
		register_b_write(rtc, value);
	else if (rtc->index == RTC_A)
		rtc->cmos[RTC_A] = value & ~RTC_A_UPDATE;
	else if (rtc->index != RTC_C && rtc->index != RTC_D)
		rtc->cmos[rtc->index] = value;
}

static uint8_t data_read(struct rtc *rtc)
{
	if (is_time_register(rtc->index) && !(rtc->cmos[RTC_B] & RTC_B_SET))
		registers_load(rtc);
	return rtc->cmos[rtc->index];
}

void rtc_init(struct rtc *rtc, int64_t (*now)(void))
{
	memset(rtc, 0, sizeof(*rtc));
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->now = now ? now : host_now;
	rtc->cmos[RTC_A] = RTC_A_DEFAULT;
	rtc->cmos[RTC_B] = RTC_B_24_HOUR;
	rtc->cmos[RTC_D] = RTC_D_VALID;
}

/* The index port cannot be read on PCs either. */
void rtc_access(void *opaque, uint64_t offset, struct access *access)
{
	struct rtc *rtc = opaque;

	if (access->size != 1)
		return;
	pthread_mutex_lock(&rtc->lock);
	if (offset == 0 && access->is_write)
		rtc->index = access->data & RTC_INDEX_MASK;
	else if (offset == 1 && access->is_write)
		data_write(rtc, (uint8_t)access->data);
	else if (offset == 1)
		access->data = data_read(rtc);
	pthread_mutex_unlock(&rtc->lock);
}
