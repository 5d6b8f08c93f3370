/* SPDX-License-Identifier: BSD-2-Clause */
/* vfio/bar.c: what of a BAR becomes guest memory, and what an access to the rest does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/log.h"
#include "lib/util.h"
#include "tests/unit/fake_vfio.h"
#include "tests/unit/stderr_capture.h"

#define GPA	0xc0000000ULL
#define VECTORS 20

struct machine {
	struct fake_kvm *kvm;
	struct fake_vfio *fake;
};

static struct machine *current; /* of the test that runs */

static int setup(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	assert_non_null(machine);
	machine->kvm = fake_kvm_new();
	machine->fake = fake_vfio_new(machine->kvm);
	machine->fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = VECTORS;
	le_store(&machine->fake->config[PCI_COMMAND], 2, PCI_COMMAND_MEMORY);
	mutex_init(&machine->fake->function.pci.lock);
	*state = current = machine;
	return 0;
}

static struct machine *machine_of(void **state)
{
	return *state;
}

static struct vfio_bar *bar_of(struct machine *machine, unsigned int index)
{
	return &machine->fake->function.bars[index];
}

/* Open the device as it was made so far. */
static void device_open(struct machine *machine, uint64_t page_size)
{
	struct vfio_function *function = &machine->fake->function;
	char why[WHY_SIZE];

	assert_int_equal(vfio_device_init(&function->device, &machine->kvm->iommu,
					  &(struct iommu_device){ .bdf = "0000:01:00.0" }, why),
			 0);
	function->vm = &machine->kvm->vm;
	function->iommu = &machine->kvm->iommu;
	function->page_size = page_size;
	function->has_peers = true;
	assert_int_equal(irqs_init(&function->irqs, &function->device,
				   &(struct irqs_config){
					   .router = &machine->kvm->vm.irq,
					   .msix_size = VECTORS,
				   }),
			 0);
}

/* The function of @bar, and which of its BARs it is. */
static struct vfio_function *function_of(struct vfio_bar *bar, unsigned int *index)
{
	*index = (unsigned int)(bar - current->fake->function.bars);
	return &current->fake->function;
}

static void bar_init(struct vfio_bar *bar)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);
	char why[WHY_SIZE];

	assert_int_equal(vfio_bar_init(function, index, why), 0);
}

static void bar_cleanup(struct vfio_bar *bar)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);

	vfio_bar_cleanup(function, index);
}

/* The guest puts the BAR at @gpa. */
static void bar_map(struct vfio_bar *bar, uint64_t gpa)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);

	function->pci.bars[index].addr = gpa;
	mutex_lock(&function->pci.lock);
	vfio_bar_map(&function->pci, index);
	function->pci.bars[index].mapped = true;
	mutex_unlock(&function->pci.lock);
}

static void bar_unmap(struct vfio_bar *bar)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);

	mutex_lock(&function->pci.lock);
	vfio_bar_unmap(&function->pci, index);
	function->pci.bars[index].mapped = false;
	mutex_unlock(&function->pci.lock);
}

/* Unmaps and closes everything; a test may have done a part of it. */
static int teardown(void **state)
{
	struct machine *machine = *state;

	for (unsigned int i = 0; i < PCI_BARS_MAX; i++) {
		bar_unmap(bar_of(machine, i));
		bar_cleanup(bar_of(machine, i));
	}
	irqs_cleanup(&machine->fake->function.irqs);
	vfio_device_cleanup(&machine->fake->function.device);
	fake_vfio_free(machine->fake);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
	return 0;
}

/* A device with one memory BAR of @size bytes that is not initialised yet. */
static struct vfio_bar *bar_open(struct machine *machine, uint64_t size, uint64_t page_size)
{
	fake_bar_add(machine->fake, 0, size, 0);
	device_open(machine, page_size);
	return bar_of(machine, 0);
}

/* One with the MSI-X table at 0x2000 and the pending bits at 0x2800. */
static struct vfio_bar *msix_bar_open(struct machine *machine)
{
	struct vfio_bar *bar = bar_open(machine, 0x4000, 0x1000);

	bar->table = (struct bar_range){ 0x2000, VECTORS * 16 };
	bar->pba = (struct bar_range){ 0x2800, 8 };
	bar_init(bar);
	return bar;
}

/* "0-1000 3000-4000": from where to where in the BAR the guest has memory. */
static void areas_expect(const struct vfio_bar *bar, const char *expected)
{
	char text[512] = "";

	for (unsigned int i = 0; i < bar->area_count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%llx-%llx", i ? " " : "",
			 (unsigned long long)bar->areas[i].offset,
			 (unsigned long long)(bar->areas[i].offset + bar->areas[i].size));
	}
	assert_string_equal(text, expected);
}

static void log_expect(struct machine *machine, const char *log)
{
	assert_string_equal(fake_log_take(machine->kvm), log);
}

static uint64_t bar_read(struct vfio_bar *bar, uint64_t offset, uint8_t size)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);
	struct access access = { .size = size, .data = bytes_mask(size) };

	mutex_lock(&function->pci.lock);
	vfio_bar_access(&function->pci, index, offset, &access);
	mutex_unlock(&function->pci.lock);
	return access.data;
}

static void bar_write(struct vfio_bar *bar, uint64_t offset, uint8_t size, uint64_t data)
{
	unsigned int index;
	struct vfio_function *function = function_of(bar, &index);
	struct access access = { .size = size, .data = data, .is_write = true };

	mutex_lock(&function->pci.lock);
	vfio_bar_access(&function->pci, index, offset, &access);
	mutex_unlock(&function->pci.lock);
}

/* ---- areas ---- */

static void test_bar_without_msix_is_mapped_whole(void **state)
{
	struct vfio_bar *bar = bar_open(machine_of(state), 0x20000, 0x1000);

	bar_init(bar);
	areas_expect(bar, "0-20000");
}

/* What is trapped because of the MSI-X structures, by the size of the host's pages. */
static void test_only_pages_of_table_and_pending_bits_are_trapped(void **state)
{
	static const struct {
		uint64_t page_size;
		struct bar_range table, pba;
		const char *areas;
	} cases[] = {
		/* both in one page */
		{ 0x1000, { 0x20800, 0x100 }, { 0x20f00, 8 }, "0-20000 21000-40000" },
		{ 0x4000, { 0x20800, 0x100 }, { 0x20f00, 8 }, "0-20000 24000-40000" },
		{ 0x10000, { 0x20800, 0x100 }, { 0x20f00, 8 }, "0-20000 30000-40000" },
		/* in pages of their own, which with bigger pages are one */
		{ 0x1000, { 0x20000, 0x100 }, { 0x23000, 8 }, "0-20000 21000-23000 24000-40000" },
		{ 0x4000, { 0x20000, 0x100 }, { 0x23000, 8 }, "0-20000 24000-40000" },
		{ 0x10000, { 0x20000, 0x100 }, { 0x23000, 8 }, "0-20000 30000-40000" },
		/* the pending bits first */
		{ 0x1000, { 0x23000, 0x100 }, { 0x20000, 8 }, "0-20000 21000-23000 24000-40000" },
		/* at the ends */
		{ 0x1000, { 0, 0x100 }, { 0x3fff8, 8 }, "1000-3f000" },
		{ 0x10000, { 0, 0x100 }, { 0x3fff8, 8 }, "10000-30000" },
		{ 0x1000, { 0x3f000, 0x1000 }, { 0, 8 }, "1000-3f000" },
		/* over a page's border, and as big as they come */
		{ 0x1000, { 0x20f80, 0x100 }, { 0x22000, 8 }, "0-20000 23000-40000" },
		{ 0x1000, { 0x8000, 0x8000 }, { 0x10000, 0x100 }, "0-8000 11000-40000" },
		/* one of the two, or none, in this BAR */
		{ 0x1000, { 0x4000, 0x100 }, { 0, 0 }, "0-4000 5000-40000" },
		{ 0x1000, { 0, 0 }, { 0x4000, 0x100 }, "0-4000 5000-40000" },
		{ 0x4000, { 0, 0 }, { 0x4000, 0x100 }, "0-4000 8000-40000" },
		{ 0x1000, { 0, 0 }, { 0, 0 }, "0-40000" },
	};
	struct vfio_bar *bar = bar_open(machine_of(state), 0x40000, 0x1000);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		current->fake->function.page_size = cases[i].page_size;
		bar->table = cases[i].table;
		bar->pba = cases[i].pba;
		bar_init(bar);
		areas_expect(bar, cases[i].areas);
		bar_cleanup(bar);
		machine_of(state)->fake->map_count = 0;
	}
}

static void test_bar_that_is_all_table_is_trapped(void **state)
{
	struct vfio_bar *bar = bar_open(machine_of(state), 0x1000, 0x1000);

	bar->table = (struct bar_range){ 0, 0x30 };
	bar->pba = (struct bar_range){ 0x800, 8 };
	bar_init(bar);
	areas_expect(bar, "");
	bar_map(bar, GPA);
	assert_int_equal(fake_kvm_slots(machine_of(state)->kvm), 0);
}

static void sparse_set(struct machine *machine, const struct vfio_area *areas, unsigned int count)
{
	struct vfio_region *region = &machine->fake->regions[0];

	memcpy(region->areas, areas, count * sizeof(*areas));
	region->area_count = count;
	machine->fake->function.device.regions[0] = *region;
}

/* A BAR of which two areas can be mapped. */
static struct vfio_bar *sparse_open(struct machine *machine)
{
	static const struct vfio_area areas[] = { { 0x1000, 0x3000 }, { 0x8000, 0x8000 } };
	struct vfio_bar *bar = bar_open(machine, 0x40000, 0x1000);

	sparse_set(machine, areas, 2);
	return bar;
}

static void test_only_sparse_areas_are_mapped(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = sparse_open(machine);

	bar_init(bar);
	areas_expect(bar, "1000-4000 8000-10000");
	bar_map(bar, GPA);
	assert_false(fake_bar_mapped(machine->fake, 0, 0));
	assert_true(fake_bar_mapped(machine->fake, 0, 0x3fff));
	assert_false(fake_bar_mapped(machine->fake, 0, 0x4000));
	assert_true(fake_bar_mapped(machine->fake, 0, 0x8000));
}

static void test_table_is_taken_out_of_sparse_areas_too(void **state)
{
	struct vfio_bar *bar = sparse_open(machine_of(state));

	bar->table = (struct bar_range){ 0x9010, 0x1000 };
	bar->pba = (struct bar_range){ 0x3000, 8 };
	bar_init(bar);
	areas_expect(bar, "1000-3000 8000-9000 b000-10000");
}

static void test_areas_shrink_to_whole_pages(void **state)
{
	static const struct vfio_area areas[] = { { 0x1000, 0x3000 }, { 0x6000, 0xb000 } };
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x40000, 0x4000);

	sparse_set(machine, areas, 2);
	bar_init(bar);
	areas_expect(bar, "8000-10000");
}

static void test_as_many_areas_as_there_can_be(void **state)
{
	struct vfio_area areas[VFIO_AREAS_MAX];
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x40000, 0x1000);

	for (unsigned int i = 0; i < VFIO_AREAS_MAX; i++)
		areas[i] = (struct vfio_area){ 0x8000 * i, 0x5000 };
	sparse_set(machine, areas, VFIO_AREAS_MAX);
	bar->table = (struct bar_range){ 0x39000, 0x100 };
	bar->pba = (struct bar_range){ 0x3b000, 8 };
	bar_init(bar);
	areas_expect(bar, "0-5000 8000-d000 10000-15000 18000-1d000 20000-25000 28000-2d000 "
			  "30000-35000 38000-39000 3a000-3b000 3c000-3d000");
}

static void test_region_that_cannot_be_mapped_is_trapped(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar;

	fake_bar_add(machine->fake, 0, 0x20, PCI_BASE_ADDRESS_SPACE_IO);
	device_open(machine, 0x1000);
	bar = bar_of(machine, 0);
	bar_init(bar);
	areas_expect(bar, "");
	bar_map(bar, 0x1000);
	log_expect(machine, "");
	bar_write(bar, 4, 2, 0xabcd);
	log_expect(machine, "bar_write 0 4 2 abcd\n");
	assert_int_equal(bar_read(bar, 4, 2), 0xabcd);
	assert_int_equal(bar_read(bar, 5, 1), 0xab);
}

static void test_area_that_cannot_be_mapped_is_trapped_and_said(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x8000, 0x1000);
	struct capture capture = capture_start();

	bar->table = (struct bar_range){ 0x2000, 0x100 };
	bar->pba = (struct bar_range){ 0x4000, 8 };
	fake_fail(machine->kvm, "area_map", 1, -ENODEV);
	bar_init(bar);
	assert_int_equal(capture_lines(capture), 1);
	areas_expect(bar, "0-2000 5000-8000");
	bar_map(bar, GPA);
	assert_null(fake_kvm_hva(machine->kvm, GPA + 0x3000));
	bar_write(bar, 0x3000, 4, 0x1234);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x3000), 0x1234);
}

/* VFIO wants the whole BAR from the host: what another has claimed a part of is lost to the guest.
 */
static void test_bar_that_somebody_has_claimed_ends_the_start(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x8000, 0x1000);
	char why[WHY_SIZE];

	fake_fail(machine->kvm, "area_map", 0, -EBUSY);
	assert_int_equal(vfio_bar_init(&machine->fake->function, 0, why), -EBUSY);
	assert_non_null(strstr(why, "0000:01:00.0: BAR 0 is claimed by something else"));
	assert_int_equal(bar->area_count, 0);
}

/* ---- smaller than a page ---- */

static void test_small_bar_is_mapped_with_all_of_its_page(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x200, 0x1000);

	bar_init(bar);
	areas_expect(bar, "0-1000");
	fake_log_take(machine->kvm);
	bar_map(bar, GPA);
	log_expect(machine, "memslot_add c0000000 1000\n"
			    "iommu_map c0000000 1000\n");
}

static void test_small_bar_is_smaller_than_bigger_pages_too(void **state)
{
	struct vfio_bar *bar = bar_open(machine_of(state), 0x4000, 0x10000);

	bar_init(bar);
	areas_expect(bar, "0-10000");
}

/* The kernel maps it only where its page has nothing else in the host. */
static void test_what_follows_a_small_bar_that_is_trapped_is_nobodys(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar;
	struct capture capture = capture_start();

	fake_bar_add(machine->fake, 0, 0x200, 0);
	machine->fake->regions[0].area_count = 0;
	device_open(machine, 0x1000);
	bar = bar_of(machine, 0);
	bar_init(bar);
	bar_map(bar, GPA);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	bar_write(bar, 0x1fc, 4, 0x1234);
	assert_int_equal(bar_read(bar, 0x1fc, 4), 0x1234);
	fake_log_take(machine->kvm);
	bar_write(bar, 0x1fc, 8, 0);
	bar_write(bar, 0x200, 4, 0);
	assert_int_equal(bar_read(bar, 0x200, 4), 0xffffffff);
	assert_int_equal(bar_read(bar, 0xffc, 4), 0xffffffff);
	log_expect(machine, "");
	assert_int_equal(capture_lines(capture), 0);
}

static void test_small_bar_with_the_table_is_trapped(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 0x400, 0x1000);

	bar->table = (struct bar_range){ 0, 0x30 };
	bar_init(bar);
	areas_expect(bar, "");
}

/* ---- in the guest ---- */

static void test_areas_come_and_go_with_the_bar(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	areas_expect(bar, "0-2000 3000-4000");
	fake_log_take(machine->kvm);
	bar_map(bar, GPA);
	log_expect(machine, "memslot_add c0000000 2000\n"
			    "iommu_map c0000000 2000\n"
			    "memslot_add c0003000 1000\n"
			    "iommu_map c0003000 1000\n");
	assert_true(fake_bar_mapped(machine->fake, 0, 0x1fff));
	assert_false(fake_bar_mapped(machine->fake, 0, 0x2000));
	bar_unmap(bar);
	log_expect(machine, "iommu_unmap c0000000\n"
			    "memslot_remove c0000000\n"
			    "iommu_unmap c0003000\n"
			    "memslot_remove c0003000\n");
	bar_map(bar, 0x800000000ULL);
	log_expect(machine, "memslot_add 800000000 2000\n"
			    "iommu_map 800000000 2000\n"
			    "memslot_add 800003000 1000\n"
			    "iommu_map 800003000 1000\n");
}

static void test_what_the_guest_stores_is_in_the_device(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);
	uint32_t value = 0xcafef00d;

	bar_map(bar, GPA);
	memcpy(fake_kvm_hva(machine->kvm, GPA + 0x3010), &value, 4);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x3010), value);
	fake_memory_store(machine->fake, 0, 0x1ffc, 0x600df00d);
	memcpy(&value, fake_kvm_hva(machine->kvm, GPA + 0x1ffc), 4);
	assert_int_equal(value, 0x600df00d);
}

/* A BAR that another vCPU puts there, between this one's exit and posthorn's answer. */
static void test_access_from_before_the_bar_came_does_not_reach_the_device(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	fake_memory_store(machine->fake, 0, 0x1000, 0x11223344);
	bar_map(bar, GPA);
	bar_write(bar, 0x1000, 1, 0);
	assert_int_equal(bar_read(bar, 0x1000, 4), 0xffffffff);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x1000), 0x11223344);
	bar_write(bar, 0x2900, 1, 0x55);
	assert_int_equal(bar_read(bar, 0x2900, 1), 0x55);
	bar_unmap(bar);
	assert_int_equal(bar_read(bar, 0x1000, 4), 0x11223344);
}

static void test_bar_works_without_peer_to_peer(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);
	struct capture capture = capture_start();
	char text[512];

	fake_fail(machine->kvm, "iommu_map", 0, -EINVAL);
	fake_fail(machine->kvm, "iommu_map", 0, -EINVAL);
	bar_map(bar, GPA);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "0000:01:00.0: BAR "));
	assert_non_null(strstr(text, "other devices do not reach it by DMA"));
	assert_int_equal(fake_kvm_slots(machine->kvm), 2);
	assert_int_equal(fake_kvm_maps(machine->kvm), 0);
	/* It does not unmap what it did not map; next time it may go well. */
	bar_unmap(bar);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	fake_fail(machine->kvm, "iommu_map", 0, -EINVAL);
	capture = capture_start();
	bar_map(bar, GPA + 0x8000);
	assert_int_equal(capture_lines(capture), 0);
	bar_unmap(bar);
	bar_map(bar, GPA + 0x10000);
	assert_int_equal(fake_kvm_maps(machine->kvm), 2);
}

static void test_that_no_bar_can_be_mapped_for_dma_is_not_said_of_each(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);
	struct capture capture = capture_start();

	fake_fail(machine->kvm, "iommu_map", 0, -EOPNOTSUPP);
	fake_fail(machine->kvm, "iommu_map", 0, -EOPNOTSUPP);
	bar_map(bar, GPA);
	assert_int_equal(capture_lines(capture), 0);
	assert_int_equal(fake_kvm_maps(machine->kvm), 0);
}

static void test_for_which_pages_a_bar_is_aligned_is_said_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 64 * MIB, 0x1000);
	char text[512], expected[128];
	struct capture capture;
	uint64_t gpa;

	bar_init(bar);
	/* As the host's mapping is, which the made-up device leaves to mmap(2). */
	gpa = 0x8000000000 + (uintptr_t)bar->areas[0].hva % (2 * MIB);
	log_level_set(LOG_LEVEL_INFO);
	capture = capture_start();
	bar_map(bar, gpa + 0x1000);
	bar_unmap(bar);
	bar_map(bar, gpa);
	bar_unmap(bar);
	bar_map(bar, gpa + 2 * MIB);
	log_level_set(LOG_LEVEL_NOTICE);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	snprintf(expected, sizeof(expected),
		 "64 MiB at 0x%llx in the guest, aligned for pages of 2 MiB",
		 (unsigned long long)gpa);
	assert_non_null(strstr(text, expected));
}

static void test_bar_of_the_only_function_is_not_mapped_for_dma(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = bar_open(machine, 64 * MIB, 0x1000);

	machine->fake->function.has_peers = false;
	bar_init(bar);
	fake_log_take(machine->kvm);
	bar_map(bar, 0x8000000000);
	log_expect(machine, "memslot_add 8000000000 4000000\n");
	bar_unmap(bar);
	log_expect(machine, "memslot_remove 8000000000\n");
}

static void test_bar_without_a_memslot_is_trapped_and_said_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);
	struct capture capture = capture_start();

	fake_fail(machine->kvm, "memslot_add", 0, -ENOSPC);
	fake_fail(machine->kvm, "memslot_add", 0, -ENOSPC);
	fake_fail(machine->kvm, "memslot_add", 1, -ENOSPC);
	bar_map(bar, GPA);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	assert_int_equal(fake_kvm_maps(machine->kvm), 0);
	bar_unmap(bar);
	bar_map(bar, GPA);
	assert_int_equal(capture_lines(capture), 1);
	assert_int_equal(fake_kvm_slots(machine->kvm), 1);
	assert_int_equal(fake_kvm_maps(machine->kvm), 1);
	bar_write(bar, 0x3000, 4, 7);
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x3000), 7);
}

/* ---- the ROM ---- */

static struct vfio_bar *rom_open(struct machine *machine, uint64_t size)
{
	fake_rom_add(machine->fake, size);
	fake_rom_image_add(machine->fake);
	device_open(machine, 0x1000);
	bar_init(bar_of(machine, PCI_BAR_ROM));
	return bar_of(machine, PCI_BAR_ROM);
}

static void test_rom_is_copied_when_it_is_first_read_and_only_then(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = rom_open(machine, 0x8000);

	bar_map(bar, GPA);
	log_expect(machine, "");
	assert_int_equal(bar_read(bar, 0, 4), 0xaa55);
	log_expect(machine, "read_block 6 8000\n"
			    "memslot_add c0000000 8000 read-only\n");
	bar_unmap(bar);
	bar_map(bar, GPA + 0x8000);
	log_expect(machine, "memslot_remove c0000000\n"
			    "memslot_add c0008000 8000 read-only\n");
	assert_memory_equal(fake_kvm_hva(machine->kvm, GPA + 0x8000), "\x55\xaa", 2);
	assert_int_equal(fake_kvm_maps(machine->kvm), 0);
}

static void test_small_rom_is_followed_by_ones(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = rom_open(machine, 0x800);

	bar_map(bar, GPA);
	assert_int_equal(bar_read(bar, 0x7fe, 4), 0xffff0000);
	assert_memory_equal(fake_kvm_hva(machine->kvm, GPA), "\x55\xaa", 2);
	assert_memory_equal(fake_kvm_hva(machine->kvm, GPA + 0x7ff), "\x00\xff\xff", 3);
	assert_memory_equal(fake_kvm_hva(machine->kvm, GPA + 0xfff), "\xff", 1);
}

/* The guest reads a ROM for the first time, and @call fails. */
static struct vfio_bar *rom_open_failing(struct machine *machine, const char *call, int error,
					 uint64_t expected)
{
	struct vfio_bar *bar = rom_open(machine, 0x8000);

	fake_fail(machine->kvm, call, 0, error);
	bar_map(bar, GPA);
	assert_int_equal(bar_read(bar, 0, 4), expected);
	return bar;
}

static void test_unreadable_rom_is_ones_and_said_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();
	struct vfio_bar *bar = rom_open_failing(machine, "read_block", -EIO, 0xffffffff);

	bar_unmap(bar);
	bar_map(bar, GPA);
	assert_int_equal(bar_read(bar, 0, 4), 0xffffffff);
	assert_int_equal(capture_lines(capture), 1);
	assert_memory_equal(fake_kvm_hva(machine->kvm, GPA + 0x4000), "\xff\xff", 2);
}

static void test_rom_without_a_memslot_is_answered_from_the_copy(void **state)
{
	struct machine *machine = machine_of(state);
	struct capture capture = capture_start();
	struct vfio_bar *bar = rom_open_failing(machine, "memslot_add", -ENOSPC, 0xaa55);

	fake_log_take(machine->kvm);
	assert_int_equal(bar_read(bar, 0, 2), 0xaa55);
	log_expect(machine, "");
	assert_int_equal(machine->fake->reads, 0);
	assert_int_equal(capture_lines(capture), 1);
}

static void test_writes_of_the_rom_are_dropped(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = rom_open(machine, 0x8000);
	struct capture capture = capture_start();

	bar_map(bar, GPA);
	bar_write(bar, 0, 4, 0);
	bar_read(bar, 0, 4);
	bar_write(bar, 4, 4, 0);
	assert_int_equal(capture_lines(capture), 0);
	assert_int_equal(fake_memory_load(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0), 0xaa55);
}

/* ---- the MSI-X table ---- */

#define ENTRY(n) (0x2000 + 16 * (n))

static struct irq_vector *vector_of(struct machine *machine, unsigned int number)
{
	return &machine->fake->function.irqs.sets[IRQ_KIND_MSIX].vectors[number];
}

static void test_table_keeps_what_is_written_in_four_bytes(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	fake_log_take(machine->kvm);
	assert_int_equal(bar_read(bar, ENTRY(3) + 12, 4), 1);
	bar_write(bar, ENTRY(3), 4, 0xfee01004);
	bar_write(bar, ENTRY(3) + 4, 4, 0x11);
	bar_write(bar, ENTRY(3) + 8, 4, 0x4041);
	bar_write(bar, ENTRY(3) + 12, 4, 0);
	assert_int_equal(vector_of(machine, 3)->message.address, 0x11fee01004ULL);
	assert_int_equal(vector_of(machine, 3)->message.data, 0x4041);
	assert_false(vector_of(machine, 3)->masked);
	assert_int_equal(bar_read(bar, ENTRY(3), 4), 0xfee01004);
	assert_int_equal(bar_read(bar, ENTRY(3) + 4, 4), 0x11);
	assert_int_equal(bar_read(bar, ENTRY(3) + 8, 4), 0x4041);
	assert_int_equal(bar_read(bar, ENTRY(3) + 12, 4), 0);
	log_expect(machine, ""); /* nothing reaches the device */
	assert_int_equal(bar_read(bar, ENTRY(2), 4), 0);
	assert_int_equal(bar_read(bar, ENTRY(4) + 8, 4), 0);
}

static void test_table_keeps_what_is_written_in_eight_bytes(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	bar_write(bar, ENTRY(VECTORS - 1), 8, 0x11fee01004);
	bar_write(bar, ENTRY(VECTORS - 1) + 8, 8, 0x0000000000004041);
	assert_int_equal(vector_of(machine, VECTORS - 1)->message.address, 0x11fee01004ULL);
	assert_int_equal(vector_of(machine, VECTORS - 1)->message.data, 0x4041);
	assert_false(vector_of(machine, VECTORS - 1)->masked);
	assert_int_equal(bar_read(bar, ENTRY(VECTORS - 1), 8), 0x11fee01004);
	bar_write(bar, ENTRY(VECTORS - 1) + 8, 8, 0xffffffff00004042);
	assert_int_equal(bar_read(bar, ENTRY(VECTORS - 1) + 8, 8), 0x100004042);
}

static void test_reserved_bits_of_the_table_stay_clear(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	for (unsigned int i = 0; i < 16; i += 4)
		bar_write(bar, ENTRY(0) + i, 4, 0xffffffff);
	assert_int_equal(bar_read(bar, ENTRY(0), 4), 0xfffffffc);
	assert_int_equal(bar_read(bar, ENTRY(0) + 4, 4), 0xffffffff);
	assert_int_equal(bar_read(bar, ENTRY(0) + 8, 4), 0xffffffff);
	assert_int_equal(bar_read(bar, ENTRY(0) + 12, 4), PCI_MSIX_ENTRY_CTRL_MASKBIT);
	bar_write(bar, ENTRY(0) + 12, 4, 0xfffffffe);
	assert_int_equal(bar_read(bar, ENTRY(0) + 12, 4), 0);
}

static void test_odd_accesses_of_the_table_have_no_effect(void **state)
{
	static const struct {
		uint64_t offset;
		uint8_t size;
	} cases[] = { { 0, 1 }, { 15, 1 }, { 0, 2 }, { 14, 2 },
		      { 2, 4 }, { 13, 4 }, { 4, 8 }, { 12, 8 } };
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	fake_log_take(machine->kvm);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t size = cases[i].size;

		bar_write(bar, ENTRY(1) + cases[i].offset, size, 0x5a5a5a5a5a5a5a5a);
		assert_int_equal(bar_read(bar, ENTRY(1) + cases[i].offset, size), bytes_mask(size));
	}
	assert_int_equal(vector_of(machine, 1)->message.address, 0);
	assert_int_equal(vector_of(machine, 1)->message.data, 0);
	assert_true(vector_of(machine, 1)->masked);
	log_expect(machine, "");
}

/* A table that says it is longer than there are vectors: irqs_init() was told fewer. */
static void test_entries_without_a_vector_answer_ones(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	bar->table.size += 0x100;
	bar_write(bar, ENTRY(VECTORS), 4, 0);
	assert_int_equal(bar_read(bar, ENTRY(VECTORS), 4), 0xffffffff);
}

static void test_unmask_through_the_table_connects_the_vector(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	machine->fake->function.irqs.sets[IRQ_KIND_MSIX].enabled = true;
	irqs_sync(&machine->fake->function.irqs);
	bar_write(bar, ENTRY(2), 8, 0xfee01000);
	fake_log_take(machine->kvm);
	bar_write(bar, ENTRY(2) + 8, 8, 0x4055);
	log_expect(machine, "route 24 fee01000 4055\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 2 1 [fd]\n");
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee01000, 0x4055), 1);
	bar_write(bar, ENTRY(2) + 12, 4, 1);
	log_expect(machine, "irqfd_detach 24\n");
}

/* ---- the pending bits ---- */

static void vectors_pend(struct machine *machine, struct vfio_bar *bar)
{
	static const unsigned int pending[] = { 0, 9, VECTORS - 1 };

	machine->fake->function.irqs.sets[IRQ_KIND_MSIX].enabled = true;
	irqs_sync(&machine->fake->function.irqs);
	for (unsigned int i = 0; i < VECTORS; i++) {
		bar_write(bar, ENTRY(i) + 12, 4, 0);
		bar_write(bar, ENTRY(i) + 12, 4, 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pending); i++)
		fake_vfio_fire(machine->fake, pending[i]);
}

static void test_pending_bits_are_read_in_any_size(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	assert_int_equal(bar_read(bar, 0x2800, 8), 0);
	vectors_pend(machine, bar);
	assert_int_equal(bar_read(bar, 0x2800, 8), 0x80201);
	assert_int_equal(bar_read(bar, 0x2800, 4), 0x80201);
	assert_int_equal(bar_read(bar, 0x2804, 4), 0);
	assert_int_equal(bar_read(bar, 0x2800, 2), 0x0201);
	assert_int_equal(bar_read(bar, 0x2802, 2), 0x0008);
	assert_int_equal(bar_read(bar, 0x2801, 1), 0x02);
	assert_int_equal(bar_read(bar, 0x2807, 1), 0);
	bar_write(bar, ENTRY(9) + 12, 4, 0);
	assert_int_equal(bar_read(bar, 0x2800, 4), 0x80001);
}

static void test_pending_bits_cannot_be_written(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	vectors_pend(machine, bar);
	fake_log_take(machine->kvm);
	bar_write(bar, 0x2800, 8, 0);
	bar_write(bar, 0x2800, 4, 0xffffffff);
	assert_int_equal(bar_read(bar, 0x2800, 8), 0x80201);
	log_expect(machine, "");
}

/* ---- beside them ---- */

static void test_registers_beside_the_table_are_the_devices(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	fake_log_take(machine->kvm);
	fake_memory_store(machine->fake, 0, 0x2ffc, 0x01020304);
	bar_map(bar, GPA);
	assert_null(fake_kvm_hva(machine->kvm, GPA + 0x2ffc));
	assert_int_equal(bar_read(bar, 0x2ffc, 4), 0x01020304);
	assert_int_equal(bar_read(bar, 0x2ffe, 1), 0x02);
	fake_log_take(machine->kvm);
	bar_write(bar, 0x2000 + 16 * VECTORS, 4, 0x11111111);
	bar_write(bar, 0x27f8, 8, 0x2222222233333333);
	bar_write(bar, 0x2808, 1, 0x44);
	log_expect(machine, "bar_write 0 2140 4 11111111\n"
			    "bar_write 0 27f8 8 2222222233333333\n"
			    "bar_write 0 2808 1 44\n");
	assert_int_equal(fake_memory_load(machine->fake, 0, 0x27fc), 0x22222222);
}

/* The device has a table and pending bits of its own there, which are the host's. */
static void test_access_half_in_the_table_is_dropped(void **state)
{
	static const uint64_t offsets[] = { 0x1ffc, 0x2000 + 16 * VECTORS - 4, 0x27fc, 0x2804 };
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);

	fake_log_take(machine->kvm);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		bar_write(bar, offsets[i], 8, 0);
		assert_int_equal(bar_read(bar, offsets[i], 8), UINT64_MAX);
	}
	log_expect(machine, "");
	assert_int_equal(machine->fake->reads, 0);
}

static void test_what_the_device_refuses_reads_ones_and_is_said_once(void **state)
{
	struct machine *machine = machine_of(state);
	struct vfio_bar *bar = msix_bar_open(machine);
	struct capture capture = capture_start();

	assert_int_equal(bar_read(bar, 0x4000, 4), 0xffffffff);
	assert_int_equal(bar_read(bar, 0x3fff, 2), 0xffff);
	bar_write(bar, 0x4000, 4, 0);
	fake_fail(machine->kvm, "region_read", 0, -EIO);
	assert_int_equal(bar_read(bar, 0x2ffc, 4), 0xffffffff);
	assert_int_equal(capture_lines(capture), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bar_without_msix_is_mapped_whole),
		TEST(test_only_pages_of_table_and_pending_bits_are_trapped),
		TEST(test_bar_that_is_all_table_is_trapped),
		TEST(test_only_sparse_areas_are_mapped),
		TEST(test_table_is_taken_out_of_sparse_areas_too),
		TEST(test_areas_shrink_to_whole_pages),
		TEST(test_as_many_areas_as_there_can_be),
		TEST(test_region_that_cannot_be_mapped_is_trapped),
		TEST(test_area_that_cannot_be_mapped_is_trapped_and_said),
		TEST(test_bar_that_somebody_has_claimed_ends_the_start),
		TEST(test_small_bar_is_mapped_with_all_of_its_page),
		TEST(test_small_bar_is_smaller_than_bigger_pages_too),
		TEST(test_what_follows_a_small_bar_that_is_trapped_is_nobodys),
		TEST(test_small_bar_with_the_table_is_trapped),
		TEST(test_areas_come_and_go_with_the_bar),
		TEST(test_what_the_guest_stores_is_in_the_device),
		TEST(test_access_from_before_the_bar_came_does_not_reach_the_device),
		TEST(test_bar_works_without_peer_to_peer),
		TEST(test_that_no_bar_can_be_mapped_for_dma_is_not_said_of_each),
		TEST(test_for_which_pages_a_bar_is_aligned_is_said_once),
		TEST(test_bar_of_the_only_function_is_not_mapped_for_dma),
		TEST(test_bar_without_a_memslot_is_trapped_and_said_once),
		TEST(test_rom_is_copied_when_it_is_first_read_and_only_then),
		TEST(test_small_rom_is_followed_by_ones),
		TEST(test_unreadable_rom_is_ones_and_said_once),
		TEST(test_rom_without_a_memslot_is_answered_from_the_copy),
		TEST(test_writes_of_the_rom_are_dropped),
		TEST(test_table_keeps_what_is_written_in_four_bytes),
		TEST(test_table_keeps_what_is_written_in_eight_bytes),
		TEST(test_reserved_bits_of_the_table_stay_clear),
		TEST(test_odd_accesses_of_the_table_have_no_effect),
		TEST(test_entries_without_a_vector_answer_ones),
		TEST(test_unmask_through_the_table_connects_the_vector),
		TEST(test_pending_bits_are_read_in_any_size),
		TEST(test_pending_bits_cannot_be_written),
		TEST(test_registers_beside_the_table_are_the_devices),
		TEST(test_access_half_in_the_table_is_dropped),
		TEST(test_what_the_device_refuses_reads_ones_and_is_said_once),
	};

	return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}
