/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an access to a PCI function costs, in ticks of the TSC: `measure BDF`. Runs in a guest as
 * well as on the machine itself, so that the two can be compared. In the lab's deterministic mode
 * a tick is an instruction.
 *
 * Prints a line for each kind of access: its name, and the 50th and 99th percentile.
 *
 * `measure clock` prints the monotonic clock in nanoseconds, for timing from a script.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS 2000

/* Offsets in configuration space: PCI Local Bus 3.0, 6.1. */
#define CONFIG_VENDOR  0x00
#define CONFIG_COMMAND 0x04

struct target {
	int config_fd;
	volatile uint32_t *bar;
};

static void config_read(struct target *target)
{
	uint32_t value;

	if (pread(target->config_fd, &value, sizeof(value), CONFIG_VENDOR) != sizeof(value))
		exit(1);
}

static uint16_t command;

static void config_write(struct target *target)
{
	if (pwrite(target->config_fd, &command, sizeof(command), CONFIG_COMMAND) != sizeof(command))
		exit(1);
}

static void bar_read(struct target *target)
{
	(void)target->bar[2]; /* the e1000e's status register: reading it changes nothing */
}

static const struct {
	const char *name;
	void (*access)(struct target *target);
} accesses[] = {
	{ "config-read", config_read },
	{ "config-write", config_write },
	{ "bar-read", bar_read },
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct target *target, const char *name, void (*access)(struct target *))
{
	static uint64_t ticks[ROUNDS];
	unsigned int aux;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = __rdtscp(&aux);

		access(target);
		ticks[i] = __rdtscp(&aux) - start;
	}
	qsort(ticks, ROUNDS, sizeof(ticks[0]), compare);
	printf("measure %s %llu %llu\n", name, (unsigned long long)ticks[ROUNDS / 2],
	       (unsigned long long)ticks[ROUNDS * 99 / 100]);
}

static int file_open(const char *bdf, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static int clock_print(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld\n", 1000000000LL * now.tv_sec + now.tv_nsec);
	return 0;
}

int main(int argc, char **argv)
{
	struct target target;

	if (argc != 2) {
		fprintf(stderr, "usage: measure BDF | measure clock\n");
		return 2;
	}
	if (strcmp(argv[1], "clock") == 0)
		return clock_print();
	target.config_fd = file_open(argv[1], "config");
	target.bar = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_open(argv[1], "resource0"), 0);
	if (target.bar == MAP_FAILED ||
	    pread(target.config_fd, &command, sizeof(command), CONFIG_COMMAND) != sizeof(command)) {
		perror(argv[1]);
		return 1;
	}
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		measure(&target, accesses[i].name, accesses[i].access);
	return 0;
}
