/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/payload/latency_lines.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/latency/kvm_stats.h"
#include "vmm/report/host_irq.h"

#define ROOT	     "" /* the real host */
#define SECTIONS_MAX 16
#define ANSWER_MAX   8192 /* bytes; more interrupts than any program here uses */

static void counter_note(void *opaque, const char *name, uint64_t value)
{
	json_object_set_new(opaque, name, json_integer((json_int_t)value));
}

/* All of them have the word in their name, and no other counter has: halt_exits, wfi_exit_stat. */
static bool is_exit(const char *name)
{
	return strstr(name, "exit");
}

static bool is_any(const char *name)
{
	(void)name;
	return true;
}

/* The counters of now, or NULL; *@error says why. */
static json_t *counters_read(int stats_fd, int *error)
{
	json_t *counters = json_object();

	*error = stats_read(stats_fd, counter_note, counters);
	if (*error == 0)
		return counters;
	json_decref(counters);
	return NULL;
}

/* @now less @before, of those that @wanted says; NULL for either is nothing. */
static json_t *counters_subtract(const json_t *before, json_t *now,
				 bool (*wanted)(const char *name))
{
	json_t *exits = json_object(), *value;
	const char *name;

	json_object_foreach(now, name, value)
	{
		json_int_t start = json_integer_value(json_object_get(before, name));

		if (before && wanted(name))
			json_object_set_new(exits, name,
					    json_integer(json_integer_value(value) - start));
	}
	return exits;
}

static json_t *affinity_json(unsigned int irq, const char *file)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), ROOT "/proc/irq/%u/%s", irq, file);
	return json_string(file_read_text(path, text, sizeof(text)) < 0 ? "" : text);
}

static json_t *irqs_read(const char *bdf)
{
	struct host_irq *irqs = NULL;
	json_t *array = json_array();
	int fd = host_irqs_open(ROOT), count = host_irqs_read(fd, bdf, &irqs);

	fd_close(&fd);
	for (int i = 0; i < count; i++)
		json_array_append_new(
			array,
			json_pack("{s:i, s:o, s:o}", "irq", (int)irqs[i].irq, "affinity",
				  affinity_json(irqs[i].irq, "smp_affinity_list"), "effective",
				  affinity_json(irqs[i].irq, "effective_affinity_list")));
	free(irqs);
	return array;
}

void latency_probe_answer(int socket, const char *bdf)
{
	json_t *irqs = irqs_read(bdf);
	char question, *text = json_dumps(irqs, 0);
	bool fits = text && strlen(text) < ANSWER_MAX;

	/* Who asked may be gone by now. */
	if (read(socket, &question, 1) == 1 &&
	    send(socket, fits ? text : "[]", fits ? strlen(text) : 2, MSG_NOSIGNAL) < 0)
		log_debug("latency: nobody takes the answer");
	free(text);
	json_decref(irqs);
}

/* Now, because the host frees the interrupts when the guest turns them off. */
static json_t *irqs_ask(int socket)
{
	char answer[ANSWER_MAX];
	json_t *irqs = NULL;
	ssize_t size = -1;

	if (socket >= 0 && write(socket, "?", 1) == 1)
		size = read(socket, answer, sizeof(answer));
	if (size > 0)
		irqs = json_loadb(answer, (size_t)size, 0, NULL);
	return irqs ? irqs : json_array();
}

/* The guest may mark as often as it likes: what is too much is left out. */
static json_t *exits_append(struct latency_probe *probe, json_t *now)
{
	json_t *exits = counters_subtract(probe->before, now, is_exit);

	if (!probe->exits)
		probe->exits = json_array();
	if (json_array_size(probe->exits) < SECTIONS_MAX)
		json_array_append(probe->exits, exits);
	json_decref(exits);
	return probe->exits;
}

int latency_probe_migrations_open(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_MIGRATIONS,
		.inherit = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* 0 where they are not known, too. */
static uint64_t migrations_read(const struct latency_probe *probe)
{
	uint64_t count = 0;

	if (probe->migrations_fd < 0 ||
	    read(probe->migrations_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

static void write_out(struct latency_probe *probe, json_t *now, int error)
{
	json_t *root = json_pack("{s:O, s:o, s:O*, s:s}", "exits", exits_append(probe, now), "irqs",
				 irqs_ask(probe->socket), "worst", probe->worst, "error",
				 error < 0 ? strerror(-error) : "");
	char *text;

	if (root && probe->migrations_fd >= 0) {
		probe->migrated += migrations_read(probe) - probe->migrations;
		json_object_set_new(root, "migrations", json_integer((json_int_t)probe->migrated));
	}
	text = root ? json_dumps(root, 0) : NULL;
	/* The file may have been longer; its NUL is where it ends. */
	if (!text || pwrite(probe->fd, text, strlen(text) + 1, 0) != (ssize_t)strlen(text) + 1)
		log_warn("latency: the counts of exits are lost");
	free(text);
	json_decref(root);
}

void latency_probe_mark(void *opaque, bool begins)
{
	struct latency_probe *probe = opaque;
	json_t *now;
	int error;

	now = counters_read(probe->stats_fd, &error);
	if (!begins)
		write_out(probe, now, error);
	json_decref(probe->before);
	probe->before = begins ? now : NULL;
	if (!begins) {
		json_decref(now);
		return;
	}
	json_decref(probe->looked);
	probe->looked = json_incref(now);
	probe->migrations = migrations_read(probe);
}

void latency_probe_look(void *opaque, uint32_t value)
{
	struct latency_probe *probe = opaque;
	size_t index = value & 0xff;
	json_t *now, *entry;
	int error;

	now = counters_read(probe->stats_fd, &error);
	if (!probe->worst)
		probe->worst = json_array();
	/* A guest that lies gets a list that nobody can use, and no more. */
	if (now && probe->looked && index < LATENCY_WORST_MAX &&
	    index <= json_array_size(probe->worst)) {
		entry = json_pack("{s:i, s:o}", "interrupts", (int)(value >> 8), "counted",
				  counters_subtract(probe->looked, now, is_any));
		json_array_insert_new(probe->worst, index, entry);
		json_array_remove(probe->worst, LATENCY_WORST_MAX);
	}
	json_decref(probe->looked);
	probe->looked = now;
}

/* The first of the two places that has it. -1 with errno when none has. */
static int trace_file_open(const char *name)
{
	static const char *const folders[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[64];
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), ROOT "%s/%s", folders[i], name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	return fd;
}

void latency_probe_trace_open(int *marker, int *tracing)
{
	*tracing = trace_file_open("tracing_on");
	*marker = *tracing < 0 ? -1 : trace_file_open("trace_marker");
	if (*tracing < 0)
		log_warn("--break-above: the kernel's trace will not be stopped: tracing_on: %s; "
			 "as root: mount -t tracefs none /sys/kernel/tracing",
			 strerror(errno));
}

void latency_probe_break(void *opaque, uint32_t us)
{
	const struct latency_probe *probe = opaque;
	char text[64];
	int length = snprintf(text, sizeof(text), "posthorn: an interrupt took %u us\n", us);
	bool stopped;

	/* Whoever reads the trace finds the end of it even without the mark. */
	if (probe->marker_fd >= 0 && write(probe->marker_fd, text, (size_t)length) < 0)
		log_debug("latency: the trace takes no mark");
	stopped = probe->tracing_fd >= 0 && write(probe->tracing_fd, "0", 1) == 1;
	log_notice("latency: an interrupt took %u us, which is above --break-above: the run stops "
		   "here%s",
		   us, stopped ? ", and so does the kernel's trace" : "");
}

void latency_probe_cleanup(struct latency_probe *probe)
{
	json_decref(probe->before);
	json_decref(probe->exits);
	json_decref(probe->looked);
	json_decref(probe->worst);
	probe->before = probe->exits = probe->looked = probe->worst = NULL;
	fd_close(&probe->stats_fd);
	fd_close(&probe->migrations_fd);
	fd_close(&probe->marker_fd);
	fd_close(&probe->tracing_fd);
}
