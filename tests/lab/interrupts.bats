#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nec-usb-xhci,msix=off,id=usb --device edu --qemu -device\ usb-mouse,bus=usb.0
# Interrupts on their way to the guest.

load helpers

setup_file() {
	lab_setup_file
}

setup() {
	lab_setup
	nic=${devices[0]}
	usb=${devices[1]}
	edu=${devices[2]}
}

teardown() {
	lab_teardown
}

# changes_read BDF NAME COMMAND: have the guest run COMMAND, and set $host, $guest (rows by vector),
# $messages and $taken (see interrupts_read) to what has come meanwhile.
changes_read() {
	local before_host before_guest before_messages before_taken
	messages_count
	interrupts_read "$1" "$2"
	before_host=$host_counts
	before_guest=$guest_counts
	before_messages=$messages
	before_taken=$taken
	guest "$3"
	interrupts_read "$1" "$2"
	host=$(counts_difference "$before_host" "$host_counts")
	guest=$(counts_difference "$before_guest" "$guest_counts")
	messages=$((messages - before_messages))
	taken=$((taken - before_taken))
	printf 'host:\n%s\nguest:\n%s\nmessages %s, taken %s\n' "$host" "$guest" "$messages" "$taken"
}

# Each interrupt of the host is one message to the guest's local APIC, and each that the APIC hands
# on is one that the guest counts. The APIC makes one of two messages for the same vector when the
# guest has not taken the first (Intel SDM 3A, 11.8.4), on hardware too: so the guest may count
# less than the host, but no more than a few when the traffic is slow.
expect_no_loss() {
	[ "$(counts_sum "$host")" -eq "$messages" ]
	[ "$(counts_sum "$guest")" -eq "$taken" ]
	[ "$taken" -le "$messages" ]
}

@test "INTx: the guest counts what the host counts" {
	guest_start --device "$nic" --cmdline e1000e.IntMode=0
	guest net-up
	changes_read "$nic" eth0 'ping -q -c 100 -i 0.02 -W 5 10.0.2.2 | grep "100 packets received"'
	[ "$(counts_sum "$guest")" -ge 100 ]
	# VFIO keeps the line masked until the guest is done with it: nothing is made one here.
	[ "$host" = "$guest" ]
	guest "grep eth0 /proc/interrupts"
	expect_text IO-APIC "$output"
	expect_text vfio-intx "$(host_interrupts "$nic")"
	guest_end
	expect_status 0
}

@test "MSI-X: what the host counts reaches the guest, with slow and with dense traffic" {
	guest_start --device "$nic" --cmdline e1000e.IntMode=2
	guest net-up
	changes_read "$nic" eth0 'ping -q -c 50 -i 0.05 -W 5 10.0.2.2 | grep "50 packets received"'
	expect_no_loss
	[ "$(counts_sum "$guest")" -ge 100 ]
	[ "$(wc -l <<<"$guest")" -eq 3 ]
	[ $((taken * 100)) -ge $((messages * 90)) ]
	changes_read "$nic" eth0 'ping -q -A -c 200 -s 1400 -W 5 10.0.2.2 | grep "200 packets received"'
	expect_no_loss
	guest "grep eth0 /proc/interrupts"
	expect_text PCI-MSIX- "$output"
	expect_text "vfio-msix[1]" "$(host_interrupts "$nic")"
	guest_end
	expect_status 0
}

# The e1000e of QEMU does not pass its driver's test of MSI, on the host as little as in a guest.
@test "MSI: a USB controller's interrupts reach the guest, and its mouse is found" {
	guest_start --device "$usb"
	guest 'until [ -e /sys/bus/usb/devices/1-1/product ]; do usleep 10000; done'
	guest 'cat /sys/bus/usb/devices/1-1/product /sys/bus/usb/devices/usb1/product'
	expect_text "USB Mouse" "$output"
	expect_text "xHCI Host Controller" "$output"
	# Each round configures the mouse again: several transfers, one after the other.
	changes_read "$usb" xhci 'for i in $(seq 20); do for on in 0 1; do echo $on >/sys/bus/usb/devices/1-1/authorized; done; done'
	expect_no_loss
	[ "$(counts_sum "$guest")" -ge 20 ]
	[ "$host" = "$guest" ]
	expect_text "vfio-msi[0]" "$(host_interrupts "$usb")"
	guest "grep xhci /proc/interrupts"
	expect_text PCI-MSI- "$output"
	guest_end
	expect_status 0
}

# QEMU's docs/specs/edu.txt has the registers. No driver knows the device: the guest reaches it from
# its shell. It may use the 64 KiB at 240 MiB for DMA; Linux does not.
@test "edu: registers, DMA both ways, and an MSI that is counted once" {
	guest_start --device "$edu" --cmdline 'memmap=64K$0xf000000'
	guest 'edu=0000:00:01.0; echo 1 >/sys/bus/pci/devices/$edu/enable'
	guest 'bar=$(sed -n "1s/ .*//p" /sys/bus/pci/devices/$edu/resource); config_set $edu 4 6 0'
	guest 'register() { devmem $((bar + $1)) 32 $2; }'
	guest 'register 0'
	[ "$output" = 0x010000ED ]
	guest 'register 4 0x12345678; register 4'
	[ "$output" = 0xEDCBA987 ]
	guest 'register 8 5; until [ $(($(register 0x20) & 1)) = 0 ]; do :; done; register 8'
	[ "$output" = 0x00000078 ]
	# DMA: a pattern into the device's buffer at 0x40000, and from there to elsewhere.
	guest 'dma() { devmem $((bar + 0x80)) 64 $1; devmem $((bar + 0x88)) 64 $2; devmem $((bar + 0x90)) 64 4; devmem $((bar + 0x98)) 64 $3; until [ $(($(devmem $((bar + 0x98)) 64) & 1)) = 0 ]; do :; done; }'
	guest 'devmem 0xf000000 32 0xcafe1234; devmem 0xf001000 32 0'
	guest 'dma 0xf000000 0x40000 1; dma 0x40000 0xf001000 3; devmem 0xf001000 32'
	[ "$output" = 0xCAFE1234 ]
	# Vector 0x61 of CPU 0, which nobody has: Linux says so when it comes.
	guest 'msi=$(cap_find $edu 5); config_set $edu $((msi + 4)) 0 0 0xe0 0xfe; config_set $edu $((msi + 8)) 0 0 0 0'
	guest 'config_set $edu $((msi + 12)) 0x61 0; config_set $edu $((msi + 2)) 1 0'
	guest 'register 0x60 1; until dmesg | grep "No irq handler for 0\.97"; do usleep 10000; done'
	host_interrupts "$edu"
	[ "$(host_interrupts "$edu" | interrupts_sum)" = "0 1" ]
	guest_end
	expect_status 0
}

@test "no exit to user space for 1000 pings; each line of the console has some" {
	local exits control
	guest_start --device "$nic"
	guest net-up
	guest_pings 10
	trace_count kvm_userspace_exit reason
	guest_send 'echo begin; ping -q -A -c 1000 -W 5 10.0.2.2 >/tmp/pings; echo end; cat /tmp/pings'
	guest_expect begin
	exits=$(trace_hits kvm_userspace_exit)
	guest_expect end
	exits=$(($(trace_hits kvm_userspace_exit) - exits))
	guest_done
	expect_text "1000 packets received" "$output"
	guest_send 'echo begin; ping -c 100 -i 0.001 -W 5 10.0.2.2; echo end'
	guest_expect begin
	control=$(trace_hits kvm_userspace_exit)
	guest_expect end
	control=$(($(trace_hits kvm_userspace_exit) - control))
	guest_done
	echo "# exits to user space: $exits for 1000 pings, $control for 100 with a line each" >&3
	# The lines "begin" and "end" have some too.
	[ "$exits" -lt 100 ]
	[ "$control" -ge 100 ]
	guest_end
	expect_status 0
}
