/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/log.c: standard error that takes all, some or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/log.h"

#define LONG 20000

static struct {
	int saved, reader;
} state;

/* Standard error is a pipe, which the test reads from state.reader. A hang ends the program. */
static int setup(void **unused)
{
	int ends[2];

	(void)unused;
	state.saved = dup(STDERR_FILENO);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	state.reader = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	alarm(60);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	alarm(0);
	dup2(state.saved, STDERR_FILENO);
	close(state.saved);
	close(state.reader);
	return 0;
}

static void fill(void)
{
	static const char page[4096];
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, flags);
}

static void test_a_line_comes_whole(void **unused)
{
	char line[64] = "";

	(void)unused;
	log_error("port %d", 7);
	assert_true(read(state.reader, line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "posthorn: error: port 7\n");
}

static void test_a_long_text_comes_whole(void **unused)
{
	char *text = malloc(LONG), *got = malloc(LONG);
	size_t have = 0;

	(void)unused;
	for (size_t i = 0; i < LONG; i++)
		text[i] = (char)('a' + i % 26);
	assert_int_equal(log_text(text, LONG), 0);
	while (have < LONG) {
		ssize_t size = read(state.reader, got + have, LONG - have);

		assert_true(size > 0);
		have += (size_t)size;
	}
	assert_memory_equal(text, got, LONG);
	free(text);
	free(got);
}

static void test_a_reader_that_takes_nothing_does_without(void **unused)
{
	(void)unused;
	fill();
	assert_int_equal(log_text("x", 1), -ETIMEDOUT);
	log_error("and this comes back, too");
}

/* Only the first of many messages waits for the reader; a second for each would take too long. */
static void test_a_reader_that_is_stuck_is_waited_for_once(void **unused)
{
	char page[4096];

	(void)unused;
	fill();
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(log_text("x", 1), -ETIMEDOUT);
	assert_true(read(state.reader, page, sizeof(page)) > 0);
	assert_int_equal(log_text("x", 1), 0);
}

static void tick(int signal_number)
{
	static volatile sig_atomic_t ticks;

	(void)signal_number;
	if (++ticks == 600)
		_exit(1); /* after 30 s */
}

static void test_signals_do_not_make_the_patience_longer(void **unused)
{
	const struct sigaction action = { .sa_handler = tick };
	const struct itimerval often = { { 0, 50000 }, { 0, 50000 } },
			       never = { { 0, 0 }, { 0, 0 } };

	(void)unused;
	fill();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(log_text("x", 1), -ETIMEDOUT);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
}

static void test_a_reader_that_is_gone_is_an_error(void **unused)
{
	(void)unused;
	signal(SIGPIPE, SIG_IGN);
	close(state.reader);
	assert_int_equal(log_text("x", 1), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
	state.reader = dup(STDERR_FILENO);
}

static void test_a_refusal_keeps_the_error_and_cuts_the_reason(void **unused)
{
	char why[WHY_SIZE + 1], word[2 * WHY_SIZE];

	(void)unused;
	assert_int_equal(refuse(why, -ENODEV, "%s: missing", "nvme"), -ENODEV);
	assert_string_equal(why, "nvme: missing");
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	why[WHY_SIZE] = '#';
	assert_int_equal(refuse(why, -EIO, "%s", word), -EIO);
	assert_int_equal(strlen(why), WHY_SIZE - 1);
	assert_int_equal(why[WHY_SIZE], '#');
}

static void test_remedies_are_of_errors_that_have_one(void **unused)
{
	(void)unused;
	assert_non_null(
		strstr(error_remedy(EMFILE), "; raise the limit of open files (ulimit -n)"));
	assert_non_null(strstr(error_remedy(EAGAIN), "(ulimit -u)"));
	assert_string_equal(error_remedy(EINVAL), "");
	assert_string_equal(error_remedy(0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_line_comes_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_text_comes_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_reader_that_takes_nothing_does_without,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_reader_that_is_stuck_is_waited_for_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals_do_not_make_the_patience_longer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_reader_that_is_gone_is_an_error, setup,
						teardown),
		cmocka_unit_test(test_a_refusal_keeps_the_error_and_cuts_the_reason),
		cmocka_unit_test(test_remedies_are_of_errors_that_have_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
