/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/check/check.h"
#include "vmm/commands.h"
#include "vmm/run_options.h"

static const char *const severity_names[CHECK_SEVERITIES] = { "ok", "note", "warning", "stops" };

/* ---- text ---- */

/* "512 MiB", "2 GiB" */
static void size_print(char *text, size_t room, uint64_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;

	for (; size && size % KIB == 0 && unit + 1 < ARRAY_SIZE(units); unit++)
		size /= KIB;
	snprintf(text, room, "%llu %s", (unsigned long long)size, units[unit]);
}

static void edge_print(uint64_t address, FILE *file)
{
	fprintf(file, "  %04x_%04x_%04x  +------------------------------------------------+\n",
		(unsigned int)(address >> 32), (unsigned int)(address >> 16) & 0xffff,
		(unsigned int)address & 0xffff);
}

/* As the maps of guest/layout_*.h are drawn: addresses grow downwards. */
static void map_print(const struct check *check, FILE *file)
{
	uint64_t end = 0;

	fprintf(file, "\nThe guest's memory, as its CPUs and its devices see it:\n\n");
	for (unsigned int i = 0; i < check->span_count; i++) {
		const struct check_span *span = &check->spans[i];
		char size[32] = "";

		if (i && span->base > end)
			fprintf(file, "%18s:%48s:\n", "", "");
		if (span->size)
			size_print(size, sizeof(size), span->size);
		edge_print(span->base, file);
		fprintf(file, "%18s| %-34s%12s |\n", "", span->what, size);
		end = max(end, span->base + span->size);
		if (span->size && (i + 1 == check->span_count || check->spans[i + 1].base > end))
			edge_print(end, file);
	}
}

void check_print(const struct check *check, FILE *file)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct check_finding *finding = &check->findings[i];

		fprintf(file, "%-7s  %s: %s\n", severity_names[finding->severity], finding->object,
			finding->detail);
		if (finding->remedy[0])
			fprintf(file, "%9s-> %s\n", "", finding->remedy);
	}
	if (check->span_count)
		map_print(check, file);
}

/* ---- JSON ---- */

static json_t *finding_json(const struct check_finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:s?}", "severity", severity_names[finding->severity],
			 "object", finding->object, "detail", finding->detail, "remedy",
			 finding->remedy[0] ? finding->remedy : NULL);
}

static json_t *span_json(const struct check_span *span)
{
	return json_pack("{s:o, s:I, s:s}", "base",
			 json_sprintf("0x%llx", (unsigned long long)span->base), "size",
			 (json_int_t)span->size, "what", span->what);
}

int check_print_json(const struct check *check, FILE *file)
{
	json_t *findings = json_array(), *map = json_array();
	json_t *all = json_pack("{s:o, s:o}", "findings", findings, "map", map);
	int failed = !all;

	for (size_t i = 0; i < check->count && !failed; i++)
		failed = json_array_append_new(findings, finding_json(&check->findings[i]));
	for (unsigned int i = 0; i < check->span_count && !failed; i++)
		failed = json_array_append_new(map, span_json(&check->spans[i]));
	if (!failed)
		failed = json_dumpf(all, file, JSON_INDENT(2));
	if (!failed)
		fprintf(file, "\n");
	json_decref(all);
	return failed ? -ENOMEM : 0;
}

/* ---- the command ---- */

/* Of an output that takes nothing, main() tells. */
static int json_fail(void)
{
	if (!ferror(stdout))
		log_error("no memory for the findings as JSON: close other programs");
	return EXIT_INTERNAL;
}

static int check_run(const void *opaque)
{
	const struct check_options *options = opaque;
	struct host_pci pci;
	struct check check;
	int code = EXIT_OK;

	if (options->bdf[0])
		code = host_pci_named_read("", options->bdf, &pci);
	if (code)
		return code;
	check_init(&check, "");
	check.memory = options->memory.size;
	check.huge_page_size = options->memory.huge_page_size;
	check.has_node = options->memory.has_node;
	check.node = (unsigned int)options->memory.node;
	check.iommu = options->iommu;
	check.is_mediated = bdf_is_mdev(options->bdf);
	check_host(&check);
	if (options->bdf[0])
		check_function(&check, &pci, true);
	else
		check_bound_functions(&check);
	if (options->latency)
		check_latency(&check, &options->cpus, options->bdf);
	code = check_stops(&check) ? EXIT_HOST : EXIT_OK;
	if (!options->json)
		check_print(&check, stdout);
	else if (check_print_json(&check, stdout))
		code = json_fail();
	check_cleanup(&check);
	return code;
}

/* What only findings on latency take is wrong without them. */
static int check_options_check(struct parser *parser)
{
	const struct check_options *options = parser->options;

	if ((options->cpus.pinned || options->cpus.policy || options->cpus.count != 1) &&
	    !options->latency)
		return wrong(parser,
			     "--cpus: which CPUs there are matters to --latency: give it too");
	return cpu_options_check(parser, &options->cpus);
}

static const struct check_options check_defaults = {
	.memory = { MEMORY_OPTIONS_DEFAULT },
	.cpus = { .count = 1 },
};

#define AT(member) .offset = offsetof(struct check_options, member)

static const struct option_rule check_rules[] = {
	{ "--memory", MEMORY_OPTION_VALUE, MEMORY_OPTION_HELP, option_memory, AT(memory) },
	{ "--iommu", IOMMU_OPTION_VALUE, IOMMU_OPTION_HELP, option_name, AT(iommu),
	  .names = iommu_choice_names },
	{ "--latency", NULL, "find also what makes a guest answer late", option_flag, AT(latency) },
	{ "--cpus", CPUS_OPTION_VALUE, "its virtual CPUs, for --latency", option_cpus, AT(cpus),
	  .most = RUN_CPUS_MAX },
	{ "--helpers-cpu", HELPERS_OPTION_VALUE, HELPERS_OPTION_HELP, option_helpers_cpu,
	  AT(cpus) },
	{ "--json", NULL, "for programs to read", option_flag, AT(json) },
	{ 0 },
};

const struct command command_check = {
	.name = "check",
	.synopsis = "[BDF|mdev=UUID]",
	.help = "find what would stop a guest, and what mends it",
	.rules = check_rules,
	.operand = operand_device,
	.operands = 1,
	.options_size = sizeof(struct check_options),
	.defaults = &check_defaults,
	.check = check_options_check,
	.run = check_run,
};
