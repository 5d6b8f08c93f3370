/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/affinity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

#define CPU_FOLDER   "/sys/devices/system/cpu/"
#define PRIORITY_MAX 99

static const struct {
	const char *name; /* as in sched= */
	int policy;
	bool has_priority;
} policies[CPU_POLICIES] = {
	[CPU_POLICY_INHERITED] = { "inherited", SCHED_OTHER, false },
	[CPU_POLICY_OTHER] = { "other", SCHED_OTHER, false },
	[CPU_POLICY_FIFO] = { "fifo", SCHED_FIFO, true },
	[CPU_POLICY_RR] = { "rr", SCHED_RR, true },
};

/* ---- lists ---- */

/* "2" or "2-3" at *@text. 0 or -EINVAL. */
static int range_parse(const char **text, uint64_t *first, uint64_t *last)
{
	if (number_parse(text, first))
		return -EINVAL;
	*last = *first;
	if (**text == '-') {
		++*text;
		if (number_parse(text, last))
			return -EINVAL;
	}
	return *first <= *last && *last < CPU_SETSIZE ? 0 : -EINVAL;
}

int cpu_list_parse(const char **text, cpu_set_t *set, uint16_t *order, unsigned int most)
{
	uint64_t first, last;
	unsigned int count = 0;

	CPU_ZERO(set);
	for (;;) {
		if (range_parse(text, &first, &last))
			return -EINVAL;
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			if (CPU_ISSET(cpu, set) || count == most)
				return -EINVAL;
			CPU_SET(cpu, set);
			if (order)
				order[count] = (uint16_t)cpu;
			count++;
		}
		/* What follows a comma may be no CPU but another key: ",sched=". */
		if ((*text)[0] != ',' || (*text)[1] < '0' || (*text)[1] > '9')
			return (int)count;
		++*text;
	}
}

void cpu_list_print(const cpu_set_t *set, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t cpu = 0; cpu < CPU_SETSIZE && length < size; cpu++) {
		size_t last = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
			last++;
		length += (size_t)snprintf(text + length, size - length,
					   last > cpu ? "%s%zu-%zu" : "%s%zu", length ? "," : "",
					   cpu, last);
		cpu = last;
	}
}

void cpu_policy_print(const struct cpu_options *cpus, char *text, size_t size)
{
	if (policies[cpus->policy].has_priority)
		snprintf(text, size, "%s:%llu", policies[cpus->policy].name,
			 (unsigned long long)cpus->priority);
	else
		snprintf(text, size, "%s", policies[cpus->policy].name);
}

/* ---- options ---- */

/* "fifo:10", "other" at *@text. 0 or -EINVAL. */
static int policy_parse(const char **text, struct cpu_options *cpus)
{
	size_t length = strcspn(*text, ":,");

	for (unsigned int i = CPU_POLICY_OTHER; i < CPU_POLICIES; i++) {
		if (strlen(policies[i].name) != length || memcmp(policies[i].name, *text, length))
			continue;
		*text += length;
		cpus->policy = (enum cpu_policy)i;
		if (!policies[i].has_priority)
			return 0;
		if (*(*text)++ != ':' || number_parse(text, &cpus->priority))
			return -EINVAL;
		return cpus->priority >= 1 && cpus->priority <= PRIORITY_MAX ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* ",pin=2,3" or ",sched=fifo:10" at *@text, each once. 0 or -EINVAL. */
static int key_parse(const char **text, struct cpu_options *cpus, int *pin_count)
{
	cpu_set_t set;

	if (!strncmp(*text, ",pin=", 5) && !cpus->pinned) {
		*text += 5;
		cpus->pinned = true;
		*pin_count = cpu_list_parse(text, &set, cpus->pins, RUN_CPUS_MAX);
		return min(*pin_count, 0);
	}
	if (!strncmp(*text, ",sched=", 7) && !cpus->policy) {
		*text += 7;
		return policy_parse(text, cpus);
	}
	return -EINVAL;
}

static struct cpu_options *target(const struct parser *parser, const struct option_rule *rule)
{
	return (void *)((char *)parser->options + rule->offset);
}

int option_cpus(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct cpu_options *cpus = target(parser, rule);
	const char *text = value;
	int error, pin_count = 0;

	error = number_parse(&text, &cpus->count);
	if (error || (*text && *text != ',') || !cpus->count || cpus->count > rule->most)
		return wrong(parser, "%s '%s': give a number from 1 to %llu", rule->name, value,
			     (unsigned long long)rule->most);
	while (!error && *text)
		error = key_parse(&text, cpus, &pin_count);
	if (error)
		return wrong(parser,
			     "%s '%s': what can follow the number is ,pin=LIST (a CPU of the host "
			     "for each, none twice, as in 2,3 or 2-3) and ,sched=fifo:P, rr:P (P "
			     "from 1 to %d) or other",
			     rule->name, value, PRIORITY_MAX);
	if (cpus->pinned && (uint64_t)pin_count != cpus->count)
		return wrong(parser,
			     "%s '%s': there are %llu virtual CPUs, and %d of the host to pin them "
			     "to: give one for each",
			     rule->name, value, (unsigned long long)cpus->count, pin_count);
	return 0;
}

int option_helpers_cpu(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct cpu_options *cpus = target(parser, rule);
	const char *text = value;

	if (cpu_list_parse(&text, &cpus->helpers, NULL, CPU_SETSIZE) < 0 || *text)
		return wrong(
			parser,
			"%s '%s': give CPUs of the host from 0 to %d, none twice, as in 2,3 or "
			"2-3",
			rule->name, value, CPU_SETSIZE - 1);
	return 0;
}

int cpu_options_check(struct parser *parser, const struct cpu_options *cpus)
{
	if (cpus->pinned || !CPU_COUNT(&cpus->helpers))
		return 0;
	return wrong(parser,
		     "--helpers-cpu: say where the virtual CPUs run, too: --cpus N,pin=LIST");
}

/* ---- the host ---- */

void affinity_helpers(const struct cpu_options *cpus, cpu_set_t *helpers)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	*helpers = allowed;
	for (unsigned int i = 0; cpus->pinned && i < cpus->count; i++)
		CPU_CLR(cpus->pins[i], helpers);
	if (CPU_COUNT(&cpus->helpers))
		*helpers = cpus->helpers;
	else if (!CPU_COUNT(helpers))
		*helpers = allowed;
}

/* Why may nothing of this process run on @cpu? */
static _Noreturn void cpu_refuse(const char *option, size_t cpu)
{
	char path[sizeof(CPU_FOLDER) + 32], list[4096];
	const char *text = list;
	cpu_set_t online;

	snprintf(path, sizeof(path), CPU_FOLDER "cpu%zu", cpu);
	if (access(path, F_OK) < 0)
		die(EXIT_USAGE, "%s: this host has no CPU %zu; lscpu -e lists those that it has",
		    option, cpu);
	if (file_read_text(CPU_FOLDER "online", list, sizeof(list)) > 0 &&
	    cpu_list_parse(&text, &online, NULL, CPU_SETSIZE) > 0 && !CPU_ISSET(cpu, &online))
		die(EXIT_HOST, "%s: CPU %zu is offline; echo 1 >%s/online", option, cpu, path);
	die(EXIT_HOST,
	    "%s: CPU %zu is not in the cpuset of this process; add it to cpuset.cpus of its "
	    "control group (systemd: AllowedCPUs=; docker run --cpuset-cpus)",
	    option, cpu);
}

/* The kernel leaves out of a set what it does not allow: so each is tried alone. */
static void cpu_try(const char *option, size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		cpu_refuse(option, cpu);
}

/* Root may go over the limit only now, and vCPUs get their threads later: so it is raised. */
static void priority_allow(const struct cpu_options *cpus)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RTPRIO, &limit) == 0 && limit.rlim_cur >= cpus->priority)
		return;
	limit.rlim_cur = cpus->priority;
	limit.rlim_max = max(limit.rlim_max, cpus->priority);
	if (setrlimit(RLIMIT_RTPRIO, &limit) < 0)
		die(EXIT_HOST,
		    "--cpus: sched=%s:%llu: the limit of real-time priorities (RLIMIT_RTPRIO) is "
		    "lower: %s; raise it: ulimit -r %llu (systemd: LimitRTPRIO=; docker run "
		    "--ulimit rtprio=)",
		    policies[cpus->policy].name, (unsigned long long)cpus->priority,
		    strerror(errno), (unsigned long long)cpus->priority);
}

/* A guest that never sleeps would leave other threads on its CPU next to nothing. */
static void sharing_warn(const struct cpu_options *cpus, const cpu_set_t *helpers)
{
	for (unsigned int i = 0; i < cpus->count; i++) {
		if (!CPU_ISSET(cpus->pins[i], helpers))
			continue;
		log_warn("--cpus: sched=%s: other threads of posthorn run on CPU %u too, and wait "
			 "for the guest there: give them other CPUs (--helpers-cpu)",
			 policies[cpus->policy].name, cpus->pins[i]);
		return;
	}
}

void affinity_begin(const struct cpu_options *cpus)
{
	cpu_set_t helpers;

	if (policies[cpus->policy].has_priority)
		priority_allow(cpus);
	if (!cpus->pinned)
		return;
	affinity_helpers(cpus, &helpers);
	for (unsigned int i = 0; i < cpus->count; i++)
		cpu_try("--cpus", cpus->pins[i]);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus->helpers))
			cpu_try("--helpers-cpu", cpu);
	if (sched_setaffinity(0, sizeof(helpers), &helpers) < 0)
		die(EXIT_HOST, "--helpers-cpu: %s", strerror(errno));
	if (policies[cpus->policy].has_priority)
		sharing_warn(cpus, &helpers);
}

void affinity_vcpu(const struct cpu_options *cpus, unsigned int index, pthread_attr_t *attributes)
{
	const struct sched_param param = { .sched_priority = (int)cpus->priority };
	cpu_set_t set;

	if (cpus->policy != CPU_POLICY_INHERITED) {
		pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(attributes, policies[cpus->policy].policy);
		pthread_attr_setschedparam(attributes, &param);
	}
	if (!cpus->pinned)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpus->pins[index], &set);
	pthread_attr_setaffinity_np(attributes, sizeof(set), &set);
}
