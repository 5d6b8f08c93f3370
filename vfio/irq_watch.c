/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/irq_watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/relay.h"
#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "vfio/device.h"
#include "vfio/host_irq.h"
#include "vfio/msi.h"

#define ROOT "" /* the real host: see kvm/posting.h */

void irq_watch_init(struct irq_watch *watch, bool continuous)
{
	*watch = (struct irq_watch){ .continuous = continuous };
	watch->possible = posting_possible(ROOT, watch->why, sizeof(watch->why));
}

void irq_watch_open(struct irq_watch *watch, const struct vm *vm)
{
	posting_files_open(&watch->posting, ROOT, getpid(), vm->fd);
	watch->interrupts_fd = host_irqs_open(ROOT);
}

void irq_watch_cleanup(struct irq_watch *watch)
{
	posting_files_close(&watch->posting);
	fd_close(&watch->interrupts_fd);
}

/* NULL for INTx. */
static struct msi_vector *vector_find(struct vfio_msi *msi, unsigned int number)
{
	switch (msi->active) {
	case IRQ_KIND_MSI:
		return &msi->msi.vectors[number];
	case IRQ_KIND_MSIX:
		return &msi->msix.vectors[number];
	default:
		return NULL;
	}
}

static void look(struct vfio_msi *msi, struct irq_record *record)
{
	enum posting_state state;
	char seen[POSTING_TEXT_SIZE];

	if (msi->relay)
		return;
	state = posting_probe(&msi->watch->posting, msi->watch->connected,
			      record->message.device_id, record->message.data, seen, sizeof(seen));
	log_debug("%s: message 0x%x is %s: %s", msi->device->bdf, record->message.data,
		  posting_state_name(state), seen);
	irq_looks_add(&record->looks, state);
	/* The guest may take its mapping back before it turns the vector off: that says nothing. */
	if (state != POSTING_UNMAPPED || !record->seen[0])
		memcpy(record->seen, seen, sizeof(seen));
}

/* Without memory for it there is no record, and the report lacks a row; nothing else changes. */
static struct irq_record *record_get(struct irq_record **record)
{
	if (!*record)
		*record = calloc(1, sizeof(**record));
	return *record;
}

/* Begin to watch a vector. NULL when there is no memory to remember anything. */
static struct irq_record *watch_begin(struct vfio_msi *msi, struct msi_vector *vector)
{
	struct irq_record *record = record_get(&vector->record);

	if (!record)
		return NULL;
	record->connected = true;
	record->gsi = vector->gsi;
	record->message = vector->routed;
	if (!vector->watched)
		msi->watch->connected++;
	vector->watched = true;
	return record;
}

static void intx_connected(struct vfio_msi *msi)
{
	struct irq_record *record = record_get(&msi->intx_record);

	if (!record)
		return;
	record->connected = true;
	record->gsi = (int)msi->intx_gsi;
}

void irq_watch_connected(struct vfio_msi *msi, unsigned int number)
{
	struct msi_vector *vector = vector_find(msi, number);
	struct irq_record *record;

	if (!vector) {
		intx_connected(msi);
		return;
	}
	record = watch_begin(msi, vector);
	if (record && msi->watch->continuous)
		look(msi, record);
}

static void watch_end(struct vfio_msi *msi, struct msi_vector *vector)
{
	vector->watched = false;
	msi->watch->connected--;
}

void irq_watch_detaching(struct vfio_msi *msi, unsigned int number)
{
	struct msi_vector *vector = vector_find(msi, number);

	if (!vector || !vector->watched)
		return;
	if (msi->watch->continuous)
		look(msi, vector->record);
	watch_end(msi, vector);
}

/* Look at all that are watched: with a number of the connected that is right for each. */
static void looks_take(struct vfio_msi *msi, const struct msi_set *set)
{
	for (unsigned int i = 0; msi->watch->continuous && i < set->size; i++)
		if (set->vectors[i].watched)
			look(msi, set->vectors[i].record);
}

void irq_watch_enlarged(struct vfio_msi *msi, struct msi_set *set)
{
	for (unsigned int i = 0; i < set->size; i++)
		if (set->vectors[i].triggered && set->vectors[i].attached)
			watch_begin(msi, &set->vectors[i]);
	looks_take(msi, set);
}

/* What the row of a vector that VFIO serves now says, added to @record. */
static void row_add(struct irq_record *record, const struct host_irq *row)
{
	if (!row)
		return;
	record->row_found = true;
	record->host_irq = row->irq;
	record->host_count += row->count;
}

void irq_watch_disabling(struct vfio_msi *msi)
{
	const struct msi_set *set = msi->active == IRQ_KIND_MSIX ? &msi->msix : &msi->msi;
	struct host_irq *rows;
	int count;

	looks_take(msi, set);
	for (unsigned int i = 0; i < set->size; i++)
		if (set->vectors[i].watched)
			watch_end(msi, &set->vectors[i]);
	if (!msi->watch->continuous)
		return;
	count = host_irqs_read(msi->watch->interrupts_fd, msi->device->bdf, &rows);
	if (count <= 0)
		return;
	if (msi->active == IRQ_KIND_INTX && msi->intx_record)
		row_add(msi->intx_record, host_irq_find(rows, count, IRQ_KIND_INTX, 0));
	for (unsigned int i = 0; msi->active != IRQ_KIND_INTX && i < set->size; i++)
		if (set->vectors[i].record && set->vectors[i].triggered)
			row_add(set->vectors[i].record, host_irq_find(rows, count, msi->active, i));
	free(rows);
}

/* ---- the report ---- */

struct report {
	struct vfio_msi *msi;
	const struct host_irq *rows; /* of now */
	int row_count;
	int (*visit)(void *opaque, const struct irq_row *row);
	void *opaque;
};

static void verdict_reach(const struct report *report, struct irq_row *row)
{
	const struct irq_watch *watch = report->msi->watch;
	const struct irq_record *record = row->record;
	char misfit[POSTING_TEXT_SIZE];
	struct irq_facts facts = {
		.kind = row->kind,
		.connected = record->connected,
		.userspace = report->msi->relay && row->kind != IRQ_KIND_INTX,
		.row_found = record->row_found,
		.host_count = record->host_count,
		.possible = watch->possible,
		.why = watch->why,
		.fits = posting_message_fits(&record->message, misfit, sizeof(misfit)),
		.misfit = misfit,
		.looks = record->looks,
		.seen = record->seen,
	};

	irq_verdict_reach(&facts, &row->verdict);
}

/* @live: VFIO serves it now. Works on a copy: what is added here is of this moment. */
static int row_visit(const struct report *report, const struct irq_row *found, bool live)
{
	struct irq_record now = *found->record;
	struct irq_row row = *found;

	row.record = &now;
	if (live)
		row_add(&now, host_irq_find(report->rows, report->row_count, row.kind, row.vector));
	verdict_reach(report, &row);
	return report->visit(report->opaque, &row);
}

static int set_visit(const struct report *report, struct msi_set *set, enum irq_kind kind)
{
	struct vfio_msi *msi = report->msi;
	int result = 0;

	for (unsigned int i = 0; i < set->size && result == 0; i++) {
		const struct msi_vector *vector = &set->vectors[i];
		struct irq_row row = { .kind = kind, .vector = i, .record = vector->record };

		if (!vector->record)
			continue;
		if (vector->watched)
			look(msi, vector->record);
		row.relayed = vector->relayed;
		if (vector->attached && msi->relay)
			row.relayed += relay_count(msi->relay, vector->eventfd);
		result = row_visit(report, &row, vector->triggered);
	}
	return result;
}

int irq_watch_report(struct vfio_msi *msi, int (*visit)(void *opaque, const struct irq_row *row),
		     void *opaque)
{
	struct host_irq *rows = NULL;
	struct report report = { .msi = msi, .visit = visit, .opaque = opaque };
	struct irq_row intx = { .kind = IRQ_KIND_INTX, .record = msi->intx_record };
	int result = 0;

	report.row_count = host_irqs_read(msi->watch->interrupts_fd, msi->device->bdf, &rows);
	report.rows = rows;
	if (msi->intx_record)
		result = row_visit(&report, &intx, msi->active == IRQ_KIND_INTX);
	if (result == 0)
		result = set_visit(&report, &msi->msi, IRQ_KIND_MSI);
	if (result == 0)
		result = set_visit(&report, &msi->msix, IRQ_KIND_MSIX);
	free(rows);
	return result;
}
