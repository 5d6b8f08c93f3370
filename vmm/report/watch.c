/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/device.h"
#include "vmm/report/host_irq.h"

#define ROOT "" /* the real host: see vmm/report/posting.h */

static struct watch_function *function_find(const struct irq_watch *watch,
					    const struct vfio_irqs *irqs)
{
	struct watch_function *function = watch->functions;

	while (function && function->irqs != irqs)
		function = function->next;
	return function;
}

/* The record of a vector of the active kind, or NULL. */
static struct irq_record *record_find(const struct irq_watch *watch, const struct vfio_irqs *irqs,
				      unsigned int vector)
{
	const struct watch_function *function = function_find(watch, irqs);

	if (!function || !function->records[irqs->active])
		return NULL;
	return function->records[irqs->active][vector];
}

/* The same, and a new one when there is none. NULL: no memory, and so the report lacks a row. */
static struct irq_record *record_get(struct irq_watch *watch, const struct vfio_irqs *irqs,
				     unsigned int vector)
{
	struct watch_function *function = function_find(watch, irqs);
	struct irq_record ***records;

	if (!function) {
		function = calloc(1, sizeof(*function));
		if (!function)
			return NULL;
		function->irqs = irqs;
		function->next = watch->functions;
		watch->functions = function;
	}
	records = &function->records[irqs->active];
	if (!*records)
		*records = calloc(irqs->sets[irqs->active].size, sizeof(void *));
	if (*records && !(*records)[vector])
		(*records)[vector] = calloc(1, sizeof(struct irq_record));
	return *records ? (*records)[vector] : NULL;
}

/* ---- rows of /proc/interrupts ---- */

/* The number that is in the row of a vector that VFIO serves now. */
static void row_note(struct irq_record *record, const struct host_irq *row)
{
	record->irq_known = true;
	record->host_irq = row->irq;
}

/* The vector is about to be masked or moved. */
static void row_mask(struct irq_record *record, const struct host_irq *row)
{
	record->masked_from = row->count;
	record->masked = true;
}

/* And that is over. */
static void row_unmask(struct irq_record *record, const struct host_irq *row)
{
	if (record->masked && row->count > record->masked_from)
		record->masked_count += row->count - record->masked_from;
	record->masked = false;
}

/* What the row counts is added to @record. */
static void row_add(struct irq_record *record, const struct host_irq *row)
{
	row_note(record, row);
	row_unmask(record, row);
	record->row_found = true;
	record->host_count += row->count;
}

/* What @record's connection that begins finds. */
static void row_settle(struct irq_record *record, const struct host_irq *row)
{
	if (!record->fresh)
		return;
	row_note(record, row);
	row_unmask(record, row);
}

/* Give @take the rows of vectors [@first, @end) that VFIO serves now, with their records. */
static void rows_take(const struct irq_watch *watch, const struct vfio_irqs *irqs,
		      unsigned int first, unsigned int end,
		      void (*take)(struct irq_record *record, const struct host_irq *row))
{
	const struct irq_set *set = &irqs->sets[irqs->active];
	struct host_irq *rows;
	int count = host_irqs_read(watch->interrupts_fd, irqs->device->bdf, &rows);

	for (int i = 0; i < count; i++) {
		struct irq_record *record = NULL;

		if (rows[i].kind == irqs->active && rows[i].vector >= first &&
		    rows[i].vector < end && set->vectors[rows[i].vector].triggered)
			record = record_find(watch, irqs, rows[i].vector);
		if (record)
			take(record, &rows[i]);
	}
	if (count > 0)
		free(rows);
}

/* ---- looks ---- */

static void look(struct irq_watch *watch, const struct vfio_irqs *irqs, unsigned int number,
		 struct irq_record *record)
{
	const struct posting_vector vector = {
		.device = irqs->device,
		.kind = irqs->active,
		.number = number,
		.message = record->message,
		.gsi = record->gsi,
		.host_irq = record->irq_known ? (int)record->host_irq : -1,
		.asleep = irqs->asleep,
		.connected = watch->connected,
	};
	enum posting_state state;
	char seen[POSTING_TEXT_SIZE];

	if (irqs->relay)
		return;
	state = posting_probe(&watch->posting, &vector, seen, sizeof(seen));
	log_debug("%s: message 0x%x is %s: %s", irqs->device->bdf, record->message.data,
		  posting_state_name(state), seen);
	irq_looks_add(&record->looks, state);
	/* The guest may take its mapping back before it turns the vector off: that says nothing. */
	if (state != POSTING_UNMAPPED || !record->seen[0])
		memcpy(record->seen, seen, sizeof(seen));
}

static void watch_end(struct irq_watch *watch, struct irq_record *record)
{
	record->watched = false;
	watch->connected--;
}

/* ---- the observer ---- */

static void fresh_note(struct watch_function *function, unsigned int number)
{
	bool is_first = !function->fresh_end;

	function->fresh_first = is_first ? number : min(function->fresh_first, number);
	function->fresh_end = max(function->fresh_end, number + 1);
}

static void vector_connected(void *opaque, const struct vfio_irqs *irqs, unsigned int number)
{
	const struct irq_wire *wire = &irqs->sets[irqs->active].vectors[number].wire;
	struct irq_watch *watch = opaque;
	struct irq_record *record;

	pthread_mutex_lock(&watch->lock);
	record = record_get(watch, irqs, number);
	if (record) {
		watch->messages += !record->connected && irqs->active != IRQ_KIND_INTX;
		record->connected = true;
		record->gsi = wire->gsi;
	}
	/* INTx cannot be posted, so that it is none of those that could be. */
	if (record && irqs->active != IRQ_KIND_INTX) {
		irq_route_get(wire->router, wire->gsi, &record->message);
		watch->connected += !record->watched;
		record->watched = record->fresh = true;
		fresh_note(function_find(watch, irqs), number);
	}
	pthread_mutex_unlock(&watch->lock);
}

/*
 * A look may need to know the host's number of the interrupt, which stays until all are off. And
 * what came while a vector was masked is told from what comes while it is connected.
 */
static void rows_settle(struct irq_watch *watch, const struct vfio_irqs *irqs,
			const struct watch_function *function)
{
	bool wanted = false;

	for (unsigned int i = function->fresh_first; i < function->fresh_end; i++) {
		const struct irq_record *record = record_find(watch, irqs, i);
		bool missing = record && !record->irq_known && watch->posting.by_irq;

		wanted |= record && record->fresh && (missing || record->masked);
	}
	if (wanted && !irqs->relay)
		rows_take(watch, irqs, function->fresh_first, function->fresh_end, row_settle);
}

/* Only now: a look is told how many are connected. */
static void vectors_settled(void *opaque, const struct vfio_irqs *irqs)
{
	struct irq_watch *watch = opaque;
	struct watch_function *function;

	pthread_mutex_lock(&watch->lock);
	function = function_find(watch, irqs);
	if (function && watch->continuous)
		rows_settle(watch, irqs, function);
	for (unsigned int i = function ? function->fresh_first : 0;
	     function && i < function->fresh_end; i++) {
		struct irq_record *record = record_find(watch, irqs, i);

		if (!record || !record->fresh)
			continue;
		/* Where the row could not be read nothing counts as masked. */
		record->fresh = record->masked = false;
		if (watch->continuous && record->watched)
			look(watch, irqs, i, record);
	}
	if (function)
		function->fresh_end = 0;
	pthread_mutex_unlock(&watch->lock);
}

static void vector_detaching(void *opaque, const struct vfio_irqs *irqs, unsigned int number)
{
	struct irq_watch *watch = opaque;
	struct irq_record *record;

	pthread_mutex_lock(&watch->lock);
	record = record_find(watch, irqs, number);
	if (record && record->watched) {
		if (watch->continuous)
			look(watch, irqs, number, record);
		/* Behind the look, which takes its time. */
		if (watch->continuous && !irqs->relay)
			rows_take(watch, irqs, number, number + 1, row_mask);
		watch_end(watch, record);
	}
	pthread_mutex_unlock(&watch->lock);
}

static void kind_disabling(void *opaque, const struct vfio_irqs *irqs)
{
	unsigned int size = irqs->sets[irqs->active].size;
	struct irq_watch *watch = opaque;

	pthread_mutex_lock(&watch->lock);
	/* All looks before the first end: each is told how many are connected. */
	for (unsigned int i = 0; watch->continuous && i < size; i++) {
		struct irq_record *record = record_find(watch, irqs, i);

		if (record && record->watched)
			look(watch, irqs, i, record);
	}
	if (watch->continuous)
		rows_take(watch, irqs, 0, size, row_add);
	for (unsigned int i = 0; i < size; i++) {
		struct irq_record *record = record_find(watch, irqs, i);

		if (!record)
			continue;
		if (record->watched)
			watch_end(watch, record);
		record->count_cut |= !watch->continuous;
		record->irq_known = record->masked = false;
	}
	pthread_mutex_unlock(&watch->lock);
}

static void function_free(struct watch_function *function)
{
	for (unsigned int kind = 0; kind < IRQ_KINDS; kind++) {
		unsigned int size = function->records[kind] ? function->irqs->sets[kind].size : 0;

		for (unsigned int i = 0; i < size; i++)
			free(function->records[kind][i]);
		free(function->records[kind]);
	}
	free(function);
}

static void function_gone(void *opaque, const struct vfio_irqs *irqs)
{
	struct irq_watch *watch = opaque;
	struct watch_function **at = &watch->functions, *function;

	pthread_mutex_lock(&watch->lock);
	posting_function_remove(&watch->posting, irqs->device);
	while (*at && (*at)->irqs != irqs)
		at = &(*at)->next;
	function = *at;
	if (function) {
		*at = function->next;
		function_free(function);
	}
	pthread_mutex_unlock(&watch->lock);
}

/* ---- the report ---- */

struct report {
	struct irq_watch *watch;
	const struct vfio_irqs *irqs;
	const struct host_irq *rows; /* of now */
	int row_count;
	int (*visit)(void *opaque, const struct irq_row *row);
	void *opaque;
};

static void verdict_reach(const struct report *report, struct irq_row *row)
{
	const struct irq_watch *watch = report->watch;
	const struct irq_record *record = row->record;
	char misfit[POSTING_TEXT_SIZE];
	struct irq_facts facts = {
		.kind = row->kind,
		.connected = record->connected,
		.userspace = report->irqs->relay && row->kind != IRQ_KIND_INTX,
		.row_found = record->row_found,
		.host_count = record->host_count,
		.masked_count = record->masked_count,
		.possible = watch->possible,
		.why = watch->why,
		.fits = posting_message_fits(&record->message, misfit, sizeof(misfit)),
		.misfit = misfit,
		.looks = record->looks,
		.seen = record->seen,
	};

	if (watch->messages == 1 && !record->count_cut && row->kind != IRQ_KIND_INTX)
		facts.guest_count = atomic_load(&watch->guest_count);

	irq_verdict_reach(&facts, &row->verdict);
}

/* What is added to the copy is of this moment. */
static int row_visit(const struct report *report, enum irq_kind kind, unsigned int number,
		     struct irq_record *record)
{
	const struct irq_vector *vector = &report->irqs->sets[kind].vectors[number];
	const struct host_irq *host =
		vector->triggered ? host_irq_find(report->rows, report->row_count, kind, number)
				  : NULL;
	struct irq_record now;
	struct irq_row row = { .kind = kind, .vector = number, .record = &now };

	if (host)
		row_note(record, host);
	if (record->watched)
		look(report->watch, report->irqs, number, record);
	now = *record;
	row.relayed = irq_wire_relayed(&vector->wire);
	if (host)
		row_add(&now, host);
	verdict_reach(report, &row);
	return report->visit(report->opaque, &row);
}

static int function_visit(const struct report *report, const struct watch_function *function)
{
	int result = 0;

	for (unsigned int kind = 0; kind < IRQ_KINDS; kind++) {
		unsigned int size = function->records[kind] ? report->irqs->sets[kind].size : 0;

		for (unsigned int i = 0; i < size && result == 0; i++)
			if (function->records[kind][i])
				result = row_visit(report, kind, i, function->records[kind][i]);
	}
	return result;
}

int irq_watch_report(struct irq_watch *watch, const struct vfio_irqs *irqs,
		     const struct timespec *until,
		     int (*visit)(void *opaque, const struct irq_row *row), void *opaque)
{
	struct host_irq *rows = NULL;
	struct report report = { .watch = watch, .irqs = irqs, .visit = visit, .opaque = opaque };
	const struct watch_function *function;
	int result = 0;

	if (pthread_mutex_clocklock(&watch->lock, CLOCK_MONOTONIC, until) != 0)
		return -EBUSY;
	report.row_count = host_irqs_read(watch->interrupts_fd, irqs->device->bdf, &rows);
	report.rows = rows;
	function = function_find(watch, irqs);
	if (function)
		result = function_visit(&report, function);
	pthread_mutex_unlock(&watch->lock);
	free(rows);
	return result;
}

/* ---- start and end ---- */

void irq_watch_init(struct irq_watch *watch, enum irq_watch_mode mode)
{
	*watch = (struct irq_watch){
		.observer = {
			.opaque = watch,
			.connected = vector_connected,
			.settled = vectors_settled,
			.detaching = vector_detaching,
			.disabling = kind_disabling,
			.gone = function_gone,
		},
		.continuous = mode == IRQ_WATCH_CONTINUOUS,
		.posting = { .state_fd = -1, .interrupts_fd = -1 },
		.interrupts_fd = -1,
	};
	watch->possible = posting_possible(ROOT, watch->why, sizeof(watch->why));
	if (mode != IRQ_WATCH_LAZY)
		posting_files_init(&watch->posting, ROOT);
	pthread_mutex_init(&watch->lock, NULL);
}

void irq_watch_open(struct irq_watch *watch, int vm_fd)
{
	posting_files_open(&watch->posting, ROOT, getpid(), vm_fd);
	watch->interrupts_fd = host_irqs_open(ROOT);
}

void irq_watch_function_add(struct irq_watch *watch, struct vfio_device *device)
{
	posting_function_add(&watch->posting, ROOT, device);
}

void irq_watch_thread_add(struct irq_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	posting_thread_add(&watch->posting, gettid());
	pthread_mutex_unlock(&watch->lock);
}

void irq_watch_guest_count(struct irq_watch *watch, uint64_t count)
{
	atomic_store(&watch->guest_count, count);
}

void irq_watch_cleanup(struct irq_watch *watch)
{
	posting_files_close(&watch->posting);
	fd_close(&watch->interrupts_fd);
	pthread_mutex_destroy(&watch->lock);
}
