/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads what a program in the guest said that it measured (guest/payload/latency_lines.h). */
#ifndef POSTHORN_VMM_LATENCY_READ_H
#define POSTHORN_VMM_LATENCY_READ_H

#include <stddef.h>

struct latency_runs;

/*
 * Append to @runs each report in @text, the whole output of a console. Lines end with LF or CR LF;
 * those that do not begin with "latency: " may be anything, but those that do must be right. The
 * program does not know its VMM, path, architecture, exits and circumstances: the caller adds them.
 *
 * Returns 0, -ENODATA when there is no report or the last one has no end, -EINVAL for anything
 * that is wrong, or -ENOMEM. Then @why (512 bytes are enough) is a message that names the line and
 * what mends it, and @runs has what was read until then: only latency_runs_cleanup() is left to do.
 */
int latency_read(const char *text, struct latency_runs *runs, char *why, size_t size);

#endif
