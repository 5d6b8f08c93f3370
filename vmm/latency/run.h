/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interrupt-latency experiment found: a list of runs, each with its circumstances and a
 * histogram for each thing measured. Times are in ticks of the run's own clock; only what shows
 * them to people makes nanoseconds of them. Plain data: no locking, and no function dies.
 */
#ifndef POSTHORN_VMM_LATENCY_RUN_H
#define POSTHORN_VMM_LATENCY_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/payload/histogram.h"
#include "guest/payload/latency_lines.h"

/* How often the guest left to the host for one reason. */
struct latency_exit {
	char reason[LATENCY_NAME_SIZE];
	uint64_t count;
};

/* All zero: they were not counted. */
struct latency_exits {
	struct latency_exit *list;
	unsigned int count;
};

struct latency_metric {
	char name[LATENCY_NAME_SIZE]; /* "handler", "return", "config-read"... */
	struct histogram histogram;
	struct latency_exits exits; /* of costs; those of interrupts are the run's */
};

/* A circumstance that may matter to somebody who repeats the run: "cpu", "kernel"... */
struct latency_fact {
	char *key, *value;
};

struct latency_run {
	char vmm[LATENCY_NAME_SIZE];  /* "posthorn", "qemu"; "" for none */
	char path[LATENCY_NAME_SIZE]; /* "bare", "posted", "injected", "userspace", "intx" */
	char architecture[LATENCY_NAME_SIZE]; /* "x86_64", "arm64" */
	char state[LATENCY_NAME_SIZE];	      /* of the CPU: "running"... */
	char source[LATENCY_NAME_SIZE];	      /* what raised the interrupts: "edu"... */
	char clock[LATENCY_NAME_SIZE];
	uint64_t clock_hz; /* not 0 */
	uint64_t overhead; /* ticks; part of every value, not taken off */
	uint64_t count;	   /* interrupts raised */
	uint64_t lost;	   /* of them, those that never came */
	struct latency_metric *metrics;
	unsigned int metric_count;
	struct latency_exits exits; /* while the interrupts were measured */
	struct latency_fact *facts;
	unsigned int fact_count;
	struct latency_outlier worst[LATENCY_WORST_MAX]; /* of "handler", the longest first */
	unsigned int worst_count;
	/*
	 * What KVM counted from its last look before each of them up to it, and how many interrupts
	 * that were, it being the last; 0: nobody looked.
	 */
	struct latency_around {
		uint64_t interrupts;
		struct latency_exits counted;
	} around[LATENCY_WORST_MAX];
};

/* All zero is an empty list. */
struct latency_runs {
	struct latency_run *list;
	unsigned int count;
};

/*
 * The next three append an entry and return it, or NULL without memory. It is empty but for what
 * is given, and stays valid until the next one is appended to the same array.
 */
struct latency_run *latency_run_add(struct latency_runs *runs);
struct latency_metric *latency_metric_add(struct latency_run *run, const char *name);
struct latency_exit *latency_exit_add(struct latency_exits *exits, const char *reason,
				      uint64_t count);

/* Append a circumstance; both strings are copied. 0 or -ENOMEM. */
int latency_fact_add(struct latency_run *run, const char *key, const char *value);

/* The value of circumstance @key of @run, or NULL. */
const char *latency_fact_find(const struct latency_run *run, const char *key);

/* Free all runs and what they own; the list is empty then, and may be used again. */
void latency_runs_cleanup(struct latency_runs *runs);

/* The metric @name of @run, or NULL. */
const struct latency_metric *latency_metric_find(const struct latency_run *run, const char *name);

/* May @name be the name of a metric and so on (see latency_lines.h)? "" may not. */
bool latency_name_valid(const char *name);

/*
 * Do the numbers of @run agree with each other: the buckets of each metric with its count, minimum,
 * maximum and sum, and the metrics of interrupts with the run's count? Is there a metric at all,
 * and none twice? Returns 0, or -EINVAL with a sentence in @why that names the metric.
 */
int latency_run_check(const struct latency_run *run, char *why, size_t size);

#define LATENCY_LABEL_SIZE (3UL * LATENCY_NAME_SIZE)

/* What tables and plots call @run: its VMM, path and state, those that are known. */
void latency_run_label(const struct latency_run *run, char label[LATENCY_LABEL_SIZE]);

#endif
