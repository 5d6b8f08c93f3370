#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab x86_64: --device edu --device e1000e
# lab arm64: --posting on --device edu --device e1000e
# posthorn latency with a device. How long anything takes is not tested: the lab is emulated.

load helpers

setup_file() {
	lab_setup_file
	# Measured once, for all tests.
	run --separate-stderr timeout --foreground 300 "$posthorn" latency \
		--device "${LAB_DEVICES%% *}" --path irqfd,userspace,intx --count 200 --warmup 20 \
		--costs 10 --json "$BATS_FILE_TMPDIR/a.json"
	printf '%s\n' "$output" >"$BATS_FILE_TMPDIR/summary"
	printf '%s' "${stderr:+$stderr$'\n'}" | tee "$BATS_FILE_TMPDIR/errors"
	[ "$status" -eq 0 ]
}

setup() {
	lab_setup
	edu=${devices[0]}
	json=$BATS_FILE_TMPDIR/a.json
	# What an interrupt of KVM's irqfd becomes.
	direct=injected
	[ "$LAB_POSTING" = off ] || direct=posted
}

# json_get FILTER [FILE]: as one line.
json_get() {
	jq -cr "$1" "${2-$json}"
}

@test "all three paths, in both states: labelled for how the interrupts really came" {
	[ "$(json_get '[.runs[] | select(.state != "costs") | .path + " " + .state] | join(", ")')" = \
		"$direct running, $direct halted, userspace running, userspace halted, intx running, intx halted" ]
	[ "$(json_get '[.runs[] | .vmm + " " + .source] | unique | join(",")')" = "posthorn edu" ]
	[ "$(json_get '[.runs[].environment.device] | unique | join(",")')" = "$edu" ]
}

# 200 interrupts and 20 before them; and those between whose measurement a timer came.
@test "what was posted the guest has counted, and nobody else" {
	json_get '.runs[] | [.path, .state, .environment["host.count"], .environment["delivery.why"]]'
	[ "$direct" = posted ] || skip "nothing is posted here"
	[ "$(json_get '[.runs[] | select(.path == "posted" and .state != "costs") | .environment |
		.["host.count"] == "0" and (.["delivery.why"] | capture("the guest took (?<n>[0-9]+) ") |
		.n | tonumber >= 220)] | all and length == 2')" = true ]
}

@test "every interrupt came, on each path" {
	json_get '.runs[] | [.path, .state, .count, .lost]'
	[ "$(json_get '[.runs[] | select(.state != "costs") |
		[.count, .lost, .metrics.handler.count, .metrics.return.count]] | unique')" = \
		"[[200,0,200,200]]" ]
	[ "$(json_get '[.runs[] | select(.state != "costs") |
		.metrics.return.min >= .metrics.handler.min] | all')" = true ]
}

@test "costs are measured once for each path; a line has no vector that could be moved" {
	[ "$(json_get '[.runs[] | select(.state == "costs") | .path] | join(",")')" = \
		"$direct,userspace,intx" ]
	[ "$(json_get '[.runs[] | select(.state == "costs") | .metrics |
		keys - ["config-read", "config-write", "bar-read", "bar-write"]]')" = \
		'[["vector-change"],["vector-change"],[]]' ]
	[ "$(json_get '[.runs[] | select(.state == "costs") | .metrics[].count] | unique')" = '[10]' ]
}

@test "each cost has its own exits: one for each access that is trapped, none for registers" {
	json_get '.runs[] | select(.state == "costs") | .metrics | map_values(.exits.exits)'
	[ "$(json_get '[.runs[] | select(.state == "costs") | .metrics | .["config-read"], .["config-write"] |
		.exits.exits | . >= 10 and . < 20] | all')" = true ]
	[ "$(json_get '[.runs[] | select(.state == "costs") | .metrics | .["bar-read"], .["bar-write"] |
		.exits.exits // 0 | . < 10] | all')" = true ]
	# A message of edu takes a write for its address and one for its data, at least.
	[ "$(json_get '[.runs[] | select(.state == "costs") | .metrics["vector-change"] // empty |
		.exits.exits >= 20] | all')" = true ]
}

@test "idle-guest: the virtual CPU sleeps without leaving the guest; refused where KVM has no switch" {
	run --separate-stderr timeout --foreground 300 "$posthorn" latency --count 200 --warmup 20 \
		--device "$edu" --path irqfd --state halted,idle-guest --halt-poll 0 \
		--json "$BATS_TEST_TMPDIR/i.json"
	if [ "$arch" = arm64 ]; then
		expect_status 3
		expect_text "kvm-arm.wfi_trap_policy=notrap" "$stderr"
		return
	fi
	expect_status 0
	json_get '.runs[] | [.state, .environment.idle, .exits]' "$BATS_TEST_TMPDIR/i.json"
	[ "$(json_get '[.runs[] | .state + " " + .environment.idle + " " +
		.environment["halt_poll.ns"]] | join(", ")' "$BATS_TEST_TMPDIR/i.json")" = \
		"halted host 0, idle-guest guest 0" ]
	[ "$(json_get '[.runs[] | .exits.halt_exits // 0] | .[0] >= 200 and .[1] == 0' \
		"$BATS_TEST_TMPDIR/i.json")" = true ]
}

@test "loopback: VFIO signals for a device that does nothing, MSI and MSI-X" {
	local device
	for device in "${devices[@]}"; do
		run --separate-stderr timeout --foreground 300 "$posthorn" latency --device "$device" \
			--source loopback --count 100 --warmup 10 --json "$BATS_TEST_TMPDIR/l.json"
		expect_status 0
		[ "$(json_get '[.runs[] | .source + " " + .path + " " + .state] | join(", ")' \
			"$BATS_TEST_TMPDIR/l.json")" = "loopback injected running, loopback injected halted, loopback userspace running, loopback userspace halted" ]
		[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count]] | unique' \
			"$BATS_TEST_TMPDIR/l.json")" = "[[100,0,100]]" ]
	done
}

# The host's handler counts them as well: those that were raised, and no more for each frame.
@test "e1000e-traffic: a frame that comes back raises each interrupt, MSI-X and INTx" {
	run --separate-stderr timeout --foreground 300 "$posthorn" latency --device "${devices[1]}" \
		--source e1000e-traffic --path irqfd,intx --count 100 --warmup 10 \
		--json "$BATS_TEST_TMPDIR/t.json"
	expect_status 0
	json_get '.runs[] | [.path, .state, .count, .lost, .environment["host.count"]]' "$BATS_TEST_TMPDIR/t.json"
	[ "$(json_get '[.runs[] | .source + " " + .path + " " + .state] | join(", ")' \
		"$BATS_TEST_TMPDIR/t.json")" = "e1000e-traffic $direct running, e1000e-traffic $direct halted, e1000e-traffic intx running, e1000e-traffic intx halted" ]
	[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count]] | unique' \
		"$BATS_TEST_TMPDIR/t.json")" = "[[100,0,100]]" ]
}

# The program fails when no frame of the second device came back.
@test "--load: a second device does DMA meanwhile, and every interrupt comes" {
	run --separate-stderr timeout --foreground 300 "$posthorn" latency --device "$edu" \
		--load "${devices[1]}" --path irqfd --count 100 --warmup 10 \
		--json "$BATS_TEST_TMPDIR/b.json"
	expect_status 0
	[ "$(json_get '[.runs[] | .path + " " + .state + " " + .environment.load] | join(", ")' \
		"$BATS_TEST_TMPDIR/b.json")" = "$direct running ${devices[1]}, $direct halted ${devices[1]}" ]
	[ "$(json_get '[.runs[] | [.count, .lost, .metrics.handler.count]] | unique' \
		"$BATS_TEST_TMPDIR/b.json")" = "[[100,0,100]]" ]
	run --separate-stderr "$posthorn" latency --device "${devices[1]}" --load "$edu"
	expect_status 2
	expect_text "--load $edu: only an e1000e" "$stderr"
}

@test "the summary names each run, and nothing is said to have gone wrong" {
	local summary
	summary=$(cat "$BATS_FILE_TMPDIR/summary")
	expect_text "posthorn $direct halted" "$summary"
	expect_text "posthorn userspace halted" "$summary"
	expect_text "posthorn intx halted" "$summary"
	# edu cannot be reset, of which it warns.
	run ! grep -v 'knows no way to reset' "$BATS_FILE_TMPDIR/errors"
}

@test "a second measurement compares with the first" {
	run --separate-stderr timeout --foreground 300 "$posthorn" latency --device "$edu" \
		--path irqfd --state running --count 200 --json "$BATS_TEST_TMPDIR/b.json"
	expect_status 0
	run --separate-stderr "$posthorn" latency compare "$json" "$BATS_TEST_TMPDIR/b.json" \
		--json "$BATS_TEST_TMPDIR/c.json"
	expect_status 0
	expect_text "b:posthorn $direct running" "$output"
	[ "$(json_get '[.comparisons[] | select(.state == "running" and .metric == "handler") |
		.runs | length] | unique' "$BATS_TEST_TMPDIR/c.json")" = '[4]' ]
}
