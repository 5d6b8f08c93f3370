/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "devices/pl031.h"
#include "lib/util.h"

#define DR   0x000
#define MR   0x004
#define LR   0x008
#define CR   0x00c
#define IMSC 0x010
#define RIS  0x014
#define MIS  0x018
#define ICR  0x01c

#define TIME 1709215198 /* 29 February 2024, 13:59:58 */

static int64_t host_time; /* what the host's clock shows */

static int64_t test_now(void)
{
	return host_time;
}

/* As the bus does it: all-ones, if the handler leaves them. */
static uint64_t sized_read(struct pl031 *rtc, uint64_t offset, uint8_t size)
{
	struct access access = { .data = bytes_mask(size), .size = size };

	pl031_access(rtc, offset, &access);
	return access.data;
}

static uint32_t word_read(struct pl031 *rtc, uint64_t offset)
{
	return (uint32_t)sized_read(rtc, offset, 4);
}

static void sized_write(struct pl031 *rtc, uint64_t offset, uint8_t size, uint64_t value)
{
	struct access access = { .data = value, .size = size, .is_write = true };

	pl031_access(rtc, offset, &access);
}

static void word_write(struct pl031 *rtc, uint64_t offset, uint32_t value)
{
	sized_write(rtc, offset, 4, value);
}

static struct pl031 rtc_at(int64_t time)
{
	struct pl031 rtc;

	host_time = time;
	pl031_init(&rtc, test_now);
	return rtc;
}

static void the_clock_shows_the_hosts_and_runs_with_it(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	assert_int_equal(word_read(&rtc, DR), TIME);
	host_time += 86400;
	assert_int_equal(word_read(&rtc, DR), TIME + 86400);
}

static void a_clock_that_was_set_goes_on_from_there(void **state)
{
	static const uint32_t times[] = { 0, 1, TIME - 5, TIME + 5, 0x80000000, 0xfffffff0 };
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(times); i++) {
		word_write(&rtc, LR, times[i]);
		assert_int_equal(word_read(&rtc, DR), times[i]);
		host_time += 10;
		assert_int_equal(word_read(&rtc, DR), times[i] + 10);
		assert_int_equal(word_read(&rtc, LR), times[i]);
	}
}

static void the_counter_has_32_bits(void **state)
{
	struct pl031 rtc = rtc_at(0xffffffff);

	(void)state;
	assert_int_equal(word_read(&rtc, DR), 0xffffffff);
	host_time++;
	assert_int_equal(word_read(&rtc, DR), 0);
	word_write(&rtc, LR, 0xffffffff);
	host_time += 2;
	assert_int_equal(word_read(&rtc, DR), 1);
}

static void a_host_before_1970_does_no_harm(void **state)
{
	struct pl031 rtc = rtc_at(-5);

	(void)state;
	word_write(&rtc, LR, 100);
	host_time += 10;
	assert_int_equal(word_read(&rtc, DR), 110);
}

static void the_time_cannot_be_written_but_by_the_load_register(void **state)
{
	static const uint32_t others[] = { DR, MR, CR, IMSC, RIS, MIS, ICR };
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		word_write(&rtc, others[i], 0x12345678);
	assert_int_equal(word_read(&rtc, DR), TIME);
	assert_int_equal(word_read(&rtc, LR), 0);
}

static void the_clock_is_on_whatever_is_written(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	assert_int_equal(word_read(&rtc, CR), 1);
	word_write(&rtc, CR, 0);
	assert_int_equal(word_read(&rtc, CR), 1);
	word_write(&rtc, CR, 0xffffffff);
	assert_int_equal(word_read(&rtc, CR), 1);
	host_time++;
	assert_int_equal(word_read(&rtc, DR), TIME + 1);
}

static void the_alarm_keeps_what_is_written_and_never_comes(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	assert_int_equal(word_read(&rtc, MR), 0);
	assert_int_equal(word_read(&rtc, IMSC), 0);
	word_write(&rtc, MR, TIME + 1);
	word_write(&rtc, IMSC, 0xffffffff);
	host_time++;
	assert_int_equal(word_read(&rtc, MR), TIME + 1);
	assert_int_equal(word_read(&rtc, IMSC), 1);
	assert_int_equal(word_read(&rtc, RIS), 0);
	assert_int_equal(word_read(&rtc, MIS), 0);
	word_write(&rtc, RIS, 1);
	word_write(&rtc, MIS, 1);
	assert_int_equal(word_read(&rtc, RIS), 0);
	assert_int_equal(word_read(&rtc, MIS), 0);
	word_write(&rtc, IMSC, 0);
	assert_int_equal(word_read(&rtc, IMSC), 0);
}

/* What Linux's AMBA bus makes of the registers: a number of four bytes each. */
static void the_identification_is_that_of_a_pl031(void **state)
{
	struct pl031 rtc = rtc_at(TIME);
	uint32_t peripheral = 0, cell = 0;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(word_read(&rtc, 0xfe0 + 4 * i) <= 0xff);
		assert_true(word_read(&rtc, 0xff0 + 4 * i) <= 0xff);
		peripheral |= word_read(&rtc, 0xfe0 + 4 * i) << 8 * i;
		cell |= word_read(&rtc, 0xff0 + 4 * i) << 8 * i;
	}
	assert_int_equal(peripheral, 0x00041031);
	assert_int_equal(cell, 0xb105f00d);
	for (unsigned int i = 0xfe0; i < PL031_REGISTERS; i += 4)
		word_write(&rtc, i, 0);
	assert_int_equal(word_read(&rtc, 0xfe0), 0x31);
	assert_int_equal(word_read(&rtc, 0xffc), 0xb1);
}

static void what_is_reserved_or_write_only_reads_as_all_ones(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	for (unsigned int i = ICR; i < 0xfe0; i += 4) {
		word_write(&rtc, i, 0);
		assert_int_equal(word_read(&rtc, i), 0xffffffff);
	}
}

static void narrow_reads_get_their_bytes_of_the_register(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	word_write(&rtc, MR, 0x44332211);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(sized_read(&rtc, MR + i, 1), 0x11 * (i + 1));
	assert_int_equal(sized_read(&rtc, MR, 2), 0x2211);
	assert_int_equal(sized_read(&rtc, MR + 1, 2), 0x3322);
	assert_int_equal(sized_read(&rtc, MR + 2, 2), 0x4433);
	assert_int_equal(sized_read(&rtc, 0xff0, 1), 0x0d);
	assert_int_equal(sized_read(&rtc, 0xff1, 1), 0);
	assert_int_equal(sized_read(&rtc, 0xffc, 2), 0xb1);
	assert_int_equal(sized_read(&rtc, 0x100, 2), 0xffff);
}

static void reads_across_registers_give_all_ones(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	assert_int_equal(sized_read(&rtc, DR, 8), UINT64_MAX);
	assert_int_equal(sized_read(&rtc, RIS, 8), UINT64_MAX);
	assert_int_equal(sized_read(&rtc, RIS + 1, 4), 0xffffffff);
	assert_int_equal(sized_read(&rtc, RIS + 3, 2), 0xffff);
}

static void writes_that_are_not_an_aligned_word_are_dropped(void **state)
{
	struct pl031 rtc = rtc_at(TIME);

	(void)state;
	word_write(&rtc, MR, 0x11111111);
	sized_write(&rtc, MR, 1, 0xff);
	sized_write(&rtc, MR, 2, 0xffff);
	sized_write(&rtc, MR + 2, 2, 0xffff);
	sized_write(&rtc, MR + 1, 4, 0xffffffff);
	sized_write(&rtc, MR, 8, UINT64_MAX);
	sized_write(&rtc, DR, 8, UINT64_MAX);
	assert_int_equal(word_read(&rtc, MR), 0x11111111);
	sized_write(&rtc, LR, 1, 0);
	sized_write(&rtc, LR, 8, 0);
	assert_int_equal(word_read(&rtc, DR), TIME);
}

static void without_a_clock_of_its_own_it_shows_the_hosts(void **state)
{
	uint32_t before, now, after;
	struct pl031 rtc;

	(void)state;
	pl031_init(&rtc, NULL);
	before = (uint32_t)time(NULL);
	now = word_read(&rtc, DR);
	after = (uint32_t)time(NULL);
	/* time(2) reads a coarser clock, which may be a tick behind. */
	assert_in_range(now, before, after + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_shows_the_hosts_and_runs_with_it),
		cmocka_unit_test(a_clock_that_was_set_goes_on_from_there),
		cmocka_unit_test(the_counter_has_32_bits),
		cmocka_unit_test(a_host_before_1970_does_no_harm),
		cmocka_unit_test(the_time_cannot_be_written_but_by_the_load_register),
		cmocka_unit_test(the_clock_is_on_whatever_is_written),
		cmocka_unit_test(the_alarm_keeps_what_is_written_and_never_comes),
		cmocka_unit_test(the_identification_is_that_of_a_pl031),
		cmocka_unit_test(what_is_reserved_or_write_only_reads_as_all_ones),
		cmocka_unit_test(narrow_reads_get_their_bytes_of_the_register),
		cmocka_unit_test(reads_across_registers_give_all_ones),
		cmocka_unit_test(writes_that_are_not_an_aligned_word_are_dropped),
		cmocka_unit_test(without_a_clock_of_its_own_it_shows_the_hosts),
	};

	return cmocka_run_group_tests_name("pl031", tests, NULL, NULL);
}
