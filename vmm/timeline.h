/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When each part of a start was done, for --timeline. Steps follow each other without a gap, from
 * the start of `run` to the first KVM_RUN, so that they add up to the whole. Events are what comes
 * after that. It is made in vmm/timeline/: this is all that posthorn run knows of it.
 */
#ifndef POSTHORN_VMM_TIMELINE_H
#define POSTHORN_VMM_TIMELINE_H

#include <stdint.h>

struct access;
struct timeline;

/* What happens once, in the order in which it can. */
enum timeline_event {
	TIMELINE_EVENT_RUN,    /* a vCPU enters KVM_RUN for the first time */
	TIMELINE_EVENT_EXIT,   /* and one leaves it */
	TIMELINE_EVENT_OUTPUT, /* the guest's first byte goes to the console */
	TIMELINE_EVENTS
};

/*
 * Make the file @path, or empty it, and begin: the first step begins now. Dies with EXIT_USAGE when
 * the file cannot be made. Returns what the functions below take; timeline_write() ends it. They
 * also take NULL, and then do nothing.
 */
struct timeline *timeline_new(const char *path);

/*
 * What was done since the last step, or since timeline_new(), was @what, with @format for what it
 * was done with (NULL: nothing to name). Cut when too long. Main thread, before the guest runs.
 */
__attribute__((format(printf, 3, 4))) void timeline_step(struct timeline *timeline,
							 const char *what, const char *format, ...);

/* @event happened now; only the first time counts. Any thread, without a lock. */
void timeline_event(struct timeline *timeline, enum timeline_event event);

/* The bus_handler of four bytes, @opaque is the timeline: the guest writes a number as a mark. */
void timeline_mark_access(void *opaque, uint64_t offset, struct access *access);

/*
 * Write the file, and free everything. No vCPU may run any more. 0, or -errno after an error
 * message.
 */
int timeline_write(struct timeline *timeline);

#endif
