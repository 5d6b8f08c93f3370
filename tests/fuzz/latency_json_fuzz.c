/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/latency/json.c, and vmm/latency/format.c on what it read. The input is a file of runs. What
 * was read is written and read again, and must be the same then.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_latency.h"
#include "vmm/latency/json.h"

static void metric_same(const struct latency_metric *a, const struct latency_metric *b)
{
	fuzz_check(!strcmp(a->name, b->name));
	fuzz_check(!memcmp(&a->histogram, &b->histogram, sizeof(a->histogram)));
}

static void runs_same(const struct latency_runs *a, const struct latency_runs *b)
{
	fuzz_check(a->count == b->count);
	for (unsigned int i = 0; i < a->count; i++) {
		const struct latency_run *one = &a->list[i], *other = &b->list[i];

		fuzz_check(!memcmp(one, other, offsetof(struct latency_run, metrics)));
		fuzz_check(one->worst_count == other->worst_count);
		fuzz_check(!memcmp(one->worst, other->worst, sizeof(one->worst)));
		fuzz_check(one->metric_count == other->metric_count);
		fuzz_check(one->fact_count == other->fact_count);
		for (unsigned int j = 0; j < one->metric_count; j++)
			metric_same(&one->metrics[j], &other->metrics[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct latency_runs runs = { 0 }, again = { 0 };
	static struct fuzz_file file, copy;
	char why[512] = "";
	int error;

	if (!file.fd) {
		fuzz_file_init(&file);
		fuzz_file_init(&copy);
	}
	fuzz_file_set(&file, data, size);
	error = latency_json_read(&runs, file.path, why, sizeof(why));
	fuzz_check(error == 0 || error == -EINVAL);
	fuzz_check(!error == !why[0]);
	if (!error) {
		fuzz_runs_use(&runs);
		fuzz_check(!latency_json_write(&runs, copy.path, why, sizeof(why)));
		fuzz_check(!latency_json_read(&again, copy.path, why, sizeof(why)));
		runs_same(&runs, &again);
	}
	latency_runs_cleanup(&runs);
	latency_runs_cleanup(&again);
	return 0;
}
