/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts all CPUs, and looks whether they run at the same time: each waits for all others. */
#include "guest/payload/payload.h"

static unsigned int cpu_count, arrived;

static void rendezvous(uint32_t id)
{
	(void)id;
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < cpu_count)
		;
}

void payload_main(void)
{
	uint32_t ids[CPUS_MAX];

	cpu_count = cpu_ids(ids);
	for (unsigned int i = 1; i < cpu_count; i++) {
		if (!cpu_start(ids[i], rendezvous))
			payload_fail("CPU %u does not start", ids[i]);
		print("CPU %u is up\n", ids[i]);
	}
	rendezvous(ids[0]);
	print("all %u CPUs met\n", cpu_count);
}
