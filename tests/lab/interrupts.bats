#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nec-usb-xhci,msix=off,id=usb --qemu -device\ usb-mouse,bus=usb.0
# lab arm64: --posting off
# Interrupts on their way to the guest, by way of the host: GICv3, which cannot post MSIs.

load helpers

setup() {
	lab_setup
	messages_count
	trace_count kvm_userspace_exit reason
	nic=${devices[0]}
	usb=${devices[1]}
	# The name of the chip that has pins for INTx.
	pins=IO-APIC
	[ "$arch" != arm64 ] || pins=GICv3
}

# changes_read BDF NAME COMMAND: have the guest run COMMAND, and set $host, $guest (rows by vector),
# $messages and $taken (see interrupts_read) to what has come since the last reading.
changes_read() {
	local before_host=$host_counts before_guest=$guest_counts
	local before_messages=$messages_all before_taken=$taken_all
	guest "$3"
	interrupts_read "$1" "$2"
	host=$(counts_difference "$before_host" "$host_counts")
	guest=$(counts_difference "$before_guest" "$guest_counts")
	messages=$((messages_all - before_messages))
	taken=$((taken_all - before_taken))
	printf 'host:\n%s\nguest:\n%s\nmessages %s, taken %s\n' "$host" "$guest" "$messages" "$taken"
}

# Each interrupt of the host is one message to the guest's interrupt controller, which makes one of
# two for the same vector when the guest has not taken the first. It has one bit for it, on hardware
# too: in the local APIC (Intel SDM 3A, 11.8.4) as in the GIC, where an LPI is pending or is not. So
# the guest may count less than the host, and how much less is for the scheduler to say; but never
# more, and never nothing where the host counts something. On x86-64 KVM's tracepoints tell how many
# the APIC has handed on, and the guest counts each of those; the GIC's say nothing of LPIs.
expect_no_loss() {
	if [ "$arch" = x86_64 ]; then
		[ "$(counts_sum "$host")" -eq "$messages" ]
		[ "$(counts_sum "$guest")" -eq "$taken" ]
	fi
	[ "$(counts_sum "$host")" -gt 0 ]
	awk 'NR == FNR { host[$1] = $2; next }
		{ guest[$1] = $2 }
		$2 > host[$1] { exit 1 }
		END { for (vector in host) if (host[vector] > 0 && !guest[vector]) exit 1 }' \
		<(echo "$host") <(echo "$guest")
}

@test "INTx: the guest counts what the host counts" {
	guest_start --device "$nic" --cmdline e1000e.IntMode=0
	guest net-up
	interrupts_read "$nic" eth0
	changes_read "$nic" eth0 'ping -q -c 100 -i 0.02 -W 5 10.0.2.2 | grep "100 packets received"'
	[ "$(counts_sum "$guest")" -gt 0 ]
	# VFIO keeps the line masked until the guest is done with it: nothing is made one here.
	[ "$host" = "$guest" ]
	guest "grep eth0 /proc/interrupts"
	expect_text "$pins" "$output"
	expect_text vfio-intx "$(host_interrupts "$nic")"
	guest_end
	expect_status 0
}

@test "MSI-X: what the host counts reaches the guest, with single pings and with dense traffic" {
	guest_start --device "$nic" --cmdline e1000e.IntMode=2
	guest net-up
	interrupts_read "$nic" eth0
	[ "$(wc -l <<<"$guest_counts")" -eq 3 ]
	# Few at a time: one that is lost is most likely the only one of its vector.
	for _ in {1..5}; do
		changes_read "$nic" eth0 'ping -q -c 1 -W 5 10.0.2.2 | grep "1 packets received"'
		expect_no_loss
	done
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
	interrupts_read "$usb" xhci
	changes_read "$usb" xhci 'for i in $(seq 20); do for on in 0 1; do echo $on >/sys/bus/usb/devices/1-1/authorized; done; done'
	expect_no_loss
	[ "$(counts_sum "$guest")" -ge 20 ]
	expect_text "vfio-msi[0]" "$(host_interrupts "$usb")"
	guest "grep xhci /proc/interrupts"
	expect_text PCI-MSI- "$output"
	guest_end
	expect_status 0
}

@test "no exit to user space for 1000 pings; each line of the console has some" {
	local exits control
	guest_start --device "$nic"
	guest net-up
	guest_pings 10
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
