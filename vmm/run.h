/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a VM. */
#ifndef POSTHORN_VMM_RUN_H
#define POSTHORN_VMM_RUN_H

struct machine_addition;
struct run_options;

/*
 * Make a VM, run it until it ends, and take it down. @addition is what a tool adds to it
 * (vmm/machine.h), or NULL. Once in a process: it is under filters afterwards. Returns the exit
 * code; dies when the VM cannot be made.
 */
int run(const struct run_options *options, const struct machine_addition *addition);

#endif
