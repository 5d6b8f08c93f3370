/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/instruments.h"

#include "guest/layout.h"
#include "vmm/latency/kvm_stats.h"
#include "vmm/relay.h"

static void instruments_init(void *opaque, struct machine *machine)
{
	struct latency_instruments *instruments = opaque;

	for (unsigned int i = 0; i < instruments->cpus; i++)
		machine_range_add(&machine->memory, "doorbell",
				  LAYOUT_DOORBELL + (uint64_t)i * DOORBELL_STRIDE,
				  DOORBELL_REGISTERS, doorbell_access, &instruments->doorbells[i]);
}

static void doorbell_begin(void *opaque)
{
	const struct machine *machine = opaque;

	pthread_setname_np(pthread_self(), "doorbell");
	seccomp_thread_enter(machine->seccomp, SECCOMP_THREAD_DOORBELL);
}

static void instruments_start(void *opaque, struct machine *machine)
{
	struct latency_instruments *instruments = opaque;
	struct doorbell_config config = {
		.vm = &machine->vm,
		.address = LAYOUT_DOORBELL,
		.relay = instruments->relay ? &machine->relay->wires : NULL,
		.thread = instruments->thread,
		.loopback = instruments->loopback ? &machine->functions[0].device : NULL,
		.mark = latency_probe_mark,
		.broken = latency_probe_break,
		.look = latency_probe_look,
		.opaque = &instruments->probe,
		.begin = doorbell_begin,
		.begin_opaque = machine,
	};

	instruments->probe = (struct latency_probe){
		.stats_fd = stats_open(machine->vcpus[0].fd),
		.fd = instruments->probe_fd,
		.socket = instruments->probe_socket,
		.migrations_fd = instruments->migrations_fd,
		.marker_fd = instruments->marker_fd,
		.tracing_fd = instruments->tracing_fd,
	};
	doorbell_init(&instruments->doorbells[0], &config);
	/* What is seen while it measures is seen of the first one. */
	config.mark = NULL;
	config.broken = NULL;
	config.look = NULL;
	for (unsigned int i = 1; i < instruments->cpus; i++) {
		config.address += DOORBELL_STRIDE;
		doorbell_init(&instruments->doorbells[i], &config);
	}
}

/* Of the device. What this process signals by VFIO comes without it. */
static uint64_t guest_count(void *opaque)
{
	struct latency_instruments *instruments = opaque;

	return instruments->thread ? 0 : atomic_load(&instruments->doorbells[0].taken);
}

static void instruments_cleanup(void *opaque)
{
	struct latency_instruments *instruments = opaque;

	for (unsigned int i = 0; i < instruments->cpus; i++)
		doorbell_cleanup(&instruments->doorbells[i]);
	latency_probe_cleanup(&instruments->probe);
}

struct machine_addition latency_instruments_addition(struct latency_instruments *instruments)
{
	return (struct machine_addition){
		.relay = instruments->relay,
		.init = instruments_init,
		.start = instruments_start,
		.guest_count = guest_count,
		.cleanup = instruments_cleanup,
		.opaque = instruments,
	};
}
