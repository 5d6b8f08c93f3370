/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memory as it is planned, around the addresses that the host's IOMMU reserves. */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "guest/layout.h"
#include "lib/util.h"
#include "vmm/check/check.h"

#define RESERVED_MAX 24

/* A line of the group's reserved_regions (Documentation/ABI/testing/sysfs-kernel-iommu_groups). */
struct reserved {
	uint64_t first, last;
	char type[24];
};

struct plan {
	struct check *check;
	const struct host_pci *pci;
	struct reserved reserved[RESERVED_MAX];
	unsigned int reserved_count;
	unsigned int bits; /* that the IOMMU maps; 0: not known */
	struct layout_range usable[RESERVED_MAX + 1];
	unsigned int usable_count;
	struct layout layout;
};

static int reserved_compare(const void *a, const void *b)
{
	const struct reserved *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static void reserved_read(struct plan *plan)
{
	unsigned long long first, last;
	char path[PATH_MAX], type[24];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/kernel/iommu_groups/%d/reserved_regions",
		 plan->check->root, plan->pci->iommu_group);
	file = fopen(path, "re");
	if (!file)
		return;
	while (plan->reserved_count < RESERVED_MAX &&
	       fscanf(file, "%llx %llx %23s", &first, &last, type) == 3) {
		struct reserved *reserved = &plan->reserved[plan->reserved_count];

		if (last < first)
			continue;
		reserved->first = first;
		reserved->last = last;
		snprintf(reserved->type, sizeof(reserved->type), "%s", type);
		plan->reserved_count++;
	}
	fclose(file);
	qsort(plan->reserved, plan->reserved_count, sizeof(plan->reserved[0]), reserved_compare);
}

/* VFIO lets such be mapped: firmware wants them only until a driver takes the device. */
static bool is_relaxable(const struct reserved *reserved)
{
	return !strcmp(reserved->type, "direct-relaxable");
}

/* What lies between the reserved regions, as VFIO's list of usable ranges would have it. */
static void usable_find(struct plan *plan)
{
	uint64_t end = plan->bits ? BIT(min(plan->bits, 63U)) : BIT(63), base = 0;

	for (unsigned int i = 0; i < plan->reserved_count; i++) {
		const struct reserved *reserved = &plan->reserved[i];

		if (is_relaxable(reserved) || reserved->last < base)
			continue;
		if (reserved->first > base && base < end)
			plan->usable[plan->usable_count++] =
				(struct layout_range){ base, min(reserved->first, end) - base };
		if (reserved->last >= end)
			return;
		base = reserved->last + 1;
	}
	if (base < end)
		plan->usable[plan->usable_count++] = (struct layout_range){ base, end - base };
}

/* ---- the drawing ---- */

__attribute__((format(printf, 4, 5))) static void span_add(struct check *check, uint64_t base,
							   uint64_t size, const char *format, ...)
{
	struct check_span *span;
	unsigned int at = check->span_count;
	va_list args;

	if (at == CHECK_SPANS_MAX)
		return;
	for (; at && check->spans[at - 1].base > base; at--)
		check->spans[at] = check->spans[at - 1];
	check->span_count++;
	span = &check->spans[at];
	*span = (struct check_span){ .base = base, .size = size };
	va_start(args, format);
	vsnprintf(span->what, sizeof(span->what), format, args);
	va_end(args);
}

static void map_draw(const struct plan *plan)
{
	struct check *check = plan->check;

	for (unsigned int i = 0; i < plan->layout.ram_count; i++)
		span_add(check, plan->layout.ram[i].base, plan->layout.ram[i].size, "RAM");
	span_add(check, LAYOUT_MEM32, LAYOUT_MEM32_SIZE, "32-bit BARs");
	for (unsigned int i = 0; i < plan->reserved_count; i++)
		span_add(check, plan->reserved[i].first,
			 plan->reserved[i].last - plan->reserved[i].first + 1,
			 "reserved by the host: %.15s", plan->reserved[i].type);
	if (plan->bits && plan->bits < 63)
		span_add(check, BIT(plan->bits), 0, "beyond the IOMMU");
}

/* ---- findings ---- */

/* Memory that the firmware goes on using by the device's DMA: no guest can have such a device. */
static void direct_check(const struct plan *plan, const char *object)
{
	for (unsigned int i = 0; i < plan->reserved_count; i++) {
		const struct reserved *reserved = &plan->reserved[i];

		if (strcmp(reserved->type, "direct"))
			continue;
		check_add(plan->check, CHECK_STOPS, object,
			  "the firmware wants the device to reach 0x%llx to 0x%llx (region "
			  "\"direct\"), and so the kernel gives it to no guest",
			  (unsigned long long)reserved->first, (unsigned long long)reserved->last);
		check_remedy(plan->check, "turn off in the firmware's set-up what uses the device "
					  "before the system (pre-boot DMA protection, legacy USB, "
					  "remote management)");
	}
}

static void layout_check(struct plan *plan, const char *object)
{
	struct check *check = plan->check;
	uint64_t align = check->hugepages ? 2 * MIB : check->page_size;
	char bits[32] = "an unknown number of";

	if (plan->bits)
		snprintf(bits, sizeof(bits), "%u", plan->bits);
	if (layout_init(&plan->layout, check->memory, align, plan->usable, plan->usable_count,
			check->physical_bits) < 0) {
		check_add(check, CHECK_STOPS, object,
			  "%llu MiB of RAM do not fit: guests have %u address bits, the IOMMU has "
			  "%s, reserved regions: %u",
			  (unsigned long long)(check->memory / MIB), check->physical_bits, bits,
			  plan->reserved_count);
		check_remedy(check, "use less --memory");
		plan->layout.ram_count = 0;
		return;
	}
	check_add(check, CHECK_OK, object,
		  "%llu MiB of RAM fit in %u piece%s up to 0x%llx; the IOMMU has %s address bits, "
		  "reserved regions: %u",
		  (unsigned long long)(check->memory / MIB), plan->layout.ram_count,
		  plan->layout.ram_count == 1 ? "" : "s",
		  (unsigned long long)(layout_ram_end(&plan->layout) - 1), bits,
		  plan->reserved_count);
}

void check_function_map(struct check *check, const struct host_pci *pci, bool draw)
{
	struct plan plan = { .check = check, .pci = pci };
	char object[64];

	if (pci->iommu_group < 0)
		return;
	snprintf(object, sizeof(object), "%s DMA", pci->bdf);
	plan.bits = check_arch_iova_bits(check->root, pci->bdf);
	reserved_read(&plan);
	usable_find(&plan);
	direct_check(&plan, object);
	layout_check(&plan, object);
	if (draw)
		map_draw(&plan);
}
