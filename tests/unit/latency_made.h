/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency runs for the tests to work on. */
#ifndef POSTHORN_TESTS_UNIT_LATENCY_MADE_H
#define POSTHORN_TESTS_UNIT_LATENCY_MADE_H

#include <stdlib.h>
#include <string.h>

#include "vmm/latency/run.h"

/* Append a run without metrics, of a clock with @hz. */
static inline struct latency_run *run_made(struct latency_runs *runs, const char *path, uint64_t hz)
{
	struct latency_run *run = latency_run_add(runs);

	strcpy(run->vmm, "posthorn");
	strcpy(run->path, path);
	strcpy(run->architecture, "x86_64");
	strcpy(run->state, "running");
	strcpy(run->source, "edu");
	strcpy(run->clock, "tsc");
	run->clock_hz = hz;
	run->overhead = 20;
	return run;
}

/* Add @count times @ticks to metric @name, which is made when it is not there. */
static inline void values_made(struct latency_run *run, const char *name, uint64_t ticks,
			       unsigned int count)
{
	struct latency_metric *metric = NULL;

	for (unsigned int i = 0; i < run->metric_count; i++) {
		if (!strcmp(run->metrics[i].name, name))
			metric = &run->metrics[i];
	}
	if (!metric)
		metric = latency_metric_add(run, name);
	if (!strcmp(name, "handler"))
		run->count += count;
	while (count--)
		histogram_add(&metric->histogram, ticks);
}

#endif
