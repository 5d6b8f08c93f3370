/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * There is no counter: the data register is worked out from the host's clock at each read. All
 * sums are modulo 2^32, as the chip's are.
 */
#include "devices/pl031.h"

#include <string.h>
#include <time.h>

#include "lib/util.h"

/* ARM DDI 0224, 3.2 "Summary of registers". */
#define RTCDR	       0x000 /* data, read-only: the time */
#define RTCMR	       0x004 /* match */
#define RTCLR	       0x008 /* load: sets the time */
#define RTCCR	       0x00c /* control */
#define RTCIMSC	       0x010 /* interrupt mask set or clear */
#define RTCRIS	       0x014 /* raw interrupt status, read-only */
#define RTCMIS	       0x018 /* masked interrupt status, read-only */
#define RTCICR	       0x01c /* interrupt clear, write-only */
#define IDENTIFICATION 0xfe0 /* RTCPeriphID0 to 3, then RTCPCellID0 to 3 */

#define RTCCR_START  1 /* stays 1 once it is */
#define RTCIMSC_MASK 1

/* Each byte is a register of its own. Part number 0x031, designer 0x41 (Arm), revision 0. */
static const uint8_t identification[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static int64_t host_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time.tv_sec;
}

static uint32_t register_read(const struct pl031 *rtc, uint64_t offset)
{
	switch (offset) {
	case RTCDR:
		return (uint32_t)rtc->now() + rtc->offset;
	case RTCMR:
		return rtc->match;
	case RTCLR:
		return rtc->load;
	case RTCCR:
		return RTCCR_START;
	case RTCIMSC:
		return rtc->interrupt_mask;
	case RTCRIS:
	case RTCMIS:
		return 0;
	}
	if (offset >= IDENTIFICATION)
		return identification[(offset - IDENTIFICATION) / 4];
	return UINT32_MAX;
}

static void register_write(struct pl031 *rtc, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case RTCMR:
		rtc->match = value;
		break;
	case RTCLR:
		rtc->load = value;
		rtc->offset = value - (uint32_t)rtc->now();
		break;
	case RTCIMSC:
		rtc->interrupt_mask = value & RTCIMSC_MASK;
		break;
	}
}

void pl031_init(struct pl031 *rtc, int64_t (*now)(void))
{
	memset(rtc, 0, sizeof(*rtc));
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->now = now ? now : host_now;
}

void pl031_access(void *opaque, uint64_t offset, struct access *access)
{
	struct pl031 *rtc = opaque;
	unsigned int byte = offset % 4; /* within the register */

	if (access->is_write ? byte != 0 || access->size != 4 : byte + access->size > 4)
		return;
	pthread_mutex_lock(&rtc->lock);
	if (access->is_write)
		register_write(rtc, offset, (uint32_t)access->data);
	else
		access->data =
			register_read(rtc, offset - byte) >> (8 * byte) & bytes_mask(access->size);
	pthread_mutex_unlock(&rtc->lock);
}
