/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/irq_report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "vmm/machine.h"
#include "vmm/report/watch.h"

struct irq_report {
	struct irq_watch watch;
};

struct irq_report *irq_report_new(bool wanted, bool continuous)
{
	struct irq_report *report = malloc(sizeof(*report));

	if (!report)
		die(EXIT_HOST, "no memory for the irq report");
	irq_watch_init(&report->watch, !wanted	    ? IRQ_WATCH_LAZY
				       : continuous ? IRQ_WATCH_CONTINUOUS
						    : IRQ_WATCH_AT_END);
	return report;
}

const struct irq_observer *irq_report_observer(const struct irq_report *report)
{
	return &report->watch.observer;
}

void irq_report_files_open(struct machine *machine)
{
	struct irq_watch *watch = &machine->report->watch;

	irq_watch_open(watch, machine->vm.fd);
	for (unsigned int i = 0; i < machine->function_count; i++)
		irq_watch_function_add(watch, &machine->functions[i].device);
}

void irq_report_thread_add(struct irq_report *report)
{
	irq_watch_thread_add(&report->watch);
}

void irq_report_free(struct irq_report *report)
{
	if (report)
		irq_watch_cleanup(&report->watch);
	free(report);
}

/* What @opaque of a visitor of rows points to. */
struct row_context {
	const struct vfio_function *function;
	void *opaque;
};

/* How long who asks for the table waits for a vCPU that is busy with a device, in seconds. */
#define LOCK_PATIENCE_S 1

/* rows_visit() for the function of @context. */
static int function_visit(struct machine *machine, struct vfio_function *function,
			  const struct timespec *until,
			  int (*visit)(void *opaque, const struct irq_row *row),
			  struct row_context *context)
{
	int result = -EBUSY;

	context->function = function;
	if (irqs_hold(&function->irqs, until)) {
		result = irq_watch_report(&machine->report->watch, &function->irqs, until, visit,
					  context);
		irqs_release(&function->irqs);
	}
	pci_device_unlocked(&function->pci);
	return result;
}

/*
 * 0, or what @visit returned that was not 0: it was then not called for the others. -EBUSY: a
 * device holds a vCPU, and that the lock, or a file that tells of interrupts does; the main thread,
 * which has more to do, must not wait for it.
 */
static int rows_visit(struct machine *machine,
		      int (*visit)(void *opaque, const struct irq_row *row), void *opaque)
{
	struct row_context context = { .opaque = opaque };
	const struct machine_addition *addition = machine->addition;
	struct timespec until;
	int result = 0;

	if (machine->report && addition && addition->guest_count)
		irq_watch_guest_count(&machine->report->watch,
				      addition->guest_count(addition->opaque));
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LOCK_PATIENCE_S;
	for (unsigned int i = 0; i < machine->function_count && result == 0; i++)
		result = function_visit(machine, &machine->functions[i], &until, visit, &context);
	return result;
}

/* ---- JSON ---- */

static json_t *message_json(const struct irq_row *row)
{
	const struct msi_message *message = &row->record->message;

	if (row->kind == IRQ_KIND_INTX)
		return json_null();
	return json_pack("{s:o, s:I, s:I}", "address", json_sprintf("0x%" PRIx64, message->address),
			 "data", (json_int_t)message->data, "device_id",
			 (json_int_t)message->device_id);
}

static json_t *host_json(const struct irq_record *record)
{
	if (!record->row_found)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "irq", (json_int_t)record->host_irq, "count",
			 (json_int_t)record->host_count, "masked",
			 (json_int_t)record->masked_count);
}

static int row_append(void *opaque, const struct irq_row *row)
{
	const struct row_context *context = opaque;
	json_t *object;

	object = json_pack("{s:s, s:s, s:I, s:o, s:i, s:o, s:o, s:s, s:s}", "bdf",
			   context->function->device.bdf, "kind", irq_kind_name(row->kind),
			   "vector", (json_int_t)row->vector, "message", message_json(row), "gsi",
			   row->record->gsi, "host", host_json(row->record), "relayed",
			   context->function->irqs.relay && row->kind != IRQ_KIND_INTX
				   ? json_integer((json_int_t)row->relayed)
				   : json_null(),
			   "delivery", irq_delivery_name(row->verdict.delivery), "reason",
			   row->verdict.reason);
	return json_array_append_new(context->opaque, object) < 0 ? -ENOMEM : 0;
}

int irq_report_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		die(EXIT_USAGE, "--irq-report %s: %s", path, strerror(errno));
	return fd;
}

/*
 * All of the report as text, the caller's to free(), or NULL. By way of a stream, which remembers
 * that it ran out of memory: json_dumps() forgets it in the middle of a member's name.
 */
static char *report_text(const json_t *report)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	bool bad;

	if (!file)
		return NULL;
	bad = json_dumpf(report, file, JSON_INDENT(2)) < 0;
	bad |= putc('\n', file) == EOF || ferror(file);
	if (fclose(file) == 0 && !bad)
		return text;
	free(text);
	return NULL;
}

int irq_report_write(struct machine *machine, const char *path, int fd)
{
	/* Without a device nobody looked. */
	bool possible = machine->report && machine->report->watch.possible;
	const char *why =
		machine->report
			? machine->report->watch.why
			: "this guest has no device whose interrupts could be posted: use --device";
	json_t *rows = json_array(), *report;
	char *text = NULL;
	int error;

	error = rows_visit(machine, row_append, rows);
	report = json_pack("{s:{s:b, s:s}, s:s?, s:o}", "posting", "possible", possible, "why", why,
			   "iommu", iommu_name(&machine->iommu), "interrupts", rows);
	if (report && error == 0)
		text = report_text(report);
	json_decref(report);
	if (error == 0)
		error = text ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;
	free(text);
	/* Some file systems tell only now that the disk is full. */
	if (close(fd) < 0 && !error)
		error = -errno;
	if (error < 0)
		log_error("--irq-report %s: cannot be written: %s", path, strerror(-error));
	return error;
}

/* ---- the table ---- */

static int row_print(void *opaque, const struct irq_row *row)
{
	const struct row_context *context = opaque;
	const struct irq_record *record = row->record;
	char message[40] = "-", host[16] = "-";

	if (row->kind != IRQ_KIND_INTX)
		snprintf(message, sizeof(message), "0x%" PRIx64 "=0x%x", record->message.address,
			 record->message.data);
	if (record->row_found)
		snprintf(host, sizeof(host), "%u", record->host_irq);
	fprintf(context->opaque, "%-13s %-5s %6u  %-19s %4d %9s %11" PRIu64 "  %-9s  %s\n",
		context->function->device.bdf, irq_kind_name(row->kind), row->vector, message,
		record->gsi, host, record->host_count, irq_delivery_name(row->verdict.delivery),
		row->verdict.reason);
	return 0;
}

void irq_report_print(struct machine *machine)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	int error;

	if (!file)
		return;
	fprintf(file, "%-13s %-5s %6s  %-19s %4s %9s %11s  %-9s  %s\n", "FUNCTION", "KIND",
		"VECTOR", "MESSAGE", "GSI", "HOST IRQ", "HOST COUNT", "DELIVERY", "REASON");
	error = rows_visit(machine, row_print, file);
	if (fclose(file) != 0)
		error = -ENOMEM;
	if (error == -EBUSY)
		log_warn("no table of interrupts now: a vCPU has waited for a device for %d s",
			 LOCK_PATIENCE_S);
	else if (error == 0 && log_text(text, size) < 0)
		log_debug("the irq report was not written");
	free(text);
}

/* ---- --require-posting ---- */

struct tally {
	unsigned int rows, bad;
};

static int row_check(void *opaque, const struct irq_row *row)
{
	const struct row_context *context = opaque;
	struct tally *tally = context->opaque;

	if (row->verdict.delivery == IRQ_DELIVERY_NONE)
		return 0;
	tally->rows++;
	if (row->verdict.delivery == IRQ_DELIVERY_POSTED)
		return 0;
	tally->bad++;
	log_error("--require-posting: %s: %s vector %u was not shown to be posted (%s): %s",
		  context->function->device.bdf, irq_kind_name(row->kind), row->vector,
		  irq_delivery_name(row->verdict.delivery), row->verdict.reason);
	return 0;
}

bool irq_report_all_posted(struct machine *machine)
{
	struct tally tally = { 0 };
	int error = rows_visit(machine, row_check, &tally);

	if (error < 0)
		log_error("--require-posting: not all interrupts could be looked at: %s",
			  strerror(-error));
	else if (!tally.rows)
		log_error("--require-posting: the guest turned no interrupt of a device on");
	return error == 0 && tally.rows && !tally.bad;
}
