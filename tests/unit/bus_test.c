/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "devices/bus.h"
#include "lib/util.h"

/* A handler's view of the last access that reached it. */
struct seen {
	unsigned int calls;
	uint64_t offset;
	struct access access;
	uint64_t answer; /* what reads give, when it is not 0 */
};

static void seen_handler(void *opaque, uint64_t offset, struct access *access)
{
	struct seen *seen = opaque;

	seen->calls++;
	seen->offset = offset;
	seen->access = *access;
	if (!access->is_write && seen->answer)
		access->data = seen->answer;
}

static struct bus_range range_of(uint64_t base, uint64_t size, struct seen *seen)
{
	return (struct bus_range){ base, size, seen_handler, seen };
}

static struct bus bus_of(const struct bus_range *ranges, unsigned int count)
{
	struct bus bus;
	unsigned int i;

	bus_init(&bus, "test");
	for (i = 0; i < count; i++)
		assert_int_equal(bus_add(&bus, &ranges[i]), 0);
	bus_freeze(&bus);
	return bus;
}

static bool bus_read(const struct bus *bus, uint64_t addr, uint8_t size, uint64_t *data)
{
	struct access access = { .addr = addr, .size = size, .data = 0x5a5a5a5a5a5a5a5a };
	bool answered = bus_access(bus, &access);

	*data = access.data;
	return answered;
}

static void reads_of_nothing_give_all_ones_in_their_size(void **state)
{
	struct bus bus = bus_of(NULL, 0);
	uint64_t data;

	(void)state;
	assert_false(bus_read(&bus, 0, 1, &data));
	assert_int_equal(data, 0xff);
	assert_false(bus_read(&bus, 0x1000, 2, &data));
	assert_int_equal(data, 0xffff);
	assert_false(bus_read(&bus, 0x1000, 4, &data));
	assert_int_equal(data, 0xffffffff);
	assert_false(bus_read(&bus, UINT64_MAX, 8, &data));
	assert_int_equal(data, UINT64_MAX);
}

static void writes_to_nothing_are_dropped(void **state)
{
	struct seen seen = { 0 };
	struct bus_range range = range_of(0x1000, 0x100, &seen);
	struct bus bus = bus_of(&range, 1);
	struct access access = { .addr = 0xfff, .data = 7, .size = 1, .is_write = true };

	(void)state;
	assert_false(bus_access(&bus, &access));
	assert_int_equal(seen.calls, 0);
	assert_int_equal(access.data, 7);
}

static void a_handler_gets_the_offset_into_its_range_and_the_access(void **state)
{
	struct seen seen = { 0 };
	struct bus_range range = range_of(0x1000, 0x100, &seen);
	struct bus bus = bus_of(&range, 1);
	struct access access = { .addr = 0x10fc, .data = 0x12345678, .size = 4, .is_write = true };

	(void)state;
	assert_true(bus_access(&bus, &access));
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.offset, 0xfc);
	assert_int_equal(seen.access.addr, 0x10fc);
	assert_int_equal(seen.access.data, 0x12345678);
	assert_int_equal(seen.access.size, 4);
	assert_true(seen.access.is_write);
}

static void a_read_is_what_the_handler_leaves(void **state)
{
	struct seen seen = { 0 };
	struct bus_range range = range_of(0x1000, 0x100, &seen);
	struct bus bus = bus_of(&range, 1);
	uint64_t data;

	(void)state;
	assert_true(bus_read(&bus, 0x1000, 2, &data));
	assert_int_equal(seen.access.data, 0xffff); /* all-ones on entry */
	assert_int_equal(data, 0xffff);
	seen.answer = 0xbeef;
	assert_true(bus_read(&bus, 0x1000, 2, &data));
	assert_int_equal(data, 0xbeef);
}

static void an_access_across_an_end_of_a_range_is_answered_by_nobody(void **state)
{
	struct seen low = { 0 }, high = { 0 };
	struct bus_range ranges[] = { range_of(0x1000, 0x100, &low), range_of(0x1100, 6, &high) };
	struct bus bus = bus_of(ranges, ARRAY_SIZE(ranges));
	uint64_t data;

	(void)state;
	assert_false(bus_read(&bus, 0xffe, 4, &data));
	assert_false(bus_read(&bus, 0x10fe, 4, &data));
	assert_false(bus_read(&bus, 0x1103, 4, &data));
	assert_false(bus_read(&bus, 0x1100, 8, &data));
	assert_int_equal(data, UINT64_MAX);
	assert_int_equal(low.calls + high.calls, 0);
	assert_true(bus_read(&bus, 0x1102, 4, &data));
	assert_int_equal(high.calls, 1);
}

static void every_range_is_found_whatever_the_order_of_adding(void **state)
{
	static const uint64_t bases[] = { 0x5000, 0x1000, UINT64_MAX - 0x1000, 0x3000, 0 };
	struct seen seen[ARRAY_SIZE(bases)] = { 0 };
	struct bus_range ranges[ARRAY_SIZE(bases)];
	struct bus bus;
	unsigned int i;
	uint64_t data;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bases); i++)
		ranges[i] = range_of(bases[i], 0x1000, &seen[i]);
	bus = bus_of(ranges, ARRAY_SIZE(ranges));
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		assert_true(bus_read(&bus, bases[i], 1, &data));
		assert_int_equal(seen[i].offset, 0);
		assert_true(bus_read(&bus, bases[i] + 0xfff, 1, &data));
		assert_int_equal(seen[i].offset, 0xfff);
		assert_int_equal(seen[i].calls, 2);
		assert_true(i == 0 || bus.ranges[i - 1].base < bus.ranges[i].base);
	}
	assert_false(bus_read(&bus, 0x2000, 1, &data));
	assert_false(bus_read(&bus, 0x4fff, 1, &data));
	assert_false(bus_read(&bus, 0x6000, 1, &data));
}

static void a_range_that_overlaps_another_is_refused(void **state)
{
	static const struct {
		uint64_t base, size;
		int result;
	} cases[] = {
		{ 0x1000, 0x100, -EEXIST }, { 0x10ff, 1, -EEXIST },    { 0xfff, 2, -EEXIST },
		{ 0x0, 0x10000, -EEXIST },  { 0x1040, 0x10, -EEXIST }, { 0x1100, 0x100, 0 },
		{ 0xf00, 0x100, 0 },
	};
	struct seen seen = { 0 };
	struct bus_range range = range_of(0x1000, 0x100, &seen);
	unsigned int i;
	struct bus bus;

	(void)state;
	bus_init(&bus, "test");
	assert_int_equal(bus_add(&bus, &range), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		range = range_of(cases[i].base, cases[i].size, &seen);
		assert_int_equal(bus_add(&bus, &range), cases[i].result);
	}
	assert_int_equal(bus.count, 3);
}

static void an_empty_or_wrapping_range_is_refused(void **state)
{
	struct bus_range range = range_of(0x1000, 0, NULL);
	struct bus bus;

	(void)state;
	bus_init(&bus, "test");
	assert_int_equal(bus_add(&bus, &range), -EINVAL);
	range = range_of(UINT64_MAX - 0xfff, 0x1001, NULL);
	assert_int_equal(bus_add(&bus, &range), -EINVAL);
	range = range_of(1, UINT64_MAX, NULL);
	assert_int_equal(bus_add(&bus, &range), -EINVAL);
	assert_int_equal(bus.count, 0);
}

static void a_full_bus_takes_no_more(void **state)
{
	struct bus_range range;
	struct bus bus;
	unsigned int i;

	(void)state;
	bus_init(&bus, "test");
	for (i = 0; i < BUS_RANGES_MAX; i++) {
		range = range_of(0x100000 - i * 0x1000, 0x1000, NULL);
		assert_int_equal(bus_add(&bus, &range), 0);
	}
	range = range_of(0, 0x1000, NULL);
	assert_int_equal(bus_add(&bus, &range), -ENOSPC);
	assert_int_equal(bus.count, BUS_RANGES_MAX);
}

static void a_frozen_bus_takes_no_more(void **state)
{
	struct bus_range range = range_of(0, 0x1000, NULL);
	struct bus bus = bus_of(NULL, 0);

	(void)state;
	assert_int_equal(bus_add(&bus, &range), -EBUSY);
	assert_int_equal(bus.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_of_nothing_give_all_ones_in_their_size),
		cmocka_unit_test(writes_to_nothing_are_dropped),
		cmocka_unit_test(a_handler_gets_the_offset_into_its_range_and_the_access),
		cmocka_unit_test(a_read_is_what_the_handler_leaves),
		cmocka_unit_test(an_access_across_an_end_of_a_range_is_answered_by_nobody),
		cmocka_unit_test(every_range_is_found_whatever_the_order_of_adding),
		cmocka_unit_test(a_range_that_overlaps_another_is_refused),
		cmocka_unit_test(an_empty_or_wrapping_range_is_refused),
		cmocka_unit_test(a_full_bus_takes_no_more),
		cmocka_unit_test(a_frozen_bus_takes_no_more),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
