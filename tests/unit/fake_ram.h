/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM without KVM: vm_gpa_to_hva() of kvm/vm.h over anonymous memory. A test links this
 * instead of kvm/vm.o. What lies before and after the RAM faults.
 */
#ifndef POSTHORN_TESTS_UNIT_FAKE_RAM_H
#define POSTHORN_TESTS_UNIT_FAKE_RAM_H

#include <stdint.h>

#include "kvm/vm.h"

/*
 * Give @vm one range of RAM, @size bytes from LAYOUT_RAM up, zeroed and not touched. A test may
 * move it: vm->ram[0].gpa.
 */
void fake_ram_init(struct vm *vm, uint64_t size);
void fake_ram_cleanup(struct vm *vm);

/* How many pages of the RAM anybody has touched. */
unsigned int fake_ram_pages_touched(const struct vm *vm);

#endif
