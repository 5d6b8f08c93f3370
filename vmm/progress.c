/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"

#define FIRST_MS    1000
#define INTERVAL_MS 200

/* To the begin of the line, which is then empty. */
#define LINE_CLEAR "\r\033[K"

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress)
{
	progress->is_terminal = isatty(STDERR_FILENO);
	progress->shown = false;
	progress->next_ms = clock_ms() + FIRST_MS;
}

void progress_show(void *opaque, uint64_t done, uint64_t total)
{
	struct progress *progress = opaque;
	char line[160];
	uint64_t now;
	int length;

	if (!progress->is_terminal)
		return;
	now = clock_ms();
	if (now < progress->next_ms)
		return;
	length = snprintf(line, sizeof(line), LINE_CLEAR "posthorn: %s: %llu of %llu MiB",
			  progress->what, (unsigned long long)(done / MIB),
			  (unsigned long long)(total / MIB));
	log_text(line, min((size_t)length, sizeof(line) - 1));
	progress->shown = true;
	progress->next_ms = now + INTERVAL_MS;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		log_text(LINE_CLEAR, sizeof(LINE_CLEAR) - 1);
	progress->shown = false;
}
