/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <errno.h>

#include "lib/file.h"
#include "lib/util.h"
#include "tests/unit/latency_made.h"
#include "vmm/latency/json.h"

/* A file that the test writes into, and its end. */
static void path_make(char path[64])
{
	int fd;

	strcpy(path, "/tmp/posthorn-latency-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* @exits is this one reason, and no other. */
static void assert_exits(const struct latency_exits *exits, const char *reason, unsigned int count)
{
	assert_int_equal(exits->count, 1);
	assert_string_equal(exits->list[0].reason, reason);
	assert_int_equal(exits->list[0].count, count);
}

static void test_runs_are_read_as_they_were_written(void **state)
{
	struct latency_runs runs = { 0 }, back = { 0 };
	struct latency_run *run = run_made(&runs, "posted", 2400000000);
	char path[64], why[512];

	(void)state;
	values_made(run, "handler", 999, 3);
	values_made(run, "handler", 123456789, 1);
	values_made(run, "config-read", HISTOGRAM_VALUE_MAX, 2);
	run->lost = 1;
	run->count++;
	latency_exit_add(&run->exits, "mmio", 7);
	latency_exit_add(&run->metrics[1].exits, "exits", 9);
	run->worst[0] = (struct latency_outlier){ 123456789, 5 };
	run->worst[1] = (struct latency_outlier){ 999, HISTOGRAM_VALUE_MAX };
	run->worst_count = 2;
	run->around[1].interrupts = 300;
	latency_exit_add(&run->around[1].counted, "preemption_other", 4);
	latency_fact_add(run, "cpu", "a \"fast\" one");
	memset(run_made(&runs, "bare", 1000)->vmm, 0, LATENCY_NAME_SIZE);
	values_made(&runs.list[1], "handler", 0, 1);
	path_make(path);
	assert_int_equal(latency_json_write(&runs, path, why, sizeof(why)), 0);
	if (latency_json_read(&back, path, why, sizeof(why)))
		fail_msg("%s", why);
	unlink(path);
	assert_int_equal(back.count, 2);
	run = &runs.list[0];
	/* The names and numbers come before the arrays, and have no padding but zeros. */
	assert_memory_equal(&back.list[0], run, offsetof(struct latency_run, metrics));
	assert_memory_equal(&back.list[1], &runs.list[1], offsetof(struct latency_run, metrics));
	assert_int_equal(back.list[0].worst_count, 2);
	assert_memory_equal(back.list[0].worst, run->worst, sizeof(run->worst));
	assert_int_equal(back.list[0].around[0].interrupts, 0);
	assert_int_equal(back.list[0].around[1].interrupts, 300);
	assert_int_equal(back.list[0].around[1].counted.count, 1);
	assert_string_equal(back.list[0].around[1].counted.list[0].reason, "preemption_other");
	assert_int_equal(back.list[0].around[1].counted.list[0].count, 4);
	assert_int_equal(back.list[1].worst_count, 0);
	assert_int_equal(back.list[0].metric_count, 2);
	for (unsigned int i = 0; i < 2; i++)
		assert_memory_equal(&back.list[0].metrics[i], &run->metrics[i],
				    offsetof(struct latency_metric, exits));
	assert_exits(&back.list[0].exits, "mmio", 7);
	assert_int_equal(back.list[0].metrics[0].exits.count, 0);
	assert_exits(&back.list[0].metrics[1].exits, "exits", 9);
	assert_string_equal(back.list[0].facts[0].key, "cpu");
	assert_string_equal(back.list[0].facts[0].value, "a \"fast\" one");
	latency_runs_cleanup(&runs);
	latency_runs_cleanup(&back);
}

/* A right file, of which a fault changes one place. */
static const char right[] =
	"{\"format\": 1, \"runs\": [{\"vmm\": \"\", \"path\": \"bare\", \"architecture\": "
	"\"arm64\","
	" \"state\": \"running\", \"source\": \"edu\", \"clock\": {\"name\": \"cntvct\", \"hz\": "
	"10},"
	" \"overhead\": 2, \"count\": 3, \"lost\": 1, \"environment\": {\"cpu\": \"x\"},"
	" \"exits\": {\"halt\": 4}, \"metrics\": {\"handler\": {\"count\": 2, \"min\": 9,"
	" \"max\": 131, \"sum\": 140, \"buckets\": [[9, 9, 1], [130, 131, 1]]}}}]}";

static int text_read(const char *text, struct latency_runs *runs, char *why, size_t size)
{
	char path[64];
	int error;

	path_make(path);
	assert_int_equal(file_write_text(path, text), 0);
	error = latency_json_read(runs, path, why, size);
	unlink(path);
	return error;
}

static void test_a_file_by_hand_is_read(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	if (text_read(right, &runs, why, sizeof(why)))
		fail_msg("%s", why);
	assert_string_equal(runs.list[0].clock, "cntvct");
	assert_int_equal(runs.list[0].metrics[0].histogram.buckets[129], 1);
	latency_runs_cleanup(&runs);
}

/* For programs that do not want to look at buckets; 2 ticks are a nanosecond here. */
static void test_percentiles_are_written_in_nanoseconds(void **state)
{
	struct latency_runs runs = { 0 };
	char path[64], why[512];
	double p50, p90, p99, p999, max, low, high;
	json_t *root, *ns;

	(void)state;
	run_made(&runs, "posted", 2000000000);
	values_made(&runs.list[0], "handler", 100, 500);
	values_made(&runs.list[0], "handler", 110, 490);
	values_made(&runs.list[0], "handler", 120, 9);
	values_made(&runs.list[0], "handler", 4001, 1);
	path_make(path);
	assert_int_equal(latency_json_write(&runs, path, why, sizeof(why)), 0);
	root = json_load_file(path, 0, NULL);
	unlink(path);
	assert_int_equal(json_integer_value(json_object_get(root, "format")), 2);
	ns = json_object_get(json_array_get(json_object_get(root, "runs"), 0), "metrics");
	ns = json_object_get(json_object_get(ns, "handler"), "ns");
	assert_int_equal(json_unpack(ns, "{s:f, s:f, s:f, s:f, s:f, s:[f, f]!}", "p50", &p50, "p90",
				     &p90, "p99", &p99, "p99.9", &p999, "max", &max, "p99.interval",
				     &low, &high),
			 0);
	assert_true(low == 55 && high == 60);
	assert_true(p50 == 50 && p90 == 55 && p99 == 55 && p999 == 60 && max == 2000.5);
	json_decref(root);
	latency_runs_cleanup(&runs);
}

static void test_what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *from, *to, *what;
	} faults[] = {
		{ "{\"format\"", "\"format\"", "line 1" },
		{ "\"format\": 1", "\"format\": 3", "format" },
		{ "\"lost\": 1,", "\"lost\": 1, \"worst\": 7,", "worst is no array" },
		{ "\"lost\": 1,", "\"lost\": 1, \"worst\": [{\"ticks\": -1, \"at\": 0}],",
		  "worst.ticks" },
		{ "\"lost\": 1,", "\"lost\": 1, \"worst\": [[3, 4]],", "worst.ticks" },
		{ "\"lost\": 1,",
		  "\"lost\": 1, \"worst\": [{\"ticks\": 1, \"at\": 0, \"interrupts\": 1}],",
		  "worst.counted is no object" },
		{ "\"lost\": 1,", "\"lost\": 1, \"worst\": [0,0,0,0,0,0,0,0,0,0,0],", "too long" },
		{ "\"runs\"", "\"walks\"", "runs" },
		{ "\"state\": \"running\",", "", "runs[0]: state is no name" },
		{ "\"lost\": 1", "\"lost\": \"1\"", "lost is no integer" },
		{ "\"lost\": 1", "\"lost\": -1", "lost is no integer from 0" },
		{ "\"lost\": 1", "\"lost\": 1e3", "lost is no integer" },
		{ "\"lost\": 1", "\"lost\": 1e999", "line 1" },
		{ "\"lost\": 1", "\"lost\": 9223372036854775808", "line 1" },
		{ "\"overhead\": 2", "\"overhead\": -2", "overhead is no integer from 0" },
		{ "\"hz\": 10", "\"hz\": 0", "clock.hz is 0" },
		{ "\"hz\": 10", "\"hz\": -10", "clock.hz is no integer from 0" },
		{ "\"hz\": 10", "\"hz\": 0.5", "clock.hz is no integer" },
		{ "{\"name\": \"cntvct\", \"hz\": 10}", "10", "clock.name is no name" },
		{ "\"edu\"", "\"e'du\"", "source is no name" },
		{ "\"edu\"", "\"e2345678901234567890123456789012\"", "source is no name" },
		{ "{\"cpu\": \"x\"}", "{\"cpu\": 1}", "environment has what is no string" },
		{ "{\"cpu\": \"x\"}", "1", "environment is no object" },
		{ "{\"halt\": 4}", "{\"halt\": -4}", "exits has what is no name" },
		{ "{\"halt\": 4}", "{\"ha lt\": 4}", "exits has what is no name" },
		{ "{\"halt\": 4}", "[]", "exits is no object" },
		{ "\"handler\"", "\"hand'ler\"", "metrics.(a key that is no name) is no name" },
		{ "\"min\": 9", "\"min\": -9", "metrics.handler.min is no integer from 0" },
		{ "\"sum\": 140,", "", "metrics.handler.sum is no integer" },
		{ "\"sum\": 140", "\"sum\": 140, \"exits\": 1", "metrics.handler.exits is no" },
		{ "[9, 9, 1]", "[9, 9, 0]", "metrics.handler.buckets has" },
		{ "[9, 9, 1]", "[9, 9]", "metrics.handler.buckets has" },
		{ "[9, 9, 1]", "[9, 9, 1, 1]", "metrics.handler.buckets has" },
		{ "[9, 9, 1]", "[-9, -9, 1]", "metrics.handler.buckets has" },
		{ "[130, 131, 1]", "[131, 131, 1]", "metrics.handler.buckets has" },
		{ "[130, 131, 1]", "[130, 132, 1]", "metrics.handler.buckets has" },
		{ "[130, 131, 1]", "[9, 9, 1]", "metrics.handler.buckets has" },
		{ "[[9, 9, 1], [130, 131, 1]]", "1", "metrics.handler.buckets is no array" },
		{ "\"metrics\": {", "\"metrics\": 1, \"no\": {", "metrics is no object" },
		{ "\"sum\": 140", "\"sum\": 141", "sum" },
		{ "\"count\": 3", "\"count\": 4", "do not make the count" },
		{ "{\"handler\"", "{}, \"no\": {\"handler\"", "no metric" },
		{ "\"lost\": 1", "\"lost\": 1, \"lost\": 1", "duplicate" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++) {
		struct latency_runs runs = { 0 };
		const char *at = strstr(right, faults[i].from);
		char text[2048], why[512];

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - right), right, faults[i].to,
			 at + strlen(faults[i].from));
		if (text_read(text, &runs, why, sizeof(why)) != -EINVAL ||
		    strncmp(why, "/tmp/posthorn-latency-", 22) || !strstr(why, faults[i].what) ||
		    !strstr(why, "posthorn latency --json"))
			fail_msg("'%s' gives: %s", faults[i].to, why);
		latency_runs_cleanup(&runs);
	}
}

static void test_a_file_that_cannot_be_had_is_named(void **state)
{
	struct latency_runs runs = { 0 };
	char why[512];

	(void)state;
	assert_int_equal(latency_json_read(&runs, "/nowhere/x", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/x cannot be read"));
	assert_int_equal(latency_json_write(&runs, "/nowhere/x", why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/x cannot be written"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_are_read_as_they_were_written),
		cmocka_unit_test(test_a_file_by_hand_is_read),
		cmocka_unit_test(test_percentiles_are_written_in_nanoseconds),
		cmocka_unit_test(test_what_is_wrong_is_refused),
		cmocka_unit_test(test_a_file_that_cannot_be_had_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
