/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memory as it is planned, around the addresses that the host's IOMMU reserves. */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "guest/layout.h"
#include "lib/util.h"
#include "vmm/check/check.h"
#include "vmm/host/resources.h"

struct plan {
	struct check *check;
	const struct host_pci *pci;
	struct host_reserved reserved[HOST_RESERVED_MAX];
	unsigned int reserved_count;
	unsigned int bits; /* that the IOMMU maps; 0: not known */
	struct layout_range usable[HOST_RESERVED_MAX + 1];
	unsigned int usable_count;
	struct layout layout;
};

/* VFIO lets such be mapped: firmware wants them only until a driver takes the device. */
static bool is_relaxable(const struct host_reserved *reserved)
{
	return !strcmp(reserved->type, "direct-relaxable");
}

/* What lies between the reserved regions, as VFIO's list of usable ranges would have it. */
static void usable_find(struct plan *plan)
{
	uint64_t end = plan->bits ? BIT(min(plan->bits, 63U)) : BIT(63), base = 0;

	for (unsigned int i = 0; i < plan->reserved_count; i++) {
		const struct host_reserved *reserved = &plan->reserved[i];

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
		const struct host_reserved *reserved = &plan->reserved[i];

		if (!host_reserved_is_direct(reserved))
			continue;
		check_add(plan->check, CHECK_STOPS, object,
			  "the firmware wants the device to reach 0x%llx to 0x%llx (region "
			  "\"direct\"), and so the kernel gives it to no guest",
			  (unsigned long long)reserved->first, (unsigned long long)reserved->last);
		check_remedy(plan->check, "%s", HOST_DIRECT_REMEDY);
	}
}

static void layout_check(struct plan *plan, const char *object)
{
	struct check *check = plan->check;
	uint64_t align = max(check->huge_page_size, check->page_size);
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

/* The same for its BARs, which a guest places as the host does: above 4 GiB those that may be. */
static void bars_fit_check(struct plan *plan, const char *object)
{
	struct check *check = plan->check;
	struct host_bar bars[PCI_STD_NUM_BARS];
	uint64_t mem32 = 0, mem64 = 0;

	host_bars_read(check->root, plan->pci->bdf, bars);
	for (unsigned int i = 0; i < PCI_STD_NUM_BARS; i++)
		if (bars[i].size && !bars[i].is_io)
			*(bars[i].is_64bit ? &mem64 : &mem32) +=
				max(bars[i].size, check->page_size);
	if (mem32 > LAYOUT_MEM32_SIZE) {
		check_add(check, CHECK_STOPS, object,
			  "%llu MiB of 32-bit BARs do not fit into a guest's %llu MiB for them",
			  (unsigned long long)(mem32 / MIB),
			  (unsigned long long)(LAYOUT_MEM32_SIZE / MIB));
		check_remedy(check, "use a smaller device: it cannot be assigned");
	}
	if (mem64 && plan->layout.ram_count &&
	    layout_mem64_place(&plan->layout, mem64, plan->usable, plan->usable_count,
			       check->physical_bits) < 0) {
		check_add(check, CHECK_STOPS, object,
			  "%llu MiB of 64-bit BARs do not fit above the RAM below 2^%u",
			  (unsigned long long)(mem64 / MIB), check->physical_bits);
		check_remedy(check, "use less --memory");
	}
}

void check_function_map(struct check *check, const struct host_pci *pci, bool draw)
{
	struct plan plan = { .check = check, .pci = pci };
	char object[64];

	if (pci->iommu_group < 0)
		return;
	snprintf(object, sizeof(object), "%s DMA", pci->bdf);
	plan.bits = check_arch_iova_bits(check->root, pci->bdf);
	plan.reserved_count = host_reserved_read(check->root, pci->iommu_group, plan.reserved);
	usable_find(&plan);
	direct_check(&plan, object);
	layout_check(&plan, object);
	bars_fit_check(&plan, object);
	if (draw)
		map_draw(&plan);
}
