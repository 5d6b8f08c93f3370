/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/host.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "lib/file.h"
#include "lib/util.h"
#include "vmm/latency/run.h"
#include "vmm/report/posting.h"

#define TEXT_SIZE 4096 /* the longest kernel command line of most architectures, and more */

struct facts {
	const char *root;
	struct latency_run *run;
	int error; /* the first */
};

static void fact_add(struct facts *facts, const char *key, const char *value)
{
	if (!facts->error)
		facts->error = latency_fact_add(facts->run, key, value);
}

/* The text of @path below the root, without a newline at its end. Returns whether there is any. */
static bool text_read(const struct facts *facts, const char *path, char text[TEXT_SIZE])
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", facts->root, path);
	return file_read_text(full, text, TEXT_SIZE) > 0;
}

const char *latency_host_architecture(void)
{
	static const char *const names[][2] = { { "x86_64", "x86_64" }, { "aarch64", "arm64" } };
	struct utsname system;

	if (uname(&system) == 0) {
		for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
			if (!strcmp(system.machine, names[i][0]))
				return names[i][1];
		}
	}
	return "unknown";
}

/* ---- what is in one file each ---- */

static const struct {
	const char *key, *path;
} files[] = {
	{ "cmdline", "/proc/cmdline" },
	{ "cpus", "/sys/devices/system/cpu/online" },
	{ "isolated", "/sys/devices/system/cpu/isolated" },
	{ "nohz_full", "/sys/devices/system/cpu/nohz_full" },
	{ "smt", "/sys/devices/system/cpu/smt/control" },
	{ "clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource" },
	{ "kvm.halt_poll_ns", "/sys/module/kvm/parameters/halt_poll_ns" },
	{ "kvm.halt_poll_ns_grow", "/sys/module/kvm/parameters/halt_poll_ns_grow" },
	{ "kvm.halt_poll_ns_grow_start", "/sys/module/kvm/parameters/halt_poll_ns_grow_start" },
	{ "kvm.halt_poll_ns_shrink", "/sys/module/kvm/parameters/halt_poll_ns_shrink" },
	{ "kvm_intel.enable_apicv", "/sys/module/kvm_intel/parameters/enable_apicv" },
	{ "kvm_intel.enable_device_posted_irqs",
	  "/sys/module/kvm_intel/parameters/enable_device_posted_irqs" },
	{ "kvm_amd.avic", "/sys/module/kvm_amd/parameters/avic" },
	{ "kvm_amd.enable_device_posted_irqs",
	  "/sys/module/kvm_amd/parameters/enable_device_posted_irqs" },
};

static void files_add(struct facts *facts)
{
	char text[TEXT_SIZE];

	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		/* So the kernel prints a set of CPUs that was never made: nohz_full. */
		if (text_read(facts, files[i].path, text) && !strstr(text, "(null)"))
			fact_add(facts, files[i].key, text);
	}
}

/* ---- the system ---- */

static void system_add(struct facts *facts)
{
	struct utsname system;
	char text[TEXT_SIZE];
	time_t now = time(NULL);
	struct tm utc;

	fact_add(facts, "posthorn", POSTHORN_VERSION);
	if (gmtime_r(&now, &utc) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc))
		fact_add(facts, "date", text);
	if (uname(&system) < 0)
		return;
	snprintf(text, sizeof(text), "%s %s %s %s", system.sysname, system.release, system.version,
		 system.machine);
	fact_add(facts, "kernel", text);
}

static void machine_add(struct facts *facts)
{
	char maker[TEXT_SIZE], model[TEXT_SIZE], text[2 * TEXT_SIZE];

	/* Machines with ACPI have the first two, those with a device tree the last. */
	if (text_read(facts, "/sys/class/dmi/id/sys_vendor", maker) &&
	    text_read(facts, "/sys/class/dmi/id/product_name", model)) {
		snprintf(text, sizeof(text), "%s %s", maker, model);
		fact_add(facts, "machine", text);
	} else if (text_read(facts, "/proc/device-tree/model", model)) {
		fact_add(facts, "machine", model);
	}
}

/* ---- the CPU ---- */

/* What is behind @name and the colon in a line of /proc/cpuinfo; "" when there is none. */
static void cpuinfo_find(const char *cpuinfo, const char *name, char value[TEXT_SIZE])
{
	const char *line = cpuinfo;

	value[0] = '\0';
	while (line && strncmp(line, name, strlen(name))) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	line = line ? strchr(line, ':') : NULL;
	if (!line)
		return;
	line += strspn(line, ": \t");
	snprintf(value, TEXT_SIZE, "%.*s", (int)strcspn(line, "\n"), line);
}

/* arm64 names no model: these numbers (MIDR_EL1) are the name. */
static void cpu_numbers_add(struct facts *facts, const char *cpuinfo)
{
	char implementer[TEXT_SIZE], part[TEXT_SIZE], variant[TEXT_SIZE], revision[TEXT_SIZE];
	char text[256];

	cpuinfo_find(cpuinfo, "CPU implementer", implementer);
	cpuinfo_find(cpuinfo, "CPU part", part);
	cpuinfo_find(cpuinfo, "CPU variant", variant);
	cpuinfo_find(cpuinfo, "CPU revision", revision);
	if (!part[0])
		return;
	snprintf(text, sizeof(text), "implementer %.16s part %.16s variant %.16s revision %.16s",
		 implementer, part, variant, revision);
	fact_add(facts, "cpu", text);
}

static void cpu_add(struct facts *facts)
{
	char cpuinfo[TEXT_SIZE], value[TEXT_SIZE], flags[TEXT_SIZE + 1] = " ";

	if (!text_read(facts, "/proc/cpuinfo", cpuinfo))
		return;
	cpuinfo_find(cpuinfo, "model name", value);
	if (value[0])
		fact_add(facts, "cpu", value);
	else
		cpu_numbers_add(facts, cpuinfo);
	/* A flag that hypervisors set; only x86-64 has such a one. */
	cpuinfo_find(cpuinfo, "flags", flags + 1);
	if (!flags[1])
		fact_add(facts, "virtual", "unknown");
	else
		fact_add(facts, "virtual", strstr(flags, " hypervisor") ? "yes" : "no");
}

static void governor_add(struct facts *facts, int cpu)
{
	char path[96], text[TEXT_SIZE];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
	if (cpu >= 0 && text_read(facts, path, text))
		fact_add(facts, "governor", text);
}

/* ---- the rest ---- */

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void mitigations_add(struct facts *facts)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	char path[PATH_MAX], key[300], text[TEXT_SIZE];
	struct dirent **entries;
	int count;

	snprintf(path, sizeof(path), "%s%s", facts->root, folder);
	count = scandir(path, &entries, not_hidden, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		snprintf(key, sizeof(key), "mitigation.%s", entries[i]->d_name);
		if (text_read(facts, path, text))
			fact_add(facts, key, text);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void posting_add(struct facts *facts)
{
	char why[POSTING_TEXT_SIZE];

	fact_add(facts, "posting",
		 posting_possible(facts->root, why, sizeof(why)) ? "possible" : why);
}

int latency_host_facts(const char *root, int cpu, struct latency_run *run)
{
	struct facts facts = { .root = root, .run = run };

	system_add(&facts);
	machine_add(&facts);
	cpu_add(&facts);
	governor_add(&facts, cpu);
	files_add(&facts);
	mitigations_add(&facts);
	posting_add(&facts);
	return facts.error;
}
