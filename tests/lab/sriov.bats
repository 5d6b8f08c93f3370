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
	[ -z "${holder-}" ] || kill "$holder" || true
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
	# And because a frame came.
	"$posthorn" latency --device "$physical" --source igb-traffic --path irqfd --count 200 \
		--warmup 20 --json "$BATS_TEST_TMPDIR/traffic.json"
	jq -c '.runs[] | [.source, .path, .state, .count, .lost]' "$BATS_TEST_TMPDIR/traffic.json"
	jq -e '.runs | length == 2 and all(.source == "igb-traffic" and .path == "injected" and
		.count == 200 and .lost == 0)' "$BATS_TEST_TMPDIR/traffic.json"
}

# A driver in user space has the physical function, and gives its virtual functions a token.

token=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
other_token=${token/83/84}

# holder_start type1|iommufd: $holder has the physical function, and $virtual is one of it.
holder_start() {
	"$posthorn" bind "$physical"
	rm -f "$BATS_TEST_TMPDIR"/holder "$BATS_TEST_TMPDIR"/held
	mkfifo "$BATS_TEST_TMPDIR/holder" "$BATS_TEST_TMPDIR/held"
	"$root/build/$arch/tests/lab/pf_holder" "$1" "$physical" $token \
		<"$BATS_TEST_TMPDIR/holder" >"$BATS_TEST_TMPDIR/held" 3>&- &
	holder=$!
	exec {to_holder}>"$BATS_TEST_TMPDIR/holder"
	read -r -t "$patience" line <"$BATS_TEST_TMPDIR/held"
	[ "$line" = ready ]
	echo 1 >/sys/module/vfio_pci/parameters/enable_sriov
	echo 1 >"$functions/sriov_numvfs"
	virtual=$(basename "$(readlink "$functions/virtfn0")")
	driver_is "$virtual" vfio-pci
}

# What runs meanwhile has the other end of its standard input too.
holder_end() {
	kill "$holder"
	wait "$holder" || true
	exec {to_holder}>&-
	holder=
}

# tokens_test type1|iommufd
tokens_test() {
	holder_start "$1"
	run --separate-stderr "$posthorn" check "$virtual"
	expect_status 0
	expect_text "$virtual token: its physical function $physical is bound to vfio-pci" "$output"
	refused --iommu "$1" --device "$virtual"
	expect_text "give both the same token, --device $virtual,vf-token=UUID" "$stderr"
	refused --iommu "$1" --device "$virtual,vf-token=$other_token"
	expect_text "$virtual: vf-token is not the token of its physical function" "$stderr"
	guest_start --iommu "$1" --device "$virtual,vf-token=$token" -v
	expect_text "DMA is mapped by $1" "$(<"$BATS_TEST_TMPDIR/errors")"
	guest 'basename $(readlink /sys/bus/pci/devices/0000:00:01.0/driver)'
	[ "$output" = igbvf ]
	# The other way round: who takes the physical function has to know the token of the virtual one,
	# which is in use.
	holder_end
	refused --iommu "$1" --device "$physical"
	expect_text "give both the same token, --device $physical,vf-token=UUID" "$stderr"
	refused --iommu "$1" --device "$physical,vf-token=$other_token"
	expect_text "$physical: vf-token is not the token of its physical function, or of its" "$stderr"
	guest 'readlink /sys/bus/pci/devices/0000:00:01.0/driver'
	guest_end
	expect_status 0
}

@test "a virtual function of a physical one that VFIO has, by groups: only with the right token" {
	tokens_test type1
}

@test "the same by device files" {
	[ -e /dev/iommu ] || skip "this host has no iommufd: --kernel built-7.3 has"
	! printf '%s\n' 6.18 "$(uname -r)" | sort -C -V -r ||
		skip "Linux $(uname -r) takes no token by device files, 6.18 does"
	tokens_test iommufd
}

@test "posthorn gives the token to a physical function that no other has, and it is the one to name" {
	"$posthorn" bind "$physical"
	guest_start --device "$physical,vf-token=$other_token"
	echo 1 >/sys/module/vfio_pci/parameters/enable_sriov
	echo 1 >"$functions/sriov_numvfs"
	virtual=$(basename "$(readlink "$functions/virtfn0")")
	guest_end
	expect_status 0
	refused --device "$virtual,vf-token=$token"
	expect_text "vf-token is not the token of its physical function" "$stderr"
	guest_start --device "$virtual,vf-token=$other_token"
	guest_end
	expect_status 0
}

@test "a token where there is none: the physical function is the host's" {
	functions_make 1
	"$posthorn" bind "$virtual"
	refused --iommu type1 --device "$virtual,vf-token=$token"
	expect_text "leave it out where the physical function is not bound to vfio-pci" "$stderr"
}
