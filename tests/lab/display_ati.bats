#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab x86_64: --device ati-vga,id=ati --monitor
# A card with a driver that takes constants from the card's ROM, and leaves the rest to its
# firmware: QEMU's BIOS has initialised the card, since it is the only one.

load helpers
load display

setup_file() {
	lab_setup_file
	font_add
}

@test "without the card nothing of the guest's console arrives" {
	local code=0
	guest_start
	guest 'modprobe aty128fb || true; cat /proc/fb'
	[ -z "$output" ]
	pixels_compare console "linux-ati-$arch" ati || code=$?
	echo "# $output" >&3
	[ $code = 1 ]
	guest_end
}

@test "ati-vga: every pixel of the console is as it should be" {
	guest_start --device "${devices[0]}"
	guest 'modprobe aty128fb; cat /proc/fb'
	expect_text "ATY Rage128" "$output"
	console_show "$picture_line"
	console_compare "linux-ati-$arch" ati
	guest_end
	expect_status 0
}
