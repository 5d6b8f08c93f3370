/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPUs of the host the threads of a VM run on, and how vCPUs are scheduled there. All of it
 * is settled before the guest runs: the filters of seccomp.h allow no change. The code is in
 * vmm/host/.
 */
#ifndef POSTHORN_VMM_AFFINITY_H
#define POSTHORN_VMM_AFFINITY_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/options.h"

#define RUN_CPUS_MAX 64

/* How the host schedules the threads of vCPUs: see sched(7). */
enum cpu_policy {
	CPU_POLICY_INHERITED, /* as posthorn was started */
	CPU_POLICY_OTHER,
	CPU_POLICY_FIFO,
	CPU_POLICY_RR,
	CPU_POLICIES
};

/* The virtual CPUs of a VM. All zero but for @count: their threads run wherever the host likes. */
struct cpu_options {
	uint64_t count;		     /* 1 to RUN_CPUS_MAX */
	bool pinned;		     /* @pins is set */
	uint16_t pins[RUN_CPUS_MAX]; /* the host's CPU of each vCPU */
	cpu_set_t helpers;	     /* the host's CPUs of all other threads; none: see below */
	enum cpu_policy policy;
	uint64_t priority; /* with fifo and rr: 1 to 99 */
};

/* Two options that set a struct cpu_options; rule->most is the most virtual CPUs there can be. */
int option_cpus(struct parser *parser, const struct option_rule *rule, const char *value);
int option_helpers_cpu(struct parser *parser, const struct option_rule *rule, const char *value);

#define CPUS_OPTION_KEYS     "[,pin=LIST][,sched=fifo:P|rr:P|other]"
#define CPUS_OPTION_VALUE    "N" CPUS_OPTION_KEYS
#define HELPERS_OPTION_HELP  "CPUs of all other threads (with pin=: those that it leaves)"
#define HELPERS_OPTION_VALUE "LIST"

/* For the command's check: 0, or EXIT_USAGE when the two do not go together. */
int cpu_options_check(struct parser *parser, const struct cpu_options *cpus);

/*
 * Read a list of CPUs, as in "2,3" or "0-3,8", at *@text, which then points behind it. The CPUs are
 * below CPU_SETSIZE. They go into @set, and in their order into @order if that is not NULL, of
 * which there are @most at most. Returns how many, or -EINVAL when it is no such list, names one
 * twice, or has too many.
 */
int cpu_list_parse(const char **text, cpu_set_t *set, uint16_t *order, unsigned int most);

/* The same CPUs as a list, such as "0-3,8"; cut when @size bytes do not hold it. */
void cpu_list_print(const cpu_set_t *set, char *text, size_t size);

/* How vCPUs are scheduled, as in "fifo:10"; "inherited" when nothing was asked for. */
void cpu_policy_print(const struct cpu_options *cpus, char *text, size_t size);

/*
 * Which CPUs threads that are none of a vCPU run on: those of --helpers-cpu, or else those that the
 * calling thread may use and no vCPU is pinned to, or else, when none is left, all that it may use.
 */
void affinity_helpers(const struct cpu_options *cpus, cpu_set_t *helpers);

/*
 * Look whether the host lets threads run as @cpus says, raise the limit of real-time priorities
 * (RLIMIT_RTPRIO) where that takes it, and move the calling thread, and with it all that it starts,
 * to the CPUs of affinity_helpers(). Start-up only, before privileges_drop(): dies with EXIT_USAGE
 * for a CPU that does not exist, else with EXIT_HOST.
 */
void affinity_begin(const struct cpu_options *cpus);

/* What the thread of vCPU @index is to be made with, beside what is in @attributes already. */
void affinity_vcpu(const struct cpu_options *cpus, unsigned int index, pthread_attr_t *attributes);

#endif
