/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more entry at the end of *@array, all zero; NULL without memory. */
static void *array_grow(void **array, unsigned int *count, size_t size)
{
	char *grown = reallocarray(*array, *count + 1, size);

	if (!grown)
		return NULL;
	*array = grown;
	return memset(grown + size * (*count)++, 0, size);
}

struct latency_run *latency_run_add(struct latency_runs *runs)
{
	void *array = runs->list, *run = array_grow(&array, &runs->count, sizeof(*runs->list));

	runs->list = array;
	return run;
}

struct latency_metric *latency_metric_add(struct latency_run *run, const char *name)
{
	void *array = run->metrics;
	struct latency_metric *metric = array_grow(&array, &run->metric_count, sizeof(*metric));

	run->metrics = array;
	if (metric)
		snprintf(metric->name, sizeof(metric->name), "%s", name);
	return metric;
}

struct latency_exit *latency_exit_add(struct latency_exits *exits, const char *reason,
				      uint64_t count)
{
	void *array = exits->list;
	struct latency_exit *entry = array_grow(&array, &exits->count, sizeof(*entry));

	exits->list = array;
	if (entry) {
		snprintf(entry->reason, sizeof(entry->reason), "%s", reason);
		entry->count = count;
	}
	return entry;
}

int latency_fact_add(struct latency_run *run, const char *key, const char *value)
{
	void *array = run->facts;
	struct latency_fact *fact = array_grow(&array, &run->fact_count, sizeof(*fact));

	run->facts = array;
	if (!fact)
		return -ENOMEM;
	fact->key = strdup(key);
	fact->value = strdup(value);
	return fact->key && fact->value ? 0 : -ENOMEM;
}

const char *latency_fact_find(const struct latency_run *run, const char *key)
{
	for (unsigned int i = 0; i < run->fact_count; i++)
		if (!strcmp(run->facts[i].key, key))
			return run->facts[i].value;
	return NULL;
}

static void run_cleanup(struct latency_run *run)
{
	for (unsigned int i = 0; i < run->fact_count; i++) {
		free(run->facts[i].key);
		free(run->facts[i].value);
	}
	for (unsigned int i = 0; i < run->metric_count; i++)
		free(run->metrics[i].exits.list);
	for (unsigned int i = 0; i < LATENCY_WORST_MAX; i++)
		free(run->around[i].counted.list);
	free(run->facts);
	free(run->exits.list);
	free(run->metrics);
}

void latency_runs_cleanup(struct latency_runs *runs)
{
	for (unsigned int i = 0; i < runs->count; i++)
		run_cleanup(&runs->list[i]);
	free(runs->list);
	*runs = (struct latency_runs){ 0 };
}

const struct latency_metric *latency_metric_find(const struct latency_run *run, const char *name)
{
	for (unsigned int i = 0; i < run->metric_count; i++) {
		if (!strcmp(run->metrics[i].name, name))
			return &run->metrics[i];
	}
	return NULL;
}

bool latency_name_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-_.");

	return length && length < LATENCY_NAME_SIZE && !name[length];
}

/* What is wrong with @histogram, or NULL. The products need more than 64 bits. */
static const char *histogram_fault(const struct histogram *histogram)
{
	unsigned int first = HISTOGRAM_BUCKETS, last = 0;
	unsigned __int128 total = 0, low = 0, high = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (!histogram->buckets[i])
			continue;
		first = first == HISTOGRAM_BUCKETS ? i : first;
		last = i;
		total += histogram->buckets[i];
		low += (unsigned __int128)histogram->buckets[i] * histogram_low(i);
		high += (unsigned __int128)histogram->buckets[i] * histogram_high(i);
	}
	if (total != histogram->total)
		return "the buckets do not add up to its count";
	if (!total)
		return histogram->minimum || histogram->maximum || histogram->sum
			       ? "it is empty but has a minimum, a maximum or a sum"
			       : NULL;
	if (histogram_index(histogram->minimum) != first)
		return "its minimum is not in the first bucket";
	if (histogram_index(histogram->maximum) != last)
		return "its maximum is not in the last bucket";
	if (histogram->sum > high || (histogram->sum < low && histogram->sum < HISTOGRAM_VALUE_MAX))
		return "its sum cannot be that of the buckets";
	return NULL;
}

static bool metric_of_interrupts(const char *name)
{
	return !strcmp(name, "handler") || !strcmp(name, "return");
}

int latency_run_check(const struct latency_run *run, char *why, size_t size)
{
	if (!run->metric_count) {
		snprintf(why, size, "there is no metric");
		return -EINVAL;
	}
	for (unsigned int i = 0; i < run->metric_count; i++) {
		const struct latency_metric *metric = &run->metrics[i];
		const char *fault = histogram_fault(&metric->histogram);

		if (latency_metric_find(run, metric->name) != metric)
			fault = "it is there twice";
		else if (!fault && metric_of_interrupts(metric->name) &&
			 metric->histogram.total + run->lost != run->count)
			fault = "its count and the lost ones do not make the count of the run";
		if (fault) {
			snprintf(why, size, "metric %s: %s", metric->name, fault);
			return -EINVAL;
		}
	}
	return 0;
}

void latency_run_label(const struct latency_run *run, char label[LATENCY_LABEL_SIZE])
{
	const char *const words[] = { run->vmm, run->path, run->state };
	size_t length = 0;

	label[0] = '\0';
	for (unsigned int i = 0; i < 3; i++) {
		if (words[i][0])
			length += (size_t)snprintf(label + length, LATENCY_LABEL_SIZE - length,
						   "%s%s", length ? " " : "", words[i]);
	}
}
