/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of latency runs that were read from somewhere, and what is done with them. */
#ifndef POSTHORN_TESTS_FUZZ_LATENCY_H
#define POSTHORN_TESTS_FUZZ_LATENCY_H

#include "tests/fuzz/fuzz_check.h"
#include "vmm/latency/format.h"
#include "vmm/latency/run.h"

/* Check @runs, and write them in every format for people. */
static inline void fuzz_runs_use(const struct latency_runs *runs)
{
	static FILE *null;
	char why[256];

	if (!null)
		null = fopen("/dev/null", "w");
	fuzz_check(null);
	latency_format_summary(null, runs);
	latency_format_cyclictest(null, runs, "handler", 100);
	for (unsigned int i = 0; i < runs->count; i++) {
		fuzz_check(!latency_run_check(&runs->list[i], why, sizeof(why)));
		latency_format_csv(null, &runs->list[i]);
	}
}

#endif
