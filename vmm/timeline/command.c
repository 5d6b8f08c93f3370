/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn timeline`: a file of --timeline as a table, and drawn. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/host/gnuplot.h"
#include "vmm/timeline/timeline.h"

#define STEPS_MAX 1024

struct timeline_options {
	const char *file, *plot; /* plot: NULL for none */
};

/* A step, or an event, whose begin is its end. */
struct part {
	const char *what, *object;
	json_int_t begin, end; /* ns */
};

struct parts {
	struct part list[STEPS_MAX];
	unsigned int count, steps; /* the steps come first */
};

/* ---- the file ---- */

/* What an array has, at the end of @parts. 0, or -EINVAL when it is not as timeline.h says. */
static int parts_read(struct parts *parts, const json_t *array, bool is_event)
{
	size_t index;
	json_t *entry;

	if (!json_is_array(array))
		return -EINVAL;
	json_array_foreach(array, index, entry)
	{
		struct part *part = &parts->list[parts->count];
		int error;

		if (parts->count == STEPS_MAX)
			return -EINVAL;
		*part = (struct part){ .object = "" };
		error = is_event ? json_unpack(entry, "{s:s, s:I}", "what", &part->what, "ns",
					       &part->end)
				 : json_unpack(entry, "{s:s, s:s, s:I, s:I}", "what", &part->what,
					       "object", &part->object, "begin_ns", &part->begin,
					       "end_ns", &part->end);
		if (error || part->begin < 0 || part->end < part->begin)
			return -EINVAL;
		part->begin = is_event ? part->end : part->begin;
		parts->count++;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct part *first = a, *second = b;

	return (first->end > second->end) - (first->end < second->end);
}

/* The strings of @parts belong to what is returned, NULL when it is no such file. */
static json_t *timeline_read(const char *path, struct parts *parts)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error);
	int code = -EINVAL;

	parts->count = parts->steps = 0;
	if (!json) {
		log_error("%s: %s", path, error.text);
		return NULL;
	}
	if (json_integer_value(json_object_get(json, "format")) == TIMELINE_FORMAT)
		code = parts_read(parts, json_object_get(json, "steps"), false);
	parts->steps = parts->count;
	if (!code)
		code = parts_read(parts, json_object_get(json, "events"), true);
	qsort(parts->list + parts->steps, parts->count - parts->steps, sizeof(*parts->list),
	      by_time);
	if (!code)
		return json;
	log_error("%s: is no file of posthorn run --timeline, of format %d", path, TIMELINE_FORMAT);
	json_decref(json);
	return NULL;
}

/* ---- the table ---- */

/* Of a file, nothing is let through that a terminal would act on. */
static void cell_print(const char *text, int width)
{
	char clean[64];

	snprintf(clean, sizeof(clean), "%s", text);
	text_clean(clean);
	printf("%-*s  ", width, clean);
}

static void table_print(const struct parts *parts)
{
	double sum = 0;

	for (unsigned int i = 0; i < parts->steps; i++)
		sum += (double)(parts->list[i].end - parts->list[i].begin);
	printf("%-26s  %-40s  %11s  %11s  %7s\n", "STEP", "WITH", "UNTIL, ms", "TOOK, ms", "SHARE");
	for (unsigned int i = 0; i < parts->count; i++) {
		const struct part *part = &parts->list[i];

		cell_print(part->what, 26);
		cell_print(part->object, 40);
		printf("%11.3f", (double)part->end / 1e6);
		if (i < parts->steps)
			printf("  %11.3f  %5.1f %%", (double)(part->end - part->begin) / 1e6,
			       sum ? 100 * (double)(part->end - part->begin) / sum : 0);
		printf("\n");
	}
	printf("%-26s  %-40s  %11s  %11.3f\n", "all steps", "", "", sum / 1e6);
}

/* ---- the plot ---- */

/* In a script of gnuplot, between double quotes: what could end them or begin markup is left out.
 */
static void label_write(FILE *file, const struct part *part)
{
	char text[96];

	snprintf(text, sizeof(text), "%s%s%s", part->what, part->object[0] ? " " : "",
		 part->object);
	for (char *at = text; *at; at++)
		if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\' || *at == '`' || *at == '$')
			*at = '?';
	fprintf(file, "\"%s\"", text);
}

/* A bar for each step, a diamond for each event, from the top down. */
static void script_write(FILE *file, const struct parts *parts, const char *terminal)
{
	bool is_png = terminal[0] == 'p';

	fprintf(file, "set terminal %s%s size 960,%u font ',12' %s\n", terminal,
		is_png ? "cairo" : " dynamic enhanced", 110 + 24 * parts->count,
		is_png ? "" : "background '#ffffff'");
	fprintf(file,
		"set termoption noenhanced\nset yrange [%u.5:-0.5]\nset xrange [0:*]\n"
		"set offsets 0, graph 0.12, 0, 0\n"
		"set xlabel 'ms since the start of posthorn run'\nunset key\n"
		"set grid x linecolor '#d0d0d0'\nset border 3\nset tics nomirror out\n"
		"set style fill solid 1 noborder\nset ytics (",
		parts->count - 1);
	for (unsigned int i = 0; i < parts->count; i++) {
		fputs(i ? ", " : "", file);
		label_write(file, &parts->list[i]);
		fprintf(file, " %u", i);
	}
	fputs(")\n$bars << END\n", file);
	for (unsigned int i = 0; i < parts->steps; i++)
		fprintf(file, "%.6f %.6f %u %.3f\n", (double)parts->list[i].begin / 1e6,
			(double)parts->list[i].end / 1e6, i,
			(double)(parts->list[i].end - parts->list[i].begin) / 1e6);
	fputs("END\n$events << END\n", file);
	for (unsigned int i = parts->steps; i < parts->count; i++)
		fprintf(file, "%.6f %u %.3f\n", (double)parts->list[i].end / 1e6, i,
			(double)parts->list[i].end / 1e6);
	fputs("END\nplot $bars using 1:3:1:2:($3-0.35):($3+0.35) with boxxyerror linecolor "
	      "'#1f5fa8', \\\n"
	      "  '' using 2:3:4 with labels left offset 0.7,0",
	      file);
	if (parts->count > parts->steps)
		fputs(", \\\n  $events using 1:2 with points pointtype 13 pointsize 1.2 linecolor "
		      "'#b04000', \\\n"
		      "  '' using 1:2:3 with labels left offset 1.2,0",
		      file);
	fputs("\n", file);
}

static int plot(const struct parts *parts, const char *path)
{
	char *script = NULL, why[512] = "no memory for the plot: close other programs";
	size_t length = 0;
	FILE *file = open_memstream(&script, &length);
	int error = -ENOMEM;

	if (file)
		script_write(file, parts, gnuplot_terminal(path));
	if (file && !fclose(file))
		error = gnuplot_draw(path, script, length, why, sizeof(why));
	free(script);
	if (error)
		log_error("%s", why);
	return error ? EXIT_USAGE : EXIT_OK;
}

/* ---- the command ---- */

static int timeline_run(const void *opaque)
{
	const struct timeline_options *options = opaque;
	struct parts *parts = malloc(sizeof(*parts));
	json_t *json;
	int code = EXIT_USAGE;

	if (!parts)
		die(EXIT_HOST, "no memory for the timeline: close other programs");
	json = timeline_read(options->file, parts);
	if (json) {
		table_print(parts);
		code = options->plot ? plot(parts, options->plot) : EXIT_OK;
	}
	json_decref(json);
	free(parts);
	return code;
}

static int file_operand(struct parser *parser, const char *text)
{
	struct timeline_options *options = parser->options;

	options->file = text;
	return 0;
}

static const struct option_rule timeline_rules[] = {
	{ "--plot", "FILE.svg|.png|.gp", "draw it, by gnuplot", option_plot,
	  .offset = offsetof(struct timeline_options, plot) },
	{ 0 },
};

const struct command command_timeline = {
	.name = "timeline",
	.synopsis = "FILE",
	.help = "show what run --timeline wrote",
	.rules = timeline_rules,
	.operand = file_operand,
	.operands = 1,
	.needed = "the file of run --timeline",
	.options_size = sizeof(struct timeline_options),
	.run = timeline_run,
};
