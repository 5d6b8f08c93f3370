/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency runs as one page of HTML for people: plots, figures, comparisons, circumstances. */
#ifndef POSTHORN_VMM_LATENCY_PAGE_H
#define POSTHORN_VMM_LATENCY_PAGE_H

#include <stdio.h>

struct latency_runs;

/*
 * Write the page of @runs to @file. It has all that it needs in itself: no script, and nothing that
 * is fetched. Where a plot cannot be drawn there is a sentence that says why. 0 or -ENOMEM; what
 * @file does not take is the caller's to find.
 */
int latency_page_write(FILE *file, const struct latency_runs *runs);

#endif
