/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "devices/power.h"
#include "lib/util.h"
#include "tests/unit/stderr_capture.h"

struct requests {
	unsigned int count;
	enum power_request last;
};

static void request(void *opaque, enum power_request what)
{
	struct requests *requests = opaque;

	requests->count++;
	requests->last = what;
}

static void write_register(struct power *power, uint64_t offset, uint8_t size, uint64_t value)
{
	struct access access = { .data = value, .size = size, .is_write = true };

	power_access(power, offset, &access);
}

static uint64_t read_register(struct power *power, uint64_t offset, uint8_t size)
{
	struct access access = { .data = bytes_mask(size), .size = size };

	power_access(power, offset, &access);
	return access.data;
}

static uint8_t sleep_value(unsigned int type)
{
	return (uint8_t)(0x20 | type << 2);
}

static void sleep_enable_with_the_type_of_s5_powers_off(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };

	(void)state;
	write_register(&power, POWER_SLEEP_CONTROL, 1, 0x34);
	assert_int_equal(requests.count, 1);
	assert_int_equal(requests.last, POWER_OFF);
	/* Reserved bits do not matter. */
	write_register(&power, POWER_SLEEP_CONTROL, 1, 0x34 | 0xc3);
	assert_int_equal(requests.count, 2);
}

static void the_sleep_type_alone_does_nothing(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };

	(void)state;
	write_register(&power, POWER_SLEEP_CONTROL, 1, POWER_SLEEP_TYPE_S5 << 2);
	assert_int_equal(requests.count, 0);
	assert_false(power.warned);
}

static void the_reset_value_restarts(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };

	(void)state;
	write_register(&power, POWER_RESET, 1, POWER_RESET_VALUE);
	assert_int_equal(requests.count, 1);
	assert_int_equal(requests.last, POWER_RESTART);
}

static void no_other_write_asks_for_anything(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };
	unsigned int offset, value;

	(void)state;
	power.warned = true;
	for (offset = 0; offset < 256; offset++) {
		for (value = 0; value < 256; value++) {
			if (offset == POWER_SLEEP_CONTROL && (value & 0x3c) == 0x34)
				continue;
			if (offset == POWER_RESET && value == POWER_RESET_VALUE)
				continue;
			write_register(&power, offset, 1, value);
		}
	}
	assert_int_equal(requests.count, 0);
}

static void wider_writes_are_dropped(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };

	(void)state;
	write_register(&power, POWER_SLEEP_CONTROL, 2, 0x34);
	write_register(&power, POWER_SLEEP_CONTROL, 4, 0x34343434);
	write_register(&power, POWER_RESET, 2, POWER_RESET_VALUE);
	assert_int_equal(requests.count, 0);
}

static void other_sleep_types_are_dropped_with_one_warning(void **state)
{
	struct requests requests = { 0 };
	struct power power = { .request = request, .opaque = &requests };
	struct capture capture = capture_start();
	unsigned int type;

	(void)state;
	for (type = 0; type < 8; type++)
		if (type != POWER_SLEEP_TYPE_S5)
			write_register(&power, POWER_SLEEP_CONTROL, 1, sleep_value(type));
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(requests.count, 0);
}

static void all_registers_read_as_zero_and_nothing_else_does(void **state)
{
	struct power power = { .request = request };

	(void)state;
	/* The wake status is cleared by writing it, as Linux does before it sleeps. */
	write_register(&power, POWER_SLEEP_STATUS, 1, 0x80);
	assert_int_equal(read_register(&power, POWER_SLEEP_CONTROL, 1), 0);
	assert_int_equal(read_register(&power, POWER_SLEEP_STATUS, 1), 0);
	assert_int_equal(read_register(&power, POWER_RESET, 1), 0);
	assert_int_equal(read_register(&power, 3, 1), 0xff);
	assert_int_equal(read_register(&power, POWER_SLEEP_CONTROL, 2), 0xffff);
	assert_int_equal(read_register(&power, POWER_SLEEP_CONTROL, 4), 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleep_enable_with_the_type_of_s5_powers_off),
		cmocka_unit_test(the_sleep_type_alone_does_nothing),
		cmocka_unit_test(the_reset_value_restarts),
		cmocka_unit_test(no_other_write_asks_for_anything),
		cmocka_unit_test(wider_writes_are_dropped),
		cmocka_unit_test(other_sleep_types_are_dropped_with_one_warning),
		cmocka_unit_test(all_registers_read_as_zero_and_nothing_else_does),
	};

	return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
