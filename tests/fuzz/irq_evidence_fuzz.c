/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's kernel tells of posting on x86-64: lines of its trace and the formats of its
 * tracepoints (vmm/report/trace_x86_64.c), and the tables of IOMMUs (irte_x86_64.c). The input: a
 * byte with the size of the pieces that the trace comes in, two with the number of an entry, then
 * the texts, each but for the last ended by a byte 0xff, which no text has.
 */
#include <limits.h>
#include <string.h>

#include "lib/util.h"
#include "tests/fuzz/fuzz_file.h"
#include "vmm/report/irte_x86_64.h"
#include "vmm/report/trace_x86_64.h"

#define BDF    "0000:01:00.0"
#define THREAD 4711
#define HEAD   3
#define END    0xff

enum { IRTE_FORMAT, INHIBIT_FORMAT, TRACE, AMD_TABLE, INTEL_TABLE, TEXTS };

/* The texts of an input: pieces of it, which end with a NUL in a buffer of their own. */
struct texts {
	char *text[TEXTS];
	size_t size[TEXTS];
};

static void texts_get(struct texts *texts, const uint8_t *data, size_t size)
{
	for (unsigned int i = 0; i < TEXTS; i++) {
		const uint8_t *end = size ? memchr(data, END, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;

		texts->text[i] = malloc(length + 1);
		fuzz_check(texts->text[i]);
		memcpy(texts->text[i], data, length);
		texts->text[i][length] = '\0';
		texts->size[i] = length;
		length = min(length + 1, size);
		data += length;
		size -= length;
	}
}

static void forms_check(const struct texts *texts)
{
	struct irq_trace trace = { .fd = -1, .guard_fd = -1 };
	bool known = irq_trace_forms_check(&trace, texts->text[IRTE_FORMAT],
					   texts->text[INHIBIT_FORMAT]);

	fuzz_check(known == !trace.why[0]);
}

/* Take the trace in, in pieces of @piece bytes. */
static void trace_take(struct irq_trace *trace, const struct texts *texts, size_t piece)
{
	*trace = (struct irq_trace){ .guard_fd = -1 };
	irq_trace_thread_add(trace, THREAD);
	trace->fd = -1;
	for (size_t at = 0; at < texts->size[TRACE]; at += piece)
		irq_trace_take(trace, texts->text[TRACE] + at, min(piece, texts->size[TRACE] - at));
	fuzz_check(trace->length < sizeof(trace->line));
	fuzz_check(memchr(trace->inhibit_names, '\0', sizeof(trace->inhibit_names)));
	fuzz_check(memchr(trace->past_names, '\0', sizeof(trace->past_names)));
	for (const char *name = trace->inhibit_names; *name; name++)
		fuzz_check(*name >= ' ' && *name <= '~');
	for (unsigned int i = 0; i < trace->entry_count; i++)
		fuzz_check(irq_trace_find(trace, trace->entries[i].irq) == &trace->entries[i]);
}

static bool entries_are_same(const struct irq_trace_entry *a, const struct irq_trace_entry *b)
{
	return a->irq == b->irq && a->gsi == b->gsi && a->vector == b->vector &&
	       a->vcpu == b->vcpu && a->posted == b->posted && a->unsure == b->unsure &&
	       a->inhibited == b->inhibited;
}

/* However it is cut, it says the same. */
static void trace_check(const struct texts *texts, size_t piece)
{
	struct irq_trace whole, pieces;

	trace_take(&whole, texts, max(texts->size[TRACE], (size_t)1));
	trace_take(&pieces, texts, piece);
	fuzz_check(whole.entry_count == pieces.entry_count);
	fuzz_check(whole.heard == pieces.heard && whole.lost == pieces.lost);
	fuzz_check(whole.inhibits_known == pieces.inhibits_known);
	fuzz_check(whole.inhibits == pieces.inhibits);
	fuzz_check(!strcmp(whole.inhibit_names, pieces.inhibit_names));
	fuzz_check(!strcmp(whole.past_names, pieces.past_names));
	fuzz_check(!whole.inhibits_known || whole.heard);
	for (unsigned int i = 0; i < whole.entry_count; i++)
		fuzz_check(entries_are_same(&whole.entries[i], &pieces.entries[i]));
	irq_trace_close(&whole);
	irq_trace_close(&pieces);
}

static void table_check(enum irte_maker maker, const char *text, size_t size, unsigned int index)
{
	static struct fuzz_file file, devid;
	struct irte_tables tables = { .maker = maker };
	const struct irte_source source = { .iommu = "dmar0" };
	const struct msi_message messages[] = {
		[IRTE_AMD] = { .address = 0xfee00000, .data = index },
		[IRTE_INTEL] = { .address = 0xfee00010 | (uint64_t)(index & 0x7fff) << 5 |
					    (uint64_t)(index >> 15) << 2 },
	};
	struct irte irte = { .posted = true, .vector = UINT_MAX };

	if (!file.path[0]) {
		fuzz_file_init(&file);
		fuzz_file_init(&devid);
	}
	fuzz_file_set(&file, (const uint8_t *)text, size);
	tables.table_fd = file.fd;
	tables.devid_fd = devid.fd;
	if (irte_find(&tables, &source, BDF, &messages[maker], &irte) && maker == IRTE_AMD)
		fuzz_check(irte.vector <= 0xff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct texts texts;
	unsigned int index;

	if (size < HEAD)
		return 0;
	index = data[1] | (unsigned int)data[2] << 8;
	texts_get(&texts, data + HEAD, size - HEAD);
	forms_check(&texts);
	trace_check(&texts, (size_t)data[0] + 1);
	table_check(IRTE_AMD, texts.text[AMD_TABLE], texts.size[AMD_TABLE], index);
	table_check(IRTE_INTEL, texts.text[INTEL_TABLE], texts.size[INTEL_TABLE], index);
	for (unsigned int i = 0; i < TEXTS; i++)
		free(texts.text[i]);
	return 0;
}
