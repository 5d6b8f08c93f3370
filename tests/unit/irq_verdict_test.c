/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/report/verdict: every rule, as a table of facts and what follows from them. */
#include "vmm/report/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/util.h"

/*
 * One letter for each look: Yes, No, ? for unknown, - for unmapped. And for what is otherwise than
 * usual: o never turned on, u in user space, r no row, i impossible, m misfit, g the guest took 9,
 * k 5 came while the guest had it masked.
 */
struct row {
	const char *name;
	const char *delivery, *reason;
	enum irq_kind kind;
	uint64_t count;
	const char *looks, *unusual;
};

static const struct row rows[] = {
	{ "never turned on", "none", "never turned it on", IRQ_KIND_MSIX, 0, "", "o" },
	{ "never turned on, impossible", "none", "never turned it on", IRQ_KIND_MSI, 0, "", "ori" },
	{ "INTx never turned on", "none", "never turned it on", IRQ_KIND_INTX, 0, "", "o" },
	{ "no kind", "none", "never turned it on", IRQ_KIND_NONE, 0, "", "" },

	{ "user space", "userspace", "this process", IRQ_KIND_MSIX, 5, "", "u" },
	{ "user space, quiet, all else for posting", "userspace", "this process", IRQ_KIND_MSIX, 0,
	  "YY", "u" },
	{ "user space and INTx", "userspace", "this process", IRQ_KIND_INTX, 5, "", "u" },

	{ "INTx", "injected", "INTx is level-triggered", IRQ_KIND_INTX, 5, "", "" },
	{ "INTx, quiet", "none", "none came", IRQ_KIND_INTX, 0, "", "" },
	{ "INTx, quiet for all that is known", "injected", "INTx is level-triggered", IRQ_KIND_INTX,
	  0, "", "r" },
	{ "INTx, whatever a look says", "injected", "INTx is level-triggered", IRQ_KIND_INTX, 1,
	  "YY", "" },

	{ "no row", "unknown", "/proc/interrupts has no row", IRQ_KIND_MSIX, 0, "YY", "r" },
	{ "no row and impossible", "injected", "WHY", IRQ_KIND_MSIX, 0, "", "ri" },

	{ "posted", "posted", "never ran; SEEN", IRQ_KIND_MSIX, 0, "YY", "" },
	{ "posted, MSI, one look", "posted", "never ran; SEEN", IRQ_KIND_MSI, 0, "Y", "" },
	{ "posted, unmapped before and after", "posted", "never ran; SEEN", IRQ_KIND_MSIX, 0, "-Y-",
	  "" },
	{ "a look that saw nothing", "unknown", "posted at 2 of 3 looks", IRQ_KIND_MSIX, 0, "Y?Y",
	  "" },
	{ "not at first", "unknown", "posted now, but at 1 of 3 looks it was not", IRQ_KIND_MSIX, 0,
	  "NYY", "" },
	{ "there and back", "unknown", "posted now, but at 1 of 3 looks", IRQ_KIND_MSIX, 0, "YNY",
	  "" },
	{ "gone, nothing came since", "injected", "posted at first, injected 0 times later",
	  IRQ_KIND_MSIX, 0, "YYN", "" },
	{ "there, and gone again", "injected", "posted at times, injected 0 times later",
	  IRQ_KIND_MSIX, 0, "NYN", "" },
	{ "gone, then unmapped", "injected", "posted at first, injected 0 times later",
	  IRQ_KIND_MSIX, 0, "YN-", "" },

	{ "a count without looks", "injected", "ran 7 times, though nothing", IRQ_KIND_MSIX, 7, "",
	  "" },
	{ "a count, and a blind look", "injected", "rules posting out; SEEN", IRQ_KIND_MSIX, 7, "?",
	  "" },
	{ "a count, not posted", "injected", "ran 7 times; SEEN", IRQ_KIND_MSIX, 7, "NN", "" },
	{ "a count, impossible", "injected", "WHY", IRQ_KIND_MSIX, 7, "?", "i" },
	{ "a count, impossible, not posted", "injected", "WHY; SEEN", IRQ_KIND_MSIX, 7, "N", "i" },
	{ "a count, misfit", "injected", "MISFIT", IRQ_KIND_MSIX, 7, "?", "m" },
	{ "a count, misfit, not posted", "injected", "MISFIT; SEEN", IRQ_KIND_MSIX, 7, "N", "m" },
	{ "a count, impossible and misfit", "injected", "WHY", IRQ_KIND_MSIX, 7, "?", "im" },
	{ "a count, and gone", "injected", "posted at first, injected 7 times later", IRQ_KIND_MSIX,
	  7, "YN", "" },
	{ "a count, and not at first", "injected", "injected 7 times, and posted at other times",
	  IRQ_KIND_MSIX, 7, "NY", "" },
	{ "a count against all looks", "injected", "injected 7 times, though posted at every look",
	  IRQ_KIND_MSIX, 7, "YY", "" },
	{ "a count of what was masked", "posted", "ran 5 times, and only while", IRQ_KIND_MSIX, 5,
	  "YY", "k" },
	{ "a count of what was masked, and more", "injected",
	  "injected 2 times, though posted at every look", IRQ_KIND_MSIX, 7, "YY", "k" },
	{ "a count of what was masked, one look no", "injected",
	  "posted at first, injected 5 times later", IRQ_KIND_MSIX, 5, "YN", "k" },
	{ "a count of what was masked, one look blind", "injected", "injected 5 times",
	  IRQ_KIND_MSIX, 5, "Y?", "k" },
	{ "a count of what was masked, no look", "injected", "ran 5 times", IRQ_KIND_MSIX, 5, "",
	  "k" },
	{ "a count of what was masked, and the guest's", "injected", "ran 5 times", IRQ_KIND_MSIX,
	  5, "?", "kg" },
	{ "a large count", "injected", "ran 12345678901234567890 times", IRQ_KIND_MSIX,
	  12345678901234567890ULL, "", "" },

	{ "quiet, not posted", "injected", "none came so far; SEEN", IRQ_KIND_MSIX, 0, "N", "" },
	{ "quiet, not posted, one look blind", "injected", "none came so far; SEEN", IRQ_KIND_MSIX,
	  0, "N?", "" },
	{ "quiet, not posted, impossible", "injected", "none came so far; WHY; SEEN", IRQ_KIND_MSIX,
	  0, "N", "i" },
	{ "quiet, not posted, misfit", "injected", "none came so far; MISFIT; SEEN", IRQ_KIND_MSIX,
	  0, "N", "m" },
	{ "quiet, impossible", "injected", "none came so far; WHY", IRQ_KIND_MSIX, 0, "?", "i" },
	{ "quiet, blind", "unknown", "either it is posted or none came; SEEN", IRQ_KIND_MSIX, 0,
	  "??", "" },
	{ "quiet, unmapped", "unknown", "either it is posted or none came; SEEN", IRQ_KIND_MSIX, 0,
	  "-", "" },
	{ "quiet, without looks", "unknown", "either it is posted or none came", IRQ_KIND_MSIX, 0,
	  "", "" },

	{ "the guest took some, blind", "posted",
	  "took 9, of which this process sent none, and the host's handler never ran; SEEN",
	  IRQ_KIND_MSIX, 0, "?", "g" },
	{ "the guest took some, no looks", "posted", "took 9, of which this process sent none",
	  IRQ_KIND_MSI, 0, "", "g" },
	{ "the guest took some, seen", "posted", "took 9 and the host's handler never ran; SEEN",
	  IRQ_KIND_MSIX, 0, "YY", "g" },
	{ "the guest took some, one look blind", "posted", "took 9 and", IRQ_KIND_MSIX, 0, "Y?",
	  "g" },
	{ "the guest took some, against a look", "unknown", "at 1 of 1 looks it was not posted",
	  IRQ_KIND_MSIX, 0, "N", "g" },
	{ "the guest took some, against one of three", "unknown",
	  "at 1 of 3 looks it was not posted; SEEN", IRQ_KIND_MSIX, 0, "YNY", "g" },
	{ "the guest took some, impossible", "unknown",
	  "took 9 and the host's handler never ran, "
	  "but WHY",
	  IRQ_KIND_MSIX, 0, "?", "gi" },
	{ "the guest took some, and the handler ran", "injected", "ran 7 times", IRQ_KIND_MSIX, 7,
	  "?", "g" },
	{ "the guest took some, no row", "unknown", "no row", IRQ_KIND_MSIX, 0, "?", "gr" },
	{ "the guest took some, from user space", "userspace", "this process", IRQ_KIND_MSIX, 0,
	  "?", "gu" },
};

static void looks_add(struct irq_looks *looks, const char *letters)
{
	for (; *letters; letters++)
		irq_looks_add(looks, *letters == 'Y'   ? POSTING_YES
				     : *letters == 'N' ? POSTING_NO
				     : *letters == '-' ? POSTING_UNMAPPED
						       : POSTING_UNKNOWN);
}

static void each_rule_holds(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct irq_facts facts = {
			.kind = row->kind,
			.connected = !strchr(row->unusual, 'o'),
			.userspace = strchr(row->unusual, 'u'),
			.row_found = !strchr(row->unusual, 'r'),
			.host_count = row->count,
			.possible = !strchr(row->unusual, 'i'),
			.why = strchr(row->unusual, 'i') ? "WHY" : "",
			.fits = !strchr(row->unusual, 'm'),
			.misfit = strchr(row->unusual, 'm') ? "MISFIT" : "",
			.seen = row->looks[0] ? "SEEN" : "",
			.guest_count = strchr(row->unusual, 'g') ? 9 : 0,
			.masked_count = strchr(row->unusual, 'k') ? 5 : 0,
		};
		struct irq_verdict verdict;

		looks_add(&facts.looks, row->looks);
		irq_verdict_reach(&facts, &verdict);
		if (strcmp(irq_delivery_name(verdict.delivery), row->delivery) ||
		    !strstr(verdict.reason, row->reason))
			fail_msg("%s: %s, %s", row->name, irq_delivery_name(verdict.delivery),
				 verdict.reason);
	}
}

/*
 * Go through all combinations: whatever else is the case, posted needs a row that stands at 0 but
 * for what came while it was masked, and a look that says so or the guest's count; and no look that
 * says otherwise.
 */
static void posted_is_never_said_without_evidence(void **state)
{
	static const char *const looks[] = { "", "Y", "N", "?", "-", "YN", "NY", "Y?", "-Y", "NN" };
	unsigned int posted = 0;

	(void)state;
	for (unsigned int bits = 0; bits < 1 << 8; bits++)
		for (unsigned int i = 0; i < ARRAY_SIZE(looks); i++) {
			struct irq_facts facts = { .kind = bits & 1 ? IRQ_KIND_INTX : IRQ_KIND_MSI,
						   .connected = true,
						   .userspace = bits & 2,
						   .row_found = bits & 4,
						   .host_count = bits & 8 ? 1 : 0,
						   .possible = bits & 16,
						   .why = "",
						   .fits = bits & 32,
						   .misfit = "",
						   .seen = "",
						   .guest_count = bits & 64 ? 1 : 0,
						   .masked_count = bits & 128 ? 1 : 0 };
			bool counted = bits & 64;
			struct irq_verdict verdict;

			looks_add(&facts.looks, looks[i]);
			irq_verdict_reach(&facts, &verdict);
			if (verdict.delivery != IRQ_DELIVERY_POSTED)
				continue;
			posted++;
			assert_int_equal(bits & 7, 4);
			if (bits & 8)
				assert_true(bits & 128 && strchr(looks[i], 'Y') &&
					    !strchr(looks[i], '?'));
			assert_null(strchr(looks[i], 'N'));
			if (!counted)
				assert_true(!strcmp(looks[i], "Y") || !strcmp(looks[i], "-Y"));
			else if (!strchr(looks[i], 'Y'))
				assert_true(facts.possible);
		}
	/*
	 * Without a count two forms of looks, each with four of the rest; with one also "Y?", and
	 * where nothing rules posting out three that say nothing. All of these whether something
	 * came while it was masked or not; and the two forms of looks where that is all that came.
	 */
	assert_int_equal(posted, 2 * (2 * 4 + 3 * 4 + 3 * 2) + 2 * 8);
}

/* A reason that does not fit is cut, wherever that falls. */
static void a_long_reason_is_cut(void **state)
{
	char why[sizeof(((struct irq_verdict *)0)->reason) + 8];

	(void)state;
	for (size_t length = sizeof(why) - 24; length < sizeof(why); length++) {
		struct irq_facts facts = { .kind = IRQ_KIND_MSI,
					   .connected = true,
					   .row_found = true,
					   .host_count = 1,
					   .why = why,
					   .misfit = "",
					   .seen = "SEEN" };
		struct irq_verdict verdict;

		memset(why, 'w', length);
		why[length] = '\0';
		looks_add(&facts.looks, "N");
		memset(verdict.reason, 'x', sizeof(verdict.reason));
		irq_verdict_reach(&facts, &verdict);
		assert_int_equal(strlen(verdict.reason),
				 min(length + strlen("; SEEN"), sizeof(verdict.reason) - 1));
	}
}

static void looks_keep_the_first_and_the_last(void **state)
{
	struct irq_looks looks = { 0 };

	(void)state;
	looks_add(&looks, "-?");
	assert_int_equal(looks.first, POSTING_UNKNOWN);
	assert_int_equal(looks.last, POSTING_UNKNOWN);
	looks_add(&looks, "NYY?-");
	assert_int_equal(looks.first, POSTING_NO);
	assert_int_equal(looks.last, POSTING_YES);
	assert_int_equal(looks.yes, 2);
	assert_int_equal(looks.no, 1);
	assert_int_equal(looks.unknown, 2);
	assert_int_equal(looks.unmapped, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_holds),
		cmocka_unit_test(posted_is_never_said_without_evidence),
		cmocka_unit_test(a_long_reason_is_cut),
		cmocka_unit_test(looks_keep_the_first_and_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
