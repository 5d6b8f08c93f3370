/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the host disturbs a guest that is to answer in time. That stops no run, so it is a note;
 * what does is a CPU that the guest cannot have. docs/latency.md says what each note is worth.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"
#include "vmm/affinity.h"
#include "vmm/check/check.h"

#define CPU_FOLDER  "/sys/devices/system/cpu/"
#define LIST_SIZE   256 /* of CPUs, in a finding: a longer one is cut */
#define IRQS_LISTED 8

struct look {
	struct check *check;
	const struct cpu_options *cpus;
	const char *bdf; /* "": no function was named */
	cpu_set_t pins;	 /* the CPUs that the guest's run on */
	cpu_set_t named; /* those of the command line: pins, and those of other threads */
	cpu_set_t isolated;
	char pins_list[LIST_SIZE];
};

/* ---- sets of CPUs ---- */

/* The list in @path, which is empty when there is none. */
static void set_read(const struct check *check, const char *path, cpu_set_t *set)
{
	char text[4096];
	const char *at = text;

	check_read(check, path, text, sizeof(text));
	/* "(null)" is how the kernel prints a set that was never made. */
	if (cpu_list_parse(&at, set, NULL, CPU_SETSIZE) < 0)
		CPU_ZERO(set);
}

/* @a without @b. Returns whether anything is left; @list then has it. */
static bool set_without(const cpu_set_t *a, const cpu_set_t *b, char list[LIST_SIZE])
{
	cpu_set_t left;

	CPU_XOR(&left, a, b);
	CPU_AND(&left, &left, a);
	cpu_list_print(&left, list, LIST_SIZE);
	return CPU_COUNT(&left);
}

static bool sets_overlap(const cpu_set_t *a, const cpu_set_t *b)
{
	cpu_set_t both;

	CPU_AND(&both, a, b);
	return CPU_COUNT(&both);
}

/* ---- the CPUs ---- */

static void isolation_look(const struct look *look)
{
	static const char object[] = "CPU isolation";
	char list[LIST_SIZE];

	if (!look->cpus->pinned) {
		cpu_list_print(&look->isolated, list, sizeof(list));
		check_add(look->check, CHECK_NOTE, object,
			  "the guest's CPUs run wherever the host likes%s%s",
			  list[0] ? "; isolated are CPUs " : ", and none is isolated", list);
		check_remedy(look->check, "--cpus N,pin=LIST, with CPUs that are isolated");
	} else if (set_without(&look->pins, &look->isolated, list)) {
		check_add(look->check, CHECK_NOTE, object,
			  "the host runs other programs on CPUs %s", list);
		check_remedy(look->check,
			     "boot with isolcpus=%s, or make a control group of these with "
			     "cpuset.cpus.partition isolated",
			     look->pins_list);
	} else {
		check_add(look->check, CHECK_OK, object, "CPUs %s are isolated", look->pins_list);
	}
}

static void tick_look(const struct look *look)
{
	static const char object[] = "timer tick";
	char list[LIST_SIZE];
	cpu_set_t tickless;

	set_read(look->check, CPU_FOLDER "nohz_full", &tickless);
	if (!set_without(&look->pins, &tickless, list)) {
		check_add(look->check, CHECK_OK, object, "CPUs %s do without (nohz_full)",
			  look->pins_list);
		return;
	}
	check_add(look->check, CHECK_NOTE, object,
		  "interrupts a guest that runs on CPUs %s, some hundred times a second", list);
	check_remedy(look->check, "boot with nohz_full=%s rcu_nocbs=%s", list, list);
}

/* A run takes back what taskset(1) took away, but not what a control group did. */
static void allowed_look(const struct look *look)
{
	static const char name[] = "Cpus_allowed_list:\t";
	char text[8192], list[LIST_SIZE];
	cpu_set_t allowed;
	const char *at;

	check_read(look->check, "/proc/self/status", text, sizeof(text));
	at = strstr(text, name);
	at = at ? at + strlen(name) : "";
	if (cpu_list_parse(&at, &allowed, NULL, CPU_SETSIZE) < 0 ||
	    !set_without(&look->named, &allowed, list))
		return;
	check_add(look->check, CHECK_NOTE, "cpuset",
		  "this process does not run on CPUs %s: a run cannot either if a control group "
		  "is why, and can if taskset is",
		  list);
	check_remedy(look->check, "add them to cpuset.cpus of its control group (systemd: "
				  "AllowedCPUs=; docker run --cpuset-cpus)");
}

/* Are CPUs named that are not in the list @path? Then @text, the CPUs and @remedy are the finding.
 */
static bool missing_look(const struct look *look, const char *path, const char *text,
			 const char *remedy)
{
	char list[LIST_SIZE];
	cpu_set_t there;

	set_read(look->check, path, &there);
	if (!CPU_COUNT(&there) || !set_without(&look->named, &there, list))
		return false;
	check_add(look->check, CHECK_STOPS, "CPUs", "%s %s", text, list);
	check_remedy(look->check, "%s", remedy);
	return true;
}

static void governor_look(const struct look *look)
{
	char path[96], text[64], other[64] = "", list[LIST_SIZE];
	cpu_set_t slow;

	CPU_ZERO(&slow);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		snprintf(path, sizeof(path), CPU_FOLDER "cpu%zu/cpufreq/scaling_governor", cpu);
		if (!CPU_ISSET(cpu, &look->pins) ||
		    !check_read(look->check, path, text, sizeof(text)) ||
		    !strcmp(text, "performance"))
			continue;
		CPU_SET(cpu, &slow);
		strcpy(other, text);
	}
	if (!CPU_COUNT(&slow))
		return;
	cpu_list_print(&slow, list, sizeof(list));
	check_add(look->check, CHECK_NOTE, "governor",
		  "CPUs %s change their clock with the load (%s)", list, other);
	check_remedy(look->check, "cpupower -c %s frequency-set -g performance", list);
}

/* Those that share a core with a CPU of the guest's, and have something to do. */
static void siblings_look(const struct look *look)
{
	char path[96], list[LIST_SIZE];
	cpu_set_t busy, siblings;

	if (!look->cpus->pinned)
		return;
	CPU_ZERO(&busy);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &look->pins))
			continue;
		snprintf(path, sizeof(path), CPU_FOLDER "cpu%zu/topology/thread_siblings_list",
			 cpu);
		set_read(look->check, path, &siblings);
		CPU_CLR(cpu, &siblings);
		for (size_t other = 0; other < CPU_SETSIZE; other++)
			if (CPU_ISSET(other, &siblings) &&
			    (!CPU_ISSET(other, &look->isolated) || CPU_ISSET(other, &look->pins) ||
			     CPU_ISSET(other, &look->cpus->helpers)))
				CPU_SET(other, &busy);
	}
	if (!CPU_COUNT(&busy))
		return;
	cpu_list_print(&busy, list, sizeof(list));
	check_add(look->check, CHECK_NOTE, "SMT",
		  "CPUs %s are busy, and share cores with the guest's CPUs", list);
	check_remedy(look->check, "leave them idle: isolate them, or for each echo 0 >" CPU_FOLDER
				  "cpuN/online");
}

/* Is the host's Linux of 6.12 or newer? */
static bool has_fair_server(const struct check *check)
{
	unsigned int major = 0, minor = 0;
	char release[65];

	return check_read(check, "/proc/sys/kernel/osrelease", release, sizeof(release)) &&
	       sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 12));
}

/*
 * A busy thread with real-time priority gets a share of each period: sched(7). Since Linux 6.12
 * what is left is for others that wait for the CPU, and no time is lost where there are none.
 */
static void throttling_look(const struct look *look)
{
	char text[32];
	long long left;

	if (look->cpus->policy != CPU_POLICY_FIFO && look->cpus->policy != CPU_POLICY_RR)
		return;
	if (has_fair_server(look->check)) {
		check_add(look->check, CHECK_NOTE, "real-time scheduling",
			  "a guest that never sleeps gives programs that wait for its CPU a share "
			  "of each second");
		check_remedy(look->check, "isolate the CPU, so that none waits; the share is in "
					  "/sys/kernel/debug/sched/fair_server/cpuN/runtime");
		return;
	}
	if (!check_read(look->check, "/proc/sys/kernel/sched_rt_runtime_us", text, sizeof(text)))
		return;
	left = strtoll(text, NULL, 10);
	if (left < 0)
		return;
	check_add(look->check, CHECK_NOTE, "real-time scheduling",
		  "a guest that never sleeps is stopped when it has run for %lld us of a period, "
		  "which is a second by default",
		  left);
	check_remedy(look->check, "echo -1 >/proc/sys/kernel/sched_rt_runtime_us");
}

/* ---- interrupts of the host ---- */

/* Numbers of interrupts, and the CPUs that handle them. */
struct irqs {
	char list[IRQS_LISTED * 12 + 8]; /* the first of them */
	unsigned int count;
	cpu_set_t cpus;
};

static void irq_add(struct irqs *irqs, unsigned long irq, const cpu_set_t *cpus)
{
	size_t length = strlen(irqs->list);

	if (irqs->count < IRQS_LISTED)
		snprintf(irqs->list + length, sizeof(irqs->list) - length, "%s%lu",
			 length ? ", " : "", irq);
	else if (irqs->count == IRQS_LISTED)
		snprintf(irqs->list + length, sizeof(irqs->list) - length, ", ...");
	irqs->count++;
	CPU_OR(&irqs->cpus, &irqs->cpus, cpus);
}

/* Where @irq is handled; none where nobody handles it. */
static void irq_cpus_read(const struct check *check, unsigned long irq, cpu_set_t *cpus)
{
	char path[64], text[16];

	CPU_ZERO(cpus);
	snprintf(path, sizeof(path), "/sys/kernel/irq/%lu/actions", irq);
	if (!check_read(check, path, text, sizeof(text)))
		return;
	snprintf(path, sizeof(path), "/proc/irq/%lu/effective_affinity_list", irq);
	set_read(check, path, cpus);
}

/*
 * Those of the directory @path, whose entries are their numbers: all that are handled at all, or
 * with @on only those that a CPU of @on handles.
 */
static void irqs_find(const struct check *check, const char *path, const cpu_set_t *on,
		      struct irqs *irqs)
{
	char full[PATH_MAX], *end;
	struct dirent **entries;
	cpu_set_t cpus;
	int count;

	*irqs = (struct irqs){ .count = 0 };
	file_path_set(full, check->root, "%s", path);
	count = scandir(full, &entries, NULL, versionsort);
	for (int i = 0; i < count; i++) {
		unsigned long irq = strtoul(entries[i]->d_name, &end, 10);

		irq_cpus_read(check, irq, &cpus);
		if (!*end && CPU_COUNT(&cpus) && (!on || sets_overlap(&cpus, on)))
			irq_add(irqs, irq, &cpus);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void host_irqs_look(const struct look *look)
{
	static const char object[] = "host interrupts";
	struct irqs irqs;

	if (!look->cpus->pinned)
		return;
	irqs_find(look->check, "/proc/irq", &look->pins, &irqs);
	if (!irqs.count) {
		check_add(look->check, CHECK_OK, object, "none is handled by CPUs %s",
			  look->pins_list);
		return;
	}
	check_add(look->check, CHECK_NOTE, object, "CPUs %s handle %u: %s", look->pins_list,
		  irqs.count, irqs.list);
	check_remedy(look->check, "end irqbalance, and for each: echo LIST "
				  ">/proc/irq/N/smp_affinity_list, with other CPUs");
}

/* A driver has rows for its messages; vfio-pci, as long as a guest has turned them on. */
static void function_irqs_look(const struct look *look)
{
	char path[96], object[64], list[LIST_SIZE];
	struct irqs irqs;

	if (!look->bdf[0])
		return;
	snprintf(object, sizeof(object), "%s interrupts", look->bdf);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", look->bdf);
	irqs_find(look->check, path, NULL, &irqs);
	if (!irqs.count) {
		check_add(look->check, CHECK_NOTE, object,
			  "it has none now, so that nothing tells which CPU handles them");
		check_remedy(look->check, "look again while a guest runs");
		return;
	}
	cpu_list_print(&irqs.cpus, list, sizeof(list));
	check_add(look->check, CHECK_NOTE, object, "CPUs %s handle %s: %s", list, irqs.list,
		  sets_overlap(&irqs.cpus, &look->pins)
			  ? "unless they are posted, each makes a guest there leave"
			  : "unless they are posted, each takes a message to the guest's CPU");
	check_remedy(look->check, "let them stay where they are from one run to the next: "
				  "irqbalance moves them");
}

/* ---- KVM, memory and the CPU ---- */

static void halt_poll_look(const struct look *look)
{
	static const char path[] = "/sys/module/kvm/parameters/halt_poll_ns";
	char text[32];

	if (!check_read(look->check, path, text, sizeof(text)) || !strcmp(text, "0"))
		return;
	check_add(look->check, CHECK_NOTE, "halt polling",
		  "KVM spins for up to %s ns when the guest sleeps, before it lets the CPU go",
		  text);
	check_remedy(look->check,
		     "--halt-poll 0 to measure the wake-up, or --idle guest to keep the "
		     "CPU");
}

static void pages_look(const struct look *look)
{
	static const char object[] = "transparent huge pages";
	bool never;
	char text[64];

	if (look->check->huge_page_size ||
	    !check_read(look->check, "/sys/kernel/mm/transparent_hugepage/enabled", text,
			sizeof(text)))
		return;
	never = strstr(text, "[never]");
	check_add(look->check, CHECK_NOTE, object, "%s",
		  never ? "off: the guest's memory is in small pages, which take longer to find"
			: "the kernel may join pages of the guest's memory while it runs, and "
			  "stops it for that");
	check_remedy(look->check, "--memory %lluM,hugepages=on",
		     (unsigned long long)(look->check->memory / MIB));
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Does @text, of a file of CPU_FOLDER vulnerabilities, tell of a flush at each entry or exit? */
static bool flush_is_told(const char *text)
{
	static const char *const words[] = { "cache flushes", "Clear CPU buffers", "IBPB on VMEXIT",
					     "IBPB before exit to userspace" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

static void mitigations_look(const struct look *look)
{
	static const char folder[] = CPU_FOLDER "vulnerabilities";
	char path[PATH_MAX], text[256], names[256] = "";
	struct dirent **entries;
	int count;

	file_path_set(path, look->check->root, "%s", folder);
	count = scandir(path, &entries, not_hidden, alphasort);
	for (int i = 0; i < count; i++) {
		size_t length = strlen(names);

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (check_read(look->check, path, text, sizeof(text)) && flush_is_told(text))
			snprintf(names + length, sizeof(names) - length, "%s%.32s",
				 length ? ", " : "", entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (!names[0])
		return;
	check_add(look->check, CHECK_NOTE, "mitigations",
		  "when a guest is entered or left, caches or buffers are flushed because of %s",
		  names);
	check_remedy(look->check, "with a guest that is trusted: boot with mitigations=off");
}

void check_latency(struct check *check, const struct cpu_options *cpus, const char *bdf)
{
	static void (*const looks[])(const struct look *look) = {
		isolation_look, tick_look,	 allowed_look,	   governor_look,
		siblings_look,	throttling_look, host_irqs_look,   function_irqs_look,
		halt_poll_look, pages_look,	 mitigations_look,
	};
	struct look look = { .check = check, .cpus = cpus, .bdf = bdf };
	cpu_set_t partitions;

	set_read(check, CPU_FOLDER "isolated", &look.isolated);
	set_read(check, "/sys/fs/cgroup/cpuset.cpus.isolated", &partitions);
	CPU_OR(&look.isolated, &look.isolated, &partitions);
	set_read(check, CPU_FOLDER "online", &look.pins);
	if (cpus->pinned)
		CPU_ZERO(&look.pins);
	for (unsigned int i = 0; cpus->pinned && i < cpus->count; i++)
		CPU_SET(cpus->pins[i], &look.pins);
	if (cpus->pinned)
		CPU_OR(&look.named, &look.pins, &cpus->helpers);
	if (missing_look(&look, CPU_FOLDER "present", "this host has no CPUs",
			 "lscpu -e lists those that it has") ||
	    missing_look(&look, CPU_FOLDER "online", "offline are CPUs",
			 "for each: echo 1 >" CPU_FOLDER "cpuN/online"))
		return;
	cpu_list_print(&look.pins, look.pins_list, sizeof(look.pins_list));
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		looks[i](&look);
}
