/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the interrupts of assigned functions really went: a memory of what the host showed of each
 * vector while it was connected, for the irq report. The host forgets it (its rows in
 * /proc/interrupts go) when the guest turns interrupts off, as each guest does at its end.
 *
 * It is an irq_observer (vfio/irqs.h), and hears of vectors as that. What the columns of the report
 * mean, and what they cannot know: docs/proof.md.
 *
 * irq_watch_report() and the observer's functions may be called by any thread while the interrupts
 * in question are held (irqs_hold()). They read files of the kernel, so they hold no lock but that
 * of the watch itself.
 */
#ifndef POSTHORN_VMM_REPORT_WATCH_H
#define POSTHORN_VMM_REPORT_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "vfio/irqs.h"
#include "vmm/report/posting.h"
#include "vmm/report/verdict.h"

/* What was seen of a vector so far; all 0 at the start. */
struct irq_record {
	bool connected; /* ever, and what follows is of the last time: */
	struct msi_message message;
	int gsi;
	unsigned int host_irq;
	bool row_found;	     /* in /proc/interrupts, ever */
	bool irq_known;	     /* ->host_irq is of now: until its kind is turned off */
	uint64_t host_count; /* of connections that are over */
	/* Of these and of the one now: while trigger and irqfd were apart, for a mask or a move. */
	uint64_t masked_count;
	uint64_t masked_from; /* what the row counted when they parted, */
	bool masked;	      /* which was read, and they still are */
	bool count_cut;	      /* one is over whose count nobody read */
	struct irq_looks looks;
	char seen[POSTING_TEXT_SIZE]; /* by the last look that saw something */
	bool watched;		      /* it has trigger and irqfd now, and can be posted */
	bool fresh;		      /* and is to be looked at for the first time */
};

/* What was seen of one function. */
struct watch_function {
	struct watch_function *next;
	const struct vfio_irqs *irqs;
	/* By kind and vector; NULL: never connected, as is a kind of which none was. */
	struct irq_record **records[IRQ_KINDS];
	unsigned int fresh_first, fresh_end; /* all vectors that are fresh are among these */
};

/* One for all functions of a VM. */
struct irq_watch {
	struct irq_observer observer; /* to be given to irqs_init() */
	bool continuous;	      /* look at every change: costs some system calls each time */
	struct posting_files posting;
	int interrupts_fd; /* host_irqs_open() */
	bool possible;	   /* posting_possible(), and its reason if not */
	char why[POSTING_TEXT_SIZE];
	_Atomic uint64_t guest_count;	  /* see irq_watch_guest_count() */
	pthread_mutex_t lock;		  /* for what follows, and the records */
	unsigned int connected;		  /* vectors of all functions that are watched */
	unsigned int messages;		  /* that ever were */
	struct watch_function *functions; /* a list of those that ever had one connected */
};

/* When is looked. */
enum irq_watch_mode {
	IRQ_WATCH_LAZY,	  /* at what is connected when somebody asks, at what can be seen then */
	IRQ_WATCH_AT_END, /* the same, but what tells is open from the start */
	IRQ_WATCH_CONTINUOUS, /* at every change as well */
};

/*
 * Make a watch, and ask the host what it can. If @mode is not to be continuous, the counts of
 * vectors that were turned off and on again begin anew. Before the VM is made, by the thread that
 * makes it.
 */
void irq_watch_init(struct irq_watch *watch, enum irq_watch_mode mode);

/*
 * Open what will be read of the VM with the descriptor @vm_fd. Comes when it is complete
 * (vm_finish()), and before the guest runs.
 */
void irq_watch_open(struct irq_watch *watch, int vm_fd);

/* And of its function @device. After irq_watch_open(). */
void irq_watch_function_add(struct irq_watch *watch, struct vfio_device *device);

/* The calling thread is to run a vCPU: it tells so before, and while it may make any call. */
void irq_watch_thread_add(struct irq_watch *watch);

/* Close what was opened, if anything was. All functions are gone (irqs_cleanup()). */
void irq_watch_cleanup(struct irq_watch *watch);

/*
 * The guest says that it took @count interrupts of the one vector with a message that it used, all
 * its life. Where it used more, or the host's count of it is not complete, that says nothing.
 */
void irq_watch_guest_count(struct irq_watch *watch, uint64_t count);

/* A row of the report. */
struct irq_row {
	enum irq_kind kind;
	unsigned int vector;
	const struct irq_record *record; /* with the counts of now */
	uint64_t relayed;		 /* messages that this process sent: irq-path=userspace */
	struct irq_verdict verdict;
};

/*
 * Look at @irqs now, and call @visit for every vector that was ever connected, INTx first. Stops
 * when @visit returns non-zero, and returns that; else 0. -EBUSY: another thread looks, until the
 * monotonic clock says @until.
 */
int irq_watch_report(struct irq_watch *watch, const struct vfio_irqs *irqs,
		     const struct timespec *until,
		     int (*visit)(void *opaque, const struct irq_row *row), void *opaque);

#endif
