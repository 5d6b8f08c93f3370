/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The irq report: for each interrupt of each assigned function, how it reaches the guest and how
 * that is known (docs/proof.md). All functions take the lock of the PCI root.
 */
#ifndef POSTHORN_VMM_IRQ_REPORT_H
#define POSTHORN_VMM_IRQ_REPORT_H

#include <stdbool.h>

struct machine;

/*
 * Create the file @path for the report at the end, now that it can still be said that it cannot be.
 * Returns its descriptor. Start-up only: dies with EXIT_USAGE.
 */
int irq_report_open(const char *path);

/*
 * Write the report as JSON (keys: posthorn(1)) to @fd, which irq_report_open() made of @path, and
 * close it. 0, or -errno after a message.
 */
int irq_report_write(struct machine *machine, const char *path, int fd);

/* Write the report as a table to standard error. For a running guest; any thread. */
void irq_report_print(struct machine *machine);

/*
 * Was every interrupt posted that the guest had turned on, and was there one? If not, one error
 * message (log_error) for each that was not, with the reason.
 */
bool irq_report_all_posted(struct machine *machine);

#endif
