/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/timeline.h: what is written, and what `posthorn timeline` makes of a file. */
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

#include "devices/bus.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "tests/unit/stderr_capture.h"
#include "vmm/commands.h"
#include "vmm/timeline.h"

static char path[] = "/tmp/posthorn-timeline-XXXXXX";

static int path_setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	close(fd);
	return fd < 0;
}

static int path_teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void mark(struct timeline *timeline, uint64_t offset, uint8_t size, uint64_t number)
{
	struct access access = { .is_write = true, .size = size, .data = number };

	timeline_mark_access(timeline, offset, &access);
}

static json_t *written(struct timeline *timeline)
{
	json_error_t error;
	json_t *json;

	assert_int_equal(timeline_write(timeline), 0);
	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("line %d: %s", error.line, error.text);
	return json;
}

static const char *text_of(const json_t *json, const char *array, size_t index, const char *key)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(json, array), index), key));
}

static json_int_t number_of(const json_t *json, const char *array, size_t index, const char *key)
{
	return json_integer_value(
		json_object_get(json_array_get(json_object_get(json, array), index), key));
}

static void test_steps_follow_each_other_without_gaps(void **state)
{
	struct timeline *timeline = timeline_new(path);
	json_t *json;

	(void)state;
	timeline_step(timeline, "open", "%s", "0000:01:00.0");
	usleep(2000);
	timeline_step(timeline, "RAM", NULL);
	timeline_step(timeline, "kernel", "%s", "a \"name\"\n\\\x80");
	json = written(timeline);
	assert_int_equal(json_integer_value(json_object_get(json, "format")), 1);
	assert_int_equal(json_array_size(json_object_get(json, "steps")), 3);
	assert_int_equal(json_array_size(json_object_get(json, "events")), 0);
	assert_string_equal(text_of(json, "steps", 0, "what"), "open");
	assert_string_equal(text_of(json, "steps", 0, "object"), "0000:01:00.0");
	assert_string_equal(text_of(json, "steps", 1, "object"), "");
	assert_string_equal(text_of(json, "steps", 2, "object"), "a ?name????");
	assert_int_equal(number_of(json, "steps", 0, "begin_ns"), 0);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(number_of(json, "steps", i, "begin_ns"),
				 number_of(json, "steps", i - 1, "end_ns"));
	assert_true(number_of(json, "steps", 1, "end_ns") -
			    number_of(json, "steps", 1, "begin_ns") >=
		    2000000);
	json_decref(json);
}

static void test_only_the_first_of_an_event_counts(void **state)
{
	struct timeline *timeline = timeline_new(path);
	json_int_t first;
	json_t *json;

	(void)state;
	timeline_event(timeline, TIMELINE_EVENT_RUN);
	usleep(2000);
	timeline_event(timeline, TIMELINE_EVENT_RUN);
	timeline_event(timeline, TIMELINE_EVENT_OUTPUT);
	json = written(timeline);
	assert_int_equal(json_array_size(json_object_get(json, "events")), 2);
	assert_string_equal(text_of(json, "events", 0, "what"), "first KVM_RUN");
	assert_string_equal(text_of(json, "events", 1, "what"), "first console byte");
	first = number_of(json, "events", 0, "ns");
	assert_true(first > 0 && number_of(json, "events", 1, "ns") - first >= 2000000);
	json_decref(json);
}

/* A guest may write what it likes, as often as it likes. */
static void test_marks_are_numbers_of_four_bytes_and_the_first_64(void **state)
{
	struct timeline *timeline = timeline_new(path);
	struct access read = { .size = 4 };
	json_t *json;

	(void)state;
	timeline_mark_access(timeline, 0, &read);
	mark(timeline, 0, 2, 1);
	mark(timeline, 2, 4, 2);
	for (uint64_t i = 0; i < 100; i++)
		mark(timeline, 0, 4, 0xffffffff - i);
	json = written(timeline);
	assert_int_equal(json_array_size(json_object_get(json, "events")), 64);
	assert_string_equal(text_of(json, "events", 0, "what"), "mark 4294967295");
	assert_string_equal(text_of(json, "events", 63, "what"), "mark 4294967232");
	json_decref(json);
}

static void test_without_one_nothing_is_done(void **state)
{
	(void)state;
	timeline_step(NULL, "open", NULL);
	timeline_event(NULL, TIMELINE_EVENT_RUN);
	assert_int_equal(timeline_write(NULL), 0);
}

/* Steps beyond the room for them are left out. */
static void test_there_may_be_more_steps_than_room(void **state)
{
	struct timeline *timeline = timeline_new(path);
	json_t *json;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		timeline_step(timeline, "step", "%u", i);
	json = written(timeline);
	assert_string_equal(text_of(json, "steps", 63, "object"), "63");
	assert_int_equal(json_array_size(json_object_get(json, "steps")), 64);
	json_decref(json);
}

/* Returns the exit code of `posthorn timeline` on @json, with what it says in @text. */
static int shown(const char *json, char *text, size_t size)
{
	char why[256], command[] = "posthorn", name[] = "timeline";
	char *argv[] = { command, name, path, NULL };
	struct command_line line;
	struct capture capture;
	int code;

	assert_int_equal(file_create(path, json, strlen(json)), 0);
	assert_int_equal(command_line_parse(&line, commands, 3, argv, why, sizeof(why)), 0);
	capture = capture_start();
	code = line.command->run(line.options);
	capture_text(capture, text, size);
	free(line.options);
	return code;
}

static void test_a_file_that_is_none_is_refused_with_its_name(void **state)
{
	static const char *const files[] = {
		"",
		"{}",
		"[]",
		"{\"format\": 2, \"steps\": [], \"events\": []}",
		"{\"format\": 1, \"steps\": {}, \"events\": []}",
		"{\"format\": 1, \"steps\": [], \"events\": 3}",
		"{\"format\": 1, \"steps\": [{\"what\": \"a\"}], \"events\": []}",
		"{\"format\": 1, \"steps\": [7], \"events\": []}",
		("{\"format\": 1, \"steps\": [{\"what\": \"a\", \"object\": \"\", \"begin_ns\": 2, "
		 "\"end_ns\": 1}], \"events\": []}"),
		"{\"format\": 1, \"steps\": [], \"events\": [{\"what\": 3, \"ns\": 1}]}",
	};
	char text[512];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(shown(files[i], text, sizeof(text)), EXIT_USAGE);
		if (!strstr(text, path))
			fail_msg("%u: '%s' has no name", i, text);
	}
	assert_int_equal(shown("{\"format\": 1, \"steps\": [{\"what\": \"a\", \"object\": \"\", "
			       "\"begin_ns\": 0, \"end_ns\": 1}], \"events\": []}",
			       text, sizeof(text)),
			 EXIT_OK);
}

#define PATH_TEST(test) cmocka_unit_test_setup_teardown(test, path_setup, path_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PATH_TEST(test_steps_follow_each_other_without_gaps),
		PATH_TEST(test_only_the_first_of_an_event_counts),
		PATH_TEST(test_marks_are_numbers_of_four_bytes_and_the_first_64),
		PATH_TEST(test_without_one_nothing_is_done),
		PATH_TEST(test_there_may_be_more_steps_than_room),
		PATH_TEST(test_a_file_that_is_none_is_refused_with_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
