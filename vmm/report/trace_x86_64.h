/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What KVM itself says of posting, by two of its tracepoints (Documentation/trace/events.rst):
 *
 *   kvm:kvm_pi_irte_update         an interrupt of the host is posted to a vCPU, or no longer
 *   kvm:kvm_apicv_inhibit_changed  what keeps a VM's virtual APICs from being used
 *
 * They are read from a tracing instance of this process's own ("Instances" in
 * Documentation/trace/ftrace.rst), posthorn-PID below /sys/kernel/tracing/instances, so that nobody
 * else's tracing is touched. Making one takes root. It is open while the VM lives. A process of its
 * own removes it when this one has ended, however it ended; one that stayed all the same, because
 * that process was killed too, is removed by the next posthorn.
 *
 * Both tell of all VMs of the host: an interrupt is known by its number, and a VM by its threads.
 */
#ifndef POSTHORN_VMM_REPORT_TRACE_X86_64_H
#define POSTHORN_VMM_REPORT_TRACE_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/report/posting.h"

/* What KVM said last of an interrupt of the host. */
struct irq_trace_entry {
	unsigned int irq;	  /* as in /proc/interrupts */
	unsigned int gsi, vector; /* the guest's */
	int vcpu;		  /* -1: none */
	bool posted;
	/* This VM's inhibits at that moment: they were not known, or known and not 0. */
	bool unsure, inhibited;
};

struct irq_trace {
	int fd;	      /* the instance's trace_pipe; -1: there is none, and ->why */
	int guard_fd; /* to the process that removes the instance; -1: there is none */
	char why[POSTING_TEXT_SIZE];
	/*
	 * Linux before 6.17: Intel's half of KVM says that an interrupt is posted before it asks
	 * the IOMMU, and AMD's also while AVIC is inhibited, without coming back to it later.
	 */
	bool is_early;
	bool heard; /* a line of an inhibit came, as there is one for each VM that is made */
	bool lost;  /* lines were: that there is none of an interrupt says nothing any more */
	bool inhibits_known;
	uint64_t inhibits;	/* of this VM: bits of the kernel's enum kvm_apicv_inhibit */
	char inhibit_names[96]; /* "NESTED|IRQWIN" */
	char past_names[96];	/* all that there were since irq_trace_begin() */
	pid_t *threads;		/* that this VM's lines come from */
	unsigned int thread_count;
	struct irq_trace_entry *entries;
	unsigned int entry_count;
	char line[512]; /* one that is not yet complete, and what is too long cut */
	size_t length;
};

/*
 * Remove instances that nobody uses any more, make one and turn the tracepoints on in it: before
 * the VM is made, since its first inhibits are told then, and by the thread that makes it. @root:
 * see posting.h. What is missing, ->why says. Start-up only. Forks: call it while there is little
 * to inherit, and no other thread.
 */
void irq_trace_open(struct irq_trace *trace, const char *root);

/*
 * Does it look as if irq_trace_open() could do that? If not, ->why of @trace says what is in the
 * way and what mends it. Changes nothing else.
 */
bool irq_trace_possible(struct irq_trace *trace, const char *root);

/* Lines of the thread @thread are this VM's. Those that came before were not. */
void irq_trace_thread_add(struct irq_trace *trace, pid_t thread);

/* The VM is complete: what keeps its virtual APICs from being used from here on is worth noting. */
void irq_trace_begin(struct irq_trace *trace);

/* Take in what came since. No system call but read(2), and brk(2). */
void irq_trace_read(struct irq_trace *trace);

/* What was said last of @irq, or NULL. Until the next irq_trace_read(). */
const struct irq_trace_entry *irq_trace_find(const struct irq_trace *trace, unsigned int irq);

/* Give all back, and wait up to two seconds for the instance to be gone. */
void irq_trace_close(struct irq_trace *trace);

/* ---- what the kernel's text means: for irq_trace_open(), irq_trace_read() and tests ---- */

/*
 * Are the two tracepoints of a form that is known here? @irte and @inhibit are their files
 * "format". If so ->is_early is set, if not ->why.
 */
bool irq_trace_forms_check(struct irq_trace *trace, const char *irte, const char *inhibit);

/* Take in @size bytes of trace_pipe, which begin and end anywhere. */
void irq_trace_take(struct irq_trace *trace, const char *text, size_t size);

#endif
