#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # those of helpers.bash and bats
# lab: --device edu,dma_mask=0xffffffffffff --device nvme
# lab: --device pcie-root-port,id=root-port,chassis=1,addr=0x12 --device e1000e,bus=root-port
# A guest that does what it can to do harm, with three devices: see scripts/lab.d/hostile, which is
# what fails. What it does depends on the seed, which is fixed here; `make hostile` takes any.
#
# The port is where it has no interrupt line in common with edu: that one cannot be reset, and may be
# left with its INTx raised, which the host then takes for the port's.

load helpers

setup_file() {
	lab_setup_file
}

setup() {
	lab_setup
	nvme=${devices[1]}
	nic=0000:01:00.0 # the bus behind the port
}

# Not lab_teardown: here DMA is meant to fault in the IOMMU. The script looks at the host's messages.
teardown() {
	:
}

# hostile [OPTION]...
hostile() {
	local payload=$root/build/$arch/guest/payload/hostile.elf options=()
	[ "$arch" != arm64 ] || payload=${payload%.elf}.image
	for device in "${devices[@]}" "$nic"; do
		options+=(--device "$device")
	done
	run "$root/scripts/lab.d/hostile" "${options[@]}" "$@" "$posthorn" "$payload"
	expect_status 0
	expect_text "hostile: pass" "$output"
}

@test "30,000 operations of two CPUs at random: host and devices are afterwards as before" {
	hostile --operations 30000 --seed 2
}

@test "guests that end themselves at random, amid what their devices do" {
	hostile --operations 10000 --seed 1 --ends 4000
}

# Not in tests/kvm: a KVM that has no such mode ignores the interrupts.
@test "a guest that KVM gives up, by system management: exit code 5, and a message that says so" {
	[ "$arch" = x86_64 ] || skip "there is no such mode"
	"$posthorn" bind "$nvme"
	run --separate-stderr timeout --foreground 300 "$posthorn" run \
		--kernel "$root/build/$arch/guest/payload/smi_x86_64.elf" --device "$nvme" </dev/null
	expect_status 5
	expect_text "KVM has given the VM up, on vCPU 0" "$stderr"
	# Nor is anything said of what can then not be taken back from the guest.
	[ "$(grep -c 'posthorn: error' <<<"$stderr")" = 1 ]
	"$posthorn" unbind "$nvme"
}
