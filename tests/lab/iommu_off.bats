#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e,addr=0x10 --append intel_iommu=off
# A host whose IOMMU is off. (The device is named by its address, so that nobody binds it.)

load helpers

setup_file() {
	lab_setup_file
	modprobe e1000e
}

setup() {
	lab_setup
	nic=0000:00:10.0
}

teardown() {
	lab_teardown
}

@test "bind: exit code 3, the boot option that is missing, and the driver stays" {
	run --separate-stderr "$posthorn" bind "$nic"
	expect_status 3
	expect_text "$nic" "$stderr"
	expect_text "intel_iommu=on" "$stderr"
	[ "$(basename "$(readlink "/sys/bus/pci/devices/$nic/driver")")" = e1000e ]
	host_pings "$nic"
}

@test "run: exit code 3, and the boot option that is missing" {
	local command
	guest_command --device "$nic"
	run --separate-stderr "${command[@]}" </dev/null
	expect_status 3
	expect_text "intel_iommu=on" "$stderr"
}

@test "devices says it once, and in JSON for each function that is no bridge" {
	run --separate-stderr "$posthorn" devices
	expect_status 0
	[ "$(grep -c intel_iommu=on <<<"$output")" -eq 1 ]
	"$posthorn" devices --json | jq -e '[.[] | select(.bridge | not)] |
		length > 0 and all(.ready == false and (.why | contains("intel_iommu=on")))'
}
