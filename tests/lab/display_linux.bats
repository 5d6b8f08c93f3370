#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab: --device bochs-display,id=bochs --device virtio-gpu,id=virtio --monitor
# lab x86_64: --device VGA,id=vga
# A guest's Linux with a driver of the card, which sets a mode and shows its console there.

load helpers
load display

setup_file() {
	lab_setup_file
	font_add
}

# linux_draws ID BDF DRIVER
linux_draws() {
	guest_start --device "$2"
	guest 'cat /proc/fb'
	expect_text "$3" "$output"
	console_show "$picture_line"
	console_compare "linux-$1-$arch" "$1"
	guest_end
	expect_status 0
}

@test "without a card nothing of the guest's console arrives" {
	local code cards='bochs virtio'
	[ "$arch" != x86_64 ] || cards+=' vga'
	guest_start
	guest 'cat /proc/fb'
	[ -z "$output" ]
	console_show "$picture_line" || :
	for card in $cards; do
		code=0
		pixels_compare console "linux-$card-$arch" "$card" || code=$?
		echo "# $card: $output" >&3
		[ $code = 1 ]
	done
	guest_end
}

@test "bochs-display: every pixel of the console is as it should be" {
	linux_draws bochs "${devices[0]}" bochs-drm
}

@test "virtio-gpu, which reads its picture by DMA: every pixel of the console is as it should be" {
	linux_draws virtio "${devices[1]}" virtio_gpu
}

@test "the standard VGA: every pixel of the console is as it should be" {
	[ "$arch" = x86_64 ] || skip "VGA controllers are tried on x86-64"
	linux_draws vga "${devices[2]}" bochs-drm
}
