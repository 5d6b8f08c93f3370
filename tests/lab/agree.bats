#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab: --device e1000e --device nvme --device edu --device virtio-net
# lab: --device pci-testdev,membar=64M
# What check says of a function, which opens nothing, and what VFIO and a guest find of it. (scripts/agree
# does this with every device that QEMU has.)

load helpers

setup_file() {
	lab_setup_file
}

setup() {
	lab_setup
}

teardown() {
	lab_teardown
}

@test "check, info and a guest agree on BARs, interrupts and reset of different devices" {
	local kind=elf
	[ "$arch" != arm64 ] || kind=image
	run "$root/scripts/lab.d/agree" "$posthorn" "$root/build/$arch/guest/payload/pci_view.$kind" \
		"${devices[@]}"
	printf '# %s\n' "${lines[@]}" >&3
	expect_status 0
	[ "$(grep -c agrees <<<"$output")" -eq "${#devices[@]}" ]
}
