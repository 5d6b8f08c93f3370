/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time registers hold nothing while the clock runs: they are worked out from the host's clock
 * at each read. Only while the guest sets the clock (SET in register B) they hold still, in
 * cmos[].
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

#define RTC_HOURS_PM   0x80
#define RTC_A_UPDATE   0x80 /* UIP, read-only */
#define RTC_A_DEFAULT  0x26 /* 32768 Hz crystal, 1024 Hz square wave */
#define RTC_B_SET      0x80
#define RTC_B_BINARY   0x04
#define RTC_B_24_HOUR  0x02
#define RTC_D_VALID    0x80 /* VRT: the battery is good */
#define RTC_INDEX_MASK 0x7f /* bit 7 of port 0x70 is the NMI mask of PCs */
#define RTC_INVALID    (-1)

/* What the registers can show: 1 January of year 0, 00:00, to 31 December 9999, 23:59:59. */
#define TIME_EARLIEST (-62167219200)
#define TIME_LATEST   253402300799

static int64_t host_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec;
}

/* ---- the time registers ---- */

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
	time_t time = max(TIME_EARLIEST, min(rtc->now() + rtc->offset, TIME_LATEST));
	int year;
	struct tm date;

	gmtime_r(&time, &date);
	year = date.tm_year + 1900;
	/* A host's time zone with leap seconds (right/UTC) has a second 60. */
	rtc->cmos[RTC_SECONDS] = number_encode(rtc, min(date.tm_sec, 59));
	rtc->cmos[RTC_MINUTES] = number_encode(rtc, date.tm_min);
	rtc->cmos[RTC_HOURS] = hour_encode(rtc, date.tm_hour);
	rtc->cmos[RTC_DAY_OF_WEEK] = number_encode(rtc, date.tm_wday + 1); /* 1 is Sunday */
	rtc->cmos[RTC_DAY_OF_MONTH] = number_encode(rtc, date.tm_mday);
	rtc->cmos[RTC_MONTH] = number_encode(rtc, date.tm_mon + 1);
	rtc->cmos[RTC_YEAR] = number_encode(rtc, year % 100);
	rtc->cmos[RTC_CENTURY] = number_encode(rtc, year / 100);
}

/* Set the clock by the time registers in cmos[]; the day of the week follows from the others. */
static void registers_store(struct rtc *rtc)
{
	int century = number_decode(rtc, rtc->cmos[RTC_CENTURY]);
	int year = number_decode(rtc, rtc->cmos[RTC_YEAR]);
	const struct tm date = {
		.tm_year = century * 100 + year - 1900,
		.tm_mon = number_decode(rtc, rtc->cmos[RTC_MONTH]) - 1,
		.tm_mday = number_decode(rtc, rtc->cmos[RTC_DAY_OF_MONTH]),
		.tm_hour = hour_decode(rtc, rtc->cmos[RTC_HOURS]),
		.tm_min = number_decode(rtc, rtc->cmos[RTC_MINUTES]),
		.tm_sec = number_decode(rtc, rtc->cmos[RTC_SECONDS]),
	};
	struct tm existing = date;
	time_t time = timegm(&existing); /* of 30 February it makes 1 or 2 March, and so on */

	if (century < 0 || century > 99 || year < 0 || year > 99)
		return;
	if (existing.tm_mon != date.tm_mon || existing.tm_mday != date.tm_mday ||
	    existing.tm_hour != date.tm_hour || existing.tm_min != date.tm_min ||
	    existing.tm_sec != date.tm_sec)
		return;
	rtc->offset = time - rtc->now();
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
	time_t time = 0;
	struct tm date;

	/* The C library opens the time zone's file when it is first asked: now, while it may. */
	gmtime_r(&time, &date);
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
