/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/util.h"
#include "vmm/latency/run.h"

/* ---- writing ---- */

/* Any number that a run may have fits: see HISTOGRAM_VALUE_MAX. */
static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)min(value, HISTOGRAM_VALUE_MAX));
}

static json_t *exits_json(const struct latency_exits *exits)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < exits->count; i++)
		json_object_set_new(object, exits->list[i].reason, number(exits->list[i].count));
	return object;
}

static json_t *metric_json(const struct latency_metric *metric)
{
	const struct histogram *histogram = &metric->histogram;
	json_t *buckets = json_array(), *object;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i])
			json_array_append_new(buckets,
					      json_pack("[o, o, o]", number(histogram_low(i)),
							number(histogram_high(i)),
							number(histogram->buckets[i])));
	}
	object = json_pack("{s:o, s:o, s:o, s:o, s:o}", "count", number(histogram->total), "min",
			   number(histogram->minimum), "max", number(histogram->maximum), "sum",
			   number(histogram->sum), "buckets", buckets);
	if (metric->exits.count)
		json_object_set_new(object, "exits", exits_json(&metric->exits));
	return object;
}

static json_t *run_json(const struct latency_run *run)
{
	json_t *facts = json_object(), *metrics = json_object();

	for (unsigned int i = 0; i < run->fact_count; i++)
		json_object_set_new(facts, run->facts[i].key, json_string(run->facts[i].value));
	for (unsigned int i = 0; i < run->metric_count; i++)
		json_object_set_new(metrics, run->metrics[i].name, metric_json(&run->metrics[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "vmm", run->vmm, "path", run->path, "architecture", run->architecture,
			 "state", run->state, "source", run->source, "clock", "name", run->clock,
			 "hz", number(run->clock_hz), "overhead", number(run->overhead), "count",
			 number(run->count), "lost", number(run->lost), "environment", facts,
			 "exits", exits_json(&run->exits), "metrics", metrics);
}

int latency_json_write(const struct latency_runs *runs, const char *path, char *why, size_t size)
{
	json_t *list = json_array(), *root;
	char *text;
	int error;

	for (unsigned int i = 0; i < runs->count; i++)
		json_array_append_new(list, run_json(&runs->list[i]));
	root = json_pack("{s:i, s:o}", "format", 1, "runs", list);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	error = text ? file_create(path, text, strlen(text)) : -ENOMEM;
	free(text);
	if (error)
		snprintf(why, size, "%s cannot be written: %s", path, strerror(-error));
	return error;
}

/* ---- reading ---- */

/* What json_unpack() can take apart by itself, and names: no key is optional. */
struct fields {
	const char *names[6]; /* in the order of run_names() */
	json_int_t numbers[4];
	json_t *environment, *exits, *metrics;
};

static int names_take(struct latency_run *run, const struct fields *fields)
{
	char *const to[] = { run->vmm,	 run->path,   run->architecture,
			     run->state, run->source, run->clock };

	for (unsigned int i = 0; i < ARRAY_SIZE(to); i++) {
		if (fields->names[i][0] && !latency_name_valid(fields->names[i]))
			return -EINVAL;
		strcpy(to[i], fields->names[i]);
	}
	return 0;
}

static int numbers_take(struct latency_run *run, const struct fields *fields)
{
	uint64_t *const to[] = { &run->clock_hz, &run->overhead, &run->count, &run->lost };

	for (unsigned int i = 0; i < ARRAY_SIZE(to); i++) {
		if (fields->numbers[i] < 0)
			return -EINVAL;
		*to[i] = (uint64_t)fields->numbers[i];
	}
	return run->clock_hz ? 0 : -EINVAL;
}

/* @object may be NULL: it has none. */
static int exits_take(struct latency_exits *exits, json_t *object)
{
	const char *reason;
	json_t *value;

	json_object_foreach(object, reason, value)
	{
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    !latency_name_valid(reason))
			return -EINVAL;
		if (!latency_exit_add(exits, reason, (uint64_t)json_integer_value(value)))
			return -ENOMEM;
	}
	return 0;
}

static int pairs_take(struct latency_run *run, const struct fields *fields)
{
	const char *key;
	json_t *value;

	json_object_foreach(fields->environment, key, value)
	{
		if (!json_is_string(value))
			return -EINVAL;
		if (latency_fact_add(run, key, json_string_value(value)))
			return -ENOMEM;
	}
	return exits_take(&run->exits, fields->exits);
}

static int bucket_take(struct histogram *histogram, json_t *bucket)
{
	json_int_t low, high, count;
	unsigned int index;

	if (json_unpack(bucket, "[I, I, I!]", &low, &high, &count) || low < 0 || count < 1)
		return -EINVAL;
	index = histogram_index((uint64_t)low);
	if (histogram_low(index) != (uint64_t)low || histogram_high(index) != (uint64_t)high ||
	    histogram->buckets[index])
		return -EINVAL;
	histogram->buckets[index] = (uint64_t)count;
	return 0;
}

static int metric_take(struct latency_run *run, const char *name, json_t *object)
{
	struct latency_metric *metric;
	json_int_t numbers[4];
	json_t *buckets, *bucket;
	size_t i;

	if (!latency_name_valid(name) ||
	    json_unpack(object, "{s:I, s:I, s:I, s:I, s:o}", "count", &numbers[0], "min",
			&numbers[1], "max", &numbers[2], "sum", &numbers[3], "buckets", &buckets))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i] < 0)
			return -EINVAL;
	}
	metric = latency_metric_add(run, name);
	if (!metric)
		return -ENOMEM;
	metric->histogram.total = (uint64_t)numbers[0];
	metric->histogram.minimum = (uint64_t)numbers[1];
	metric->histogram.maximum = (uint64_t)numbers[2];
	metric->histogram.sum = (uint64_t)numbers[3];
	json_array_foreach(buckets, i, bucket)
	{
		if (bucket_take(&metric->histogram, bucket))
			return -EINVAL;
	}
	return exits_take(&metric->exits, json_object_get(object, "exits"));
}

/* Returns 0, -ENOMEM, or -EINVAL with the fault in @why. */
static int run_take(struct latency_run *run, json_t *object, char *why, size_t size)
{
	struct fields fields;
	json_error_t fault;
	const char *name;
	json_t *metric;
	int error;

	if (json_unpack_ex(object, &fault, 0,
			   "{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:I}, s:I, s:I, s:I, s:o, s:o, s:o}",
			   "vmm", &fields.names[0], "path", &fields.names[1], "architecture",
			   &fields.names[2], "state", &fields.names[3], "source", &fields.names[4],
			   "clock", "name", &fields.names[5], "hz", &fields.numbers[0], "overhead",
			   &fields.numbers[1], "count", &fields.numbers[2], "lost",
			   &fields.numbers[3], "environment", &fields.environment, "exits",
			   &fields.exits, "metrics", &fields.metrics)) {
		snprintf(why, size, "%s", fault.text);
		return -EINVAL;
	}
	snprintf(why, size, "a name, a number or a bucket is not what it should be");
	error = names_take(run, &fields);
	error = error ? error : numbers_take(run, &fields);
	error = error ? error : pairs_take(run, &fields);
	json_object_foreach(fields.metrics, name, metric) error =
		error ? error : metric_take(run, name, metric);
	return error ? error : latency_run_check(run, why, size);
}

/* As run_take(), for the whole file. */
static int root_take(struct latency_runs *runs, json_t *root, char *why, size_t size)
{
	struct latency_run *run;
	json_t *list, *object;
	int format, error = 0;
	size_t i;

	if (json_unpack(root, "{s:i, s:o}", "format", &format, "runs", &list) || format != 1 ||
	    !json_array_size(list)) {
		snprintf(why, size, "there is no \"format\" of 1 with an array \"runs\"");
		return -EINVAL;
	}
	json_array_foreach(list, i, object)
	{
		run = latency_run_add(runs);
		error = run ? run_take(run, object, why, size) : -ENOMEM;
		if (error)
			break;
	}
	return error;
}

int latency_json_read(struct latency_runs *runs, const char *path, char *why, size_t size)
{
	json_error_t fault;
	char what[256];
	json_t *root;
	int error;

	if (access(path, R_OK)) {
		error = -errno;
		snprintf(why, size, "%s cannot be read: %s", path, strerror(errno));
		return error;
	}
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
	snprintf(what, sizeof(what), "line %d: %s", fault.line, fault.text);
	error = root ? root_take(runs, root, what, sizeof(what)) : -EINVAL;
	json_decref(root);
	if (error)
		snprintf(why, size,
			 "%s is not a file of latency runs: %s; make it with"
			 " 'posthorn latency --json %s'",
			 path, error == -ENOMEM ? "no memory" : what, path);
	return error;
}
