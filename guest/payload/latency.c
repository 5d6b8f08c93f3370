/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an interrupt takes: from the store that makes a device raise it to the first
 * instructions of its handler, and until the interrupted code goes on. The same program runs as
 * posthorn's guest, as another VMM's, and on the machine itself, so that the three can be compared.
 *
 * Words of the command line, all but the first optional:
 *
 *   source=NAME                what raises the interrupts: edu, e1000e, e1000e-traffic, igb,
 *                              igb-traffic, eventfd, thread, loopback
 *   kind=msi|intx              as messages, or by its line
 *   state=running|halted|both  after the store the CPU spins, or it sleeps (HLT, WFI)
 *   state=idle-guest           it sleeps, and the report calls it so: the VMM lets it keep its CPU
 *   count=N, warmup=N          how many are measured, and how many before that are not
 *   interval=US                microseconds from one to the next
 *   random=1                   each wait is another one, from 0 to twice the interval
 *   cpus=N                     so many CPUs at once, each with a doorbell: latency_many.c
 *   load=1                     a second device is busy meanwhile: load.h
 *   until=PERCENT              stop when the interval of p99 of "handler" is so wide: histogram.h
 *   break=US                   stop after an interrupt that took longer, and tell the doorbell
 *   noise=S                    nothing of that: spin for S seconds, measure the clock's gaps
 *   costs=N                    after that, N times each: accesses to configuration space and
 *                              to a BAR, masking and moving of the vector
 *   hz=N                       how often the clock ticks in a second, where that is known
 *   doorbell=0xADDRESS         where posthorn latency has its doorbell
 *
 * The numbers go to the console: see latency_lines.h.
 */
#include "guest/payload/latency.h"

#include "guest/payload/doorbell.h"
#include "guest/payload/histogram.h"
#include "guest/payload/latency_lines.h"
#include "guest/payload/load.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/source.h"

#define VECTOR	      0x60
#define VECTOR_OTHER  0x61
#define VECTOR_TIMER  0x40
#define US_PER_S      1000000
#define MARK_EARLY    1	   /* interrupts */
#define LOST_MAX      10   /* then it gives up */
#define LOOK_INTERVAL 1000 /* interrupts from one look at KVM's counters to the next, at most */
#define CHECK_MASK    1023 /* whether it has converged is seen after one more, a power of two */
#define SETTLE_ALARMS 5	   /* a quarter of a second each: see settle() */

/* How long one interrupt may take before it is lost: the clock's ticks in two seconds. */
static uint64_t patience;

static const struct source *source;
static bool is_intx, loaded;
static uint64_t doorbell, ticks_per_s, overhead;
static volatile uint64_t taken;	 /* interrupts that came */
static uint64_t answered;	 /* those that were raised and came */
static volatile uint64_t alarms; /* those of the timer */
static struct histogram handler_times, return_times;
static struct latency_outlier worst[LATENCY_WORST_MAX]; /* the longest first */
static unsigned int worst_count;

uint64_t latency_doorbell(void)
{
	return doorbell;
}

static void handler(unsigned int vector)
{
	(void)vector;
	taken++;
}

/* The clock was read before, when the interrupt came: this is no part of that time. */
static void intx_handler(unsigned int vector)
{
	handler(vector);
	source->intx_acknowledge();
}

static void timer_handler(unsigned int vector)
{
	alarms++;
	timer_start(vector);
}

/* ---- the command line ---- */

/* Is the value of @name @text? */
static bool option_is(const char *name, const char *text)
{
	const char *value = payload_value(name);

	if (!value)
		return false;
	while (*text && *value == *text) {
		value++;
		text++;
	}
	return !*text && (!*value || *value == ' ');
}

static const struct source *source_find(void)
{
	static const struct source *const sources[] = {
		&source_edu,	     &source_e1000e,  &source_e1000e_traffic, &source_igb,
		&source_igb_traffic, &source_eventfd, &source_thread,	      &source_loopback,
	};

	for (unsigned int i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (option_is("source", sources[i]->name))
			return sources[i];
	payload_fail("source= is none of edu, e1000e, e1000e-traffic, igb, igb-traffic, eventfd, "
		     "thread, loopback");
}

static void source_init(void)
{
	source = source_find();
	is_intx = option_is("kind", "intx");
	interrupt_handler_set(VECTOR, is_intx ? intx_handler : handler);
	interrupt_handler_set(VECTOR_OTHER, handler);
	if (!is_intx)
		source->init(VECTOR);
	else if (source->intx_init)
		source->intx_init(VECTOR);
	else
		payload_fail("the source %s has no INTx here", source->name);
}

/* ---- the clock ---- */

/* The least that two readings, one right after the other, are apart. */
static uint64_t overhead_find(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t start = ticks_now(), ticks = ticks_now() - start;

		least = ticks < least ? ticks : least;
	}
	return least;
}

static void ticks_wait(uint64_t ticks)
{
	uint64_t start = ticks_now();

	while (ticks_now() - start < ticks)
		;
}

/*
 * KVM's code is longer while any local APIC of the host is off (its static key apic_sw_disabled),
 * as this CPU's was until now, and is patched back a second later, which disturbs all CPUs. Sleep
 * until that is over.
 */
static void settle(void)
{
	timer_start(VECTOR_TIMER);
	while (alarms < SETTLE_ALARMS)
		interrupt_wait();
	timer_stop();
}

/* ---- one interrupt ---- */

struct sample {
	uint64_t handler, end; /* ticks from the store */
	uint64_t begin;	       /* the clock at the store */
};

enum outcome {
	CAME,
	LOST,
	DISTURBED, /* something else came as well: the sample is worth nothing */
};

/* Interrupts are let in before the store, and the CPU spins until the handler was there. */
static enum outcome running_once(struct sample *sample)
{
	uint64_t before = taken, start;

	interrupts_on();
	start = ticks_now();
	source->raise();
	while (taken == before && ticks_now() - start < patience)
		;
	*sample = (struct sample){ interrupt_ticks_of(VECTOR) - start, ticks_now() - start, start };
	interrupts_off();
	return taken != before ? CAME : LOST;
}

/*
 * They are let in by the instruction that sleeps, so that none comes before it. The timer is what
 * wakes it when none comes.
 */
static enum outcome halted_once(struct sample *sample)
{
	uint64_t before = taken, alarms_before = alarms, start;

	start = ticks_now();
	source->raise();
	do
		interrupt_wait();
	while (taken == before && ticks_now() - start < patience);
	*sample = (struct sample){ interrupt_ticks_of(VECTOR) - start, ticks_now() - start, start };
	if (taken == before)
		return LOST;
	return alarms == alarms_before ? CAME : DISTURBED;
}

/* ---- many ---- */

/* Tell posthorn when measuring begins and ends: it counts exits in between. */
static void mark(bool begin)
{
	if (doorbell)
		mmio_write32(doorbell + DOORBELL_MARK, begin);
}

/* Returns whether it came. */
static bool undisturbed_once(enum outcome (*once)(struct sample *sample), uint64_t interval,
			     struct sample *sample)
{
	enum outcome outcome;

	do {
		if (loaded)
			load_step();
		ticks_wait(interval);
		if (source->prepare)
			source->prepare();
		/* The timer's, or one that was given up: not to be taken for the next. */
		interrupts_take();
		outcome = once(sample);
		answered += outcome != LOST;
	} while (outcome == DISTURBED);
	return outcome == CAME;
}

static void sample_add(const struct sample *sample)
{
	histogram_add(&handler_times, sample->handler);
	histogram_add(&return_times, sample->end);
}

/* Keep it if it is one of the longest. Returns which, or LATENCY_WORST_MAX. */
static unsigned int worst_note(uint64_t ticks, uint64_t at)
{
	unsigned int i = worst_count;

	if (worst_count < LATENCY_WORST_MAX)
		worst_count++;
	else if (worst[--i].ticks >= ticks)
		return LATENCY_WORST_MAX;
	for (; i && worst[i - 1].ticks < ticks; i--)
		worst[i] = worst[i - 1];
	worst[i] = (struct latency_outlier){ ticks, at };
	return i;
}

/*
 * Does posthorn have to look at KVM's counters, after @since interrupts? The last of them is
 * worst[@index]. Then it has, and what follows is disturbed: the caller lets one interrupt pass.
 */
static bool look(unsigned int index, uint32_t *since)
{
	if (!doorbell || (index == LATENCY_WORST_MAX && *since < LOOK_INTERVAL))
		return false;
	mmio_write32(doorbell + DOORBELL_LOOK, *since << 8 | index);
	*since = 0;
	return true;
}

/* The ticks to wait for: @interval, or with random=1 from 0 to twice that (xorshift64). */
static uint64_t wait_next(uint64_t interval)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	if (!payload_number("random", 0))
		return interval;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % (2 * interval + 1);
}

static void interrupts_measure(const char *state, enum outcome (*once)(struct sample *sample))
{
	uint64_t count = payload_number("count", 1000), warmup = payload_number("warmup", 100);
	uint64_t interval = payload_number("interval", 0), lost = 0, begun = 0;
	uint64_t spare = 0; /* lost, of those that are not measured */
	uint64_t limit = payload_number("break", 0) * ticks_per_s / US_PER_S;
	uint64_t until = payload_number("until", 0);
	struct sample sample, unused;
	uint32_t since = 0;

	if (interval < source->interval)
		interval = source->interval;
	interval = interval * ticks_per_s / US_PER_S;

	memset(&handler_times, 0, sizeof(handler_times));
	memset(&return_times, 0, sizeof(return_times));
	worst_count = 0;
	/* It is marked before the last that is not measured: what that costs is over by then. */
	for (uint64_t i = 0; i < warmup + count && lost + spare < LOST_MAX; i++) {
		if (i + MARK_EARLY == warmup || (warmup < MARK_EARLY && i == 0))
			mark(true);
		begun = i == warmup ? ticks_now() : begun;
		if (!undisturbed_once(once, wait_next(interval), &sample)) {
			lost += i >= warmup;
			spare += i < warmup;
			continue;
		}
		if (i < warmup)
			continue;
		sample_add(&sample);
		since++;
		if (look(worst_note(sample.handler, sample.begin - begun), &since))
			spare += !undisturbed_once(once, wait_next(interval), &unused);
		if (until && !(handler_times.total & CHECK_MASK)) {
			if (histogram_p99_converged(&handler_times, until))
				count = i - warmup + 1;
			else /* the caches are not what they were */
				spare += !undisturbed_once(once, wait_next(interval), &unused);
		}
		if (limit && sample.handler > limit) {
			count = i - warmup + 1;
			if (doorbell)
				mmio_write32(doorbell + DOORBELL_BREAK,
					     (uint32_t)(sample.handler * US_PER_S / ticks_per_s));
		}
	}
	mark(false);
	if (doorbell)
		mmio_write32(doorbell + DOORBELL_TAKEN, (uint32_t)answered);
	latency_lines_begin(print, source->name, state, CLOCK_NAME, ticks_per_s, overhead);
	count += spare;
	latency_lines_count(print, count, count - handler_times.total);
	latency_lines_worst(print, worst, worst_count);
	latency_lines_metric(print, "handler", &handler_times);
	latency_lines_metric(print, "return", &return_times);
	latency_lines_end(print);
}

/* ---- what the rest of the path costs ---- */

static void config_read(void)
{
	mmio_read32(source->config());
}

static void config_write(void)
{
	mmio_write16(source->config() + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void bar_read(void)
{
	mmio_read32(source->scratch());
}

static void bar_write(void)
{
	mmio_write32(source->scratch(), 0);
}

static void mask_unmask(void)
{
	source->mask();
	source->unmask();
}

static void move(void)
{
	static bool other;

	other = !other;
	source->move(other ? VECTOR_OTHER : VECTOR);
}

static void cost_measure(const char *name, void (*operation)(void), uint64_t count)
{
	memset(&handler_times, 0, sizeof(handler_times));
	mark(true);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t start = ticks_now();

		operation();
		histogram_add(&handler_times, ticks_now() - start);
	}
	mark(false);
	latency_lines_metric(print, name, &handler_times);
}

static void costs_measure(uint64_t count)
{
	if (!count)
		return;
	latency_lines_begin(print, source->name, "costs", CLOCK_NAME, ticks_per_s, overhead);
	latency_lines_count(print, 0, 0);
	if (source->config()) {
		cost_measure("config-read", config_read, count);
		cost_measure("config-write", config_write, count);
	}
	if (source->scratch && source->scratch()) {
		cost_measure("bar-read", bar_read, count);
		cost_measure("bar-write", bar_write, count);
	}
	if (source->mask && !is_intx)
		cost_measure("mask-unmask", mask_unmask, count);
	if (source->move && !is_intx)
		cost_measure("vector-change", move, count);
	latency_lines_end(print);
}

/*
 * A CPU that nothing disturbs reads its clock again and again in the same time: what is longer is
 * the machine's, or the host's. The least is what a round of the loop takes.
 */
static void noise_measure(uint64_t seconds)
{
	uint64_t last, now, end;

	memset(&handler_times, 0, sizeof(handler_times));
	/* The first section is that of interrupts, of which there are none. */
	mark(true);
	mark(false);
	mark(true);
	last = ticks_now();
	end = last + seconds * ticks_per_s;
	do {
		now = ticks_now();
		histogram_add(&handler_times, now - last);
		last = now;
	} while (now < end);
	mark(false);
	latency_lines_begin(print, source->name, "noise", CLOCK_NAME, ticks_per_s, overhead);
	latency_lines_count(print, 0, 0);
	latency_lines_metric(print, "gap", &handler_times);
	latency_lines_end(print);
}

static void many_measure(unsigned int cpus)
{
	const struct latency_many many = {
		.cpus = cpus,
		.count = payload_number("count", 1000),
		.warmup = payload_number("warmup", 100),
		.interval = payload_number("interval", 0) * ticks_per_s / US_PER_S,
		.patience = patience,
		.ticks_per_s = ticks_per_s,
		.overhead = overhead,
	};

	serial_fifo_enable();
	latency_many_measure(&many);
}

void payload_main(void)
{
	bool idle_guest = option_is("state", "idle-guest");

	doorbell = payload_number("doorbell", 0);
	ticks_per_s = payload_number("hz", 0);
	interrupt_handler_set(VECTOR_TIMER, timer_handler);
	/* To find the clock's rate takes a second, too. */
	if (ticks_per_s)
		settle();
	else
		ticks_per_s = ticks_per_second();
	patience = 2 * ticks_per_s;
	overhead = overhead_find();
	if (payload_number("cpus", 1) > 1) {
		many_measure((unsigned int)payload_number("cpus", 1));
		return;
	}
	source_init();
	loaded = payload_number("load", 0);
	if (loaded)
		load_init();
	serial_fifo_enable();
	if (payload_number("noise", 0)) {
		noise_measure(payload_number("noise", 0));
		return;
	}
	if (!idle_guest && !option_is("state", "halted"))
		interrupts_measure("running", running_once);
	if (!option_is("state", "running")) {
		timer_start(VECTOR_TIMER);
		interrupts_measure(idle_guest ? "idle-guest" : "halted", halted_once);
		timer_stop();
	}
	costs_measure(payload_number("costs", 0));
	if (loaded && !load_frames())
		payload_fail("load: no frame came back");
}
