/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/stats.h"
#include "lib/file.h"
#include "lib/log.h"
#include "vfio/host_irq.h"

#define ROOT "" /* the real host */

static void counter_note(void *opaque, const char *name, uint64_t value)
{
	/* All of them have the word in their name, and no other counter has: halt_exits,
	 * wfi_exit_stat
	 */
	if (strstr(name, "exit"))
		json_object_set_new(opaque, name, json_integer((json_int_t)value));
}

/* The counters of now, or NULL; *@error says why. */
static json_t *counters_read(int fd, int *error)
{
	json_t *counters = json_object();

	*error = stats_read(fd, counter_note, counters);
	if (*error == 0)
		return counters;
	json_decref(counters);
	return NULL;
}

/* @now less @before; NULL for either is nothing. */
static json_t *counters_subtract(const json_t *before, json_t *now)
{
	json_t *exits = json_object(), *value;
	const char *name;

	json_object_foreach(now, name, value)
	{
		json_int_t start = json_integer_value(json_object_get(before, name));

		if (before)
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

/* Now, because the host frees the interrupts when the guest turns them off. */
static json_t *irqs_read(const char *bdf)
{
	struct host_irq *irqs = NULL;
	json_t *array = json_array();
	int count = bdf ? host_irqs_read(ROOT, bdf, &irqs) : 0;

	for (int i = 0; i < count; i++)
		json_array_append_new(
			array,
			json_pack("{s:i, s:o, s:o}", "irq", (int)irqs[i].irq, "affinity",
				  affinity_json(irqs[i].irq, "smp_affinity_list"), "effective",
				  affinity_json(irqs[i].irq, "effective_affinity_list")));
	free(irqs);
	return array;
}

static void write_out(struct latency_probe *probe, json_t *now, int error)
{
	json_t *root =
		json_pack("{s:o, s:o, s:s}", "exits", counters_subtract(probe->before, now), "irqs",
			  irqs_read(probe->bdf), "error", error < 0 ? strerror(-error) : "");
	char *text = root ? json_dumps(root, 0) : NULL;

	/* Only the last one counts if the guest measures more than once. */
	if (!text || ftruncate(probe->fd, 0) < 0 || lseek(probe->fd, 0, SEEK_SET) < 0 ||
	    fd_write_all(probe->fd, text, strlen(text)) < 0)
		log_warn("latency: the counts of exits are lost");
	free(text);
	json_decref(root);
}

void latency_probe_mark(void *opaque, bool begins)
{
	struct latency_probe *probe = opaque;
	json_t *now;
	int error;

	now = counters_read(probe->vcpu_fd, &error);
	if (!begins)
		write_out(probe, now, error);
	json_decref(probe->before);
	probe->before = begins ? now : NULL;
	if (!begins)
		json_decref(now);
}

void latency_probe_cleanup(struct latency_probe *probe)
{
	json_decref(probe->before);
	probe->before = NULL;
}
