/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run of the latency program leaves behind beside its console: the irq report and the
 * probe's file (probe.h). Here they become facts of the run. No input or output.
 */
#ifndef POSTHORN_VMM_LATENCY_RESULT_H
#define POSTHORN_VMM_LATENCY_RESULT_H

#include <stdbool.h>

struct latency_run;

/*
 * Look in the irq report @text (JSON: see posthorn(1)) for how the device's interrupts went, and
 * make that @run->path: "posted", "injected", "userspace", "unknown"; with @intx it is "intx". The
 * facts "delivery" and "delivery.why" say what the report says, and "host.irq" and "host.count"
 * which interrupt of the host it was and how often that came. A report without such an interrupt
 * makes it "unknown". 0, -EINVAL when it is no such report, or -ENOMEM.
 */
int latency_result_report(struct latency_run *run, const char *text, bool intx);

/*
 * Add what the probe wrote, @text, to @run: exits, of the interrupts (the probe's first section) or
 * in a run without interrupts of each metric (the sections after it); what was counted around each
 * of the longest times; and facts: "migrations"; "host.affinity" and "host.effective" with the CPUs
 * of the interrupts of the host, "IRQ: CPUS" with commas between them; "exits" with the reason when
 * they could not be counted. Returns as above.
 */
int latency_result_probe(struct latency_run *run, const char *text);

#endif
