#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab x86_64: --emulator 8+ --device igb
# Virtual functions, made by the host's driver of an igb, given to guests; and the igb itself.

load helpers

setup_file() {
	lab_setup_file
	"$posthorn" unbind "${LAB_DEVICES%% *}"
}

setup() {
	lab_setup
	physical=${devices[0]}
	functions=/sys/bus/pci/devices/$physical
	report=$BATS_TEST_TMPDIR/report
}

# functions_make N: N virtual functions; $virtual is the first one's address. The host's own driver
# for them is not in the lab, and the physical function has to be up for their mailbox to answer.
functions_make() {
	echo 0 >"$functions/sriov_numvfs"
	ip link set "$(ls "$functions/net")" up
	echo "$1" >"$functions/sriov_numvfs"
	virtual=$(basename "$(readlink "$functions/virtfn0")")
	ip link set "$(ls "$functions/net")" vf 0 mac 52:54:00:12:34:60
}

teardown() {
	lab_teardown
	"$posthorn" unbind "${virtual-}" 2>/dev/null || true
	! driver_is "$physical" vfio-pci || "$posthorn" unbind "$physical"
	echo 0 >"$functions/sriov_numvfs"
	ip link set "$(ls "$functions/net")" down
}

@test "a virtual function: bound, pings in a guest by MSI-X, is reset by it, unbound again" {
	local host_before
	functions_make 2
	run --separate-stderr "$posthorn" bind "$virtual"
	expect_status 0
	driver_is "$virtual" vfio-pci
	run --separate-stderr "$posthorn" check "$virtual"
	expect_status 0
	guest_start --device "$virtual" --irq-report "$report"
	guest 'basename $(readlink /sys/bus/pci/devices/0000:00:01.0/driver)'
	[ "$output" = igbvf ]
	guest net-up
	guest_pings 50
	interrupts_read "$virtual" eth0
	echo "# the guest counts $(counts_sum "$guest_counts") in $(wc -l <<<"$guest_counts") vectors," \
		"the host $(counts_sum "$host_counts")" >&3
	[ "$(wc -l <<<"$guest_counts")" -eq 3 ]
	[ "$(counts_sum "$guest_counts")" -ge 50 ]
	[ "$(counts_sum "$host_counts")" -ge "$(counts_sum "$guest_counts")" ]

	# Its function level reset, by the guest.
	guest 'd=0000:00:01.0; driver_unbind $d; cat /sys/bus/pci/devices/$d/reset_method'
	expect_text flr "$output"
	guest 'echo flr >/sys/bus/pci/devices/$d/reset_method; echo 1 >/sys/bus/pci/devices/$d/reset'
	guest 'driver_bind $d && net-up'
	guest_pings 20
	guest_end
	expect_status 0
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] | length == 3 and all(.delivery == "injected")' \
		"$report"

	run --separate-stderr "$posthorn" unbind "$virtual"
	expect_status 0
	[ ! -e "/sys/bus/pci/devices/$virtual/driver" ] || ! driver_is "$virtual" vfio-pci
}

@test "sriov_numvfs to 0 while a guest has the function: exit code 4, and the host goes on" {
	functions_make 1
	"$posthorn" bind "$virtual"
	guest_start --device "$virtual"
	guest net-up
	guest_pings 10
	echo 0 >"$functions/sriov_numvfs"
	guest_wait
	expect_status 4
	expect_text "$virtual" "$(<"$BATS_TEST_TMPDIR/errors")"
	[ ! -e "/sys/bus/pci/devices/$virtual" ]
	# The physical function makes functions that work again.
	functions_make 1
	"$posthorn" bind "$virtual"
	guest_start --device "$virtual"
	guest net-up
	guest_pings 10
	guest_end
	expect_status 0
}

@test "the igb itself: pings in a guest by MSI-X, and the host's driver works after it" {
	"$posthorn" bind "$physical"
	# The second time with its MSI-X table in a BAR that it does not have.
	for table in device own; do
		guest_start --device "$physical,msix-table=$table" --irq-report "$report"
		guest 'd=0000:00:01.0; echo $(($(config_byte $d $(($(cap_find $d 0x11) + 4))) & 7))'
		[ "$table $output" = "device 3" ] || [ "$table $output" = "own 5" ]
		guest net-up
		guest_pings 50
		guest_end
		expect_status 0
		jq -e '[.interrupts[] | select(.kind == "MSI-X" and .host.count > 0)] |
			length >= 2 and all(.delivery == "injected")' "$report"
	done
	"$posthorn" unbind "$physical"
	host_pings "$physical"
}

@test "latency --source igb: the card raises interrupts by itself, and none is lost" {
	"$posthorn" bind "$physical"
	"$posthorn" latency --device "$physical" --source igb --count 500 --warmup 50 \
		--json "$BATS_TEST_TMPDIR/latency.json"
	jq -c '.runs[] | [.source, .path, .state, .count, .lost]' "$BATS_TEST_TMPDIR/latency.json"
	jq -e '.runs | length == 4 and all(.source == "igb" and .count == 500 and .lost == 0)' \
		"$BATS_TEST_TMPDIR/latency.json"
	jq -e '[.runs[] | .path] | unique == ["injected", "userspace"]' "$BATS_TEST_TMPDIR/latency.json"
}
