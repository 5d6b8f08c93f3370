/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/info/info.c: what `posthorn info` says of made-up devices, and that the guest finds it so. */
#include "vmm/info/info.h"

#include <errno.h>
#include <jansson.h>

#include "tests/unit/assigned_machine.h"

static struct info info;

static void info_make(const struct machine *machine)
{
	info = (struct info){
		.function = machine->function,
		.reset_methods = "flr bus",
		.iommu = "iommufd",
		.ranges = { { 0, 0xfee00000 }, { 0xfef00000, 0x100000000 } },
		.range_count = 2,
		.page_sizes = 0x40201000,
		.coherent = true,
	};
	info_capabilities_find(&info);
}

static enum info_view view_at(unsigned int offset)
{
	for (unsigned int i = 0; i < info.capability_count; i++)
		if (info.capabilities[i].offset == offset)
			return info.capabilities[i].view;
	fail_msg("no capability at 0x%x", offset);
	return INFO_VIEWS;
}

static struct machine *machine_of(void (*device)(struct fake_vfio *fake))
{
	struct machine *machine = machine_new();

	device(machine->fake);
	assert_int_equal(vfio_device_init(&machine->function->device, &machine->kvm->iommu,
					  &(struct iommu_device){ .bdf = BDF }, machine->why),
			 0);
	assert_int_equal(vfio_config_init(machine->function), 0);
	return machine;
}

static void machine_close(struct machine *machine)
{
	vfio_device_cleanup(&machine->function->device);
	fake_vfio_free(machine->fake);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
}

static void others_add(struct fake_vfio *fake)
{
	fake_vfio_e1000e(fake);
	fake_capability_add(fake, PCI_CAP_ID_VPD, 0x40);
	fake_extended_add(fake, 0, 1, 0x170); /* a null capability, which only links */
	fake_extended_add(fake, PCI_EXT_CAP_ID_SRIOV, 1, 0x180);
}

static void test_what_is_emulated_shown_and_hidden(void **state)
{
	struct machine *machine = machine_of(others_add);

	(void)state;
	info_make(machine);
	assert_int_equal(view_at(0xc8), INFO_EMULATED);
	assert_int_equal(view_at(0xd0), INFO_EMULATED);
	assert_int_equal(view_at(0xe0), INFO_EMULATED);
	assert_int_equal(view_at(0xa0), INFO_EMULATED);
	assert_int_equal(view_at(0x40), INFO_SHOWN);
	assert_int_equal(view_at(0x140), INFO_SHOWN);
	assert_int_equal(view_at(0x180), INFO_HIDDEN);
	assert_int_equal(info.capability_count, 8);
	machine_close(machine);
}

static void test_vendor_capabilities_are_shown(void **state)
{
	struct machine *machine = machine_of(fake_vfio_virtio);

	(void)state;
	info_make(machine);
	assert_int_equal(view_at(0x40), INFO_SHOWN);
	assert_int_equal(view_at(0x98), INFO_EMULATED);
	machine_close(machine);
}

static void circle_make(struct fake_vfio *fake)
{
	fake_vfio_e1000e(fake);
	fake_capability_add(fake, PCI_CAP_ID_VPD, 0x40)[PCI_CAP_LIST_NEXT] = 0x40;
	le_store(fake_extended_add(fake, PCI_EXT_CAP_ID_LTR, 1, 0x180), 4,
		 PCI_EXT_CAP_ID_LTR | 0x180U << 20);
}

static void test_lists_in_a_circle_end(void **state)
{
	struct machine *machine = machine_of(circle_make);

	(void)state;
	info_make(machine);
	/* Each once: the card's six, and the two that link to themselves. */
	assert_int_equal(info.capability_count, 8);
	assert_int_equal(view_at(0x40), INFO_SHOWN);
	assert_int_equal(view_at(0x180), INFO_HIDDEN);
	machine_close(machine);
}

static void test_names_by_the_kind_of_list(void **state)
{
	const struct info_capability vpd = { .id = 3, .offset = 0x40 };
	const struct info_capability serial = { .id = 3, .offset = 0x100 };
	const struct info_capability new = { .id = 0xfff, .offset = 0x100 };

	(void)state;
	assert_string_equal(info_capability_name(&vpd), "Vital Product Data");
	assert_string_equal(info_capability_name(&serial), "Device Serial Number");
	assert_string_equal(info_capability_name(&new), "unknown");
}

static void test_text_has_regions_interrupts_capabilities_and_iommu(void **state)
{
	static const char *const parts[] = {
		"VFIO can reset it; the kernel's methods: flr bus",
		"BAR 0    0x20000",
		"can be mapped: 0x0 to 0x1ffff",
		"MSI-X       5",
		"0x0a0  emulated  MSI-X (0x11)",
		"interface iommufd",
		"addresses 0x0 to 0xfedfffff",
		"0xfef00000 to 0x1feefffff",
		"0x1000 0x200000 0x40000000",
	};
	struct machine *machine = machine_of(fake_vfio_e1000e);
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	info_make(machine);
	info_print(&info, file);
	fclose(file);
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("\"%s\" is not in:\n%s", parts[i], text);
	free(text);
	machine_close(machine);
}

/* The text and the JSON of one that has no reset of its own. */
static void bus_reset_expect(int error, const char *needs, const char *text_part, bool can)
{
	struct machine *machine = machine_of(fake_vfio_e1000e);
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	json_t *all;

	info_make(machine);
	machine->function->device.can_reset = false;
	info.bus_reset_error = error;
	strcpy(info.bus_reset_needs, needs);
	info_print(&info, file);
	fclose(file);
	assert_non_null(strstr(text, text_part));
	free(text);
	file = open_memstream(&text, &size);
	assert_int_equal(info_print_json(&info, file), 0);
	fclose(file);
	all = json_loads(text, 0, NULL);
	assert_false(json_is_true(json_object_get(all, "can_reset")));
	assert_int_equal(json_is_true(json_object_get(all, "bus_reset")), can);
	if (needs[0])
		assert_string_equal(json_string_value(json_object_get(all, "bus_reset_needs")),
				    needs);
	else
		assert_null(json_object_get(all, "bus_reset_needs"));
	json_decref(all);
	free(text);
	machine_close(machine);
}

static void test_reset_with_the_bus(void **state)
{
	(void)state;
	bus_reset_expect(0, "", ": VFIO can reset it with its bus; the kernel's", true);
	bus_reset_expect(
		0, "0000:01:00.1",
		": VFIO can reset it with its bus, if the same guest has 0000:01:00.1; the", true);
	bus_reset_expect(-ENODEV, "", ": VFIO cannot reset it; the kernel's methods", false);
}

static void test_json_has_the_same(void **state)
{
	struct machine *machine = machine_of(fake_vfio_e1000e);
	json_t *all, *region, *iommu;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	info_make(machine);
	assert_int_equal(info_print_json(&info, file), 0);
	fclose(file);
	all = json_loads(text, 0, NULL);
	assert_non_null(all);
	assert_string_equal(json_string_value(json_object_get(all, "bdf")), BDF);
	assert_true(json_is_true(json_object_get(all, "can_reset")));
	assert_true(json_is_false(json_object_get(all, "bus_reset")));
	region = json_array_get(json_object_get(all, "regions"), 0);
	assert_string_equal(json_string_value(json_object_get(region, "name")), "BAR 0");
	assert_string_equal(json_string_value(json_object_get(region, "size")), "0x20000");
	assert_int_equal(json_array_size(json_object_get(region, "mappable")), 1);
	assert_int_equal(json_array_size(json_object_get(all, "capabilities")),
			 info.capability_count);
	assert_true(json_array_size(json_object_get(all, "interrupts")) >= 3);
	iommu = json_object_get(all, "iommu");
	assert_string_equal(json_string_value(json_object_get(iommu, "interface")), "iommufd");
	assert_int_equal(json_array_size(json_object_get(iommu, "ranges")), 2);
	assert_int_equal(json_array_size(json_object_get(iommu, "page_sizes")), 3);
	json_decref(all);
	free(text);
	machine_close(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_emulated_shown_and_hidden),
		cmocka_unit_test(test_vendor_capabilities_are_shown),
		cmocka_unit_test(test_lists_in_a_circle_end),
		cmocka_unit_test(test_names_by_the_kind_of_list),
		cmocka_unit_test(test_text_has_regions_interrupts_capabilities_and_iommu),
		cmocka_unit_test(test_reset_with_the_bus),
		cmocka_unit_test(test_json_has_the_same),
	};

	return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
