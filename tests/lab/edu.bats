#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # $status and $output are those of bats
# lab: --device edu
# Plain MSI from a bare-metal guest, which has no driver between the test and the device.

bats_require_minimum_version 1.5.0

@test "edu: 1,000 MSIs reach the guest one by one, and a live one moves to another vector" {
	[ -n "${LAB_KERNEL-}" ] || skip "this is not the nested lab"
	build=$BATS_TEST_DIRNAME/../../build/x86_64
	"$build/posthorn" bind "$LAB_DEVICES"
	run --separate-stderr timeout --foreground 60 "$build/posthorn" run --memory 64M \
		--kernel "$build/guest/payload/edu_x86_64.elf" --device "$LAB_DEVICES" </dev/null
	[ "$status" -eq 0 ]
	expected=$'edu: 1000 interrupts\r\nedu: 100 interrupts on another vector\r\npayload: pass\r'
	[ "$output" = "$expected" ]
}
