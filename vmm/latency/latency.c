/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `posthorn latency`: one virtual machine for each path and state that was asked for, one after
 * the other. What is measured, and by whom:
 *
 *   this process                            a child process for each VM
 *   latency_vm_run() ────────────────────▶ command_run(): the VM, its device or doorbell
 *                                             the program: raises, waits, keeps histograms
 *                                             latency_probe: KVM's counters, host interrupts
 *   latency_read()         ◀── console ───  its report, as text
 *   latency_result_*()     ◀── files ─────  irq report, probe
 *   latency_host_facts()
 *   latency_output()
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/host/sysfs.h"
#include "vmm/latency/host.h"
#include "vmm/latency/options.h"
#include "vmm/latency/output.h"
#include "vmm/latency/read.h"
#include "vmm/latency/result.h"
#include "vmm/latency/run.h"
#include "vmm/latency/vm.h"

#define ROOT	   "" /* the real host */
#define TAIL_LINES 5

#define MSR_SMI_COUNT 0x34 /* Intel's; Linux has the number in no header for programs */

/* ---- before ---- */

/* The devices that the program can raise interrupts of: see guest/payload/source_*.c. */
static const struct {
	uint16_t vendor, device;
	const char *source;
} known_devices[] = {
	{ 0x1234, 0x11e8, "edu" }, { 0x8086, 0x10d3, "e1000e" }, /* 82574 */
	{ 0x8086, 0x10c9, "igb" },				 /* 82576 */
	{ 0x8086, 0x1521, "igb" },				 /* I350 */
	{ 0x8086, 0x1533, "igb" },				 /* I210 */
};

/* Which source @bdf, with the ids @pci, is; NULL: none that is known. */
static const char *source_known(const char *bdf, struct host_pci *pci)
{
	int code = host_pci_named_read(ROOT, bdf, pci);

	if (code)
		exit(code);
	for (unsigned int i = 0; i < ARRAY_SIZE(known_devices); i++)
		if (known_devices[i].vendor == pci->vendor &&
		    known_devices[i].device == pci->device)
			return known_devices[i].source;
	return NULL;
}

static const char *source_find(const char *bdf)
{
	struct host_pci pci;
	const char *source = source_known(bdf, &pci);

	if (source)
		return source;
	die(EXIT_USAGE,
	    "--device %s: nothing is known of a device %04x:%04x that raises an interrupt at will; "
	    "use an edu, e1000e or igb, or say with --source which of these it is like, or "
	    "--source loopback for any device with MSI or MSI-X",
	    bdf, pci.vendor, pci.device);
}

/* ---- one virtual machine ---- */

/* The last lines of a console, on standard error: what went wrong is most likely there. */
static void tail_print(const char *console)
{
	const char *tail = console + strlen(console);
	unsigned int lines = 0;

	while (tail > console && lines <= TAIL_LINES)
		lines += *--tail == '\n';
	if (lines > TAIL_LINES)
		tail++;
	while (*tail) {
		size_t length = strcspn(tail, "\r\n");

		if (length)
			log_error("the program: %.*s", (int)length, tail);
		tail += length + strspn(tail + length, "\r\n");
	}
}

/* Say what went wrong. Returns the exit code for it. */
static int failure(const struct latency_vm *vm, const struct latency_vm_result *result,
		   const char *why)
{
	char text[128];

	if (result->timed_out)
		snprintf(
			text, sizeof(text),
			"the program did not end in %llu s, and was ended: do the interrupts come?",
			(unsigned long long)latency_vm_limit(vm) / 1000);
	else if (result->exit_code)
		snprintf(text, sizeof(text), "the virtual machine ended with exit code %d",
			 result->exit_code);
	log_error("latency: %s, %s: %s", latency_path_names[vm->path],
		  latency_state_names[vm->state],
		  result->timed_out || result->exit_code ? text : why);
	tail_print(result->console);
	if (result->exit_code && !result->timed_out)
		return result->exit_code;
	return vm->options->bdf[0] ? EXIT_DEVICE : EXIT_INTERNAL;
}

static int pinning_add(struct latency_run *run, const struct cpu_options *cpus, unsigned int index)
{
	char helpers[CPU_SETSIZE * 5], vcpu[16], policy[32];
	cpu_set_t set;

	cpu_policy_print(cpus, policy, sizeof(policy));
	if (latency_fact_add(run, "pinned", cpus->pinned ? "yes" : "no") < 0 ||
	    latency_fact_add(run, "sched", policy) < 0)
		return -ENOMEM;
	if (!cpus->pinned)
		return 0;
	snprintf(vcpu, sizeof(vcpu), "%u", cpus->pins[index]);
	affinity_helpers(cpus, &set);
	cpu_list_print(&set, helpers, sizeof(helpers));
	if (latency_fact_add(run, "pinned.vcpu", vcpu) < 0)
		return -ENOMEM;
	return latency_fact_add(run, "pinned.others", helpers);
}

/* The parameters that the program's own report does not repeat. */
static int parameters_add(struct latency_run *run, const struct latency_vm *vm)
{
	const struct latency_options *options = vm->options;
	char warmup[24], interval[24], halt_poll[24] = "host";

	snprintf(warmup, sizeof(warmup), "%llu", (unsigned long long)options->warmup);
	snprintf(interval, sizeof(interval), "%llu%s", (unsigned long long)options->interval,
		 options->interval_random ? ",random" : "");
	if (options->halt_poll_ns != VM_HALT_POLL_HOST)
		snprintf(halt_poll, sizeof(halt_poll), "%llu",
			 (unsigned long long)options->halt_poll_ns);
	if (latency_fact_add(run, "warmup", warmup) < 0 ||
	    latency_fact_add(run, "interval.us", interval) < 0 ||
	    latency_fact_add(run, "halt_poll.ns", halt_poll) < 0 ||
	    latency_fact_add(run, "idle",
			     vm->state == LATENCY_STATE_IDLE_GUEST ? "guest" : "host") < 0)
		return -ENOMEM;
	if (options->load[0] && latency_fact_add(run, "load", options->load) < 0)
		return -ENOMEM;
	return options->bdf[0] ? latency_fact_add(run, "device", options->bdf) : 0;
}

/* Did it end because p99 is known as well as was asked for, or because of --count? */
static int convergence_add(struct latency_run *run, const struct latency_vm *vm)
{
	const struct latency_metric *metric = latency_metric_find(run, "handler");
	uint64_t percent = vm->options->until_converged;
	bool converged;
	char text[96];

	if (!percent || !metric)
		return 0;
	converged = histogram_p99_converged(&metric->histogram, percent);
	snprintf(text, sizeof(text), "%s, to %llu %% of p99 after %llu of %llu interrupts",
		 converged ? "yes" : "no", (unsigned long long)percent,
		 (unsigned long long)metric->histogram.total,
		 (unsigned long long)vm->options->count);
	if (!converged)
		log_notice("latency: %s, %s: the 95 %% interval of p99 is still wider than %llu %% "
			   "of it after %llu interrupts: give a higher --count",
			   latency_path_names[vm->path], latency_state_names[vm->state],
			   (unsigned long long)percent,
			   (unsigned long long)metric->histogram.total);
	return latency_fact_add(run, "converged", text);
}

/* What the program does not know of itself. */
static int run_complete(struct latency_run *run, const struct latency_vm *vm,
			const struct latency_vm_result *result, unsigned int index)
{
	const struct cpu_options *cpus = &vm->options->cpus;
	bool userspace = vm->path == LATENCY_PATH_USERSPACE;
	/* Of one virtual CPU there may be several runs, of several one each. */
	unsigned int vcpu = cpus->count > 1 ? index : 0;
	bool is_first = !vcpu;
	int error;

	strcpy(run->vmm, "posthorn");
	strcpy(run->architecture, latency_host_architecture());
	/* An eventfd that software signals is injected: there is no device that could post. */
	if (!vm->options->noise)
		strcpy(run->path, userspace ? "userspace" : "injected");
	error = parameters_add(run, vm);
	if (!error)
		error = convergence_add(run, vm);
	if (!error)
		error = pinning_add(run, cpus, vcpu);
	if (!error && latency_vm_reports(vm))
		error = latency_result_report(run, result->report, vm->path == LATENCY_PATH_INTX);
	/* What was seen of one virtual CPU is not that of another. */
	if (!error && is_first)
		error = latency_result_probe(run, result->probe);
	if (!error)
		error = latency_host_facts(ROOT, cpus->pinned ? cpus->pins[vcpu] : -1, run);
	return error;
}

/* Move what is in @from to the end of @runs. 0 or -ENOMEM. */
static int runs_append(struct latency_runs *runs, struct latency_runs *from)
{
	for (unsigned int i = 0; i < from->count; i++) {
		struct latency_run *run = latency_run_add(runs);

		if (!run)
			return -ENOMEM;
		*run = from->list[i];
		from->list[i] = (struct latency_run){ .clock_hz = 0 };
	}
	return 0;
}

/* From what the VM left behind to runs; @why is set when that fails. 0 or -errno. */
static int result_read(const struct latency_vm *vm, const struct latency_vm_result *result,
		       struct latency_runs *runs, char *why, size_t size)
{
	int error = latency_read(result->console, runs, why, size);

	if (error < 0)
		return error;
	for (unsigned int i = 0; error == 0 && i < runs->count; i++)
		error = run_complete(&runs->list[i], vm, result, i);
	if (error < 0)
		snprintf(why, size, "%s",
			 error == -ENOMEM ? "no memory for its results: close other programs"
					  : "its irq report or its counts of exits are damaged");
	return error;
}

static int vm_measure(const struct latency_vm *vm, struct latency_runs *runs)
{
	struct latency_vm_result result;
	struct latency_runs read = { 0 };
	char why[512] = "";
	int code = EXIT_OK;

	latency_vm_run(vm, &result);
	if (result.exit_code || result.timed_out ||
	    result_read(vm, &result, &read, why, sizeof(why)) < 0)
		code = failure(vm, &result, why);
	else if (runs_append(runs, &read) < 0)
		code = failure(vm, &result, "no memory for its results: close other programs");
	latency_runs_cleanup(&read);
	latency_vm_result_cleanup(&result);
	return code;
}

/* ---- all of them ---- */

static bool is_wanted(const struct latency_options *options, unsigned int path, unsigned int state)
{
	return (options->paths & BIT(path)) && (options->states & BIT(state));
}

static void progress_say(const struct latency_vm *vm, unsigned int number, unsigned int count)
{
	if (isatty(STDERR_FILENO) || log_level_get() >= LOG_LEVEL_INFO)
		fprintf(stderr, "posthorn: latency: %u of %u: %s, %s\n", number, count,
			latency_path_names[vm->path], latency_state_names[vm->state]);
}

static int measure(const struct latency_options *options, struct latency_runs *runs)
{
	unsigned int count = (unsigned int)(__builtin_popcount(options->paths) *
					    __builtin_popcount(options->states));
	unsigned int number = 0;
	int code = EXIT_OK;

	for (unsigned int path = 0; path < LATENCY_PATHS; path++) {
		bool costs = options->costs;

		for (unsigned int state = 0; state < LATENCY_STATES && !code; state++) {
			const struct latency_vm vm = { options, (enum latency_path)path,
						       (enum latency_state)state, costs };

			if (!is_wanted(options, path, state))
				continue;
			progress_say(&vm, ++number, count);
			code = vm_measure(&vm, runs);
			costs = false; /* they do not depend on the state: once is enough */
		}
	}
	return code;
}

static int latency_run(const void *options)
{
	struct latency_options latency = *(const struct latency_options *)options;
	struct latency_runs runs = { 0 };
	int code, output_code = EXIT_OK;
	const char *load = NULL;
	struct host_pci load_pci;

	if (!latency.source)
		latency.source = source_find(latency.bdf);
	if (latency.load[0])
		load = source_known(latency.load, &load_pci);
	if (latency.load[0] && (!load || strcmp(load, "e1000e")))
		die(EXIT_USAGE, "--load %s: only an e1000e can do DMA here: give one",
		    latency.load);
	latency_output_check(&latency);
	code = measure(&latency, &runs);
	/* What was found before something failed is not lost. */
	if (runs.count)
		output_code = latency_output(&latency, &runs);
	latency_runs_cleanup(&runs);
	return code ? code : output_code;
}

/* ---- noise ---- */

/*
 * How many of what the table @path of /proc counts @cpu has had, all rows together: of
 * /proc/interrupts and /proc/softirqs, whose first line names the CPUs. 0 when it cannot be read.
 */
static uint64_t table_count(const char *path, unsigned int cpu)
{
	char *line = NULL, name[16], *save;
	unsigned int column = 0;
	uint64_t sum = 0;
	size_t size = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	snprintf(name, sizeof(name), "CPU%u", cpu);
	for (bool is_first = true; getline(&line, &size, file) > 0; is_first = false) {
		/* The row's name, and then a number for each CPU; some rows have one number only.
		 */
		char *word = strtok_r(line, " \n", &save);

		for (; is_first && word && strcmp(word, name); column++)
			word = strtok_r(NULL, " \n", &save);
		for (unsigned int i = 0; word && i <= column; i++)
			word = strtok_r(NULL, " \n", &save);
		if (word && strspn(word, "0123456789") == strlen(word))
			sum += strtoull(word, NULL, 10);
	}
	free(line);
	fclose(file);
	return sum;
}

static uint64_t interrupts_count(unsigned int cpu)
{
	return table_count("/proc/interrupts", cpu);
}

static uint64_t softirqs_count(unsigned int cpu)
{
	return table_count("/proc/softirqs", cpu);
}

/* Intel's CPUs count them; it takes root and the module msr to see. */
static uint64_t smis_count(unsigned int cpu)
{
	uint32_t count = 0;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%u/msr", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &count, sizeof(count), MSR_SMI_COUNT) != sizeof(count))
		count = 0;
	fd_close(&fd);
	return count;
}

/* Each is since the host's start. 0: it cannot be seen, or there was none at all. */
static const struct {
	uint64_t (*count)(unsigned int cpu);
	const char *fact;
} noises[] = {
	{ interrupts_count, "noise.interrupts" },
	{ softirqs_count, "noise.softirqs" },
	{ smis_count, "noise.smis" },
};

/* What the host did meanwhile on the CPU, if there is one alone. 0 or -ENOMEM. */
static int noise_facts_add(struct latency_run *run, const uint64_t before[], unsigned int cpu)
{
	char text[24];
	int error = 0;

	for (size_t i = 0; i < ARRAY_SIZE(noises) && !error; i++) {
		uint64_t now = noises[i].count(cpu);

		if (!now)
			continue;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)(now - before[i]));
		error = latency_fact_add(run, noises[i].fact, text);
		if (!error)
			printf("CPU %u of the host had meanwhile: %s %s\n", cpu, text,
			       strchr(noises[i].fact, '.') + 1);
	}
	return error;
}

static int latency_noise_run(const void *options)
{
	const struct latency_options *latency = options;
	const struct latency_vm vm = { latency, LATENCY_PATH_IRQFD, LATENCY_STATE_RUNNING, false };
	uint64_t before[ARRAY_SIZE(noises)] = { 0 };
	struct latency_runs runs = { 0 };
	int code;

	latency_output_check(latency);
	for (size_t i = 0; i < ARRAY_SIZE(noises) && latency->cpus.pinned; i++)
		before[i] = noises[i].count(latency->cpus.pins[0]);
	code = vm_measure(&vm, &runs);
	if (!code && latency->cpus.pinned &&
	    noise_facts_add(&runs.list[0], before, latency->cpus.pins[0]) < 0)
		code = latency_output_fail(EXIT_HOST, "no memory for the results");
	if (!code)
		code = latency_output(latency, &runs);
	latency_runs_cleanup(&runs);
	return code;
}

const struct command command_latency_noise = {
	.name = "latency noise",
	.synopsis = "",
	.help = "measure what the machine takes from a guest",
	.rules = latency_noise_rules,
	.options_size = sizeof(struct latency_options),
	.defaults = &latency_noise_defaults,
	.check = latency_noise_options_check,
	.run = latency_noise_run,
};

const struct command command_latency = {
	.name = "latency",
	.synopsis = "",
	.help = "measure how long interrupts take",
	.rules = latency_rules,
	.options_size = sizeof(struct latency_options),
	.defaults = &latency_defaults,
	.check = latency_options_check,
	.run = latency_run,
};
