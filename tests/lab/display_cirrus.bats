#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# lab x86_64: --device cirrus-vga,id=card --monitor
# The same with a card that has registers beside VGA's, and other ones.

load helpers
load display

@test "without vga=on nothing that the guest draws arrives" {
	draws_nothing 13h cirrus-off
}

@test "mode 13h, by registers alone: every pixel is as it was drawn" {
	draws 13h cirrus-13h
}

@test "text mode with a font of the guest's own: every pixel is as it was drawn" {
	draws text cirrus-text
}
