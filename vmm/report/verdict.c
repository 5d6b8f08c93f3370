/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void irq_looks_add(struct irq_looks *looks, enum posting_state state)
{
	switch (state) {
	case POSTING_UNKNOWN:
		looks->unknown++;
		return;
	case POSTING_UNMAPPED:
		looks->unmapped++;
		return;
	case POSTING_NO:
		looks->no++;
		break;
	case POSTING_YES:
		looks->yes++;
		break;
	}
	if (looks->first == POSTING_UNKNOWN)
		looks->first = state;
	looks->last = state;
}

const char *irq_delivery_name(enum irq_delivery delivery)
{
	static const char *const names[] = {
		[IRQ_DELIVERY_NONE] = "none",	      [IRQ_DELIVERY_POSTED] = "posted",
		[IRQ_DELIVERY_INJECTED] = "injected", [IRQ_DELIVERY_USERSPACE] = "userspace",
		[IRQ_DELIVERY_UNKNOWN] = "unknown",
	};

	return names[delivery];
}

static void __attribute__((format(printf, 3, 4)))
conclude(struct irq_verdict *verdict, enum irq_delivery delivery, const char *format, ...)
{
	va_list args;

	verdict->delivery = delivery;
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

/* The host's handler ran, so some interrupts at least were injected: why were they? */
static void injected_explain(const struct irq_facts *facts, struct irq_verdict *verdict)
{
	const struct irq_looks *looks = &facts->looks;
	uint64_t count = facts->host_count;

	if (looks->yes && !looks->no)
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "injected %" PRIu64
			 " times, though posted at every look: what comes while the guest has it "
			 "masked is injected later",
			 count);
	else if (looks->yes && looks->first == POSTING_YES)
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "posted at first, injected %" PRIu64 " times later", count);
	else if (looks->yes)
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "injected %" PRIu64 " times, and posted at other times", count);
	else if (!facts->possible)
		conclude(verdict, IRQ_DELIVERY_INJECTED, "%s", facts->why);
	else if (!facts->fits)
		conclude(verdict, IRQ_DELIVERY_INJECTED, "%s", facts->misfit);
	else
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "the host's handler ran %" PRIu64
			 " times, though nothing that can be read rules posting out%s%s",
			 count, facts->seen[0] ? "; " : "", facts->seen);
}

/* The host's handler did not run: because the hardware delivers, or because nothing came? */
static void silence_explain(const struct irq_facts *facts, struct irq_verdict *verdict)
{
	const struct irq_looks *looks = &facts->looks;

	if (looks->yes && !looks->no && !looks->unknown)
		conclude(verdict, IRQ_DELIVERY_POSTED, "the host's handler never ran; %s",
			 facts->seen);
	else if (looks->yes && !looks->no)
		conclude(
			verdict, IRQ_DELIVERY_UNKNOWN,
			"the host's handler never ran and it was posted at %u of %u looks, but the "
			"others saw nothing; %s",
			looks->yes, looks->yes + looks->unknown, facts->seen);
	else if (looks->yes && looks->last == POSTING_YES)
		conclude(verdict, IRQ_DELIVERY_UNKNOWN,
			 "the host's handler never ran and it is posted now, but at %u of %u looks "
			 "it was not",
			 looks->no, looks->yes + looks->no);
	else if (looks->yes)
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "posted at %s, injected 0 times later: none came since",
			 looks->first == POSTING_YES ? "first" : "times");
	else if (looks->no)
		conclude(verdict, IRQ_DELIVERY_INJECTED, "none came so far; %s",
			 facts->possible ? facts->seen : facts->why);
	else if (!facts->possible)
		conclude(verdict, IRQ_DELIVERY_INJECTED, "none came so far; %s", facts->why);
	else
		conclude(verdict, IRQ_DELIVERY_UNKNOWN,
			 "the host's handler never ran: either it is posted or none came%s%s",
			 facts->seen[0] ? "; " : "", facts->seen);
}

void irq_verdict_reach(const struct irq_facts *facts, struct irq_verdict *verdict)
{
	if (!facts->connected || facts->kind == IRQ_KIND_NONE)
		conclude(verdict, IRQ_DELIVERY_NONE, "the guest never turned it on");
	else if (facts->userspace)
		conclude(verdict, IRQ_DELIVERY_USERSPACE,
			 "this process was told to stand between the device and the guest");
	else if (facts->kind == IRQ_KIND_INTX && facts->row_found && !facts->host_count)
		conclude(verdict, IRQ_DELIVERY_NONE,
			 "none came: it is on until the guest's driver turns on another kind");
	else if (facts->kind == IRQ_KIND_INTX)
		conclude(verdict, IRQ_DELIVERY_INJECTED,
			 "INTx is level-triggered: KVM must see its end, so it cannot be posted");
	else if (!facts->row_found && facts->possible)
		conclude(verdict, IRQ_DELIVERY_UNKNOWN,
			 "/proc/interrupts has no row of it, so whether the host's handler ran is "
			 "not known");
	else if (!facts->row_found)
		conclude(verdict, IRQ_DELIVERY_INJECTED, "%s", facts->why);
	else if (facts->host_count)
		injected_explain(facts, verdict);
	else
		silence_explain(facts, verdict);
}
