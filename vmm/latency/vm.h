/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtual machine of `posthorn latency`: the bare-metal program guest/payload/latency.c, which
 * is part of posthorn, in a process of its own, so that one that fails takes nothing with it.
 */
#ifndef POSTHORN_VMM_LATENCY_VM_H
#define POSTHORN_VMM_LATENCY_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/latency/options.h"

struct latency_vm {
	const struct latency_options *options; /* source is set */
	enum latency_path path;
	enum latency_state state;
	bool costs; /* measure these too, options->costs times */
};

/* What it left behind: the caller's to give back by latency_vm_result_cleanup(). */
struct latency_vm_result {
	int exit_code;	/* enum exit_code */
	bool timed_out; /* it was ended: see latency_vm_limit() */
	char *console;	/* texts, "" for nothing */
	char *report;	/* see result.h; "" if not latency_vm_reports() */
	char *probe;
};

/*
 * Run it until it ends. What goes wrong in it is said on standard error by its process. Dies when
 * not even that can be started. Not for a process with threads.
 */
void latency_vm_run(const struct latency_vm *vm, struct latency_vm_result *result);
void latency_vm_result_cleanup(struct latency_vm_result *result);

/* Does the device itself raise the interrupts, so that there is an irq report of them? */
bool latency_vm_reports(const struct latency_vm *vm);

/*
 * The time in milliseconds after which it must have ended: a minute, and 2 ms and twice the
 * interval for each interrupt and each round of the costs, and twice the seconds of noise. That is
 * far more than the slowest machine needs, an emulated one.
 */
uint64_t latency_vm_limit(const struct latency_vm *vm);

/*
 * The command line for the program; latency_vm_run() adds how fast its clock is. Returns its
 * length, which is below @size if it fits.
 */
size_t latency_vm_cmdline(const struct latency_vm *vm, char *cmdline, size_t size);

#endif
