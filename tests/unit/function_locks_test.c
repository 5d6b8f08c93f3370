/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The locks of devices/pci.h, with two functions and two vCPUs. One vCPU is in the midst of what
 * takes the hardware long; what another one does then must not wait for it. If it did, the first
 * one would give up waiting for it, and say so.
 */
#include "tests/unit/assigned_machine.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#define ID	   0x1b36 /* of fake_vfio_nvme() */
#define PATIENCE_S 20	  /* for what happens at once, or never */

/* A second function, and a vCPU that writes or reads something of the first. */
struct scene {
	struct machine *machine;
	struct fake_vfio *other;
	pthread_t vcpu;
	sem_t begun, released;
	bool gave_up;
	uint64_t address;
	struct access access; /* of the vCPU */
};

static struct scene the_scene;

/* Of the functions of the next scene; NULL: none. */
static const struct irq_observer *the_observer;

/* In the vCPU's thread, where the hardware would be waited for. */
static void hardware_waits(void *opaque)
{
	struct scene *scene = opaque;
	struct timespec until;

	sem_post(&scene->begun);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	scene->gave_up = sem_timedwait(&scene->released, &until) != 0;
}

static void *vcpu_access(void *opaque)
{
	struct scene *scene = opaque;

	scene->access.addr = scene->address;
	bus_access(&scene->machine->memory, &scene->access);
	return NULL;
}

static int scene_start(void **state)
{
	struct machine *machine = machine_new();
	struct scene *scene = &the_scene;
	const struct vfio_function_options other = { .device = { .bdf = "0000:02:00.0" },
						     .devfn = PCI_DEVFN(2, 0) };

	*scene = (struct scene){ .machine = machine };
	machine->observer = the_observer;
	sem_init(&scene->begun, 0, 0);
	sem_init(&scene->released, 0, 0);
	fake_vfio_nvme(machine->fake);
	fake_rom_add(machine->fake, 0x8000);
	scene->other = fake_vfio_new(machine->kvm);
	fake_vfio_nvme(scene->other);
	assert_int_equal(function_init(machine, &scene->other->function, &other), 0);
	machine_start(machine);
	machine->fake->slow = hardware_waits;
	machine->fake->opaque = scene;
	command_set(machine, PCI_COMMAND_MEMORY);
	*state = machine;
	return 0;
}

/* The vCPU's access is under way, and the hardware takes its time, when this returns. */
static void vcpu_start(struct scene *scene, uint64_t address, uint8_t size, uint64_t value,
		       bool is_write)
{
	scene->address = address;
	scene->access = (struct access){ .size = size, .data = value, .is_write = is_write };
	assert_int_equal(pthread_create(&scene->vcpu, NULL, vcpu_access, scene), 0);
	while (sem_wait(&scene->begun) != 0)
		;
}

static void vcpu_end(struct scene *scene)
{
	sem_post(&scene->released);
	pthread_join(scene->vcpu, NULL);
	assert_false(scene->gave_up);
}

/* As machine_end(), with both functions. */
static int scene_end(void **state)
{
	struct scene *scene = &the_scene;
	struct machine *machine = *state;

	pci_root_cleanup(&machine->root);
	vfio_function_cleanup(machine->function);
	vfio_function_cleanup(&scene->other->function);
	fake_vfio_free(machine->fake);
	fake_vfio_free(scene->other);
	assert_int_equal(fake_kvm_end(machine->kvm), 0);
	free(machine);
	return 0;
}

/* The second function's registers, by way of the first's helpers. */
static uint64_t other_ecam(const struct scene *scene, unsigned int offset)
{
	return ECAM + (scene->other->function.pci.devfn << 12) + offset;
}

static uint64_t other_bar(struct scene *scene)
{
	return memory_read(scene->machine, other_ecam(scene, BAR(0)), 8) & ~15ULL;
}

/* Where the first function's BAR 0, of 64 bits, is. */
static uint64_t memory_bar(struct machine *machine)
{
	return (guest_read(machine, BAR(0), 4) & ~15U) | (uint64_t)guest_read(machine, BAR(1), 4)
								 << 32;
}

static unsigned int flr_register(struct machine *machine)
{
	return capability_find(machine, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
}

static void test_another_function_is_used_while_one_is_reset(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	unsigned int slots;

	vcpu_start(scene, ecam_of(machine, flr_register(machine)), 2, PCI_EXP_DEVCTL_BCR_FLR, true);
	/* Configuration space, decoding, and the MSI-X table, which is trapped. */
	assert_int_equal(memory_read(machine, other_ecam(scene, PCI_VENDOR_ID), 2), ID);
	slots = fake_kvm_slots(machine->kvm);
	memory_write(machine, other_ecam(scene, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	assert_true(fake_kvm_slots(machine->kvm) > slots);
	memory_write(machine, other_bar(scene) + 0x2000 + PCI_MSIX_ENTRY_DATA, 4, 0x4021);
	assert_int_equal(memory_read(machine, other_bar(scene) + 0x2000 + PCI_MSIX_ENTRY_DATA, 4),
			 0x4021);
	memory_write(machine, other_ecam(scene, PCI_COMMAND), 2, 0);
	vcpu_end(scene);
	assert_int_equal(machine->fake->resets, 1);
}

/* PCI Express Base 6.0, 6.6.2: software leaves it alone for 100 ms, or gets nothing of it. */
static void test_a_function_that_is_reset_answers_to_nobody(void **state)
{
	struct machine *machine = *state;
	uint64_t bar;
	struct scene *scene = &the_scene;

	bar = memory_bar(machine);
	vcpu_start(scene, ecam_of(machine, flr_register(machine)), 2, PCI_EXP_DEVCTL_BCR_FLR, true);
	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 4), 0xffffffff);
	command_set(machine, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(memory_read(machine, bar + 0x2000, 4), 0xffffffff);
	assert_int_equal(fake_kvm_slots(machine->kvm), 0);
	vcpu_end(scene);
	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 2), ID);
	assert_int_equal(guest_read(machine, PCI_COMMAND, 2), 0);
	command_set(machine, PCI_COMMAND_MEMORY);
	assert_true(fake_kvm_slots(machine->kvm) > 0);
}

/* The BAR of the other one waits for the place of the one that is reset. */
static void test_a_place_that_a_reset_frees_is_taken(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	uint64_t bar;

	bar = memory_bar(machine);
	memory_write(machine, other_ecam(scene, BAR(0)), 8, bar);
	memory_write(machine, other_ecam(scene, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	assert_false(scene->other->function.pci.bars[0].mapped);
	vcpu_start(scene, ecam_of(machine, flr_register(machine)), 2, PCI_EXP_DEVCTL_BCR_FLR, true);
	vcpu_end(scene);
	assert_true(scene->other->function.pci.bars[0].mapped);
	assert_true(fake_bar_mapped(scene->other, 0, 0));
	memory_write(machine, other_ecam(scene, PCI_COMMAND), 2, 0);
}

/* As when a report of its interrupts looks at the other one just when there is room. */
static void test_a_place_that_is_freed_while_the_lock_is_held_is_taken_afterwards(void **state)
{
	struct machine *machine = *state;
	struct pci_device *other = &the_scene.other->function.pci;

	memory_write(machine, other_ecam(&the_scene, BAR(0)), 8, memory_bar(machine));
	memory_write(machine, other_ecam(&the_scene, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	mutex_lock(&other->lock);
	command_set(machine, 0);
	mutex_unlock(&other->lock);
	assert_false(other->bars[0].mapped);
	pci_device_unlocked(other);
	assert_true(other->bars[0].mapped);
	assert_true(fake_bar_mapped(the_scene.other, 0, 0));
	memory_write(machine, other_ecam(&the_scene, PCI_COMMAND), 2, 0);
}

static uint64_t rom_enable(struct machine *machine)
{
	uint64_t rom = guest_read(machine, PCI_ROM_ADDRESS, 4);

	fake_memory_store(machine->fake, VFIO_PCI_ROM_REGION_INDEX, 0, 0xaa55);
	guest_write(machine, PCI_ROM_ADDRESS, 4, (uint32_t)rom | PCI_ROM_ADDRESS_ENABLE);
	return rom;
}

static void test_a_function_is_used_while_its_rom_is_read(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	uint64_t rom;

	rom = rom_enable(machine);
	vcpu_start(scene, rom, 2, 0, false);
	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 2), ID);
	/* Who reads the ROM too gets it from the device. */
	assert_int_equal(memory_read(machine, rom, 2), 0xaa55);
	assert_null(fake_kvm_hva(machine->kvm, rom));
	vcpu_end(scene);
	assert_int_equal(scene->access.data, 0xaa55);
	assert_memory_equal(fake_kvm_hva(machine->kvm, rom), "\x55\xaa", 2);
}

static void test_a_rom_that_is_gone_when_it_was_read_is_no_memory(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	uint64_t rom;

	rom = rom_enable(machine);
	vcpu_start(scene, rom, 2, 0, false);
	guest_write(machine, PCI_ROM_ADDRESS, 4, (uint32_t)rom);
	vcpu_end(scene);
	assert_null(fake_kvm_hva(machine->kvm, rom));
	guest_write(machine, PCI_ROM_ADDRESS, 4, (uint32_t)rom | PCI_ROM_ADDRESS_ENABLE);
	assert_memory_equal(fake_kvm_hva(machine->kvm, rom), "\x55\xaa", 2);
}

/* ---- an observer that reads a file which is stuck ---- */

/* The thread sanitizer of gcc 12 does not know pthread_mutex_clocklock(3), and so misses a lock. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "mutex:irqs_hold";
}

/* Which of the calls is stuck. */
static enum { AT_CONNECT, AT_SETTLE, AT_DETACH } stuck;

static void connected_waits(void *opaque, const struct vfio_irqs *irqs, unsigned int vector)
{
	(void)irqs;
	(void)vector;
	if (stuck == AT_CONNECT)
		hardware_waits(opaque);
}

static void all_ignored(void *opaque, const struct vfio_irqs *irqs)
{
	(void)opaque;
	(void)irqs;
}

static void settled_waits(void *opaque, const struct vfio_irqs *irqs)
{
	(void)irqs;
	if (stuck == AT_SETTLE)
		hardware_waits(opaque);
}

static void detaching_waits(void *opaque, const struct vfio_irqs *irqs, unsigned int vector)
{
	(void)irqs;
	(void)vector;
	if (stuck == AT_DETACH)
		hardware_waits(opaque);
}

static const struct irq_observer slow_observer = {
	.opaque = &the_scene,
	.connected = connected_waits,
	.settled = settled_waits,
	.detaching = detaching_waits,
	.disabling = all_ignored,
	.gone = all_ignored,
};

static int observed_start(void **state)
{
	int result;

	the_observer = &slow_observer;
	stuck = AT_DETACH;
	result = scene_start(state);
	the_observer = NULL;
	return result;
}

#define VECTOR 1

static uint64_t entry_of(struct machine *machine, unsigned int vector)
{
	return memory_bar(machine) + 0x2000 + (uint64_t)vector * PCI_MSIX_ENTRY_SIZE;
}

static void entry_mask(struct machine *machine, unsigned int vector, bool masked)
{
	memory_write(machine, entry_of(machine, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, masked);
}

/* MSI-X is on, and the vector has a message. */
static void msix_prepare(struct machine *machine)
{
	unsigned int at = capability_find(machine, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;

	memory_write(machine, entry_of(machine, VECTOR), 4, 0xfee00000);
	memory_write(machine, entry_of(machine, VECTOR) + PCI_MSIX_ENTRY_DATA, 4, 0x4021);
	guest_write(machine, at, 2, PCI_MSIX_FLAGS_ENABLE);
}

/* What a guest does with the function, all but its interrupts. */
static void function_use(struct machine *machine)
{
	uint64_t entry = entry_of(machine, VECTOR);

	assert_int_equal(guest_read(machine, PCI_VENDOR_ID, 2), ID);
	guest_write(machine, PCI_CACHE_LINE_SIZE, 1, 0x10);
	assert_int_equal(guest_read(machine, PCI_CACHE_LINE_SIZE, 1), 0x10);
	/* The table, and a register in the page of the table. */
	assert_int_equal(memory_read(machine, entry + PCI_MSIX_ENTRY_DATA, 4), 0x4021);
	memory_write(machine, entry + 0x800, 4, 0x1234);
	assert_int_equal(memory_read(machine, entry + 0x800, 4), 0x1234);
}

/* The vector delivers the message of msix_prepare() while a look is stuck, and then it ends. */
static void stuck_look_end(struct machine *machine)
{
	fake_vfio_fire(machine->fake, VECTOR);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee00000, 0x4021), 1);
	vcpu_end(&the_scene);
	stuck = AT_DETACH;
	sem_post(&the_scene.released);
	entry_mask(machine, VECTOR, true);
}

static void test_a_function_is_used_while_a_look_at_a_new_vector_is_stuck(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;

	msix_prepare(machine);
	stuck = AT_SETTLE;
	vcpu_start(scene, entry_of(machine, VECTOR) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0, true);
	function_use(machine);
	/* The interrupt is connected: it does not wait for who looks at it. */
	stuck_look_end(machine);
}

static void test_a_function_is_used_while_a_look_at_a_refused_message_is_stuck(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;

	msix_prepare(machine);
	entry_mask(machine, VECTOR, false);
	machine->function->irqs.sets[IRQ_KIND_MSIX].refused = true; /* nothing on standard error */
	fake_fail(machine->kvm, "route_set", 0, -EINVAL);
	stuck = AT_CONNECT;
	vcpu_start(scene, entry_of(machine, VECTOR), 4, 0xfee01000, true);
	function_use(machine);
	/* The former message is in force. */
	stuck_look_end(machine);
}

static void *unmasking_vcpu(void *opaque)
{
	entry_mask(opaque, VECTOR, false);
	return NULL;
}

static void test_what_changes_interrupts_follows_a_look_that_is_stuck(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	struct vfio_irqs *irqs = &machine->function->irqs;
	struct timespec past = { .tv_sec = 0 };
	pthread_t other;

	msix_prepare(machine);
	entry_mask(machine, VECTOR, false);
	vcpu_start(scene, entry_of(machine, VECTOR) + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 1, true);
	function_use(machine);
	/* Who wants a report is told, and need not wait. */
	assert_false(irqs_hold(irqs, &past));
	assert_int_equal(pthread_create(&other, NULL, unmasking_vcpu, machine), 0);
	vcpu_end(scene);
	pthread_join(other, NULL);
	/* The last word was to unmask it. */
	fake_vfio_fire(machine->fake, VECTOR);
	assert_int_equal(fake_kvm_injected(machine->kvm, 0xfee00000, 0x4021), 1);
	sem_post(&scene->released);
	entry_mask(machine, VECTOR, true);
}

static void test_interrupts_that_are_held_for_a_report_do_not_change(void **state)
{
	struct machine *machine = *state;
	struct scene *scene = &the_scene;
	struct vfio_irqs *irqs = &machine->function->irqs;
	struct timespec past = { .tv_sec = 0 };
	pthread_t other;

	msix_prepare(machine);
	assert_true(irqs_hold(irqs, &past));
	assert_int_equal(pthread_create(&other, NULL, unmasking_vcpu, machine), 0);
	function_use(machine);
	assert_false(irqs->sets[IRQ_KIND_MSIX].vectors[VECTOR].wire.attached);
	irqs_release(irqs);
	pthread_join(other, NULL);
	assert_true(irqs->sets[IRQ_KIND_MSIX].vectors[VECTOR].wire.attached);
	sem_post(&scene->released);
	entry_mask(machine, VECTOR, true);
}

#define SCENE_TEST(name)    cmocka_unit_test_setup_teardown(name, scene_start, scene_end)
#define OBSERVED_TEST(name) cmocka_unit_test_setup_teardown(name, observed_start, scene_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_another_function_is_used_while_one_is_reset),
		SCENE_TEST(test_a_function_that_is_reset_answers_to_nobody),
		SCENE_TEST(test_a_place_that_a_reset_frees_is_taken),
		SCENE_TEST(test_a_place_that_is_freed_while_the_lock_is_held_is_taken_afterwards),
		SCENE_TEST(test_a_function_is_used_while_its_rom_is_read),
		SCENE_TEST(test_a_rom_that_is_gone_when_it_was_read_is_no_memory),
		OBSERVED_TEST(test_a_function_is_used_while_a_look_at_a_new_vector_is_stuck),
		OBSERVED_TEST(test_a_function_is_used_while_a_look_at_a_refused_message_is_stuck),
		OBSERVED_TEST(test_what_changes_interrupts_follows_a_look_that_is_stuck),
		OBSERVED_TEST(test_interrupts_that_are_held_for_a_report_do_not_change),
	};

	return cmocka_run_group_tests_name("function_locks", tests, NULL, NULL);
}
