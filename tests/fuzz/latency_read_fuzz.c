/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/latency/read.c, and vmm/latency/format.c on what it read. The input is a console's output. */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz_latency.h"
#include "vmm/latency/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct latency_runs runs = { 0 };
	char why[512];
	int error;

	error = latency_read(text, &runs, why, sizeof(why));
	free(text);
	fuzz_check(error == 0 || error == -ENODATA || error == -EINVAL);
	fuzz_check(!error == !why[0]);
	fuzz_check(error || runs.count);
	if (!error)
		fuzz_runs_use(&runs);
	latency_runs_cleanup(&runs);
	return 0;
}
