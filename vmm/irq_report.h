/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The irq report: for each interrupt of each assigned function, how it reaches the guest and how
 * that is known (docs/proof.md). It is made in vmm/report/: this is all that posthorn run knows of
 * it.
 */
#ifndef POSTHORN_VMM_IRQ_REPORT_H
#define POSTHORN_VMM_IRQ_REPORT_H

#include <stdbool.h>

struct irq_observer;
struct irq_report;
struct machine;

/*
 * Create the file @path for the report at the end, now that it can still be said that it cannot be.
 * Returns its descriptor. Start-up only: dies with EXIT_USAGE.
 */
int irq_report_open(const char *path);

/*
 * Begin to remember what becomes of interrupts. @wanted: a report will be made, and so what tells
 * is opened now; @continuous: and a look is taken at every change of one, too. Start-up only,
 * before the VM and its first function are there: dies with EXIT_HOST.
 */
struct irq_report *irq_report_new(bool wanted, bool continuous);

/* Who is to be told of interrupts, for irqs_init(). Lives as long as @report. */
const struct irq_observer *irq_report_observer(const struct irq_report *report);

/*
 * Open the host's files that tell of the VM and its functions. Start-up only, when it is complete
 * (vm_finish()).
 */
void irq_report_files_open(struct machine *machine);

/*
 * The calling thread is to run a vCPU. Before it does, and before it enters its filter of system
 * calls.
 */
void irq_report_thread_add(struct irq_report *report);

/* The functions are gone. NULL is allowed. */
void irq_report_free(struct irq_report *report);

/* ---- the reports: all take the locks of the functions ---- */

/*
 * Write the report as JSON (keys: posthorn(1)) to @fd, which irq_report_open() made of @path, and
 * close it. 0, or -errno after a message.
 */
int irq_report_write(struct machine *machine, const char *path, int fd);

/* Write the report as a table to standard error. For a running guest; any thread. */
void irq_report_print(struct machine *machine);

/*
 * Was every interrupt posted that the guest had turned on, and was there one? If not, one error
 * message (log_error) for each that was not, with the reason. Interrupts that a vCPU holds were not
 * shown to be posted: the message says that they could not be looked at.
 */
bool irq_report_all_posted(struct machine *machine);

#endif
