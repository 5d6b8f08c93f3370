/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be seen only while the guest of `posthorn latency` measures: how often it leaves to the
 * host, and which interrupts of the host are its device's. The guest says when it begins and ends
 * (DOORBELL_MARK). What was seen goes into a file, from the process that runs the guest to the one
 * that reports (result.h), as one JSON object:
 *
 *   "exits"	an array of objects of numbers: KVM's counters of exits, by their names, from a
 *		mark of the begin to the next one of the end
 *   "worst"	an array of objects, for each of the longest times of the program, in its order:
 *		"counted", KVM's counters that moved, by their names, from a look to the next
 *		one; and how many "interrupts" were measured meanwhile, it being the last
 *   "migrations"	how often the host moved threads of the process from a CPU to another,
 *		between marks of the begin and of the end; left out where it is not known
 *   "irqs"	an array of objects: "irq", the host's number; "affinity" and "effective", the
 *		CPUs that it may go to and the one that it does go to, as /proc/irq writes them
 *   "error"	why there are no "exits"; "" when there are
 *
 * The process that runs the guest may open no files (seccomp.h), and which files have "irqs" is
 * known only by then. So it asks the one that reports, by a packet on a socket, and waits.
 */
#ifndef POSTHORN_VMM_LATENCY_PROBE_H
#define POSTHORN_VMM_LATENCY_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct latency_probe {
	int stats_fd;	   /* the vCPU's stats_open(), or its error; closed by the cleanup */
	int fd;		   /* the file; not closed here */
	int migrations_fd; /* latency_probe_migrations_open(); closed by the cleanup */
	int marker_fd, tracing_fd; /* files of the kernel's trace, to be stopped; -1: not */
	int socket;	     /* to the process that reports, for "irqs"; -1: there is no device */
	uint64_t migrations; /* at the beginning */
	uint64_t migrated;   /* the file's, up to now */
	json_t *before;	     /* the counters at the beginning; NULL: it has not begun */
	json_t *exits;	     /* the file's, up to now; NULL: nothing has ended */
	json_t *looked;	     /* the counters at the last look; NULL: there was none */
	json_t *worst;	     /* the file's, up to now; NULL: none */
};

/* For the doorbell: @opaque is the struct latency_probe. By the vCPU's thread. Never fails. */
void latency_probe_mark(void *opaque, bool begins);

/* For the doorbell: what was written to DOORBELL_LOOK. As latency_probe_mark(). */
void latency_probe_look(void *opaque, uint32_t value);

/*
 * For the doorbell: an interrupt took @us microseconds, which is too long. Writes that into the
 * kernel's trace, and stops it. As latency_probe_mark().
 */
void latency_probe_break(void *opaque, uint32_t us);

/*
 * A counter of how often the host moves threads of this process, which are started from now on, to
 * another CPU; -1 where the kernel gives none (perf_event_open(2): it takes root, most of all).
 * Before the filters are there.
 */
int latency_probe_migrations_open(void);

/*
 * Open the files of the kernel's trace that latency_probe_break() writes: @marker and @tracing are
 * -1 where they cannot be had, and a warning says why. Before the filters are there.
 */
void latency_probe_trace_open(int *marker, int *tracing);

/*
 * In the process that reports, when the other end of @socket (SOCK_SEQPACKET) has asked: answer
 * with the interrupts of the host that belong to the function @bdf.
 */
void latency_probe_answer(int socket, const char *bdf);

void latency_probe_cleanup(struct latency_probe *probe);

#endif
