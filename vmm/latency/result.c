/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/result.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "vmm/latency/run.h"

/* "" where there is none. */
static const char *text_get(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int number_fact_add(struct latency_run *run, const char *key, const json_t *number)
{
	char text[32];

	if (!json_is_integer(number))
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(number));
	return latency_fact_add(run, key, text);
}

/* ---- the irq report ---- */

/* The row of the one interrupt that the program used, or NULL. */
static const json_t *row_find(const json_t *rows, bool intx)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!strcmp(text_get(row, "kind"), "INTx") == intx &&
		    strcmp(text_get(row, "delivery"), "none"))
			return row;
	}
	return NULL;
}

static int row_apply(struct latency_run *run, const json_t *row, bool intx)
{
	const json_t *host = json_object_get(row, "host");
	const char *delivery = text_get(row, "delivery");
	int error;

	if (!latency_name_valid(delivery))
		delivery = "unknown";
	snprintf(run->path, sizeof(run->path), "%s", intx ? "intx" : delivery);
	error = latency_fact_add(run, "delivery", delivery);
	if (!error && row)
		error = latency_fact_add(run, "delivery.why", text_get(row, "reason"));
	if (!error)
		error = number_fact_add(run, "host.irq", json_object_get(host, "irq"));
	if (!error)
		error = number_fact_add(run, "host.count", json_object_get(host, "count"));
	return error;
}

int latency_result_report(struct latency_run *run, const char *text, bool intx)
{
	json_t *report = json_loads(text, 0, NULL);
	const json_t *rows = json_object_get(report, "interrupts");
	int error = -EINVAL;

	if (json_is_array(rows))
		error = row_apply(run, row_find(rows, intx), intx);
	if (!error && text_get(report, "iommu")[0])
		error = latency_fact_add(run, "iommu", text_get(report, "iommu"));
	json_decref(report);
	return error;
}

/* ---- the probe ---- */

static int exits_apply(struct latency_exits *to, json_t *exits)
{
	const char *name;
	json_t *value;

	json_object_foreach(exits, name, value)
	{
		json_int_t count = json_integer_value(value);

		if (latency_name_valid(name) && count > 0 &&
		    !latency_exit_add(to, name, (uint64_t)count))
			return -ENOMEM;
	}
	return 0;
}

/* The program marks the interrupts first, and then each of the costs, in the order of its report.
 */
static int sections_apply(struct latency_run *run, const json_t *sections)
{
	int error = 0;

	if (run->count)
		return exits_apply(&run->exits, json_array_get(sections, 0));
	if (json_array_size(sections) != 1 + run->metric_count)
		return -EINVAL;
	for (unsigned int i = 0; !error && i < run->metric_count; i++)
		error = exits_apply(&run->metrics[i].exits, json_array_get(sections, 1 + i));
	return error;
}

/* Of a run without such times, and where KVM shows no counters, there is none. */
static int worst_apply(struct latency_run *run, const json_t *worst)
{
	int error = 0;

	if (json_array_size(worst) != run->worst_count)
		return 0;
	for (unsigned int i = 0; !error && i < run->worst_count; i++) {
		const json_t *entry = json_array_get(worst, i);
		json_int_t interrupts = json_integer_value(json_object_get(entry, "interrupts"));

		if (interrupts <= 0)
			continue;
		run->around[i].interrupts = (uint64_t)interrupts;
		error = exits_apply(&run->around[i].counted, json_object_get(entry, "counted"));
	}
	return error;
}

/* One fact for all interrupts: @key of each. */
static int affinity_apply(struct latency_run *run, const json_t *irqs, const char *fact,
			  const char *key)
{
	char text[1024] = "";
	size_t length = 0, i;
	const json_t *irq;

	json_array_foreach(irqs, i, irq)
	{
		if (length < sizeof(text))
			length += (size_t)snprintf(
				text + length, sizeof(text) - length, "%s%lld: %s",
				length ? ", " : "",
				(long long)json_integer_value(json_object_get(irq, "irq")),
				text_get(irq, key));
	}
	return length ? latency_fact_add(run, fact, text) : 0;
}

int latency_result_probe(struct latency_run *run, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	const json_t *sections = json_object_get(root, "exits");
	const json_t *irqs = json_object_get(root, "irqs");
	int error = -EINVAL;

	if (json_array_size(sections) && json_is_array(irqs)) {
		error = sections_apply(run, sections);
		if (!error)
			error = worst_apply(run, json_object_get(root, "worst"));
		if (!error)
			error = number_fact_add(run, "migrations",
						json_object_get(root, "migrations"));
		if (!error)
			error = affinity_apply(run, irqs, "host.affinity", "affinity");
		if (!error)
			error = affinity_apply(run, irqs, "host.effective", "effective");
		if (!error && text_get(root, "error")[0])
			error = latency_fact_add(run, "exits", text_get(root, "error"));
	}
	json_decref(root);
	return error;
}
