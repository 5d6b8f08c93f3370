/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818-compatible real-time clock at ports 0x70 (index) and 0x71 (data), as Linux's
 * rtc-cmos finds it through PNP0B00: the host's wall clock in UTC, settable (the offset is kept
 * while the VM lives), BCD or binary, 24-hour or 12-hour, with a century byte at 0x32 and the rest
 * of 114 bytes of CMOS RAM. It has no interrupt, so no alarms: the alarm registers and the
 * interrupt enable bits keep what is written to them and do nothing else. Never shows an update in
 * progress. A date or time that does not exist leaves the clock as it was.
 */
#ifndef POSTHORN_DEVICES_RTC_H
#define POSTHORN_DEVICES_RTC_H

#include <pthread.h>
#include <stdint.h>

#include "devices/bus.h"

#define RTC_PORTS   2
#define RTC_CENTURY 0x32

struct rtc {
	pthread_mutex_t lock;
	int64_t (*now)(void); /* seconds since 1970-01-01 UTC */
	int64_t offset;	      /* what the guest's setting of the clock added, in seconds */
	uint8_t index;
	uint8_t cmos[128]; /* registers A to D and RAM; while SET is on, the time registers too */
};

/* @now is NULL for the host's clock; tests hand in their own. */
void rtc_init(struct rtc *rtc, int64_t (*now)(void));

/* A bus_handler for the two ports: @opaque is the struct rtc. */
void rtc_access(void *opaque, uint64_t offset, struct access *access);

#endif
