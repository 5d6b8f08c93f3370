/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several CPUs at once, each with a doorbell and a vector of its own: what they cost each other in
 * the host. See latency.h.
 */
#include "guest/payload/doorbell.h"
#include "guest/payload/histogram.h"
#include "guest/payload/latency.h"
#include "guest/payload/latency_lines.h"
#include "guest/payload/payload.h"

#define VECTOR_FIRST 0x70

static struct cpu {
	uint64_t doorbell;
	uint64_t lost;
	volatile uint64_t taken;
	struct histogram handler_times, return_times;
} cpus[DOORBELL_CPUS_MAX];

static struct latency_many many;
static unsigned int begun, done; /* how many CPUs have */

static unsigned int read_once(const unsigned int *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void handler(unsigned int vector)
{
	cpus[vector - VECTOR_FIRST].taken++;
}

static void connect(const struct cpu *cpu, unsigned int vector)
{
	struct message message = message_for(DOORBELL_DEVICE_ID, vector);

	mmio_write32(cpu->doorbell + DOORBELL_ADDRESS_LOW, (uint32_t)message.address);
	mmio_write32(cpu->doorbell + DOORBELL_ADDRESS_HIGH, (uint32_t)(message.address >> 32));
	mmio_write32(cpu->doorbell + DOORBELL_DATA, message.data);
	mmio_write32(cpu->doorbell + DOORBELL_CONTROL, 1);
	if (!(mmio_read32(cpu->doorbell + DOORBELL_CONTROL) & 1))
		payload_fail("a doorbell could not be connected");
}

/* As with one CPU that spins. Returns whether it came. */
static bool once(struct cpu *cpu, unsigned int vector, uint64_t *to_handler, uint64_t *to_return)
{
	uint64_t before = cpu->taken, begin = ticks_now(), start;

	while (ticks_now() - begin < many.interval)
		;
	interrupts_on();
	start = ticks_now();
	mmio_write32(cpu->doorbell + DOORBELL_RAISE, 1);
	while (cpu->taken == before && ticks_now() - start < many.patience)
		;
	*to_handler = interrupt_ticks_of(vector) - start;
	*to_return = ticks_now() - start;
	interrupts_off();
	return cpu->taken != before;
}

static void measure(unsigned int index)
{
	unsigned int vector = VECTOR_FIRST + index;
	struct cpu *cpu = &cpus[index];
	uint64_t to_handler, to_return;

	connect(cpu, vector);
	__atomic_fetch_add(&begun, 1, __ATOMIC_ACQ_REL);
	while (read_once(&begun) < many.cpus)
		;
	for (uint64_t i = 0; i < many.warmup + many.count; i++) {
		if (!once(cpu, vector, &to_handler, &to_return)) {
			cpu->lost += i >= many.warmup;
			/* That many are lost that it would take hours. */
			if (cpu->lost > 10)
				payload_fail("CPU %u loses its interrupts", index);
		} else if (i >= many.warmup) {
			histogram_add(&cpu->handler_times, to_handler);
			histogram_add(&cpu->return_times, to_return);
		}
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_ACQ_REL);
	/* Who is done goes on as before until all are: nobody is measured beside idle ones. */
	while (read_once(&done) < many.cpus)
		once(cpu, vector, &to_handler, &to_return);
}

/* Which of cpu_ids() is @id? */
static uint32_t ids[CPUS_MAX];

static void cpu_measure(uint32_t id)
{
	unsigned int index = 1;

	while (ids[index] != id)
		index++;
	measure(index);
}

void latency_many_measure(const struct latency_many *config)
{
	static char state[] = "running.cpu0";

	many = *config;
	if (many.cpus > DOORBELL_CPUS_MAX || cpu_ids(ids) < many.cpus)
		payload_fail("there are not so many CPUs or doorbells");
	for (unsigned int i = 0; i < many.cpus; i++) {
		cpus[i].doorbell = latency_doorbell() + (uint64_t)i * DOORBELL_STRIDE;
		interrupt_handler_set(VECTOR_FIRST + i, handler);
	}
	for (unsigned int i = 1; i < many.cpus; i++)
		if (!cpu_start(ids[i], cpu_measure))
			payload_fail("CPU %u does not start", i);
	mmio_write32(latency_doorbell() + DOORBELL_MARK, 1);
	measure(0);
	mmio_write32(latency_doorbell() + DOORBELL_MARK, 0);
	for (unsigned int i = 0; i < many.cpus; i++) {
		state[sizeof(state) - 2] = (char)('0' + i);
		latency_lines_begin(print, "eventfd", state, CLOCK_NAME, many.ticks_per_s,
				    many.overhead);
		latency_lines_count(print, many.count, many.count - cpus[i].handler_times.total);
		latency_lines_metric(print, "handler", &cpus[i].handler_times);
		latency_lines_metric(print, "return", &cpus[i].return_times);
		latency_lines_end(print);
	}
}
