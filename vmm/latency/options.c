/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/options.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/host/gnuplot.h"
#include "vmm/latency/run.h"
#include "vmm/run_options.h"

/* An eventfd is as fast as KVM is, devices may be slow. */
#define COUNT_DEFAULT	     100000
#define COUNT_DEFAULT_DEVICE 10000
#define WARMUP_DEFAULT	     1000
#define NUMBER_MAX	     1000000000
#define STATES_BOTH	     (BIT(LATENCY_STATE_RUNNING) | BIT(LATENCY_STATE_HALTED))

const char *const latency_path_names[] = { "irqfd", "userspace", "intx", NULL };
const char *const latency_state_names[] = { "running", "halted", "idle-guest", NULL };

static const char *const format_names[] = { "summary", "cyclictest", "csv", NULL };
static const char *const source_names[] = { "edu",    "e1000e",	     "e1000e-traffic",
					    "igb",    "igb-traffic", "eventfd",
					    "thread", "loopback",    NULL };

/* ---- values that only these take ---- */

static int source_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct latency_options *latency = parser->options;
	int source = name_choose(parser, rule, value);

	if (source < 0)
		return EXIT_USAGE;
	latency->source = source_names[source];
	return 0;
}

/* One or more of @names with commas between them, as bits in @chosen. 0 or -EINVAL. */
static int names_choose(const char *const *names, const char *value, unsigned int *chosen)
{
	*chosen = 0;
	for (;;) {
		size_t length = strcspn(value, ",");
		int name = name_find(names, value, length);

		if (name < 0)
			return -EINVAL;
		*chosen |= (unsigned int)BIT(name);
		if (!value[length])
			return 0;
		value += length + 1;
	}
}

static int states_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct latency_options *latency = parser->options;

	if (!strcmp(value, "both"))
		latency->states = STATES_BOTH;
	else if (names_choose(latency_state_names, value, &latency->states) < 0)
		return wrong(parser,
			     "%s '%s': give one or more of running, halted and idle-guest, with "
			     "commas between them, or both for the first two",
			     rule->name, value);
	return 0;
}

static int paths_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct latency_options *latency = parser->options;

	if (names_choose(latency_path_names, value, &latency->paths) < 0)
		return wrong(parser,
			     "%s '%s': give one or more of irqfd, userspace and intx, with commas "
			     "between them",
			     rule->name, value);
	return 0;
}

/* "100" or "100,random" */
static int interval_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct latency_options *latency = parser->options;
	const char *text = value;

	latency->interval_random = false;
	if (!number_parse(&text, &latency->interval) && latency->interval <= NUMBER_MAX) {
		latency->interval_random = !strcmp(text, ",random");
		if (!*text || latency->interval_random)
			return 0;
	}
	return wrong(
		parser,
		"%s '%s': give a number of microseconds up to %d, and ,random if each wait is to "
		"be another one",
		rule->name, value, NUMBER_MAX);
}

static int label_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!latency_name_valid(value))
		return wrong(parser,
			     "%s '%s': give a word of letters, digits, '-', '_' and '.', of up to "
			     "%d bytes",
			     rule->name, value, LATENCY_NAME_SIZE - 1);
	return option_text(parser, rule, value);
}

/* ---- the whole ---- */

int latency_file_operand(struct parser *parser, const char *text)
{
	struct latency_options *latency = parser->options;

	if (!text[0])
		return wrong(parser, "'': an empty name is no file");
	latency->files[latency->file_count++] = text;
	return 0;
}

/* Of several virtual CPUs, each with a vector of its own. 0, or EXIT_USAGE after wrong(). */
static int many_check(struct parser *parser)
{
	struct latency_options *latency = parser->options;

	if (!latency->source || strcmp(latency->source, "eventfd"))
		return wrong(parser, "--cpus: several measure the source eventfd alone: leave "
				     "--device and --source out, or give 1");
	if (latency->costs || latency->break_above || latency->until_converged)
		return wrong(parser, "--cpus: --costs, --break-above and --until-converged are for "
				     "one virtual CPU: leave them out, or give 1");
	if (latency->states == STATES_BOTH)
		latency->states = BIT(LATENCY_STATE_RUNNING);
	if (latency->states != BIT(LATENCY_STATE_RUNNING))
		return wrong(parser, "--state: several virtual CPUs are measured running alone");
	return 0;
}

int latency_options_check(struct parser *parser)
{
	struct latency_options *latency = parser->options;
	bool device = latency->bdf[0];
	const char *source = latency->source;
	bool bare = source && (!strcmp(source, "eventfd") || !strcmp(source, "thread"));

	if (!device && source && !bare)
		return wrong(parser, "--source %s: give the device too, --device BDF", source);
	if (device && bare)
		return wrong(parser,
			     "--source %s is a source without a device: leave --device or --source "
			     "out",
			     source);
	if (!device && (latency->paths & BIT(LATENCY_PATH_INTX)))
		return wrong(parser, "--path intx: only a device has an INTx: give --device BDF, "
				     "or leave intx out");
	if (source && !strcmp(source, "loopback") && (latency->paths & BIT(LATENCY_PATH_INTX)))
		return wrong(parser, "--path intx: --source loopback raises messages: leave one of "
				     "the two out");
	if (latency->costs && (!device || (source && !strcmp(source, "loopback"))))
		return wrong(parser,
			     "--costs %llu: these are of accesses to a device that can be told "
			     "to interrupt: give --device BDF without --source loopback",
			     (unsigned long long)latency->costs);
	if (latency->load[0] && (!device || !strcmp(latency->load, latency->bdf)))
		return wrong(parser,
			     "--load %s: give the device whose interrupts are measured too, and "
			     "another one: --device BDF",
			     latency->load);
	if (!device && !source)
		latency->source = "eventfd";
	if (latency->cpus.count > 1 && many_check(parser))
		return EXIT_USAGE;
	if (!latency->count)
		latency->count = device ? COUNT_DEFAULT_DEVICE : COUNT_DEFAULT;
	return cpu_options_check(parser, &latency->cpus);
}

int latency_read_options_check(struct parser *parser)
{
	const struct latency_options *latency = parser->options;

	if (latency->path)
		return 0;
	return wrong(parser, "--path is missing: say how the interrupts came, as in --path bare");
}

int latency_noise_options_check(struct parser *parser)
{
	const struct latency_options *latency = parser->options;

	return cpu_options_check(parser, &latency->cpus);
}

/* ---- the tables ---- */

const struct latency_options latency_defaults = {
	.paths = BIT(LATENCY_PATH_IRQFD) | BIT(LATENCY_PATH_USERSPACE),
	.states = STATES_BOTH,
	.warmup = WARMUP_DEFAULT,
	.cpus = { .count = 1 },
	.halt_poll_ns = VM_HALT_POLL_HOST,
};

#define AT(member) .offset = offsetof(struct latency_options, member)

/* What more than one of them takes. */
#define FORMAT                                                                             \
	"--format", "summary|cyclictest|csv", "of standard output (summary)", option_name, \
		AT(format), .names = format_names
#define JSON "--json", "FILE", "write all that was found", option_file, AT(json)
#define PLOT \
	"--plot", "FILE.svg|.png|.gp", "draw the distribution, by gnuplot", option_plot, AT(plot)

const struct option_rule latency_rules[] = {
	{ "--device", "BDF", "the device whose interrupts are measured (none)", option_bdf,
	  AT(bdf) },
	{ "--load", "BDF", "an e1000e that does DMA meanwhile (none)", option_bdf, AT(load) },
	{ "--iommu", IOMMU_OPTION_VALUE, IOMMU_OPTION_HELP, option_name, AT(iommu),
	  .names = iommu_choice_names },
	{ "--source", "NAME",
	  "edu, e1000e, igb, *-traffic, loopback; without a device: eventfd, thread", source_apply,
	  .names = source_names },
	{ "--path", "irqfd,userspace,intx", "how they reach the guest (irqfd,userspace)",
	  paths_apply, AT(paths) },
	{ "--state", "running,halted,idle-guest", "of the virtual CPU (running,halted)",
	  states_apply, AT(states) },
	{ "--halt-poll", "NS", HALT_POLL_HELP, option_number, AT(halt_poll_ns),
	  .most = HALT_POLL_MAX },
	{ "--count", "N", "interrupts (100000; of a device 10000)", option_number, AT(count),
	  .least = 1, .most = NUMBER_MAX },
	{ "--warmup", "N", "interrupts before that, which do not count (1000)", option_number,
	  AT(warmup), .most = NUMBER_MAX },
	{ "--interval", "US[,random]", "microseconds from one to the next (0: at once)",
	  interval_apply, AT(interval) },
	{ "--until-converged", "PERCENT",
	  "stop when the 95 % interval of p99 is so narrow; --count is the most", option_number,
	  AT(until_converged), .least = 2, .most = 100 },
	{ "--break-above", "US", "stop after one that took longer, and the kernel's trace with it",
	  option_number, AT(break_above), .least = 1, .most = NUMBER_MAX },
	{ "--costs", "N", "also measure N of each access to the device (0)", option_number,
	  AT(costs), .most = NUMBER_MAX },
	{ "--cpus", CPUS_OPTION_VALUE, "virtual CPUs that measure at once (1)", option_cpus,
	  AT(cpus), .most = LATENCY_CPUS_MAX },
	{ "--helpers-cpu", HELPERS_OPTION_VALUE, HELPERS_OPTION_HELP, option_helpers_cpu,
	  AT(cpus) },
	{ FORMAT },
	{ JSON },
	{ PLOT },
	{ 0 },
};

const struct latency_options latency_noise_defaults = {
	.source = "eventfd",
	.noise = 10,
	.cpus = { .count = 1 },
	.halt_poll_ns = VM_HALT_POLL_HOST,
};

const struct option_rule latency_noise_rules[] = {
	{ "--seconds", "S", "how long it spins (10)", option_number, AT(noise), .least = 1,
	  .most = 86400 },
	{ "--cpus", "1" CPUS_OPTION_KEYS, "pin the virtual CPU, and how it is scheduled",
	  option_cpus, AT(cpus), .most = 1 },
	{ "--helpers-cpu", HELPERS_OPTION_VALUE, HELPERS_OPTION_HELP, option_helpers_cpu,
	  AT(cpus) },
	{ JSON },
	{ PLOT },
	{ 0 },
};

const struct option_rule latency_compare_rules[] = {
	{ JSON },
	{ PLOT },
	{ "--ratios", "FILE.svg|.png|.gp", "draw the ratios and their intervals", option_plot,
	  AT(ratios) },
	{ 0 },
};

const struct option_rule latency_read_rules[] = {
	{ "--path", "NAME", "how they reached the program: bare, posted...", label_apply,
	  AT(path) },
	{ "--vmm", "NAME", "what it ran under (none)", label_apply, AT(vmm) },
	{ "--arch", "NAME", "x86_64 or arm64 (this machine's)", label_apply, AT(architecture) },
	{ FORMAT },
	{ JSON },
	{ PLOT },
	{ 0 },
};
