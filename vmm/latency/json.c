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
#include "vmm/latency/stats.h"

#define FORMAT 2

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

static json_t *nanoseconds_json(const struct latency_run *run, const struct histogram *histogram)
{
	struct latency_stats stats;
	uint64_t low, high;
	json_t *object;

	latency_stats_get(histogram, &stats);
	object = json_pack("{s:f, s:f, s:f, s:f, s:f}", "p50", latency_ns(run, (double)stats.p50),
			   "p90", latency_ns(run, (double)stats.p90), "p99",
			   latency_ns(run, (double)stats.p99), "p99.9",
			   latency_ns(run, (double)stats.p999), "max",
			   latency_ns(run, (double)stats.max));
	if (histogram_p99_interval(histogram, &low, &high))
		json_object_set_new(object, "p99.interval",
				    json_pack("[f, f]", latency_ns(run, (double)low),
					      latency_ns(run, (double)high)));
	return object;
}

static json_t *metric_json(const struct latency_run *run, const struct latency_metric *metric)
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
	object = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "count", number(histogram->total),
			   "min", number(histogram->minimum), "max", number(histogram->maximum),
			   "sum", number(histogram->sum), "ns", nanoseconds_json(run, histogram),
			   "buckets", buckets);
	if (metric->exits.count)
		json_object_set_new(object, "exits", exits_json(&metric->exits));
	return object;
}

static json_t *worst_json(const struct latency_run *run)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < run->worst_count; i++) {
		const struct latency_around *around = &run->around[i];
		json_t *entry =
			json_pack("{s:o, s:o, s:f, s:f}", "ticks", number(run->worst[i].ticks),
				  "at", number(run->worst[i].at), "ns",
				  latency_ns(run, (double)run->worst[i].ticks), "at_ns",
				  latency_ns(run, (double)run->worst[i].at));

		if (around->interrupts) {
			json_object_set_new(entry, "interrupts", number(around->interrupts));
			json_object_set_new(entry, "counted", exits_json(&around->counted));
		}
		json_array_append_new(array, entry);
	}
	return array;
}

static json_t *run_json(const struct latency_run *run)
{
	json_t *facts = json_object(), *metrics = json_object();

	for (unsigned int i = 0; i < run->fact_count; i++)
		json_object_set_new(facts, run->facts[i].key, json_string(run->facts[i].value));
	for (unsigned int i = 0; i < run->metric_count; i++)
		json_object_set_new(metrics, run->metrics[i].name,
				    metric_json(run, &run->metrics[i]));
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:o}, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "vmm",
		run->vmm, "path", run->path, "architecture", run->architecture, "state", run->state,
		"source", run->source, "clock", "name", run->clock, "hz", number(run->clock_hz),
		"overhead", number(run->overhead), "count", number(run->count), "lost",
		number(run->lost), "environment", facts, "exits", exits_json(&run->exits), "worst",
		worst_json(run), "metrics", metrics);
}

int latency_json_write(const struct latency_runs *runs, const char *path, char *why, size_t size)
{
	json_t *list = json_array(), *root;
	char *text;
	int error;

	for (unsigned int i = 0; i < runs->count; i++)
		json_array_append_new(list, run_json(&runs->list[i]));
	root = json_pack("{s:i, s:o}", "format", FORMAT, "runs", list);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	error = text ? file_create(path, text, strlen(text)) : -ENOMEM;
	free(text);
	if (error)
		snprintf(why, size, "%s cannot be written: %s", path, strerror(-error));
	return error;
}

/* ---- reading ---- */

/* Where a key is, "" or as in "metrics.handler.", and where to say what is wrong with it. */
struct place {
	const char *parent;
	char *why;
	size_t size;
};

/* Keys that are no names are not repeated: who knows what they do to a terminal. */
static int refuse(const struct place *place, const char *key, const char *fault)
{
	snprintf(place->why, place->size, "%s%s %s", place->parent,
		 latency_name_valid(key) ? key : "(a key that is no name)", fault);
	return -EINVAL;
}

static int name_take(const struct place *place, json_t *object, const char *key, char *to)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || (text[0] && !latency_name_valid(text)))
		return refuse(place, key, "is no name");
	strcpy(to, text);
	return 0;
}

static int number_take(const struct place *place, json_t *object, const char *key, uint64_t *to)
{
	json_t *number = json_object_get(object, key);

	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return refuse(place, key, "is no integer from 0 on");
	*to = (uint64_t)json_integer_value(number);
	return 0;
}

static int clock_take(const struct place *place, struct latency_run *run, json_t *object)
{
	int error = name_take(place, object, "name", run->clock);

	error = error ? error : number_take(place, object, "hz", &run->clock_hz);
	return error || run->clock_hz ? error : refuse(place, "hz", "is 0");
}

/* What is not in arrays and objects; no key is optional. */
static int fields_take(const struct place *place, struct latency_run *run, json_t *object)
{
	const struct place of_clock = { "clock.", place->why, place->size };
	const struct {
		const char *key;
		char *to;
	} names[] = {
		{ "vmm", run->vmm },
		{ "path", run->path },
		{ "architecture", run->architecture },
		{ "state", run->state },
		{ "source", run->source },
	};
	int error = clock_take(&of_clock, run, json_object_get(object, "clock"));

	for (unsigned int i = 0; i < ARRAY_SIZE(names) && !error; i++)
		error = name_take(place, object, names[i].key, names[i].to);
	error = error ? error : number_take(place, object, "overhead", &run->overhead);
	error = error ? error : number_take(place, object, "count", &run->count);
	return error ? error : number_take(place, object, "lost", &run->lost);
}

/* @key of @parent, a run, a metric or one of the worst: "exits", say. */
static int exits_take(const struct place *place, struct latency_exits *exits, json_t *parent,
		      const char *key)
{
	json_t *object = json_object_get(parent, key), *value;
	const char *reason;

	if (!json_is_object(object))
		return refuse(place, key, "is no object");
	json_object_foreach(object, reason, value)
	{
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    !latency_name_valid(reason))
			return refuse(place, key,
				      "has what is no name of an exit with an integer from 0 on");
		if (!latency_exit_add(exits, reason, (uint64_t)json_integer_value(value)))
			return -ENOMEM;
	}
	return 0;
}

/* "worst" of @object, which files of format 1 do not have. */
static int worst_take(const struct place *all, struct latency_run *run, json_t *object)
{
	const struct place place = { "worst.", all->why, all->size };
	json_t *array = json_object_get(object, "worst"), *entry;
	size_t i;

	if (array && (!json_is_array(array) || json_array_size(array) > LATENCY_WORST_MAX))
		return refuse(all, "worst", "is no array, or too long");
	json_array_foreach(array, i, entry)
	{
		struct latency_outlier *outlier = &run->worst[i];
		struct latency_around *around = &run->around[i];
		int error;

		run->worst_count++;
		if (number_take(&place, entry, "ticks", &outlier->ticks) ||
		    number_take(&place, entry, "at", &outlier->at))
			return -EINVAL;
		if (!json_object_get(entry, "interrupts"))
			continue;
		error = number_take(&place, entry, "interrupts", &around->interrupts);
		error = error ? error : exits_take(&place, &around->counted, entry, "counted");
		if (error)
			return error;
	}
	return 0;
}

static int facts_take(const struct place *place, struct latency_run *run, json_t *object)
{
	json_t *facts = json_object_get(object, "environment"), *value;
	const char *key;

	if (!json_is_object(facts))
		return refuse(place, "environment", "is no object");
	json_object_foreach(facts, key, value)
	{
		if (!json_is_string(value))
			return refuse(place, "environment", "has what is no string");
		if (latency_fact_add(run, key, json_string_value(value)))
			return -ENOMEM;
	}
	return 0;
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

static int histogram_take(const struct place *place, struct histogram *histogram, json_t *object)
{
	json_t *buckets = json_object_get(object, "buckets"), *bucket;
	int error = number_take(place, object, "count", &histogram->total);
	size_t i;

	error = error ? error : number_take(place, object, "min", &histogram->minimum);
	error = error ? error : number_take(place, object, "max", &histogram->maximum);
	error = error ? error : number_take(place, object, "sum", &histogram->sum);
	if (!error && !json_is_array(buckets))
		error = refuse(place, "buckets", "is no array");
	if (error)
		return error;
	json_array_foreach(buckets, i, bucket)
	{
		if (bucket_take(histogram, bucket))
			return refuse(place, "buckets",
				      "has what is no bucket, or one that is there twice");
	}
	return 0;
}

static int metric_take(const struct place *all, struct latency_run *run, const char *name,
		       json_t *object)
{
	char parent[LATENCY_NAME_SIZE + 16];
	const struct place place = { parent, all->why, all->size };
	struct latency_metric *metric;
	int error;

	if (!latency_name_valid(name))
		return refuse(all, name, "is no name of a metric");
	snprintf(parent, sizeof(parent), "metrics.%s.", name);
	metric = latency_metric_add(run, name);
	if (!metric)
		return -ENOMEM;
	error = histogram_take(&place, &metric->histogram, object);
	if (!error && json_object_get(object, "exits"))
		error = exits_take(&place, &metric->exits, object, "exits");
	return error;
}

/* Returns 0, -ENOMEM, or -EINVAL with the fault in @why. */
static int run_take(struct latency_run *run, json_t *object, char *why, size_t size)
{
	const struct place place = { "", why, size }, of_metrics = { "metrics.", why, size };
	json_t *metrics = json_object_get(object, "metrics"), *metric;
	int error = fields_take(&place, run, object);
	const char *name;

	error = error ? error : facts_take(&place, run, object);
	error = error ? error : exits_take(&place, &run->exits, object, "exits");
	error = error ? error : worst_take(&place, run, object);
	if (!error && !json_is_object(metrics))
		error = refuse(&place, "metrics", "is no object");
	json_object_foreach(metrics, name, metric) error =
		error ? error : metric_take(&of_metrics, run, name, metric);
	return error ? error : latency_run_check(run, why, size);
}

/* As run_take(), for the whole file. */
static int root_take(struct latency_runs *runs, json_t *root, char *why, size_t size)
{
	struct latency_run *run;
	json_t *list, *object;
	int format, length, error = 0;
	size_t i;

	if (json_unpack(root, "{s:i, s:o}", "format", &format, "runs", &list) || format < 1 ||
	    format > FORMAT || !json_array_size(list)) {
		snprintf(why, size, "there is no \"format\" of 1 or %d with an array \"runs\"",
			 FORMAT);
		return -EINVAL;
	}
	json_array_foreach(list, i, object)
	{
		run = latency_run_add(runs);
		length = snprintf(why, size, "runs[%zu]: ", i);
		error = run ? run_take(run, object, why + length, size - (size_t)length) : -ENOMEM;
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
