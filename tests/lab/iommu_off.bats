#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e,addr=0x10
# lab x86_64: --append intel_iommu=off
# lab arm64: --qemu "-machine iommu=none"
# A host whose IOMMU is off: by a boot option, or because the firmware names none. (The device is
# named by its address, so that nobody binds it.)

load helpers

setup_file() {
	lab_setup_file
	modprobe e1000e
}

setup() {
	lab_setup
	nic=0000:00:10.0
	# What mends it.
	remedy=intel_iommu=on
	[ "$arch" != arm64 ] || remedy=CONFIG_ARM_SMMU_V3
}

@test "bind: exit code 3, how to turn the IOMMU on, and the driver stays" {
	run --separate-stderr "$posthorn" bind "$nic"
	expect_status 3
	expect_text "$nic" "$stderr"
	expect_text "$remedy" "$stderr"
	[ "$(basename "$(readlink "/sys/bus/pci/devices/$nic/driver")")" = e1000e ]
	host_pings "$nic"
}

@test "run: exit code 3, and how to turn the IOMMU on" {
	local command
	guest_command --device "$nic"
	run --separate-stderr "${command[@]}" </dev/null
	expect_status 3
	expect_text "$remedy" "$stderr"
}

@test "devices says it once, and in JSON for each function that is no bridge" {
	run --separate-stderr "$posthorn" devices
	expect_status 0
	[ "$(grep -c "$remedy" <<<"$output")" -eq 1 ]
	"$posthorn" devices --json | jq -e --arg remedy "$remedy" '[.[] | select(.bridge | not)] |
		length > 0 and all(.ready == false and (.why | contains($remedy)))'
}
