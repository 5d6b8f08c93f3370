#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nvme
# With an assigned device: the system calls of a run, and a run without privileges.

load helpers
load ../seccomp

setup() {
	lab_setup
	nic=${devices[0]}
	rows=$root/build/$arch/tests/seccomp_rows
}

@test "every system call of a run with a device is in the lists, and the rows for it are needed" {
	trace_setup
	guest_prefix=("${tracer[@]}")
	# Two, so that each can reach the other's BARs by DMA.
	guest_start --device "$nic" --device "${devices[1]}" --irq-report "$BATS_TEST_TMPDIR/report"
	guest net-up
	guest_pings 5
	# All is turned off, and on again.
	guest 'd=0000:00:01.0; driver_unbind $d; config_set $d 4 0 0; driver_bind $d && net-up'
	guest_pings 5
	pkill -USR1 -P "$pid"
	timeout "$patience" sh -c \
		"until grep -q DELIVERY '$BATS_TEST_TMPDIR/errors'; do sleep 0.1; done"
	# A guest that has no time to turn anything off.
	pkill -TERM -P "$pid"
	guest_wait
	expect_status 143
	calls=$(traced "$trace")
	expect_listed
	expect_needed device
}

@test "--user nobody: the guest has its device, and the host has it back afterwards" {
	local state
	for _ in 1 2; do
		guest_start --device "$nic" --user nobody -v
		expect_text "no file can be reached by its path" "$(<"$BATS_TEST_TMPDIR/errors")"
		state=$(</proc/"$pid"/status)
		expect_text "CapPrm:	0000000000000000" "$state"
		expect_text "Uid:	$(id -u nobody)" "$state"
		guest net-up
		guest_pings 5
		guest_end
		expect_status 0
	done
	"$posthorn" unbind "$nic"
	host_pings "$nic"
	"$posthorn" bind "$nic"
}
