#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
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

# Of 50 pings, one after the other, each interrupt of the host is one of the guest. Two of the same
# vector that come before the guest takes the first are one to the guest, as on hardware (Intel SDM
# 3A, 11.8.4), and not to the host: hence up to three times.
expect_equal_counts() {
	local before_host before_guest host guest
	for _ in {1..3}; do
		interrupts_read "$nic" eth0
		before_host=$host_counts
		before_guest=$guest_counts
		guest_pings 50
		interrupts_read "$nic" eth0
		host=$(counts_difference "$before_host" "$host_counts")
		guest=$(counts_difference "$before_guest" "$guest_counts")
		printf 'host:\n%s\nguest:\n%s\n' "$host" "$guest"
		[ "$(counts_sum "$guest")" -ge 50 ]
		[ "$host" != "$guest" ] || return 0
	done
	return 1
}

@test "INTx: the guest counts what the host counts" {
	guest_start --device "$nic" --cmdline e1000e.IntMode=0
	guest net-up
	trace_count kvm_msi_set_irq data
	expect_equal_counts
	guest "grep eth0 /proc/interrupts"
	expect_text IO-APIC "$output"
	expect_text vfio-intx "$(host_interrupts "$nic")"
	guest_end
	expect_status 0
}

@test "MSI-X: the guest counts what the host counts, by vector, and none is lost under load" {
	local before_host before_injected
	guest_start --device "$nic" --cmdline e1000e.IntMode=2
	guest net-up
	trace_count kvm_msi_set_irq data
	expect_equal_counts
	guest "grep eth0 /proc/interrupts"
	expect_text PCI-MSIX- "$output"
	expect_text "vfio-msix[1]" "$(host_interrupts "$nic")"
	# Whatever the load, each interrupt of the host is one message in KVM.
	interrupts_read "$nic" eth0
	before_host=$host_counts
	before_injected=$injected
	guest "ping -q -c 500 -i 0.001 -s 1400 -W 5 10.0.2.2"
	interrupts_read "$nic" eth0
	host=$(counts_sum "$(counts_difference "$before_host" "$host_counts")")
	echo "host $host, injected $((injected - before_injected))"
	[ "$host" -ge 500 ]
	[ "$host" -eq $((injected - before_injected)) ]
	guest_end
	expect_status 0
}

@test "MSI: a USB controller's interrupts are the host's, and its mouse is found" {
	guest_start --device "$usb"
	guest 'until [ -e /sys/bus/usb/devices/1-1/product ]; do usleep 10000; done'
	guest 'cat /sys/bus/usb/devices/1-1/product /sys/bus/usb/devices/usb1/product'
	expect_text "USB Mouse" "$output"
	expect_text "xHCI Host Controller" "$output"
	trace_count kvm_msi_set_irq data
	interrupts_read "$usb" xhci
	local before_host=$host_counts before_guest=$guest_counts before_injected=$injected host guest
	# Each round configures the mouse again: several transfers, one after the other.
	guest 'for i in $(seq 20); do for on in 0 1; do echo $on >/sys/bus/usb/devices/1-1/authorized; done; done'
	interrupts_read "$usb" xhci
	host=$(counts_sum "$(counts_difference "$before_host" "$host_counts")")
	guest=$(counts_sum "$(counts_difference "$before_guest" "$guest_counts")")
	echo "host $host, guest $guest, injected $((injected - before_injected))"
	[ "$guest" -ge 20 ]
	[ "$guest" -eq "$host" ]
	[ "$host" -eq $((injected - before_injected)) ]
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
	guest_send 'echo begin; ping -q -c 1000 -i 0.001 -W 5 10.0.2.2 >/tmp/pings; echo end; cat /tmp/pings'
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
