/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The circumstances of a latency experiment that the host shows: what somebody who repeats it must
 * have the same, or know to be different. Paths start with @root: "" on a real host, a directory
 * with made-up files in tests.
 */
#ifndef POSTHORN_VMM_LATENCY_HOST_H
#define POSTHORN_VMM_LATENCY_HOST_H

struct latency_run;

/* "x86_64", "arm64": of this machine; else what uname(2) calls it. Valid for good. */
const char *latency_host_architecture(void);

/*
 * Add to @run what is known of the host now, a fact each; what cannot be read is left out. Keys:
 *
 *   posthorn, date (UTC), kernel, cmdline, machine (maker and model), virtual ("yes" when this host
 *   is a virtual machine itself, "no" or "unknown"), cpu, cpus (online), isolated, nohz_full, smt,
 *   clocksource, mitigation.NAME for each vulnerability of the CPU, posting ("possible", or why
 *   not), MODULE.PARAMETER for what tunes KVM's interrupts and halt polling, and governor, of @cpu,
 *   unless that is negative.
 *
 * 0 or -ENOMEM.
 */
int latency_host_facts(const char *root, int cpu, struct latency_run *run);

#endif
