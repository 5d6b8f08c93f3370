/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/fake_ram.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/layout.h"
#include "lib/util.h"

#define PAGE  4096ULL
#define GUARD (64 * KIB)

void fake_ram_init(struct vm *vm, uint64_t size)
{
	char *memory = mmap(NULL, size + 2 * GUARD, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + GUARD, size, PROT_READ | PROT_WRITE))
		abort();
	/* Huge pages would count as 512 touched ones. */
	madvise(memory + GUARD, size, MADV_NOHUGEPAGE);
	memset(vm, 0, sizeof(*vm));
	vm->ram_count = 1;
	vm->ram[0].gpa = LAYOUT_RAM;
	vm->ram[0].size = size;
	vm->ram[0].hva = memory + GUARD;
}

void fake_ram_cleanup(struct vm *vm)
{
	munmap((char *)vm->ram[0].hva - GUARD, vm->ram[0].size + 2 * GUARD);
}

unsigned int fake_ram_pages_touched(const struct vm *vm)
{
	size_t pages = vm->ram[0].size / PAGE;
	unsigned char *resident = malloc(pages);
	unsigned int count = 0;

	if (!resident || mincore(vm->ram[0].hva, vm->ram[0].size, resident))
		abort();
	for (size_t i = 0; i < pages; i++)
		count += resident[i] & 1;
	free(resident);
	return count;
}

void *vm_gpa_to_hva(const struct vm *vm, uint64_t gpa, uint64_t size)
{
	const struct vm_ram *ram = &vm->ram[0];

	return range_within(gpa, size, ram->gpa, ram->size) ? (char *)ram->hva + (gpa - ram->gpa)
							    : NULL;
}
