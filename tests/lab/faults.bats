#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab: --device edu --device e1000e
# Every call of posthorn that an assigned device is the reason for fails once: the exit code, the
# message and what is left behind are as tests/fault/expected says. tests/kvm/faults.bats has the
# others.

load helpers
load faults

# On arm64 these calls come from the same code, and each run takes long where all is emulated.
as_on_x86_64() {
	[ "$arch" = x86_64 ] || [ -n "${POSTHORN_ALL_FAULTS-}" ] ||
		skip "the same as on x86-64; set POSTHORN_ALL_FAULTS=1 to run it"
}

@test "edu: start, INTx, MSI, its BAR, and the end" {
	local skip=()
	as_on_x86_64
	# An irqfd that cannot be taken away, which no kernel does: where it is posted, the route
	# that changes under it is one thing that KVM has a warning for.
	[ "$arch" != arm64 ] || skip=(--skip 'run ioctl KVM_IRQFD:off')
	inject "edu" "$edu" "${start[@]}" --only 'run *' --only 'end *' "${skip[@]}"
}

@test "edu: a file for its ROM" {
	as_on_x86_64
	head -c 1024 /dev/zero >"$BATS_TEST_TMPDIR/given.rom"
	inject "edu, ROM" "$edu,romfile=$BATS_TEST_TMPDIR/given.rom" --only 'start * */given.rom'
}

@test "edu: the irq report" {
	inject "edu, irq report" "$edu" --only 'start * /sys/class/*' \
		--only '* /proc/*' --only '* /sys/kernel/tracing*' --only 'start fork *' \
		--only 'run realloc *' --only 'run calloc *' \
		-- --irq-report "$BATS_TEST_TMPDIR/report"
}

@test "edu: irq-path=userspace" {
	as_on_x86_64
	inject "edu, userspace" "$edu,irq-path=userspace" --only 'start e*' \
		--only 'start pthread_create *' --only 'start malloc *' --only 'run epoll*' \
		--only 'run realloc *' --only 'run ioctl KVM_IRQFD*' --only 'end *'
}

@test "--idle guest: the VM that tries it, and the capability" {
	[ "$arch" = x86_64 ] || skip "KVM for arm64 has it for all VMs only"
	inject "idle guest" "$edu" --only 'start ioctl KVM_RUN' --only 'start ioctl KVM_ENABLE_CAP*' \
		--only 'start ioctl KVM_CHECK_EXTENSION:143' --only 'start ioctl KVM_CREATE_V*' \
		--only 'start ioctl KVM_SET_USER_*' --only 'start ioctl KVM_*REGS' --only 'start mmap *' \
		-- --idle guest
}

@test "e1000e: MSI-X, the ROM, the reset, and the end" {
	as_on_x86_64
	inject "e1000e" "$nic" --only 'start mmap *vfio*' --only 'run mmap *' --only 'run pread *' \
		--only 'run short *' --only 'run ioctl VFIO_DEVICE_*' --only 'run irq_gsi_alloc *' \
		--only 'end *'
}

@test "posthorn info without memory: the message says what for" {
	run --separate-stderr env POSTHORN_FAULT="start calloc - 2" ASAN_OPTIONS=leak_check_at_exit=0 \
		"$faulty" info "$nic" 9>"$BATS_TEST_TMPDIR/log"
	expect_status 3
	grep injected "$BATS_TEST_TMPDIR/log"
	expect_text "$nic: no memory for what VFIO tells of it" "$stderr"
}
