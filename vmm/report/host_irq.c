/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/host_irq.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"

static const struct {
	const char *name;
	enum irq_kind kind;
	bool numbered;
} kinds[] = {
	{ "vfio-msix[", IRQ_KIND_MSIX, true },
	{ "vfio-msi[", IRQ_KIND_MSI, true },
	{ "vfio-intx", IRQ_KIND_INTX, false },
};

/* Is @action, vfio-pci's name of a handler, one of @bdf? If so, fill in ->kind and ->vector. */
static bool action_parse(const char *action, const char *bdf, struct host_irq *irq)
{
	unsigned int i;
	size_t length;
	char *end;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(action, kinds[i].name, strlen(kinds[i].name)))
			break;
	if (i == ARRAY_SIZE(kinds))
		return false;
	irq->kind = kinds[i].kind;
	irq->vector = 0;
	action += strlen(kinds[i].name);
	if (kinds[i].numbered) {
		irq->vector = (unsigned int)strtoul(action, &end, 10);
		if (end == action || *end != ']')
			return false;
		action = end + 1;
	}
	length = strlen(bdf);
	return action[0] == '(' && !strncmp(action + 1, bdf, length) &&
	       !strcmp(action + 1 + length, ")");
}

/* How many CPUs the file's first line names: so many counts start each row. */
static unsigned int cpus_count(const char *header)
{
	unsigned int count = 0;

	while ((header = strstr(header, "CPU"))) {
		header += strlen("CPU");
		count++;
	}
	return count;
}

/* Add up the counts at *@at, and move it behind them. A CPU may have gone since the first line. */
static uint64_t counts_sum(char **at, unsigned int cpus)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < cpus; i++) {
		unsigned long long count;
		char *end;

		count = strtoull(*at, &end, 10);
		if (end == *at || !isspace((unsigned char)*end))
			break;
		sum += count;
		*at = end;
	}
	return sum;
}

/*
 * Is @line, which is cut up, a row of @bdf? "<irq>: <count>... <chip> <more>  <handler>, ...": what
 * is in the middle differs among architectures and chips, so the handler is looked for by its name
 * among all words.
 */
static bool row_parse(char *line, unsigned int cpus, const char *bdf, struct host_irq *irq)
{
	char *at, *word, *state;
	bool ours = false;

	irq->irq = (unsigned int)strtoul(line, &at, 10);
	if (at == line || *at != ':')
		return false;
	at++;
	irq->count = counts_sum(&at, cpus);
	irq->shared = strstr(at, ", ");
	for (word = strtok_r(at, " ,\t\n", &state); word && !ours;
	     word = strtok_r(NULL, " ,\t\n", &state))
		ours = action_parse(word, bdf, irq);
	return ours;
}

static int row_append(struct host_irq **irqs, int count, const struct host_irq *irq)
{
	struct host_irq *larger;

	/* Room is doubled whenever it is full, that is, at every power of two. */
	if (count == 0 || is_power_of_two((uint64_t)count)) {
		larger = realloc(*irqs, max(2 * (size_t)count, 1) * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		*irqs = larger;
	}
	(*irqs)[count] = *irq;
	return count + 1;
}

int host_irqs_open(const char *root)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/proc/interrupts", root);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int host_irqs_read(int fd, const char *bdf, struct host_irq **irqs)
{
	char *line = NULL;
	unsigned int cpus = 0;
	struct host_irq irq;
	size_t size = 0;
	int count = 0;
	FILE *file;

	*irqs = NULL;
	if (fd < 0)
		return fd;
	file = fd_stream(fd);
	if (!file)
		return -ENOMEM;
	if (getline(&line, &size, file) >= 0)
		cpus = cpus_count(line);
	while (count >= 0 && getline(&line, &size, file) >= 0)
		if (row_parse(line, cpus, bdf, &irq))
			count = row_append(irqs, count, &irq);
	if (count >= 0 && ferror(file))
		count = -EIO;
	free(line);
	fclose(file);
	if (count >= 0)
		return count;
	free(*irqs);
	*irqs = NULL;
	return count;
}

const struct host_irq *host_irq_find(const struct host_irq *irqs, int count, enum irq_kind kind,
				     unsigned int vector)
{
	for (int i = 0; i < count; i++)
		if (irqs[i].kind == kind && irqs[i].vector == vector)
			return &irqs[i];
	return NULL;
}
