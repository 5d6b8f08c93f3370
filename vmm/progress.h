/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a start is, for who waits at a terminal, of what takes longer than a second. */
#ifndef POSTHORN_VMM_PROGRESS_H
#define POSTHORN_VMM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* is done, as in "pinning the guest's memory" */
	bool is_terminal; /* standard error is */
	bool shown;	  /* a line is there */
	uint64_t next_ms; /* when there is to be another one */
};

/* @progress->what begins now; all else is set by this. */
void progress_begin(struct progress *progress);

/*
 * @done of @total bytes are done: shown after a second, and then five times a second at most. To
 * be called as often as possible; @progress is a struct progress, for callers that know none.
 */
void progress_show(void *progress, uint64_t done, uint64_t total);

/* Nothing more comes: what was shown is gone, and the line is free. */
void progress_end(struct progress *progress);

#endif
