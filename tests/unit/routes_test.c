/* SPDX-License-Identifier: BSD-2-Clause */
/* kvm/irq.h: when KVM is given a table of routes, and which. __wrap_ioctl_named() is KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "kvm/irq.h"
#include "lib/util.h"

#define VM_FD 70

static struct {
	unsigned int tables; /* that were given */
	int error;	     /* for the next; 0: none */
	unsigned int count;  /* of routes in the last that was taken */
	struct kvm_irq_routing_entry entries[8];
} kvm;

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	const struct kvm_irq_routing *table = argument;
	int error = kvm.error;

	(void)name;
	assert_int_equal(fd, VM_FD);
	assert_int_equal(request, KVM_SET_GSI_ROUTING);
	kvm.tables++;
	kvm.error = 0;
	if (error)
		return error;
	assert_true(table->nr <= ARRAY_SIZE(kvm.entries));
	kvm.count = table->nr;
	memcpy(kvm.entries, table->entries, table->nr * sizeof(table->entries[0]));
	return 0;
}

static struct irq_router router;

static int setup(void **state)
{
	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	return irq_router_init(&router, VM_FD);
}

static int teardown(void **state)
{
	(void)state;
	irq_router_cleanup(&router);
	return 0;
}

static struct msi_message message_make(uint32_t data)
{
	return (struct msi_message){ .address = 0xfee00000, .data = data, .device_id = 8 };
}

static int route_set(int gsi, uint32_t data)
{
	const struct msi_message message = message_make(data);

	irq_routes_begin(&router);
	irq_route_set(&router, gsi, &message);
	return irq_routes_commit(&router);
}

static int gsi_free(int gsi)
{
	irq_routes_begin(&router);
	irq_gsi_free(&router, gsi);
	return irq_routes_commit(&router);
}

static bool leads_to(int gsi, uint32_t data)
{
	struct msi_message message;

	return irq_route_get(&router, gsi, &message) && message.data == data;
}

static void changes_are_one_table(void **state)
{
	const struct msi_message first = message_make(1), second = message_make(2);

	(void)state;
	assert_int_equal(irq_gsi_alloc(&router), IRQ_PINS);
	assert_int_equal(irq_gsi_alloc(&router), IRQ_PINS + 1);
	irq_routes_begin(&router);
	irq_route_set_pin(&router, 17);
	irq_route_set(&router, IRQ_PINS, &first);
	irq_route_set(&router, IRQ_PINS + 1, &second);
	assert_int_equal(kvm.tables, 0);
	assert_int_equal(irq_routes_commit(&router), 0);
	assert_int_equal(kvm.tables, 1);
	assert_int_equal(kvm.count, 3);
	assert_int_equal(kvm.entries[0].type, KVM_IRQ_ROUTING_IRQCHIP);
	assert_int_equal(kvm.entries[0].gsi, 17);
	assert_int_equal(kvm.entries[2].gsi, IRQ_PINS + 1);
	assert_int_equal(kvm.entries[2].u.msi.data, 2);
	assert_int_equal(kvm.entries[2].u.msi.devid, 8);
	assert_int_equal(kvm.entries[2].flags, KVM_MSI_VALID_DEVID);
}

static void no_change_is_no_table(void **state)
{
	(void)state;
	irq_gsi_alloc(&router);
	assert_int_equal(route_set(IRQ_PINS, 1), 0);
	assert_int_equal(route_set(IRQ_PINS, 1), 0);
	irq_routes_begin(&router);
	assert_int_equal(irq_routes_commit(&router), 0);
	assert_int_equal(kvm.tables, 1);
	assert_int_equal(gsi_free(IRQ_PINS), 0);
	assert_int_equal(kvm.tables, 2);
	assert_int_equal(kvm.count, 0);
	/* A GSI that never had a route. */
	assert_int_equal(irq_gsi_alloc(&router), IRQ_PINS);
	assert_int_equal(gsi_free(IRQ_PINS), 0);
	assert_int_equal(kvm.tables, 2);
}

static void what_is_refused_leaves_the_routes_of_before(void **state)
{
	(void)state;
	irq_gsi_alloc(&router);
	irq_gsi_alloc(&router);
	assert_int_equal(route_set(IRQ_PINS, 1), 0);
	kvm.error = -EINVAL;
	irq_routes_begin(&router);
	irq_route_set(&router, IRQ_PINS, &(struct msi_message){ .data = 7 });
	irq_route_set(&router, IRQ_PINS + 1, &(struct msi_message){ .data = 8 });
	assert_int_equal(irq_routes_commit(&router), -EINVAL);
	assert_true(leads_to(IRQ_PINS, 1));
	assert_false(leads_to(IRQ_PINS + 1, 8));
	/* And it is not in the next table. */
	assert_int_equal(route_set(IRQ_PINS + 1, 2), 0);
	assert_int_equal(kvm.count, 2);
	assert_int_equal(kvm.entries[0].u.msi.data, 1);
	assert_int_equal(kvm.entries[1].u.msi.data, 2);
}

/* Whoever gives a GSI back is gone: KVM is told later. */
static void what_is_freed_stays_free_whatever_kvm_says(void **state)
{
	(void)state;
	irq_gsi_alloc(&router);
	irq_gsi_alloc(&router);
	assert_int_equal(route_set(IRQ_PINS, 1), 0);
	assert_int_equal(route_set(IRQ_PINS + 1, 2), 0);
	kvm.error = -ENOMEM;
	assert_int_equal(gsi_free(IRQ_PINS + 1), -ENOMEM);
	assert_int_equal(kvm.count, 2);
	assert_false(leads_to(IRQ_PINS + 1, 2));
	irq_routes_begin(&router);
	assert_int_equal(irq_routes_commit(&router), 0);
	assert_int_equal(kvm.count, 1);
	assert_int_equal(irq_gsi_alloc(&router), IRQ_PINS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_are_one_table, setup, teardown),
		cmocka_unit_test_setup_teardown(no_change_is_no_table, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_leaves_the_routes_of_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_freed_stays_free_whatever_kvm_says, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
