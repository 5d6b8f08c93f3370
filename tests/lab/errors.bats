#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2034,SC2154 # the guest's variables; those of helpers.bash and bats
# lab x86_64: --cpus 1
# lab: --device e1000e
# lab: --device qemu-xhci,addr=0x1a.0,multifunction=on --device qemu-xhci,addr=0x1a.1
# Hosts that are not ready: exit code 3, and a message that says what is missing and what mends it.

load helpers

setup_file() {
	unready_setup_file
}

setup() {
	unready_setup
}

teardown() {
	unready_teardown
}

# run_posthorn DEVICE [PROGRAM]...: run a guest with DEVICE, by way of PROGRAM.
run_posthorn() {
	local command
	guest_prefix=("${@:2}")
	guest_command --device "$1"
	run --separate-stderr timeout -k 1 120 "${command[@]}" </dev/null
	[ -z "$output" ]
}

@test "a device that is bound to the host's driver: names it, and the command" {
	"$posthorn" unbind "$nic"
	run_posthorn "$nic"
	expect_status 3
	expect_text "bound to e1000e" "$stderr"
	expect_text "posthorn bind $nic" "$stderr"
}

@test "a group that is not viable: names the other function, its driver and the command" {
	[ "$(readlink "/sys/bus/pci/devices/$first/iommu_group")" = "$(readlink "/sys/bus/pci/devices/$second/iommu_group")" ]
	run --separate-stderr "$posthorn" bind "$first"
	expect_status 0
	expect_text "$second is bound to xhci_hcd" "$stderr"
	run_posthorn "$first"
	expect_status 3
	expect_text "not viable" "$stderr"
	expect_text "$second is bound to xhci_hcd" "$stderr"
	expect_text "posthorn bind $second" "$stderr"
	"$posthorn" devices --json | jq -e ".[] | select(.bdf == \"$first\") | .ready == false"
	# That command mends it.
	"$posthorn" bind "$second"
	"$posthorn" devices --json | jq -e ".[] | select(.bdf == \"$first\") | .ready"
	"$posthorn" unbind "$second"
}

@test "a device that does not exist" {
	run_posthorn 0000:00:1f.7
	expect_status 2
	expect_text "0000:00:1f.7" "$stderr"
}

@test "devices --json: ready for the card, with ids and group, and not for others" {
	run --separate-stderr "$posthorn" devices --json
	expect_status 0
	jq -e ".[] | select(.bdf == \"$nic\") |
		.ready and .vendor == \"8086\" and .device == \"10d3\" and .why == null and
		.driver == \"vfio-pci\" and (.iommu_group | type) == \"number\"" <<<"$output"
	jq -e ".[] | select(.bdf == \"$first\") | (.ready | not) and .driver == \"xhci_hcd\"" <<<"$output"
	[ "$(jq '[.[] | select(.ready)] | length' <<<"$output")" -eq 1 ]
	[ "$(jq length <<<"$output")" -eq "$(find /sys/bus/pci/devices -type l | wc -l)" ]
}

@test "/dev/kvm that may not be opened, and none at all" {
	chmod 600 /dev/kvm
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/kvm: permission denied" "$stderr"
	mv /dev/kvm /run/kvm
	run_posthorn "$nic"
	expect_status 3
	expect_text "/dev/kvm: No such file" "$stderr"
}

@test "VFIO that may not be opened: the container, then the group" {
	chmod 666 /dev/kvm
	chmod 600 /dev/vfio/*
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/vfio/vfio: Permission denied" "$stderr"
	chmod 666 /dev/vfio/vfio
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/vfio/" "$stderr"
	expect_text "Permission denied" "$stderr"
	expect_text chown "$stderr"
}

@test "a memory lock limit that is too low: needed, allowed and the command" {
	chmod 666 /dev/kvm /dev/vfio/*
	run_posthorn "$nic" "${nobody[@]}" prlimit --memlock=65536
	expect_status 3
	expect_text "needed 262144 KiB" "$stderr"
	expect_text "allowed 64 KiB" "$stderr"
	expect_text "ulimit -l 262144" "$stderr"
}

@test "a user without rights runs a guest when the files and the limit are his" {
	chmod 666 /dev/kvm /dev/vfio/*
	guest_prefix=(prlimit --memlock=400000000 "${nobody[@]}")
	guest_start --device "$nic"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}
