/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/latency/run.h"

#define PREFIX	  "latency: "
#define WORDS_MAX 10 /* "metric NAME count N min N max N sum N" */
#define REMEDY                                                                 \
	"build the guest's program and posthorn from the same source, and let" \
	" nothing else write to this console"

struct reader {
	struct latency_runs *runs;
	struct latency_run *run; /* the report that is open, or NULL */
	unsigned int reports;	 /* that have an end */
	unsigned int number;	 /* of the line, from 1 */
	unsigned int seen;	 /* bit for each entry of keywords[] that this report has had */
	unsigned int next_index; /* the lowest bucket that may come now; 0 without a metric */
	char *words[WORDS_MAX];	 /* of the line, after the prefix */
	char *why;
	size_t why_size;
};

/* Fill in @why. Returns -EINVAL. */
__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format,
							...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(reader->why, reader->why_size, "line %u of the console, '" PREFIX "%.32s': %s; %s",
		 reader->number, reader->words[0], what, REMEDY);
	/* The console may be anybody's. */
	text_clean(reader->why);
	return -EINVAL;
}

/* ---- words ---- */

static int number_read(struct reader *reader, unsigned int word, uint64_t *number)
{
	const char *text = reader->words[word];
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *number <= HISTOGRAM_VALUE_MAX)
		return 0;
	return refuse(reader, "'%.64s' is not a decimal number below 2^63", text);
}

static int name_read(struct reader *reader, char name[LATENCY_NAME_SIZE])
{
	if (!latency_name_valid(reader->words[1]))
		return refuse(reader, "'%.64s' is not a name", reader->words[1]);
	strcpy(name, reader->words[1]);
	return 0;
}

/* ---- lines ---- */

static int format_read(struct reader *reader)
{
	if (strcmp(reader->words[1], "1"))
		return refuse(reader, "only format 1 is known");
	if (reader->run)
		return refuse(reader, "the report before has no end");
	reader->run = latency_run_add(reader->runs);
	return reader->run ? 0 : -ENOMEM;
}

static int source_read(struct reader *reader)
{
	return name_read(reader, reader->run->source);
}

static int state_read(struct reader *reader)
{
	return name_read(reader, reader->run->state);
}

static int clock_read(struct reader *reader)
{
	if (name_read(reader, reader->run->clock) || number_read(reader, 2, &reader->run->clock_hz))
		return -EINVAL;
	return reader->run->clock_hz ? 0 : refuse(reader, "a clock that stands still");
}

static int overhead_read(struct reader *reader)
{
	return number_read(reader, 1, &reader->run->overhead);
}

static int count_read(struct reader *reader)
{
	return number_read(reader, 1, &reader->run->count);
}

static int lost_read(struct reader *reader)
{
	return number_read(reader, 1, &reader->run->lost);
}

static int worst_read(struct reader *reader)
{
	struct latency_run *run = reader->run;
	struct latency_outlier *outlier = &run->worst[run->worst_count];

	if (run->worst_count == LATENCY_WORST_MAX)
		return refuse(reader, "there are more than %d", LATENCY_WORST_MAX);
	if (number_read(reader, 1, &outlier->ticks) || number_read(reader, 2, &outlier->at))
		return -EINVAL;
	run->worst_count++;
	return 0;
}

static int metric_read(struct reader *reader)
{
	static const char *const keys[] = { "count", "min", "max", "sum" };
	char name[LATENCY_NAME_SIZE];
	struct latency_metric *metric;
	uint64_t numbers[4];

	if (name_read(reader, name))
		return -EINVAL;
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(reader->words[2 + 2 * i], keys[i]))
			return refuse(reader, "'%.64s' where '%s' belongs",
				      reader->words[2 + 2 * i], keys[i]);
		if (number_read(reader, 3 + 2 * i, &numbers[i]))
			return -EINVAL;
	}
	metric = latency_metric_add(reader->run, name);
	if (!metric)
		return -ENOMEM;
	metric->histogram.total = numbers[0];
	metric->histogram.minimum = numbers[1];
	metric->histogram.maximum = numbers[2];
	metric->histogram.sum = numbers[3];
	reader->next_index = 0;
	return 0;
}

static int bucket_read(struct reader *reader)
{
	struct latency_run *run = reader->run;
	uint64_t index, count;

	if (!run->metric_count)
		return refuse(reader, "it comes before any metric");
	if (number_read(reader, 1, &index) || number_read(reader, 2, &count))
		return -EINVAL;
	if (index < reader->next_index || index >= HISTOGRAM_BUCKETS)
		return refuse(reader, "index %s is not from %u to %u", reader->words[1],
			      reader->next_index, HISTOGRAM_BUCKETS - 1);
	run->metrics[run->metric_count - 1].histogram.buckets[index] = count;
	reader->next_index = (unsigned int)index + 1;
	return 0;
}

static int end_read(struct reader *reader);

static const struct keyword {
	const char *name;
	unsigned int words; /* of the line, the keyword included */
	bool once;	    /* in each report: neither never nor twice */
	int (*read)(struct reader *reader);
} keywords[] = {
	{ "format", 2, false, format_read },	{ "source", 2, true, source_read },
	{ "state", 2, true, state_read },	{ "clock", 3, true, clock_read },
	{ "overhead", 2, true, overhead_read }, { "count", 2, true, count_read },
	{ "lost", 2, true, lost_read },		{ "metric", 10, false, metric_read },
	{ "bucket", 3, false, bucket_read },	{ "worst", 3, false, worst_read },
	{ "end", 1, false, end_read },
};

static int end_read(struct reader *reader)
{
	char why[256];

	for (unsigned int i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (keywords[i].once && !(reader->seen & BIT(i)))
			return refuse(reader, "the report has no line '%s'", keywords[i].name);
	}
	if (latency_run_check(reader->run, why, sizeof(why)))
		return refuse(reader, "%s", why);
	reader->run = NULL;
	reader->reports++;
	reader->seen = 0;
	return 0;
}

/* ---- the text ---- */

/* The line's @count words are in reader->words. */
static int words_read(struct reader *reader, unsigned int count)
{
	unsigned int i = 0;

	while (i < ARRAY_SIZE(keywords) && strcmp(keywords[i].name, reader->words[0]))
		i++;
	if (i == ARRAY_SIZE(keywords))
		return refuse(reader, "no such line is known");
	if (count != keywords[i].words)
		return refuse(reader, "it takes %u words, and has %s", keywords[i].words,
			      count < keywords[i].words ? "fewer" : "more");
	if (!reader->run && keywords[i].read != format_read)
		return refuse(reader, "it comes before 'format'");
	if (keywords[i].once && (reader->seen & BIT(i)))
		return refuse(reader, "it is there twice");
	reader->seen |= (unsigned int)BIT(i);
	return keywords[i].read(reader);
}

/* @line is the reader's to change. */
static int line_read(struct reader *reader, char *line)
{
	unsigned int count = 0;

	line[strcspn(line, "\r")] = '\0';
	if (strncmp(line, PREFIX, strlen(PREFIX)))
		return 0;
	line += strlen(PREFIX);
	reader->words[0] = line;
	while (line && count < WORDS_MAX)
		reader->words[count++] = strsep(&line, " ");
	return words_read(reader, count + !!line);
}

static int finish(struct reader *reader)
{
	if (!reader->run && reader->reports)
		return 0;
	snprintf(reader->why, reader->why_size,
		 reader->run
			 ? "the console's output, %u lines, ends before the report does: did the"
			   " guest crash, or the time run out?"
			 : "there is no report in the console's output, %u lines: does the guest"
			   " run the latency program?",
		 reader->number);
	return -ENODATA;
}

int latency_read(const char *text, struct latency_runs *runs, char *why, size_t size)
{
	struct reader reader = { .runs = runs, .why = why, .why_size = size };
	char *copy = strdup(text), *rest = copy, *line;
	int error = copy ? 0 : -ENOMEM;

	why[0] = '\0';
	while (!error && rest && *rest) {
		line = strsep(&rest, "\n");
		reader.number++;
		error = line_read(&reader, line);
	}
	free(copy);
	if (!error)
		error = finish(&reader);
	if (error == -ENOMEM)
		snprintf(why, size, "no memory for the report: close other programs");
	return error;
}
