/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/bus.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/timeline/timeline.h"

#define STEPS_MAX 64
#define MARKS_MAX 64

struct step {
	const char *what;
	char object[64];
	uint64_t end; /* ns since the begin */
};

/* Any thread may write events and marks, each of them once: 0 is not yet. */
struct timeline {
	const char *path;
	int fd;
	uint64_t begin; /* of the monotonic clock, ns */
	struct step steps[STEPS_MAX];
	unsigned int step_count;
	_Atomic uint64_t events[TIMELINE_EVENTS];
	struct {
		_Atomic uint32_t number;
		_Atomic uint64_t time;
	} marks[MARKS_MAX];
	atomic_uint mark_count; /* of those that were tried */
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct timeline *timeline_new(const char *path)
{
	struct timeline *timeline = calloc(1, sizeof(*timeline));

	if (!timeline)
		die(EXIT_HOST, "no memory for the timeline");
	timeline->path = path;
	timeline->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (timeline->fd < 0)
		die(EXIT_USAGE, "--timeline %s: %s", path, strerror(errno));
	timeline->begin = clock_ns();
	return timeline;
}

void timeline_step(struct timeline *timeline, const char *what, const char *format, ...)
{
	struct step *step;
	va_list args;

	if (!timeline || timeline->step_count == STEPS_MAX)
		return;
	step = &timeline->steps[timeline->step_count++];
	step->what = what;
	if (format) {
		va_start(args, format);
		vsnprintf(step->object, sizeof(step->object), format, args);
		va_end(args);
	}
	/* A path may have any bytes. */
	text_clean(step->object);
	for (char *at = step->object; *at; at++)
		if (*at == '"' || *at == '\\')
			*at = '?';
	step->end = clock_ns() - timeline->begin;
}

void timeline_event(struct timeline *timeline, enum timeline_event event)
{
	uint64_t expected = 0;

	if (!timeline || atomic_load_explicit(&timeline->events[event], memory_order_relaxed))
		return;
	atomic_compare_exchange_strong(&timeline->events[event], &expected,
				       clock_ns() - timeline->begin);
}

void timeline_mark_access(void *opaque, uint64_t offset, struct access *access)
{
	struct timeline *timeline = opaque;
	uint64_t now = clock_ns() - timeline->begin;
	unsigned int mark;

	/* A guest that marks without end leaves the first ones. */
	if (!access->is_write || offset || access->size != 4 ||
	    atomic_load(&timeline->mark_count) >= MARKS_MAX)
		return;
	mark = atomic_fetch_add(&timeline->mark_count, 1);
	if (mark >= MARKS_MAX)
		return;
	atomic_store(&timeline->marks[mark].number, (uint32_t)access->data);
	atomic_store(&timeline->marks[mark].time, now);
}

/* ---- the file ---- */

/* Not by jansson, which would have to be watched for each allocation that fails. */
static void steps_write(FILE *file, const struct timeline *timeline)
{
	unsigned long long begin = 0;

	for (unsigned int i = 0; i < timeline->step_count; i++) {
		const struct step *step = &timeline->steps[i];

		fprintf(file,
			"%s\n    {\"what\": \"%s\", \"object\": \"%s\", \"begin_ns\": %llu, "
			"\"end_ns\": %llu}",
			i ? "," : "", step->what, step->object, begin,
			(unsigned long long)step->end);
		begin = step->end;
	}
}

static void event_write(FILE *file, bool *first, const char *what, unsigned long long time)
{
	if (!time)
		return;
	fprintf(file, "%s\n    {\"what\": \"%s\", \"ns\": %llu}", *first ? "" : ",", what, time);
	*first = false;
}

static void events_write(FILE *file, struct timeline *timeline)
{
	static const char *const names[TIMELINE_EVENTS] = {
		[TIMELINE_EVENT_RUN] = "first KVM_RUN",
		[TIMELINE_EVENT_EXIT] = "first exit",
		[TIMELINE_EVENT_OUTPUT] = "first console byte",
	};
	bool first = true;
	char mark[24];

	for (unsigned int i = 0; i < TIMELINE_EVENTS; i++)
		event_write(file, &first, names[i], atomic_load(&timeline->events[i]));
	for (unsigned int i = 0; i < MARKS_MAX; i++) {
		snprintf(mark, sizeof(mark), "mark %u", atomic_load(&timeline->marks[i].number));
		event_write(file, &first, mark, atomic_load(&timeline->marks[i].time));
	}
}

/* All of it, the caller's to free(), or NULL. */
static char *timeline_text(struct timeline *timeline)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	fprintf(file, "{\n  \"format\": %d,\n  \"posthorn\": \"%s\",\n  \"steps\": [",
		TIMELINE_FORMAT, POSTHORN_VERSION);
	steps_write(file, timeline);
	fputs("\n  ],\n  \"events\": [", file);
	events_write(file, timeline);
	fputs("\n  ]\n}\n", file);
	if (fclose(file) == 0)
		return text;
	free(text);
	return NULL;
}

int timeline_write(struct timeline *timeline)
{
	char *text;
	int error;

	if (!timeline)
		return 0;
	text = timeline_text(timeline);
	error = text ? fd_write_all(timeline->fd, text, strlen(text)) : -ENOMEM;
	free(text);
	/* Some file systems tell only now that the disk is full. */
	if (close(timeline->fd) < 0 && !error)
		error = -errno;
	if (error < 0)
		log_error("--timeline %s: cannot be written: %s", timeline->path, strerror(-error));
	free(timeline);
	return error;
}
