/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/progress.c: nothing but on a terminal, nothing before a second, at the end a free line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/progress.h"

static struct {
	int is_terminal;
	uint64_t now_ms;
	char text[1024];
} fake;

int __wrap_isatty(int fd);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_log_text(const char *text, size_t size);

int __wrap_isatty(int fd)
{
	assert_int_equal(fd, 2);
	return fake.is_terminal;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	assert_int_equal(clock, CLOCK_MONOTONIC);
	*time = (struct timespec){ .tv_sec = (time_t)(fake.now_ms / 1000),
				   .tv_nsec = (long)(fake.now_ms % 1000 * 1000000) };
	return 0;
}

int __wrap_log_text(const char *text, size_t size)
{
	size_t length = strlen(fake.text);

	assert_true(length + size < sizeof(fake.text));
	memcpy(fake.text + length, text, size);
	fake.text[length + size] = '\0';
	return 0;
}

/* All that is written while @count times 100 ms go by. */
static const char *written(unsigned int count)
{
	struct progress progress = { .what = "pinning" };

	memset(fake.text, 0, sizeof(fake.text));
	fake.now_ms = 5000;
	progress_begin(&progress);
	for (unsigned int i = 0; i < count; i++) {
		fake.now_ms += 100;
		progress_show(&progress, (i + 1) * MIB, 16 * MIB);
	}
	progress_end(&progress);
	progress_end(&progress);
	return fake.text;
}

static void test_a_second_is_not_worth_a_word(void **state)
{
	(void)state;
	fake.is_terminal = 1;
	assert_string_equal(written(9), "");
}

static void test_what_takes_longer_is_told_now_and_then(void **state)
{
	(void)state;
	fake.is_terminal = 1;
	assert_string_equal(written(13), "\r\033[Kposthorn: pinning: 10 of 16 MiB"
					 "\r\033[Kposthorn: pinning: 12 of 16 MiB\r\033[K");
}

static void test_a_file_gets_nothing(void **state)
{
	(void)state;
	fake.is_terminal = 0;
	assert_string_equal(written(13), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_second_is_not_worth_a_word),
		cmocka_unit_test(test_what_takes_longer_is_told_now_and_then),
		cmocka_unit_test(test_a_file_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
