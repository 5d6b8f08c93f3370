/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

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

/* ---- the rules ---- */

/* What can be the case. */
enum fact {
	CONNECTED = BIT(0),
	USERSPACE = BIT(1),
	INTX = BIT(2),
	ROW = BIT(3),
	RAN = BIT(4),	   /* the host's handler, and not only as MASKED says */
	POSSIBLE = BIT(5), /* nothing rules posting out on this host, */
	FITS = BIT(6),	   /* nor for this message */
	YES = BIT(7),	   /* a look said so: posted, */
	NO = BIT(8),	   /* not posted, */
	BLIND = BIT(9),	   /* or nothing */
	YES_FIRST = BIT(10),
	YES_LAST = BIT(11),
	COUNTED = BIT(12), /* by the guest, which took some */
	MASKED = BIT(13),  /* the host's handler ran while the guest had it masked or moved it */
};

/*
 * The first rule whose facts are all the case, and none of those that must not be, decides. Words
 * in braces stand for what words[] has.
 */
static const struct rule {
	unsigned int is, is_not;
	enum irq_delivery delivery;
	const char *reason;
} rules[] = {
	{ 0, CONNECTED, IRQ_DELIVERY_NONE, "the guest never turned it on" },
	{ USERSPACE, 0, IRQ_DELIVERY_USERSPACE,
	  "this process was told to stand between the device and the guest" },
	{ INTX | ROW, RAN, IRQ_DELIVERY_NONE,
	  "none came: it is on until the guest's driver turns on another kind" },
	{ INTX, 0, IRQ_DELIVERY_INJECTED,
	  "INTx is level-triggered: KVM must see its end, so it cannot be posted" },
	{ POSSIBLE, ROW, IRQ_DELIVERY_UNKNOWN,
	  "/proc/interrupts has no row of it, so whether the host's handler ran is not known" },
	{ 0, ROW, IRQ_DELIVERY_INJECTED, "{why}" },

	/* The host's handler ran, so some interrupts at least were injected: why were they? */
	{ RAN | YES, NO, IRQ_DELIVERY_INJECTED,
	  "injected {ran} times, though posted at every look{; seen}" },
	{ RAN | YES_FIRST, 0, IRQ_DELIVERY_INJECTED,
	  "posted at first, injected {ran} times later{; seen}" },
	{ RAN | YES, 0, IRQ_DELIVERY_INJECTED,
	  "injected {ran} times, and posted at other times{; seen}" },
	{ RAN | NO, POSSIBLE, IRQ_DELIVERY_INJECTED, "{why}{; seen}" },
	{ RAN, POSSIBLE, IRQ_DELIVERY_INJECTED, "{why}" },
	{ RAN | NO, FITS, IRQ_DELIVERY_INJECTED, "{misfit}{; seen}" },
	{ RAN, FITS, IRQ_DELIVERY_INJECTED, "{misfit}" },
	{ RAN | NO, 0, IRQ_DELIVERY_INJECTED, "the host's handler ran {ran} times{; seen}" },
	{ RAN, 0, IRQ_DELIVERY_INJECTED,
	  "the host's handler ran {ran} times, though nothing that can be read rules posting "
	  "out{; seen}" },

	/* It did not: because the hardware delivers, or because nothing came? */
	{ MASKED, 0, IRQ_DELIVERY_POSTED,
	  "the host's handler ran {masked} times, and only while the guest had it masked or moved "
	  "it{; seen}" },
	{ YES | COUNTED, NO, IRQ_DELIVERY_POSTED,
	  "the guest took {taken} and the host's handler never ran{; seen}" },
	{ YES, NO | BLIND, IRQ_DELIVERY_POSTED, "the host's handler never ran{; seen}" },
	{ COUNTED | POSSIBLE, NO, IRQ_DELIVERY_POSTED,
	  "the guest took {taken}, of which this process sent none, and the host's handler never "
	  "ran{; seen}" },
	{ COUNTED | NO, 0, IRQ_DELIVERY_UNKNOWN,
	  "the guest took {taken} and the host's handler never ran, but at {no} of {told} looks it "
	  "was not posted{; seen}" },
	{ COUNTED, POSSIBLE, IRQ_DELIVERY_UNKNOWN,
	  "the guest took {taken} and the host's handler never ran, but {why}" },
	{ YES, NO, IRQ_DELIVERY_UNKNOWN,
	  "the host's handler never ran and it was posted at {yes} of {looks} looks, but the "
	  "others saw nothing{; seen}" },
	{ YES_LAST, 0, IRQ_DELIVERY_UNKNOWN,
	  "the host's handler never ran and it is posted now, but at {no} of {told} looks it was "
	  "not" },
	{ YES_FIRST, 0, IRQ_DELIVERY_INJECTED,
	  "posted at first, injected 0 times later: none came since{; seen}" },
	{ YES, 0, IRQ_DELIVERY_INJECTED,
	  "posted at times, injected 0 times later: none came since{; seen}" },
	{ NO, POSSIBLE, IRQ_DELIVERY_INJECTED, "none came so far; {why}{; seen}" },
	{ 0, POSSIBLE, IRQ_DELIVERY_INJECTED, "none came so far; {why}" },
	{ NO, FITS, IRQ_DELIVERY_INJECTED, "none came so far; {misfit}{; seen}" },
	{ NO, 0, IRQ_DELIVERY_INJECTED, "none came so far{; seen}" },
	{ 0, 0, IRQ_DELIVERY_UNKNOWN,
	  "the host's handler never ran: either it is posted or none came{; seen}" },
};

/*
 * What comes while the guest has it masked or moves it is injected, whatever the hardware can. That
 * speaks against posting only where something else does.
 */
static uint64_t masked_count(const struct irq_facts *facts)
{
	const struct irq_looks *looks = &facts->looks;

	return looks->yes && !looks->no && !looks->unknown ? facts->masked_count : 0;
}

static unsigned int facts_bits(const struct irq_facts *facts)
{
	const struct irq_looks *looks = &facts->looks;
	const struct {
		bool is;
		enum fact fact;
	} bits[] = {
		{ facts->connected && facts->kind != IRQ_KIND_NONE, CONNECTED },
		{ facts->userspace, USERSPACE },
		{ facts->kind == IRQ_KIND_INTX, INTX },
		{ facts->row_found, ROW },
		{ facts->host_count > masked_count(facts), RAN },
		{ facts->possible, POSSIBLE },
		{ facts->fits, FITS },
		{ looks->yes, YES },
		{ looks->no, NO },
		{ looks->unknown, BLIND },
		{ looks->first == POSTING_YES, YES_FIRST },
		{ looks->last == POSTING_YES, YES_LAST },
		{ facts->guest_count, COUNTED },
		{ masked_count(facts), MASKED },
	};
	unsigned int all = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++)
		all |= bits[i].is ? bits[i].fact : 0;
	return all;
}

/* ---- the reason ---- */

/* What stands for the word of @length bytes; numbers are written into @number. */
static const char *word_get(const struct irq_facts *facts, const char *word, size_t length,
			    char number[24])
{
	const struct irq_looks *looks = &facts->looks;
	const struct {
		const char *word, *text; /* NULL: the number */
		uint64_t number;
	} words[] = {
		{ "why", facts->why, 0 },
		{ "misfit", facts->misfit, 0 },
		{ "seen", facts->seen, 0 },
		{ "ran", NULL, facts->host_count - masked_count(facts) },
		{ "masked", NULL, masked_count(facts) },
		{ "taken", NULL, facts->guest_count },
		{ "yes", NULL, looks->yes },
		{ "no", NULL, looks->no },
		{ "told", NULL, looks->yes + looks->no },
		{ "looks", NULL, looks->yes + looks->no + looks->unknown },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) != length || strncmp(words[i].word, word, length))
			continue;
		snprintf(number, 24, "%" PRIu64, words[i].number);
		return words[i].text ? words[i].text : number;
	}
	return "";
}

/*
 * Write @rule's text with its words filled in, and what is too long cut. "{; word}": nothing where
 * the word is nothing.
 */
static void reason_write(const struct irq_facts *facts, const char *text, char *reason, size_t size)
{
	size_t used = 0;

	while (*text && used < size - 1) {
		size_t plain = strcspn(text, "{"), length;
		const char *separator = "", *word;
		char number[24];

		used += (size_t)snprintf(reason + used, size - used, "%.*s", (int)plain, text);
		text += plain;
		if (!*text || used >= size - 1)
			break;
		text++;
		if (!strncmp(text, "; ", 2)) {
			separator = "; ";
			text += strlen(separator);
		}
		length = strcspn(text, "}");
		word = word_get(facts, text, length, number);
		if (*word)
			used += (size_t)snprintf(reason + used, size - used, "%s%s", separator,
						 word);
		text += length + 1;
	}
}

void irq_verdict_reach(const struct irq_facts *facts, struct irq_verdict *verdict)
{
	unsigned int bits = facts_bits(facts);
	const struct rule *rule = rules;

	/* The last one holds always. */
	while ((bits & rule->is) != rule->is || bits & rule->is_not)
		rule++;
	verdict->delivery = rule->delivery;
	reason_write(facts, rule->reason, verdict->reason, sizeof(verdict->reason));
}
