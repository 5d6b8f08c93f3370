#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab x86_64: --device VGA,id=card --device e1000e --monitor
# QEMU's standard VGA in a guest that draws, with vga=on and without.

load helpers
load display

setup() {
	lab_setup
	card=${devices[0]}
	nic=${devices[1]}
}

@test "without vga=on nothing that the guest draws arrives" {
	draws_nothing 13h std-off
}

@test "mode 13h, by registers alone: every pixel is as it was drawn" {
	draws 13h std-13h
}

@test "text mode with a font of the guest's own: every pixel is as it was drawn" {
	draws text std-text
}

@test "1,000 writes of the frame buffer: not one leaves the guest" {
	local bar
	trace_count kvm_mmio gpa
	draw_start linear --device "$card"
	draw_end
	bar=$(sed -n 's/^vga: 1000 writes of the frame buffer at \(0x[0-9a-f]*\).*/\1/p' \
		"$BATS_TEST_TMPDIR/console")
	[ "$(trace_hits kvm_mmio)" -gt 0 ]
	awk -v from=$((bar)) '/gpa/ && $3 >= from && $3 < from + 4096 { exit 1 }' "$events/kvm_mmio/hist"
}

@test "a guest that does with the card what it can to do harm" {
	run "$root/scripts/lab.d/hostile" --operations 10000 --seed 1 --device "$card,vga=on" "$posthorn" \
		"$root/build/$arch/guest/payload/hostile.elf"
	expect_status 0
	expect_text "hostile: pass" "$output"
}

@test "vga=on for a function that is no VGA controller is refused" {
	run -2 --separate-stderr "$posthorn" run --kernel "$guest_kernel" --device "$nic,vga=on"
	expect_text "$nic: vga=on: this is no VGA controller, but of class 0200: leave vga=on out" \
		"$stderr"
}

@test "vga=on is refused where VFIO does not offer the ranges" {
	"$posthorn" unbind "$card"
	"$posthorn" unbind "$nic"
	modprobe -r vfio-pci
	modprobe vfio-pci disable_vga=1
	"$posthorn" bind "$card"
	run --separate-stderr "$posthorn" run --kernel "$guest_kernel" --device "$card,vga=on"
	"$posthorn" unbind "$card"
	modprobe -r vfio-pci
	modprobe vfio-pci
	"$posthorn" bind "$card"
	"$posthorn" bind "$nic"
	expect_status 3
	expect_text "load vfio-pci without disable_vga=1" "$stderr"
}
