/* SPDX-License-Identifier: BSD-2-Clause */
/* The memslots of kvm/vm.h against the host's KVM: what a guest finds at an address, and when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "kvm/vm.h"
#include "lib/util.h"
#include "tests/kvm/guest.h"

#define PAGE   4096
#define MARKER 0x600df00d

static uint32_t *page_make(uint32_t marker)
{
	uint32_t *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	*page = marker;
	return page;
}

static void a_guest_reads_and_writes_a_slot_without_leaving(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER);
	int slot = vm_memslot_add(&guest->vm, GUEST_FREE, PAGE, page, false);

	assert_true(slot >= 0);
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), MARKER);
	guest_call(guest, AGENT_WRITE, GUEST_FREE + 8, 77);
	assert_int_equal(page[2], 77);
	page[2] = 78;
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE + 8, 0), 78);
	assert_int_equal(guest->access_count, 0);
	vm_memslot_remove(&guest->vm, slot);
	munmap(page, PAGE);
}

static void a_removed_slot_is_out_of_reach_at_once(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER);
	int slot = vm_memslot_add(&guest->vm, GUEST_FREE, PAGE, page, false);

	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), MARKER);
	vm_memslot_remove(&guest->vm, slot);
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), UINT32_MAX);
	assert_int_equal(guest->access_count, 1);
	assert_int_equal(guest->accesses[0].address, GUEST_FREE);
	assert_false(guest->accesses[0].is_write);
	guest_call(guest, AGENT_WRITE, GUEST_FREE, 77);
	assert_int_equal(guest->access_count, 2);
	assert_int_equal(*page, MARKER);
	munmap(page, PAGE);
}

static void a_write_to_a_read_only_slot_leaves_the_guest_and_changes_nothing(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER);
	int slot = vm_memslot_add(&guest->vm, GUEST_FREE, PAGE, page, true);

	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), MARKER);
	assert_int_equal(guest->access_count, 0);
	guest_call(guest, AGENT_WRITE, GUEST_FREE, 77);
	assert_int_equal(guest->access_count, 1);
	assert_true(guest->accesses[0].is_write);
	assert_int_equal(guest->accesses[0].address, GUEST_FREE);
	assert_int_equal(guest->accesses[0].data, 77);
	assert_int_equal(*page, MARKER);
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), MARKER);
	assert_int_equal(guest->access_count, 1);
	vm_memslot_remove(&guest->vm, slot);
	munmap(page, PAGE);
}

/* What a BAR does when the guest moves it. */
static void the_same_memory_can_move(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER);
	uint64_t former = GUEST_FREE;
	int slot = vm_memslot_add(&guest->vm, former, PAGE, page, false);

	for (unsigned int i = 1; i <= 20; i++) {
		uint64_t gpa = GUEST_FREE + i * 0x300000ULL;

		vm_memslot_remove(&guest->vm, slot);
		slot = vm_memslot_add(&guest->vm, gpa, PAGE, page, false);
		assert_true(slot >= 0);
		*page = MARKER + i;
		assert_int_equal(guest_call(guest, AGENT_READ, gpa, 0), MARKER + i);
		assert_int_equal(guest_call(guest, AGENT_READ, former, 0), UINT32_MAX);
		assert_int_equal(guest->access_count, i);
		former = gpa;
	}
	vm_memslot_remove(&guest->vm, slot);
	munmap(page, PAGE);
}

static void overlapping_slots_are_refused_and_cost_no_number(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER), *other = page_make(77);
	int slot = vm_memslot_add(&guest->vm, GUEST_FREE, PAGE, page, false), next;

	assert_int_equal(vm_memslot_add(&guest->vm, GUEST_FREE, PAGE, other, false), -EEXIST);
	assert_int_equal(vm_memslot_add(&guest->vm, 0, PAGE, other, false), -EEXIST);
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE, 0), MARKER);
	next = vm_memslot_add(&guest->vm, GUEST_FREE + PAGE, PAGE, other, false);
	assert_int_equal(next, slot + 1);
	assert_int_equal(guest_call(guest, AGENT_READ, GUEST_FREE + PAGE, 0), 77);
	vm_memslot_remove(&guest->vm, slot);
	vm_memslot_remove(&guest->vm, next);
	munmap(page, PAGE);
	munmap(other, PAGE);
}

static void slots_run_out_and_are_used_again(void **state)
{
	struct guest *guest = guest_get(state);
	uint32_t *page = page_make(MARKER);
	int slot = 0, last = 0;
	uint64_t gpa = GUEST_FREE;

	for (; slot >= 0; gpa += 2 * PAGE) {
		last = slot;
		slot = vm_memslot_add(&guest->vm, gpa, PAGE, page, false);
	}
	assert_int_equal(slot, -ENOSPC);
	assert_int_equal(last, VM_MEMSLOTS_MAX - 1);
	vm_memslot_remove(&guest->vm, 100);
	assert_int_equal(vm_memslot_add(&guest->vm, gpa, PAGE, page, false), 100);
	assert_int_equal(guest_call(guest, AGENT_READ, gpa, 0), MARKER);
	munmap(page, PAGE);
}

static void an_address_is_found_only_if_all_of_it_is_ram(void **state)
{
	struct guest *guest = guest_get(state);
	const uint8_t *ram = vm_gpa_to_hva(&guest->vm, 0, 1);

	assert_non_null(ram);
	assert_ptr_equal(vm_gpa_to_hva(&guest->vm, GUEST_RAM_SIZE - 8, 8),
			 ram + GUEST_RAM_SIZE - 8);
	assert_null(vm_gpa_to_hva(&guest->vm, GUEST_RAM_SIZE - 8, 9));
	assert_null(vm_gpa_to_hva(&guest->vm, GUEST_RAM_SIZE, 1));
	assert_null(vm_gpa_to_hva(&guest->vm, 8, UINT64_MAX));
}

static void a_hole_in_ram_answers_nobody_but_this_process(void **state)
{
	static const uint64_t inside[] = { GUEST_HOLE, GUEST_HOLE + GUEST_HOLE_SIZE - 4 };
	static const uint64_t beside[] = { GUEST_HOLE - 4, GUEST_HOLE + GUEST_HOLE_SIZE };
	struct guest *guest = guest_get(state);

	for (unsigned int i = 0; i < ARRAY_SIZE(inside); i++) {
		uint32_t *word = vm_gpa_to_hva(&guest->vm, inside[i], 4);

		assert_non_null(word);
		*word = MARKER;
		assert_int_equal(guest_call(guest, AGENT_READ, inside[i], 0), UINT32_MAX);
		guest_call(guest, AGENT_WRITE, inside[i], 77);
		assert_int_equal(*word, MARKER);
		assert_int_equal(guest->access_count, 2 * i + 2);
		assert_int_equal(guest->accesses[2 * i].address, inside[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(beside); i++) {
		guest_call(guest, AGENT_WRITE, beside[i], 78 + i);
		assert_int_equal(*(uint32_t *)vm_gpa_to_hva(&guest->vm, beside[i], 4), 78 + i);
	}
	assert_int_equal(guest->access_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_guest(a_guest_reads_and_writes_a_slot_without_leaving),
		with_guest(a_removed_slot_is_out_of_reach_at_once),
		with_guest(a_write_to_a_read_only_slot_leaves_the_guest_and_changes_nothing),
		with_guest(the_same_memory_can_move),
		with_guest(overlapping_slots_are_refused_and_cost_no_number),
		with_guest(slots_run_out_and_are_used_again),
		with_guest(an_address_is_found_only_if_all_of_it_is_ram),
		with_guest(a_hole_in_ram_answers_nobody_but_this_process),
	};

	return cmocka_run_group_tests_name("memslot", tests, NULL, NULL);
}
